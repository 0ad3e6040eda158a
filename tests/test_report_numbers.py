"""The numbers on the page are those that scipy and statsmodels compute from the study and the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from plausible import RANGES, sweep
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from sweeping import SPEC, driven
from test_report import Page

from sweeps.judge import importance, power
from sweeps.judge.ranking import ArmResult, rank
from sweeps.judge.stats import median_interval
from sweeps.search.trials import Trial
from sweeps.show.report.page import render
from sweeps.show.wording import number, p_value, percent


class Rows(Page):
    """A page whose tables can be read: id -> rows of cells' texts, the head's first."""

    def __init__(self, text: str) -> None:
        self.tables: dict[str, list[list[str]]] = {}
        self._table: list[list[str]] | None = None
        self._cell: list[str] | None = None
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "table":
            self._table = self.tables.setdefault(dict(attrs).get("id") or "", [])
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        if tag in ("td", "th") and self._cell is not None and self._table is not None:
            self._table[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def of(self, table: str) -> dict[str, list[str]]:
        """Arm -> its row."""
        return {next(cell for cell in row[:2] if not cell.isdecimal() and cell): row for row in self.tables[table][1:]}


class Recorded:
    """A sweep read by nobody's code but the standard library's, Optuna's and numpy's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = json.loads((folder / "sweep.json").read_text())

    def history(self, key: str) -> list[dict[str, Any]]:
        files = {path.name: path for path in sorted((self.folder / "trials" / key).glob("attempt-*/history/*.json"))}
        return [json.loads(files[name].read_text()) for name in sorted(files)]

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        url = f"sqlite:///{self.folder / 'studies.db'}"
        names = optuna.get_all_study_names(url)
        return [trial for name in names for trial in optuna.load_study(study_name=name, storage=url).trials]

    def confirmed(self) -> dict[str, list[dict[str, Any]]]:
        arms = [path.parent.name for path in self.folder.glob("trials/*/confirm-0000")]
        return {arm: self.history(f"{arm}/confirm-0000") for arm in arms}


TIES = SPEC + "search: {pruner: none}\nsuccess: modes\n"


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorded, Rows]:
    """A real sweep of three arms, over enough seeds for an interval of a median."""
    place = tmp_path_factory.mktemp("tied")
    text = SPEC.replace("confirm: {seeds: 3}", "confirm: {seeds: 12}").replace("accept_reject]", "accept_reject, gda]")
    driven(place, text)
    return Recorded(place / "calm"), Rows((place / "calm" / "report.html").read_text())


