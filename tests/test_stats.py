"""Intervals, paired tests, corrections and aggregates against scipy, statsmodels and numpy."""

import math
import subprocess
import sys

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from sweeps.judge import stats

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)
bits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=60)


@pytest.mark.parametrize("n", [1, 2, 32, 1000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_wilson_is_statsmodels(n: int, level: float) -> None:
    for successes in range(0, n + 1, max(1, n // 16)):
        expected = proportion_confint(successes, n, alpha=1 - level, method="wilson")
        assert stats.wilson(successes, n, level) == pytest.approx(expected, abs=1e-12)


def test_wilson_is_exact_at_the_ends() -> None:
    assert stats.wilson(0, 32).low == 0.0
    assert stats.wilson(32, 32).high == 1.0


@pytest.mark.parametrize(("successes", "n", "level"), [(1, 0, 0.95), (-1, 4, 0.95), (5, 4, 0.95), (1, 4, 1.0)])
def test_wilson_refuses_nonsense(successes: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="given"):
        stats.wilson(successes, n, level)


@settings(deadline=None, max_examples=50)
@given(bits)
def test_mcnemar_is_the_exact_test(pairs: list[tuple[int, int]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    table = [[sum((x, y) == (i, j) for x, y in pairs) for j in (1, 0)] for i in (1, 0)]
    p = stats.mcnemar(a, b)
    assert p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue if table[0][1] + table[1][0] else 1.0)
    if table[0][1] + table[1][0]:
        assert p == pytest.approx(binomtest(table[0][1], table[0][1] + table[1][0]).pvalue)
    assert p == stats.mcnemar(b, a)


def test_mcnemar_refuses_unpaired_and_other_values() -> None:
    with pytest.raises(ValueError, match="given 2 and 1"):
        stats.mcnemar([1, 0], [1])
    with pytest.raises(ValueError, match=r"given 0\.5"):
        stats.mcnemar([1, 0.5], [1, 0])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(ps: list[float]) -> None:
    assert stats.holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))


def test_holm_of_nothing() -> None:
    assert stats.holm([]) == []


@settings(deadline=None, max_examples=50)
@given(values)
def test_aggregates_are_numpy_s(xs: list[float]) -> None:
    assert stats.aggregate("mean", xs) == pytest.approx(numpy.mean(xs), abs=1e-6)
    assert stats.aggregate("median", xs) == pytest.approx(numpy.median(xs), abs=1e-6)
    assert stats.aggregate("min", xs) == min(xs)
    assert stats.aggregate("max", xs) == max(xs)
    for name, q in (("quantile0", 0.0), ("quantile5", 0.05), ("quantile90", 0.9), ("quantile99", 0.99)):
        assert stats.aggregate(name, xs) == pytest.approx(numpy.quantile(xs, q), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(values, st.randoms())
def test_aggregates_ignore_the_order_of_seeds_to_the_last_digit(xs: list[float], chance: object) -> None:
    shuffled = list(xs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in ("mean", "median", "min", "max", "quantile37"):
        assert stats.aggregate(name, xs) == stats.aggregate(name, shuffled)


def test_rate_and_lower() -> None:
    xs = [1.0] * 24 + [0.0] * 8
    assert stats.aggregate("rate", xs) == 0.75
    assert stats.aggregate("lower", xs) == pytest.approx(proportion_confint(24, 32, method="wilson")[0])
    with pytest.raises(ValueError, match="0 or 1 for each seed"):
        stats.aggregate("rate", [0.5])


@pytest.mark.parametrize("name", ["quantile", "quantile100", "quantile-1", "quantile9\n", "meen", ""])
def test_unknown_aggregates_say_what_there_is(name: str) -> None:
    with pytest.raises(ValueError, match="known: mean, median, min, max, rate, lower, quantileNN"):
        stats.aggregate(name, [1.0])


def test_a_misspelt_aggregate_is_suggested() -> None:
    with pytest.raises(ValueError, match="did you mean 'median'"):
        stats.aggregator("medain")


def test_no_number_is_not_a_number() -> None:
    for xs in ([], [1.0, math.nan]):
        with pytest.raises(ValueError, match="at least one value and only numbers"):
            stats.aggregate("median", xs)


def test_workers_import_nothing_heavy() -> None:
    heavy = ("scipy", "statsmodels", "numpy", "torch")
    code = f"import sys, sweeps.judge.stats; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
