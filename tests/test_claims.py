"""Claims: what is run and judged, what a killed run keeps, what the command prints and appends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from test_cli import sweeps

from minmax import field, optimizers
from sweeps.claims import CLAIMS, four_gaussians, judging, locally_stable, mnist01, show, work
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement, Played, Setting
from sweeps.claims.film import draw, typical
from sweeps.claims.reproduce import NotReady, UnknownClaim, affordable, named, prepare
from sweeps.claims.results import Missing, Results, folder, merged
from sweeps.claims.training import train
from sweeps.judge.stats import wilson

CHEAP = ("xy", "curl-cos-sin", "accept-reject-toys")
TINY = {
    "game": {"name": "gan", "data": {"name": "gaussians", "layout": "four", "count": 100},
             "net": {"name": "mlp", "widths": [4]}, "latent": 2, "batch": 4},
    "optimizer": {"name": "accept_reject", "schedule": "every"},
    "hypers": {"lr": 0.01},
    "steps": 6,
    "report_every": 3,
    "metrics": ["modes"],
    "film": {"steps": [3, 6], "samples": 9},
}  # fmt: skip


def judged(results: Mapping[str, Curves]) -> Judgement:
    verdict = judging.rate("some are accepted", [value > 0 for value in results["a"].last("accepted")], 0.5)
    return Judgement([verdict], judging.summary([verdict]))


def tiny(play: object = train, seeds: int = 5) -> Claim:
    cells = {
        name: Cell({**TINY, "hypers": {"lr": lr}}, seeds, play, chunk=2) for name, lr in (("a", 0.01), ("b", 0.02))
    }
    return Claim("tiny", "nobody", "it runs", cells, judged, Cost(1.0), films=("a",), looks="modes")


def curves(values: Mapping[str, Sequence[Sequence[float]]], steps: Sequence[int], cost: float = 1.0) -> Curves:
    """A constructed result: ``[T][M]`` each, as many field units a step as ``cost``."""
    members = len(next(iter(values.values()))[0])
    own = {name: [list(row) for row in rows] for name, rows in values.items()}
    return Curves(list(range(members)), list(steps), [cost * step for step in steps], own)


# --- the registry -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_says_what_it_is(claim: Claim) -> None:
    assert claim.source and claim.statement.endswith(".") and claim.cost.two_cores > 0
    for name, cell in claim.cells.items():
        assert json.loads(json.dumps(cell.setting)) is not None, f"{name}: plain data"
        assert cell.seeds >= 1 and cell.chunk >= 1
        if "optimizer" in cell.setting:
            options = dict(cell.setting["optimizer"])
            built = optimizers.get(options.pop("name"), **options)
            assert set(cell.setting["hypers"]) <= set(built.hypers)
    assert set(claim.films) <= set(claim.cells)


def test_the_bold_claims_have_the_seeds_that_were_asked_for() -> None:
    assert all(cell.seeds >= 50 for cell in four_gaussians.CELLS.values())
    assert all(cell.seeds >= 40 for cell in mnist01.CELLS.values())


def test_a_name_that_is_none() -> None:
    with pytest.raises(UnknownClaim, match="did you mean 'four-gaussians'"):
        named("four-gausians")


def test_what_fits_half_an_hour() -> None:
    assert set(CHEAP) <= {claim.name for claim in affordable()}
    assert "four-gaussians" not in {claim.name for claim in affordable()}
    assert affordable(0.0) == []


# --- judging ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(0, 51, 5))
def test_a_rate_is_consistent_iff_the_published_one_lies_in_our_interval(count: int) -> None:
    low, high = wilson(count, 50)
    hits = [True] * count + [False] * (50 - count)
    assert judging.rate("", hits, low).consistent and judging.rate("", hits, high).consistent
    assert judging.rate("", hits, high + 1e-9).consistent is False
    assert judging.rate("", hits, low - 1e-9).consistent is False
    assert judging.rate("", hits).consistent is None


def test_a_formula_must_be_met_by_every_seed() -> None:
    assert judging.theory("", 2.0, [2.0, 2.0001]).consistent
    assert not judging.theory("", 2.0, [2.0, 2.0003]).consistent
    assert not judging.theory("", 2.0, [2.0, float("nan")]).consistent


def test_one_published_run_against_the_spread_of_ours() -> None:
    ours = [float(value) for value in range(101)]
    assert judging.one_run("", 2.5, ours).consistent and judging.one_run("", 97.5, ours).consistent
    assert not judging.one_run("", 2.4, ours).consistent and not judging.one_run("", 97.6, ours).consistent


def arm(successes: int, n: int = 50) -> dict[int, bool]:
    return {seed: seed < successes for seed in range(n)}


def verdict(paper: int, always: int, updates: int, slowed: int) -> str:
    found = judging.contrasts({
        "once": (arm(paper), arm(always)), "updates": (arm(paper), arm(updates)), "slow": (arm(paper), arm(slowed)),
    })  # fmt: skip
    return judging.method_or_slowness(*found.values())


def test_what_carries_an_effect_is_named_and_what_does_not() -> None:
    better, same, worse = (
        judging.contrasts({"": pair})[""] for pair in ((arm(30), arm(2)), (arm(9), arm(7)), (arm(2), arm(30)))
    )
    assert judging.carrier({"steps": better, "rejection": same}) == "What carries the effect: steps, not rejection."
    assert judging.carrier({"steps": worse, "rejection": better}) == "What carries the effect: rejection, not steps."
    assert judging.carrier({"steps": better, "rejection": better}) == "What carries the effect: steps and rejection."
    said = "Nothing is shown to carry the effect, neither steps nor rejection."
    assert judging.carrier({"steps": worse, "rejection": same}) == said


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ((40, 5, 5, 5), "The method wins"),
        ((40, 5, 40, 5), "Only its slowness is shown to win: against always accepting with as many accepted updates"),
        ((40, 5, 5, 38), "Only its slowness is shown to win: against always accepting with rates scaled down"),
        ((20, 5, 45, 45), "Its slowness wins"),
        ((20, 20, 20, 20), "Neither is shown to win"),
        ((20, 22, 5, 5), "Neither is shown to win"),
        ((5, 40, 5, 5), "Neither wins: rejecting proposals does worse"),
    ],
)
def test_whether_the_method_or_its_slowness_wins(rates: tuple[int, int, int, int], said: str) -> None:
    assert verdict(*rates).startswith(said)


def test_contrasts_look_only_at_seeds_that_both_have_and_are_corrected() -> None:
    (alone,) = judging.contrasts({"a": (arm(6, 6), arm(0, 50))}).values()
    assert alone.first == (6, 6) and alone.second == (0, 6) and alone.p == pytest.approx(2 / 2**6)
    first, _ = judging.contrasts({"a": (arm(6, 6), arm(0, 6)), "b": (arm(6, 6), arm(0, 6))}).values()
    assert first.p == pytest.approx(2 * 2 / 2**6)
    assert alone.shown == 1 and first.shown == 0


def test_accepted_updates_are_counted_from_averages_since_the_report_before() -> None:
    own = curves({"accepted": [[0.5, 0.7], [0.1, 0.3]]}, [10, 30])
    assert judging.accepted(own, 0) == pytest.approx(6)
    assert judging.accepted(own, 1) == pytest.approx(6 + 4)


def test_equal_cost_needs_a_run_that_long() -> None:
    own = curves({"x": [[0.0]] * 3}, [10, 20, 30], cost=2.0)
    assert judging.at_cost(own, 41.0) == 1
    assert judging.at_cost(own, 61.0) == 2
    assert judging.at_cost(own, 80.0) is None


def mixture(cell: Cell, cost: float, shares: Sequence[float]) -> Curves:
    steps = list(range(100, cell.setting["steps"] + 1, 100))
    rows = [list(shares)] * len(steps)
    names = (*four_gaussians.RADII, "success", "accepted")
    return curves(
        {name: [[0.4] * len(shares)] * len(steps) if name == "accepted" else rows for name in names}, steps, cost
    )


def four(**shares: Sequence[float]) -> Judgement:
    """A judgement of four-gaussians where every seed keeps its share of modes; 1.0 where nothing is said."""
    costs = {"gda": 1.0, "paper-6": 5.35, "always-6": 4.7, "released-6": 4.83, "slow-6": 4.7,
             "paper-1": 1.85, "always-1": 1.2, "released-1": 1.33, "slow-1": 1.2}  # fmt: skip
    return four_gaussians.judge({
        name: mixture(cell, costs[name], shares.get(name.replace("-", "_"), [1.0] * 50))
        for name, cell in four_gaussians.CELLS.items()
    })  # fmt: skip


def told(judgement: Judgement) -> dict[str, bool | None]:
    return {verdict.what: verdict.consistent for verdict in judgement.verdicts}


def test_four_gaussians_as_published_is_consistent() -> None:
    some = [1.0] * 34 + [0.75] * 13 + [0.25] * 3
    rows = told(four(gda=[0.25] * 50, paper_6=some, released_6=some, always_6=[0.25] * 50, slow_6=[0.25] * 50))
    assert [value for value in rows.values() if value is not None] == [True] * 15


def test_four_gaussians_otherwise_is_not() -> None:
    rows = told(four(gda=[0.25] * 49 + [0.5], paper_6=[1.0] * 10 + [0.75] * 40))
    assert rows["GDA: at most one mode within 0.1"] is False
    assert rows["accept/reject: 4 modes within 3σ"] is False
    assert rows["accept/reject: 3 modes within 0.25"] is False
    assert rows["as released: 4 modes within 0.1"] is False


def test_four_gaussians_names_the_ingredient() -> None:
    said = four(always_1=[0.25] * 50, paper_1=[0.25] * 50).conclusion
    assert said.startswith("What carries the effect: the six discriminator steps, not the rejection. Neither is shown")
    assert "Shown to help: six discriminator steps against one, always accepting" in said
    said = four(always_6=[0.25] * 50, slow_6=[0.25] * 50).conclusion
    assert said.startswith("What carries the effect: the rejection, not the six discriminator steps. The method wins")


def digits(steps: Sequence[int], success: int, cost: float, n: int = 40) -> Curves:
    rows = [[float(seed < success) for seed in range(n)]] * len(steps)
    return curves({"success": rows, "zeros": rows, "ones": rows, "accepted": [[0.4] * n] * len(steps)}, steps, cost)


def test_mnist01_is_judged_at_its_four_places() -> None:
    reports = range(50, 1551, 50)
    given = {
        "paper": digits(reports[:20], 34, 1.85),
        "gda": digits(reports, 9, 1.2),
        "slow": digits(reports[:20], 9, 1.2),
    }
    judgement = mnist01.judge(given)
    assert list(told(judgement).values()) == [True, True, None, None, None, True, True]
    assert [verdict.what.rpartition("(")[2] for verdict in judgement.verdicts[2:4]] == [
        "iteration 400)",
        "iteration 1550)",
    ]
    assert judgement.conclusion.startswith("The method wins")
    assert "Accepted: 40% of proposals" in judgement.conclusion
    other = told(mnist01.judge({**given, "paper": digits(reports[:20], 20, 1.85)}))
    assert next(iter(other.values())) is False


def test_one_published_run_and_who_is_sooner() -> None:
    def toy(first: float, last: float) -> Curves:
        return curves({"distance": [[first] * 3, [last] * 3]}, [25, 50])

    given = {"one": toy(1.0, 0.794), "one-slow": toy(1.0, 0.0102), "x-slow": toy(0.05, 0.05), "y-slow": toy(1.0, 0.5)}
    assert list(told(CLAIMS["two-time-scale"].judge(given)).values()) == [True] * 4
    other = {"one": toy(1.0, 0.7), "one-slow": toy(0.05, 0.02), "x-slow": toy(1.0, 0.05), "y-slow": toy(1.0, 0.9)}
    assert list(told(CLAIMS["two-time-scale"].judge(other)).values()) == [False] * 4


def test_who_arrives_is_judged() -> None:
    claim = CLAIMS["locally-stable"]
    near, far = curves({"distance": [[0.001] * 50]}, [1]), curves({"distance": [[0.02] * 50]}, [1])
    as_published = {name: near if "regularized" in name or name == "lq-gan-gda" else far for name in claim.cells}
    assert set(told(claim.judge(as_published)).values()) == {True, None}
    otherwise = {name: far if own is near else near for name, own in as_published.items()}
    assert set(told(claim.judge(otherwise)).values()) == {False, None}


def test_the_saturating_quadratic_gan_attracts() -> None:
    """J = [[0, −m], [m, 1/10]] with m = 1/3 at (1, 0)."""
    game = locally_stable.lq_gan()
    values = field.eigenvalues(game, field.players_at(game, torch.tensor([[1.0, 0.0]], dtype=torch.float64)), {})[0]
    torch.testing.assert_close(values.real, torch.full((2,), 0.05, dtype=torch.float64))
    torch.testing.assert_close(values.imag.abs(), torch.full((2,), (1 / 9 - 0.05**2) ** 0.5, dtype=torch.float64))


def test_who_stays_is_judged() -> None:
    claim, steps = CLAIMS["nested-critic"], list(range(25, 1501, 25))
    stays, leaves = (curves({"first": [[1.0] * 50] * 59 + [[last] * 50]}, steps) for last in (0.0, 1.0))
    home = curves({"first": [[0.03] * 50] * 60}, steps)
    assert set(told(claim.judge({"nested": home, "simultaneous": leaves})).values()) == {True}
    assert set(told(claim.judge({"nested": stays, "simultaneous": home})).values()) == {False}, (
        "at the end is not enough"
    )


def rates(**ends: Sequence[float]) -> Judgement:
    """Where each pair of rates ends; at 5 where nothing is said."""
    claim = CLAIMS["ttur"]
    return claim.judge({name: curves({"frechet": [ends.get(name.replace("-", "_"), [5.0] * 16)]}, [1])
                        for name in claim.cells})  # fmt: skip


def test_two_rates_must_win_more_often_than_chance() -> None:
    assert list(told(rates(generator_slow=[4.0] * 16)).values()) == [True]
    assert list(told(rates(generator_slow=[4.0] * 9 + [6.0] * 7)).values()) == [False]


def test_rates_are_chosen_on_seeds_that_do_not_judge_them() -> None:
    """Noise around one value: the better of two by luck, judged where the luck was, would win; here it does not."""
    own = torch.Generator().manual_seed(3)
    wins = []
    for _ in range(200):
        noise = torch.randn(2, 16, generator=own, dtype=torch.float64) + 5.0
        (row,) = rates(generator_slow=noise[0].tolist(), discriminator_slow=noise[1].tolist()).verdicts
        wins.append(int(row.ours.split()[0]))
    assert abs(sum(wins) / 200 - 8) < 0.5
    lucky = [4.0, 6.0] * 8  # lower on one half only, so that it is chosen for the other
    (row,) = rates(generator_slow=lucky, discriminator_slow=[5.5] * 16).verdicts
    assert row.ours == "0 of 16 (0%)"


def test_arms_are_tuned_on_seeds_that_do_not_judge_them() -> None:
    claim, arm = CLAIMS["four-gaussians-tuned"], "paper-6"
    ends = dict.fromkeys(claim.cells, [0.5] * 20)
    ends[f"{arm}-0.001-0.1"] = [1.0, 0.0] * 10  # all modes on even seeds: chosen for the odd ones, where it has none
    ends[f"{arm}-0.002-0.5"] = [0.75] * 20
    judgement = claim.judge({name: curves({"modes": [own]}, [1]) for name, own in ends.items()})
    rows = {verdict.what.partition(",")[0]: verdict.ours for verdict in judgement.verdicts}
    assert rows[arm] == "0 of 20 (0%)" and rows["gda"] == "0 of 20 (0%)"
    ends[f"{arm}-0.001-0.1"] = [1.0] * 18 + [0.0] * 2
    judgement = claim.judge({name: curves({"modes": [own]}, [1]) for name, own in ends.items()})
    assert "paper-6 18 of 20" in judgement.conclusion and "paper-6 0.001/0.0001;" in judgement.conclusion
    assert "rejecting against always accepting, six steps, both tuned: 18 of 20 against 0 of 20" in judgement.conclusion


def test_tuned_arms_are_of_one_length() -> None:
    """In field units, as their optimizers count, within one report's rounding."""
    for name, cell in CLAIMS["four-gaussians-tuned"].cells.items():
        options = dict(cell.setting["optimizer"])
        per = optimizers.get(options.pop("name"), **options).cost
        assert cell.setting["steps"] * per == pytest.approx(1500 * 5.35, rel=0.02), name


