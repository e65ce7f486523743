"""p-values of fitted tails: near the true ones, never 0, and the empirical ones where nothing fits."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import gamma, norm

from attviz_pipeline.analysis.heads.tail import SMALLEST_P, tail_p

ROUNDING = 1e-12


def normal_draws(n_draws: int = 500, n_pairs: int = 200) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, 1, (n_draws, n_pairs))


@pytest.mark.parametrize("z", [3.5, 4.0, 4.5])
def test_normal_tails_go_below_the_floor_and_are_conservative(z: float) -> None:
    found = tail_p(np.full(200, z), normal_draws(), rounding=ROUNDING)
    assert found.fitted.mean() > 0.9
    assert norm.sf(z) < np.median(found.p[found.fitted]) < 1 / 501


def test_nothing_is_said_beyond_one_in_a_million() -> None:
    assert tail_p(np.full(200, 30.0), normal_draws(), rounding=ROUNDING).p.min() == SMALLEST_P


def test_an_exponential_tail_is_hit() -> None:
    draws = np.random.default_rng(1).exponential(1, (1000, 200))
    found = tail_p(np.full(200, 10.0), draws, rounding=ROUNDING)
    assert np.exp(-10) / 2 < np.median(found.p[found.fitted]) < np.exp(-10) * 4


def test_a_heavy_tail_is_not_taken_for_a_light_one() -> None:
    draws = np.random.default_rng(2).pareto(3, (1000, 200))
    found = tail_p(np.full(200, 15.0), draws, rounding=ROUNDING)
    assert np.median(found.p[found.fitted]) > (1 + 15.0) ** -3 / 3


def test_p_is_calibrated_under_the_null() -> None:
    """Of 4,000 values drawn like the permutations, no larger share has a small p than p says."""
    random = np.random.default_rng(3)
    draws, values = gamma.rvs(20, size=(400, 4000), random_state=random), gamma.rvs(20, size=4000, random_state=random)
    p = tail_p(values, draws, rounding=ROUNDING).p
    for level, most in ((0.05, 240), (0.01, 60), (0.001, 12)):
        assert (p <= level).sum() <= most
    assert (p <= 0.05).sum() >= 160


def test_enough_extreme_permutations_give_the_empirical_p() -> None:
    draws = np.arange(1.0, 1001.0)[:, None]
    found = tail_p(np.array([980.5]), draws, rounding=ROUNDING)
    assert found.p == pytest.approx(21 / 1001)
    assert not found.fitted.any()
    assert not found.unfitted.any()


@pytest.mark.parametrize(
    "draws",
    [
        np.zeros((400, 2)),  # nothing varies
        np.repeat(np.random.default_rng(4).integers(0, 3, (400, 1)), 2, axis=1).astype(float),  # three values
        normal_draws(99, 2),  # a quarter is fewer than 30
    ],
)
def test_without_a_fit_p_is_the_empirical_one(draws: NDArray[np.float64]) -> None:
    found = tail_p(np.full(2, 50.0), draws, rounding=ROUNDING)
    np.testing.assert_allclose(found.p, 1 / (1 + len(draws)))
    assert found.unfitted.all()
    assert not found.fitted.any()
