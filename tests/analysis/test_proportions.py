"""Intervals of accuracy and overconfidence cover the truth, near 100 % and with dependent documents too."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from attviz_pipeline.analysis.predictions.proportions import (
    Clusters,
    _intraclass_correlation,
    design_effect,
    gap,
    proportion,
    wilson_interval,
)
from attviz_pipeline.analysis.predictions.resampling import Estimate

LEAST_COVERAGE = 0.93
N_STUDIES = 400


def covers(found: Estimate, truth: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low - 1e-12 <= truth <= found.high + 1e-12


def draw_rows(
    random: np.random.Generator, truth: float, rho: float, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw documents of rows whose shares vary so that two documents of one row have the correlation rho."""
    if rho in {0, 1}:
        share = np.full(len(sizes), truth) if rho == 0 else (random.random(len(sizes)) < truth).astype(float)
    else:
        share = random.beta(truth * (1 / rho - 1), (1 - truth) * (1 / rho - 1), len(sizes))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    return (random.random(len(rows)) < share[rows]).astype(float), rows


def test_interval_is_wilsons() -> None:
    for hits, n in ((0, 5), (3, 7), (50, 50), (420, 1000)):
        low, high = wilson_interval(np.array([hits / n]), np.array([float(n)]))
        reference = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert_allclose([low[0], high[0]], [reference.low, reference.high], atol=1e-9)
        right = np.repeat([1.0, 0.0], [hits, n - hits])
        found = proportion(right, np.arange(n))
        assert_allclose([found.low, found.high], [low[0], high[0]], atol=1e-12)


@pytest.mark.parametrize(
    ("hits", "sizes", "expected"),
    [
        ([2, 0, 1], [2, 2, 2], 1 / 2),  # mean squares 1/2 between, 1/6 within
        ([1, 0, 2], [1, 2, 3], 21 / 65),  # 5/12 and 2/9; rows count as of 11/6 documents
        ([2, 0], [2, 2], 1.0),
        ([1, 1], [2, 2], 0.0),  # less alike than by chance
        ([2, 2], [2, 2], 0.0),  # nothing varies
    ],
)
def test_correlation_within_rows_is_that_of_the_analysis_of_variance(
    hits: list[float], sizes: list[float], expected: float
) -> None:
    assert _intraclass_correlation(Clusters(np.array(hits), np.array(sizes))) == pytest.approx(expected)


def test_all_of_55_documents_do_not_show_that_all_documents_are_right() -> None:
    found = proportion(np.ones(55), np.arange(55))
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.935, abs=5e-4)


def coverage_of_wilson(n: int, truth: float) -> float:
    hits = np.arange(n + 1)
    low, high = wilson_interval(hits / n, np.full(n + 1, float(n)))
    inside = (low <= truth) & (truth <= high)
    return float(stats.binom.pmf(hits[inside], n, truth).sum())


@pytest.mark.parametrize("n", [55, 200, 1000])
@pytest.mark.parametrize("truth", [0.5, 0.8, 0.9, 0.95, 0.98])
def test_independent_documents_are_covered(n: int, truth: float) -> None:
    assert coverage_of_wilson(n, truth) >= LEAST_COVERAGE


def test_few_independent_documents_are_covered_on_average() -> None:
    """Eleven documents have twelve intervals: the coverage jumps between 0.90 and 0.98 from value to value."""
    coverages = [coverage_of_wilson(11, truth) for truth in np.linspace(0.3, 0.98, 300)]
    assert np.mean(coverages) >= LEAST_COVERAGE


@pytest.mark.parametrize("rho", [0, 0.1, 0.3, 0.6, 1])
@pytest.mark.parametrize(("truth", "sizes"), [(0.5, [2, 3, 4, 8]), (0.8, [5]), (0.95, [5, 10]), (0.98, [1, 1, 2, 5])])
def test_documents_of_the_same_rows_are_covered(truth: float, sizes: list[int], rho: float) -> None:
    random = np.random.default_rng(11)
    n_covered = 0
    for _ in range(N_STUDIES):
        right, rows = draw_rows(random, truth, rho, random.choice(sizes, 30))
        n_covered += covers(proportion(right, rows), truth)
    assert n_covered / N_STUDIES >= LEAST_COVERAGE


def test_rows_that_share_their_outcome_count_once() -> None:
    right = np.repeat(np.random.default_rng(3).random(200) < 0.8, 5).astype(float)
    effect = design_effect(Clusters.of(right, np.repeat(np.arange(200), 5)))
    assert effect == pytest.approx(5, rel=0.02)
    assert design_effect(Clusters.of(right, np.arange(1000))) == 1


def test_rows_are_known_by_their_number_alone() -> None:
    random = np.random.default_rng(4)
    right, rows = draw_rows(random, 0.8, 0.3, random.choice([1, 3, 6], 40))
    order = random.permutation(len(rows))
    assert proportion(right[order], 1000 - rows[order]) == pytest.approx(proportion(right, rows), abs=1e-12)


def test_one_row_says_nothing_about_others() -> None:
    one_row = np.zeros(4, np.intp)
    assert proportion(np.array([1.0, 1, 0, 1]), one_row) == (0.75, None, None)
    assert gap(np.full(4, 0.5), np.array([1.0, 1, 0, 1]), one_row) == (-0.25, None, None)
    assert proportion(np.array([]), np.array([], np.intp)) == (None, None, None)


def test_interval_of_overconfidence_is_that_of_paired_means_with_many_documents() -> None:
    random = np.random.default_rng(5)
    confidence = random.beta(4, 2, 20_000)
    right = (random.random(20_000) < confidence**2).astype(float)
    found = gap(confidence, right, np.arange(20_000))
    half = 1.96 * (confidence - right).std() / np.sqrt(20_000)
    assert_allclose(found, (np.mean(confidence - right) + np.array([0, -half, half])), atol=1e-4)


@pytest.mark.parametrize("n", [55, 200])
@pytest.mark.parametrize(("shape", "accuracy"), [((30, 0.3), 0.95), ((8, 0.5), 0.98), ((4, 3), 0.8)])
def test_overconfidence_is_covered_with_few_mistakes(n: int, shape: tuple[float, float], accuracy: float) -> None:
    random = np.random.default_rng(6)
    truth = shape[0] / sum(shape) - accuracy
    n_covered = 0
    for _ in range(N_STUDIES):
        right = (random.random(n) < accuracy).astype(float)
        n_covered += covers(gap(random.beta(*shape, n), right, np.arange(n)), truth)
    assert n_covered / N_STUDIES >= LEAST_COVERAGE


def test_overconfidence_of_dependent_documents_is_covered() -> None:
    random = np.random.default_rng(8)
    n_covered = 0
    for _ in range(N_STUDIES):
        right, rows = draw_rows(random, 0.9, 0.3, random.choice([2, 5, 8], 30))
        confidence = np.clip(0.85 + random.normal(0, 0.05, 30)[rows] + random.normal(0, 0.02, len(rows)), 0, 1)
        n_covered += covers(gap(confidence, right, rows), 0.85 - 0.9)
    assert n_covered / N_STUDIES >= LEAST_COVERAGE
