"""The ranking: its order, its tests, its sentence, and how it prints."""

import io
import json
import random

import pytest
from plausible import sweep
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from sweeps.judge.ranking import ArmResult, Ranking, as_json, rank
from sweeps.judge.standing import Budget
from sweeps.show.standings import as_text, bar, show


def arm(name: str, successes: int, level: float = 1.0, n: int = 32, rated: bool = True) -> ArmResult:
    """An arm that succeeded on the first seeds."""
    success = tuple(float(i < successes) for i in range(n)) if rated else ()
    objective = tuple(level + i / 100 for i in range(n))
    return ArmResult(name, {"lr": 4e-4}, tuple(range(n)), success, objective, Budget(4, 1, 1, 0, 9600, 2400))


def order(ranking: Ranking) -> list[tuple[int, str]]:
    return [(row.place, row.arm) for row in ranking.standings]


def test_success_comes_first_then_the_objective_then_the_name() -> None:
    arms = [arm("a", 10, 1.0), arm("b", 20, 9.0), arm("c", 20, 2.0), arm("e", 20, 2.0), arm("d", 20, 2.0)]
    assert order(rank(arms)) == [(1, "c"), (1, "d"), (1, "e"), (4, "b"), (5, "a")]
    assert order(rank(arms, "maximize")) == [(1, "b"), (2, "c"), (2, "d"), (2, "e"), (5, "a")]


def test_numbers_equal_scipy_s_and_statsmodels() -> None:
    view = sweep()
    assert view.ranking is not None
    rows = view.ranking.standings
    curves = {a.arm: a.curves[-1] for a in view.arms}
    best = curves[rows[0].arm].success[-1]
    ps = []
    for row in rows:
        successes = sum(curves[row.arm].success[-1])
        assert row.successes == successes
        assert row.interval == pytest.approx(proportion_confint(successes, 32, method="wilson"))
        if row is not rows[0]:
            pairs = list(zip(best, curves[row.arm].success[-1], strict=True))
            ahead, behind = pairs.count((1.0, 0.0)), pairs.count((0.0, 1.0))
            ps.append(binomtest(ahead, ahead + behind).pvalue if ahead + behind else 1.0)
    assert [row.p for row in rows[1:]] == pytest.approx(ps)
    assert [row.corrected for row in rows[1:]] == pytest.approx(list(multipletests(ps, method="holm")[1]))
    assert rows[0].p is None


def test_the_order_given_changes_no_digit() -> None:
    arms = [arm("a", 10, 1.3), arm("b", 31, 2.7), arm("c", 31, 2.7)]
    chance = random.Random(0)
    text = as_json(rank(arms))
    for _ in range(5):
        shuffled = []
        for a in chance.sample(arms, 3):
            seeds = chance.sample(range(32), 32)
            pick = [tuple(column[i] for i in seeds) for column in (a.seeds, a.success, a.objective)]
            shuffled.append(a._replace(seeds=pick[0], success=pick[1], objective=pick[2]))
        assert as_json(rank(shuffled)) == text


def test_pairing_follows_seeds_and_not_positions() -> None:
    a, b = arm("a", 20), arm("b", 20)
    turned = b._replace(seeds=b.seeds[::-1], success=b.success[::-1], objective=b.objective[::-1])
    assert rank([a, turned]).standings[1].p == 1.0


def test_json_reads_back() -> None:
    first = json.loads(as_json(rank([arm("a", 31), arm("b", 3)])))["standings"][0]
    assert first["arm"] == "a"
    assert list(first["interval"].values()) == pytest.approx(proportion_confint(31, 32, method="wilson"))
    assert first["budget"]["saved"] == 2400