def test_a_run_that_loses_a_mode_is_counted() -> None:
    claim = CLAIMS["unrolled-optimistic"]
    modes = [[0.25, 0.0], [0.5, 0.5], [0.5, 0.25]]
    own = curves({"modes": [*modes[:2], [1.0, 0.25]], "modes_3sigma": modes, "modes_quarter": modes}, [1, 2, 3])
    judgement = claim.judge(dict.fromkeys(claim.cells, own))
    rows = {verdict.what: verdict.ours for verdict in judgement.verdicts}
    assert rows["unrolled: loses a mode that it had (within 0.25)"] == "1 of 2 (50%)"
    assert rows["optimistic: 4 modes within 0.1, iteration 1500"] == "1 of 2 (50%)"
    assert rows["optimistic: 4 modes within 0.25, iteration 1500"] == "0 of 2 (0%)"
    assert judgement.conclusion.endswith("gda 1 of 2, optimistic 1 of 2, unrolled 1 of 2.")


def test_both_digits_are_counted() -> None:
    claim = CLAIMS["unrolled-optimistic-digits"]
    own = curves({"success": [[1.0, 1.0], [0.0, 1.0]]}, [1, 2])
    rows = {verdict.what: verdict.ours for verdict in claim.judge(dict.fromkeys(claim.cells, own)).verdicts}
    assert rows["unrolled: both digits, iteration 1000"] == "1 of 2 (50%)"


