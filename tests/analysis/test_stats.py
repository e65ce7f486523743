"""The functions of `attviz_pipeline.stats` against those of `scipy.stats`."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats as reference

from attviz_pipeline import stats
from attviz_pipeline.closure import PACKAGE
from attviz_pipeline.stages import STAGES

SHARES = np.array([0, 1e-300, 1e-9, 0.025, 0.3, 0.5, 0.975, 1])
FREEDOM = np.array([0, 0.3, 1, 2.5, 30, 1e6, np.inf])[:, None]
IMPORTS_IT = "compare_heads"
"""By way of scikit-learn."""


def test_distributions_have_equal_values() -> None:
    np.testing.assert_array_equal(stats.norm_ppf(SHARES), reference.norm.ppf(SHARES))
    np.testing.assert_array_equal(stats.norm_isf(SHARES), reference.norm.isf(SHARES))
    np.testing.assert_array_equal(stats.norm_sf([-40, 0, 1.5, 40]), reference.norm.sf([-40, 0, 1.5, 40]))
    np.testing.assert_array_equal(stats.t_ppf(SHARES, FREEDOM), reference.t.ppf(SHARES, FREEDOM))
    np.testing.assert_array_equal(stats.t_isf(SHARES, FREEDOM), reference.t.isf(SHARES, FREEDOM))
    np.testing.assert_array_equal(
        stats.t_sf([-40, 0, 1.5, 40], FREEDOM[1:]), reference.t.sf([-40, 0, 1.5, 40], FREEDOM[1:])
    )
    np.testing.assert_array_equal(stats.poisson_cdf(np.arange(30), 1), reference.poisson.cdf(np.arange(30), 1))


def test_signs_are_tested_exactly() -> None:
    for n in (1, 2, 7, 100):
        for n_first in range(n + 1):
            assert stats.sign_test(n_first, n) == pytest.approx(reference.binomtest(n_first, n).pvalue, rel=1e-12)


@pytest.mark.parametrize("values", [[3, 1, 1, 2], [0.5], [], [1, np.nan, 2], [np.inf, -np.inf, 0, 0]])
def test_ranks_are_equal(values: list[float]) -> None:
    np.testing.assert_array_equal(stats.rankdata(values), reference.rankdata(values))


def test_ranks_of_rows_and_their_correlation_are_equal() -> None:
    random = np.random.default_rng(1)
    table = random.integers(0, 5, (4, 30))
    np.testing.assert_array_equal(stats.rankdata(table), reference.rankdata(table))
    np.testing.assert_array_equal(stats.rankdata(table, axis=1), reference.rankdata(table, axis=1))
    assert stats.spearman(*table[:2]) == pytest.approx(reference.spearmanr(*table[:2]).statistic, rel=1e-12)
    assert np.isnan(stats.spearman(table[0], np.ones(30)))


def test_q_values_are_equal() -> None:
    p = np.random.default_rng(1).random(50) ** 3
    np.testing.assert_array_equal(stats.false_discovery_control(p), reference.false_discovery_control(p))
    assert stats.false_discovery_control([0.2]).tolist() == [0.2]


def test_stages_without_a_model_do_not_import_the_reference() -> None:
    parts = ("analysis", "models_compared", "figures", "report")
    modules = [stage.module for name, stage in STAGES.items() if stage.part.startswith(parts) and name != IMPORTS_IT]
    code = f"import sys, {', '.join(modules)}; sys.exit('scipy.stats' in sys.modules)"
    assert len(modules) > 10
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)