MISSING = ArmResult("lost", {}, (), (), (), missing="every search trial failed")
SENTENCES = [
    ([arm("a", 31), arm("b", 3), arm("c", 2)], "a succeeded on 31 of 32 confirmation seeds (97%, 95% interval 84% to "
     "99%), more often than every other arm (corrected p < 0.001)."),
    ([arm("a", 31), arm("b", 20), arm("c", 30)], "a succeeded on 31 of 32 confirmation seeds (97%, 95% interval 84% to "
     "99%), more often than b (corrected p = 0.002), with no difference shown from c."),
    ([arm("a", 31), arm("b", 30)], "No difference shown between a and b; the first, a, succeeded on 31 of 32 "
     "confirmation seeds (97%, 95% interval 84% to 99%), which may be luck (corrected p = 1)."),
    ([arm("a", 0, 2.0), arm("b", 0, 3.0)], "No difference shown between a and b: each succeeded on 0 of 32 "
     "confirmation seeds (0%, 95% interval 0% to 11%); a had the lowest median frechet, 2.16."),
    ([arm("a", 31), MISSING], "a succeeded on 31 of 32 confirmation seeds (97%, 95% interval 84% to 99%); there is no "
     "other arm to compare it with (lost was not confirmed)."),
    ([MISSING], "No arm has been confirmed, so there is nothing to rank."),
    ([], "No arm has been confirmed, so there is nothing to rank."),
    ([arm("a", 0, 2.0, rated=False), arm("b", 0, 3.0, rated=False)], "a had a median frechet of 2.16 over 32 "
     "confirmation seeds, lower on more seeds than b (corrected p < 0.001)."),
]  # fmt: skip


@pytest.mark.parametrize(("arms", "sentence"), SENTENCES)
def test_the_sentence_claims_what_was_shown(arms: list[ArmResult], sentence: str) -> None:
    ranking = rank(arms, "minimize", "frechet")
    assert ranking.answer == sentence
    assert ("luck of the search" in ranking.caveat) == bool(ranking.standings)


def test_just_above_and_below_significance() -> None:
    """Five seeds apart: p = 2/2^5 = 0.0625; six: 0.03125."""
    assert "No difference shown" in rank([arm("a", 25), arm("b", 20)]).answer
    assert "more often than b (corrected p = 0.031)" in rank([arm("a", 26), arm("b", 20)]).answer


def test_an_unconfirmed_arm_keeps_its_reason_and_budget() -> None:
    ranking = rank([arm("a", 3), MISSING._replace(budget=Budget(failed=6))])
    assert [tuple(other)[:2] for other in ranking.unranked] == [("lost", "every search trial failed")]
    assert ranking.unranked[0].budget.trials == 6


def test_what_cannot_be_ranked_is_refused() -> None:
    other = arm("b", 3)
    cases = [
        ([arm("a", 3), other._replace(seeds=tuple(range(100, 132)))], "minimize", "same seeds"),
        ([arm("a", 3), other._replace(objective=())], "minimize", "0 objectives"),
        ([arm("a", 3), other._replace(success=())], "minimize", "0 successes"),
        ([arm("a", 3), arm("a", 4)], "minimize", "two arms of one name"),
        ([arm("a", 3)], "down", "neither minimize nor maximize"),
    ]
    for arms, direction, words in cases:
        with pytest.raises(ValueError, match=words):
            rank(arms, direction)


def test_bars_lie_where_the_numbers_are() -> None:
    row = rank([arm("a", 16)]).standings[0]
    assert row.interval == pytest.approx((0.336, 0.664), abs=1e-3)
    assert bar(row, 21, ascii_only=True).plain == ".......[--o--]......."
    assert bar(rank([arm("a", 32)]).standings[0], 11).plain == "┈┈┈┈┈┈┈┈┈┣●"
    assert bar(rank([arm("a", 0)]).standings[0], 11, ascii_only=True).plain == "o]........."


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_text_fits_its_width(width: int) -> None:
    ranking = sweep().ranking
    assert ranking is not None
    text = as_text(ranking, width)
    assert max(len(line) for line in text.splitlines()) <= width
    if width >= 80:
        for row in ranking.standings:
            assert row.arm in text
            assert f"{row.successes}/{row.seeds}" in text


def test_a_file_and_a_poor_locale_get_plain_text() -> None:
    ranking = rank([arm("gda\x1b[2J", 3), arm("λ", 30)])
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show(ranking, file)
    file.flush()
    text = file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "\x1b" not in text
    assert "30/32" in text
    assert "[" in text


def test_a_ranking_of_nothing_prints() -> None:
    assert as_text(rank([])) == "No arm has been confirmed, so there is nothing to rank.\n"
    assert "every search trial failed" in as_text(rank([MISSING]))