def test_the_smoke_must_accept_and_reject() -> None:
    claim = CLAIMS["cifar10"]
    good = curves({"diverged": [[0.0]] * 2, "accepted": [[1.0], [0.0]]}, [1, 2])
    bad = curves({"diverged": [[0.0], [1.0]], "accepted": [[1.0], [1.0]]}, [1, 2])
    assert list(told(claim.judge({"smoke": good})).values()) == [True, True]
    assert list(told(claim.judge({"smoke": bad})).values()) == [False, False]


# --- running, keeping, going on -----------------------------------------------------------------------------------


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole, broken = tiny(), tmp_path / "broken"
    work.work([whole], str(tmp_path / "whole"), tell=str)

    calls = []

    def failing(setting: Setting, seeds: Sequence[int], device: str) -> Played:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(list(seeds))
        return train(setting, seeds, device)

    failing.__module__, failing.__qualname__ = train.__module__, train.__qualname__
    with pytest.raises(KeyboardInterrupt):
        work.work([tiny(failing)], str(broken), tell=str)
    assert calls == [[0, 1], [0, 1], [2, 3]], "the first chunk of every cell comes first"
    later: list[str] = []
    work.work([whole], str(broken), tell=later.append)
    assert len(later) == 3, "what was kept is not run again"
    for name in whole.cells:
        assert Results(str(broken)).curves(whole, name) == Results(str(tmp_path / "whole")).curves(whole, name)