def test_intervals_and_medians(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    shown = page.of("ranking")
    assert set(shown) == {row for row in shown if row.split()[0] in recorded.confirmed() or True}
    for arm, history in recorded.confirmed().items():
        row = next(cells for name, cells in shown.items() if name.startswith(arm))
        won = history[-1]["metrics"]["success"]
        low, high = proportion_confint(sum(won), len(won), method="wilson")
        assert f"{percent(sum(won) / len(won))} {int(sum(won))}/{len(won)}" in row
        assert f"{percent(max(0.0, low))} to {percent(min(1.0, high))}" in row
        objective = sorted(history[-1]["metrics"]["high_quality"])
        k = int(stats.binom.ppf(0.025, len(objective), 0.5))  # the k-th lowest and highest; exact, so at least 95%
        median = f"{number(float(np.median(objective)))}{number(objective[k - 1])} to {number(objective[-k])}"
        assert median in row


def test_corrected_p_values(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    won = {arm: np.array(history[-1]["metrics"]["success"]) for arm, history in recorded.confirmed().items()}
    arms = [next(arm for arm in won if row[1].startswith(arm)) for row in page.tables["ranking"][1:]]
    raw = []
    for arm in arms[1:]:
        table = [
            [0, int(((won[arms[0]] == 1) & (won[arm] == 0)).sum())],
            [int(((won[arms[0]] == 0) & (won[arm] == 1)).sum()), 0],
        ]
        raw.append(mcnemar(table, exact=True).pvalue)
    corrected = multipletests(raw, method="holm")[1]
    for row, p in zip(page.tables["ranking"][2:], corrected, strict=True):
        assert row[-1].startswith(p_value(p))


def test_areas_and_times_to_target(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    shown = page.of("target")
    for arm, history in recorded.confirmed().items():
        at = np.array([report["cost"] for report in history])
        won = np.array([report["metrics"]["success"] for report in history])
        areas = np.trapezoid(np.vstack([np.zeros(won.shape[1]), won]), np.concatenate([[0], at]), axis=0) / at[-1]
        lasting = np.flip(np.cumprod(np.flip(won, 0), 0), 0)
        arrived = np.where(lasting.any(0), at[lasting.argmax(0)], np.inf)
        half = np.quantile(arrived, 0.5, method="inverted_cdf")
        row = shown[arm]
        assert row[1] == f"{int(np.isfinite(arrived).sum())}/{won.shape[1]}"
        assert row[2] == (number(float(half)) if np.isfinite(half) else "not reached")
        assert row[6] == percent(float(areas.mean()))
        if len(set(areas)) > 1:
            found = stats.bootstrap(
                (areas,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
            )
            low, high = found.confidence_interval
            assert row[7] == f"{percent(float(low))} to {percent(float(high))}"


def test_the_curves_are_rates_with_wilson_s_bands(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    drawn = page.figures["success-units"]["data"]
    for arm, history in recorded.confirmed().items():
        at = next(k for k, trace in enumerate(drawn) if trace.get("name") == arm)
        won = [report["metrics"]["success"] for report in history]
        assert drawn[at]["x"] == pytest.approx([report["cost"] for report in history], rel=1e-5)
        assert drawn[at]["y"] == pytest.approx([np.mean(members) for members in won], rel=1e-5)
        band = next(trace for trace in drawn if trace["legendgroup"] == drawn[at]["legendgroup"] and "fill" in trace)
        ends = [proportion_confint(sum(members), len(members), method="wilson") for members in won]
        assert band["y"][: len(won)] == pytest.approx([min(1, high) for _, high in ends], abs=1e-5)
        assert band["y"][len(won) :][::-1] == pytest.approx([max(0, low) for low, _ in ends], abs=1e-5)
        seconds = next(trace for trace in page.figures["success-seconds"]["data"] if trace.get("name") == arm)
        assert seconds["x"] == pytest.approx([report["seconds"] for report in history], rel=1e-5)


def test_budgets_and_sensitivity(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    for arm in recorded.confirmed():
        keys = [path.name for path in (recorded.folder / "trials" / arm).glob("search-*")]
        lasts = [recorded.history(f"{arm}/{key}")[-1] for key in keys]
        budget = page.of("budget")[arm]
        assert budget[1] == str(len(keys))
        assert budget[-3].replace(",", "") == str(sum(last["step"] for last in lasts))
        won = sum(np.mean(last["metrics"]["success"]) >= 0.5 for last in lasts)
        low, high = proportion_confint(won, len(keys), method="wilson")
        row = page.of("sensitivity")[arm]
        assert f"{won}/{len(keys)}" in row[1]
        assert row[-1] == f"{percent(max(0.0, low))} to {percent(min(1.0, high))}"


def test_every_trial_of_the_studies_is_a_row(tied: tuple[Recorded, Rows]) -> None:
    recorded, page = tied
    rows = page.tables["trial-table"][1:]
    trials = recorded.trials()
    assert len(rows) == len(trials)
    values = sorted(number(trial.value) for trial in trials if trial.value is not None)
    assert sorted(row[2] for row in rows if row[2]) == values
    for link in page.attributes("a", "href"):
        assert link.startswith("#") or (recorded.folder / link / "config.json").exists()


def test_how_many_seeds_separate_ties_is_mcnemar_s_power() -> None:
    """By brute force over all outcomes of every seed, and statsmodels' exact test of each."""

    def brute(n: int, better: float, worse: float, level: float) -> float:
        total = 0.0
        for i in range(n + 1):
            for j in range(n + 1 - i):
                p = stats.multinomial.pmf([i, j, n - i - j], n, [better, worse, 1 - better - worse])
                total += p * (mcnemar([[0, i], [j, 0]], exact=True).pvalue <= level if i + j else 0)
        return total

    for n, better, worse, level in [
        (12, 0.5, 0.1, 0.05),
        (15, 0.3, 0.2, 0.025),
        (6, 1.0, 0.0, 0.05),
        (5, 1.0, 0.0, 0.05),
    ]:
        assert power.power(n, better, worse, level) == pytest.approx(brute(n, better, worse, level), abs=1e-9)
    needed = power.seeds_for(0.5, 0.1)
    assert needed is not None
    assert brute(needed, 0.5, 0.1, 0.05) >= power.POWER > brute(needed - 3, 0.5, 0.1, 0.05)
    least = power.smallest_shown(16)
    assert least is not None and brute(16, least, 0.0, 0.05) == pytest.approx(power.POWER, abs=1e-4)
    assert power.smallest_shown(5) is None and power.seeds_for(0.2, 0.2) is None


def test_ties_are_counted_seed_by_seed_whatever_their_order() -> None:
    first = ArmResult("a", {}, (3, 1, 2, 4), (1, 1, 1, 0), (1, 2, 3, 4))
    other = ArmResult("b", {}, (1, 2, 3, 4), (0, 1, 1, 1), (1, 2, 3, 4))
    ranking = rank([first, other], "minimize", "loss")
    tie = power.ties(ranking, [first, other])[0]
    assert (tie.arm, tie.better, tie.worse, tie.of) == ("b", 1, 1, 4)
    assert tie.seeds is None and tie.smallest is None


def test_ties_share_what_holm_s_correction_leaves_them() -> None:
    seeds = tuple(range(8))
    arms = [ArmResult(name, {}, seeds, won, tuple(map(float, seeds))) for name, won in
            (("a", (1,) * 8), ("b", (1,) * 7 + (0,)), ("c", (0, 0) + (1,) * 6))]  # fmt: skip
    found = {tie.arm: tie for tie in power.ties(rank(arms, "minimize", "loss"), arms)}
    assert found["b"].seeds == power.seeds_for(1 / 8, 0, 0.05 / 2)
    assert found["c"].seeds == power.seeds_for(2 / 8, 0, 0.05 / 2) != power.seeds_for(2 / 8, 0, 0.05)


def test_a_configuration_succeeds_where_half_of_its_seeds_do() -> None:
    view = sweep()
    page = Rows(render(view))
    partly = 0
    for arm in view.arms:
        ended = [trial for trial in view.trials if trial.arm == arm.arm and trial.kind == "search"]
        known = {trial.number for trial in ended if trial.value is not None}
        lasts = [curve.success[-1] for curve in arm.curves if curve.kind == "search" and curve.number in known]
        partly += sum(0 < np.mean(won) < 0.5 for won in lasts)
        won = sum(np.mean(won) >= 0.5 for won in lasts)
        assert page.of("sensitivity")[arm.arm][1].endswith(f"{won}/{len(lasts)}")
    assert partly > 0


def test_a_median_s_interval_has_its_level_for_every_number_of_seeds() -> None:
    for n in range(1, 60):
        interval = median_interval([float(k) for k in range(n)])
        if interval is None:
            assert n < 6
            continue
        k = int(interval.low) + 1
        assert interval.high == n - k
        assert 1 - 2 * stats.binom.cdf(k - 1, n, 0.5) >= 0.95 > 1 - 2 * stats.binom.cdf(k, n, 0.5)


def test_importances_are_optuna_s_of_ranks() -> None:
    chance = np.random.default_rng(0)
    drawn = [{"lr": 10 ** chance.uniform(-4, -2), "lr_ratio": 10 ** chance.uniform(-1, 1)} for _ in range(30)]
    trials = [
        Trial("a", "search", k, own, "complete", 1, 1e6 if k == 3 else own["lr"], (0,)) for k, own in enumerate(drawn)
    ]
    space = {name: RANGES[name] for name in ("lr", "lr_ratio")}
    found = importance.importances(space, trials)
    study = optuna.create_study()
    for trial, place in zip(trials, stats.rankdata([trial.value for trial in trials]), strict=True):
        study.add_trial(optuna.trial.create_trial(params=dict(trial.params), distributions=space, value=place))
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
    assert found == pytest.approx(optuna.importance.get_param_importances(study, evaluator=evaluator))
    assert next(iter(found)) == "lr"
    assert (
        importance.importances(space, trials[:9]) == {} and importance.importances({"lr": RANGES["lr"]}, trials) == {}
    )