def test_chunks_are_what_the_whole_is(tmp_path: Path) -> None:
    claim = tiny()
    work.work([claim], str(tmp_path), tell=str)
    own, together = Results(str(tmp_path)).curves(claim, "a"), train(claim.cells["a"].setting, range(5), "cpu").curves
    assert own.seeds == [0, 1, 2, 3, 4] and own.steps == together.steps and own.cost == pytest.approx(together.cost)
    for name, rows in together.values.items():
        torch.testing.assert_close(torch.tensor(own.values[name]), torch.tensor(rows), rtol=1e-4, atol=1e-5)


def test_a_changed_setting_is_another_result() -> None:
    claim = tiny()
    cell = claim.cells["a"]
    other = claim._replace(cells={"a": cell._replace(setting={**cell.setting, "steps": 7})})
    more = claim._replace(cells={"a": cell._replace(seeds=9, chunk=3)})
    assert folder(claim, "a") != folder(other, "a")
    assert folder(claim, "a") == folder(more, "a"), "more seeds add to what is there"


def test_nobody_runs_what_another_is_at(tmp_path: Path) -> None:
    claim, results, said = tiny(seeds=2), Results(str(tmp_path)), []
    with results.taken(claim, "a", [0, 1]) as mine:
        assert mine
        script = f"from test_claims import *; work.work([tiny(seeds=2)], {str(tmp_path)!r})"
        here = Path(__file__).parent
        environment = {"PYTHONPATH": f"{here.parent}:{here}", "PATH": ""}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        said = done.stdout.splitlines()
    assert [line.partition(",")[0] for line in said] == ["tiny: b"], done.stderr


def test_a_seed_that_was_run_twice_counts_once() -> None:
    first, second = curves({"x": [[1.0, 2.0]]}, [5]), curves({"x": [[3.0, 4.0, 5.0]]}, [5], cost=2.0)
    both = merged([first, second])
    assert both.seeds == [0, 1, 2] and both.values == {"x": [[1.0, 2.0, 5.0]]}
    assert both.cost == pytest.approx([(5 + 5 + 10) / 3])


def test_nothing_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="nothing was run of a"):
        Results(str(tmp_path)).curves(tiny(), "a")


def test_fewer_seeds_first_and_the_others_later(tmp_path: Path) -> None:
    """The same numbers as at once; places of a grid are never left out."""
    claim, results = tiny(), Results(str(tmp_path))
    work.work([claim], str(tmp_path), tell=str, seeds=3)
    assert results.curves(claim, "a").seeds == [0, 1, 2]
    work.work([claim], str(tmp_path), tell=str)
    assert results.curves(claim, "a").seeds == [0, 1, 2, 3, 4]
    places = claim._replace(cells={"a": claim.cells["a"]._replace(places=True)}, name="places")
    work.work([places], str(tmp_path), tell=str, seeds=1)
    assert results.curves(places, "a").seeds == [0, 1, 2, 3, 4]


def test_at_least_one_worker(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers: 0 given"):
        work.run([], str(tmp_path), workers=0)


# --- films and the page -------------------------------------------------------------------------------------------


def test_films_are_drawn_of_what_was_trained(tmp_path: Path) -> None:
    claim = tiny()
    work.work([claim], str(tmp_path / "runs"), tell=str)
    results = Results(str(tmp_path / "runs"))
    frames = results.film(claim, "a", 3)
    assert list(frames) == [3, 6] and frames[3].shape == (9, 2) and not frames[3].equal(frames[6])
    drawn = draw(claim, results, tmp_path / "pictures")
    assert [path.name for path in drawn] == ["tiny.png", "tiny-a.png"]
    assert all(0 < path.stat().st_size < 1_000_000 for path in drawn)


def test_the_typical_member_is_the_middle_one() -> None:
    own = curves({"modes": [[0.0, 1.0, 0.25, 0.5, 0.75], [0.0, 1.0, 0.25, 0.5, 0.75]]}, [1, 2])
    assert typical(own, "modes") == 3


def test_a_block_says_where_it_comes_from(tmp_path: Path) -> None:
    claim = tiny(seeds=2)
    verdict = judging.rate("a | b", [True, False], 0.9)
    chunk = {"seconds": 7200, "date": "2020-02-02", "hardware": "abacus", "commit": "abc", "curves": {"seeds": [0]}}
    runs = sum(cell.seeds for cell in claim.cells.values())
    text = show.block(claim, Judgement([verdict], "It ran."), [chunk], ["claims/tiny.png"])
    parts = [
        "## tiny, 2020-02-02",
        "abacus; commit abc; 2 hours of",
        f"2 hours of one process; so far 1 of {runs} runs. The whole takes about 1 minute on 2 cores,",
        "| a \\| b | 90% | 1 of 2 (50%) | 9% to 91% | consistent |",
        "![tiny](claims/tiny.png)",
    ]
    for part in parts:
        assert part in text
    page = tmp_path / "docs" / "claims.md"
    show.append(page, text)
    show.append(page, text.replace("It ran.", "It ran again."))
    show.append(page, text.replace("## tiny", "## mnist01"))
    written = page.read_text()
    assert written.startswith("# Published claims, re-run") and written.count("## tiny") == 2
    first = written.partition("## tiny")[0]
    part = f"(so far 1 of {runs} runs)"
    assert first.endswith(f"## In short\n\n- **mnist01**: {part} It ran.\n- **tiny**: {part} It ran again.\n\n")
    show.append(page, text, [claim, claim._replace(name="left", cost=Cost(120.0))])
    told = f"- **tiny**: {part} It ran.\n- left: not run; it takes 2.0 hours on 2 cores, not measured on a GPU.\n\n"
    assert page.read_text().partition("## tiny")[0].endswith(told)


def test_no_other_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\n## One\n\nmine\n\n## Two\n")
    done = sweeps(tmp_path, "reproduce", "xy", "--page", "notes.md")
    assert done.code == 2 and "notes.md is no page of claims; a new file, or one that begins with" in done.err
    assert (tmp_path / "notes.md").read_text() == "# Notes\n\n## One\n\nmine\n\n## Two\n"
    assert not (tmp_path / "runs").exists(), "said before hours of work, not after"


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_runs_prints_and_appends(tmp_path: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    done = sweeps(place, "reproduce", "curl-cos-sin")
    assert done.code == 0, done.err
    assert "30 as predicted" in done.out and "not consistent" not in done.out
    assert (place / "docs/claims.md").read_text().count("## curl-cos-sin") == 1
    again = sweeps(place, "reproduce", "curl-cos-sin", "--as-is")
    assert again.code == 0 and (place / "docs/claims.md").read_text().count("## curl-cos-sin") == 2
    wrong = sweeps(place, "reproduce", "curl")
    assert wrong.code == 2 and "known: xy" in wrong.err
    none = sweeps(place, "reproduce", "xy", "--as-is")
    assert none.code == 1 and "nothing was run" in none.err
    rest = sweeps(place, "reproduce", "--as-is")
    assert rest.code == 0 and "xy: left out; xy: nothing was run of rate-0.1" in rest.out
    assert (place / "docs/claims.md").read_text().count("## curl-cos-sin") == 3
    assert "Not run, for they take longer:" in rest.out and "reproduce four-gaussians " in rest.out


def test_the_command_lists_what_it_would_run(tmp_path: Path) -> None:
    """Every claim with its cost and what is there of it, and nothing is run or written."""
    claim = CLAIMS["curl-cos-sin"]
    part = claim._replace(cells={"eigenvalues": claim.cells["eigenvalues"]})
    work.work([part], str(tmp_path / "runs/claims"), tell=str)
    done = sweeps(tmp_path, "reproduce", "--list")
    assert done.code == 0, done.err
    first, rest = done.out.split("Run by name only, for they take longer:")
    assert all(f"reproduce {own.name} " in (first if own in affordable() else rest) for own in CLAIMS.values())
    runs = sum(cell.seeds for cell in claim.cells.values())
    assert f"1 minute on 2 cores, not measured on a GPU; 2 of {runs} runs made" in first
    assert "0 of 450 runs made" in rest
    assert not (tmp_path / "docs").exists()
    for option in ("--workers", "--seeds"):
        wrong = sweeps(tmp_path, "reproduce", "xy", option, "0")
        assert wrong.code == 2 and "Traceback" not in wrong.err


SLOWER = ("two-time-scale", "locally-stable", "nested-critic")


@pytest.mark.parametrize(
    "name", ["xy", "accept-reject-toys", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOWER)]
)
def test_cheap_claims_hold(name: str, tmp_path: Path) -> None:
    claim = CLAIMS[name]
    work.work([claim], str(tmp_path), tell=str)
    judgement = claim.judge({cell: Results(str(tmp_path)).curves(claim, cell) for cell in claim.cells})
    assert all(verdict.consistent is not False for verdict in judgement.verdicts), judgement.conclusion
    assert judgement.conclusion.startswith("All ")


def test_missing_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINMAX_DATA", str(tmp_path))
    with pytest.raises(NotReady, match="sweeps fetch"):
        prepare(CLAIMS["mnist01"])
    prepare(CLAIMS["four-gaussians"])
