"""Clouds without groups: they keep covariance and distances of the points they stand for."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_samples

from attviz_pipeline.analysis.one_cloud import Chance, OneCloud, silhouettes


def principal_spread(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.svd(points - points.mean(axis=0), compute_uv=False)


def distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the centre relative to their median, ascending."""
    found = np.sort(np.linalg.norm(points - points.mean(axis=0), axis=1))
    return found / np.median(found)


def test_draws_keep_the_covariance_of_a_normal_cloud() -> None:
    random = np.random.default_rng(0)
    points = random.normal(3, 1, (400, 5)) * [5, 3, 2, 1, 0.5]
    drawn = OneCloud.of(points).draw(random)
    np.testing.assert_allclose(principal_spread(drawn), principal_spread(points), rtol=0.08)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.1)


def test_draws_keep_outliers() -> None:
    random = np.random.default_rng(0)
    points = random.normal(0, 1, (100, 4))
    points[:3] *= 30
    drawn = np.linalg.norm(OneCloud.of(points).draw(random), axis=1)
    assert (drawn > 10 * np.median(drawn)).sum() == 3


def test_draws_of_groups_have_no_groups() -> None:
    random = np.random.default_rng(1)
    points = random.normal(0, 1, (100, 3))
    points[:50, 0] += 20
    assert np.abs(points[:, 0] - 10).min() > 5  # nothing between the groups
    first_axis = OneCloud.of(points).draw(random)[:, 0]
    assert (np.abs(first_axis) < 5).sum() > 10


def test_silhouettes_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    points = random.normal(0, 1, (40, 3))
    number = np.append(random.integers(0, 4, 39), 4)  # the last point is alone
    apart = squareform(pdist(points))
    expected = silhouette_samples(apart, number, metric="precomputed")
    np.testing.assert_allclose(silhouettes(apart, number), expected, atol=1e-12)
    np.testing.assert_array_equal(silhouettes(np.zeros((4, 4)), np.array([0, 0, 1, 1])), 0)


def test_fewer_points_than_axes_and_equal_points_are_possible() -> None:
    random = np.random.default_rng(2)
    points = random.normal(0, 1, (6, 20))
    drawn = OneCloud.of(points).draw(random)
    assert drawn.shape == (6, 5)
    assert np.isfinite(drawn).all()
    assert OneCloud.of(np.ones((6, 2))).draw(random).shape == (6, 0)


def test_draws_keep_the_distances_of_points_that_lie_close_together() -> None:
    """Distances are relative to their median, whatever the unit of the points."""
    random = np.random.default_rng(4)
    points = random.normal(0, 1, (100, 4))
    points[:3] *= 30

    near, far = (OneCloud.of(points * unit) for unit in (1e-3, 1e3))

    assert np.median(near.distances) == pytest.approx(1)
    np.testing.assert_allclose(near.distances, far.distances)


def test_axes_that_are_rounding_errors_beside_the_longest_are_left_out() -> None:
    points = np.random.default_rng(5).normal(0, 1, (30, 3)) * [1e6, 1e5, 1e-5]
    assert len(OneCloud.of(points).spread) == 2
    assert len(OneCloud.of(points[:, :2]).spread) == 2


def test_chance_counts_the_observed_value_as_one_draw() -> None:
    chance = Chance.of(0.3, [0.1, 0.2, 0.3, 0.4])
    assert chance.p == pytest.approx(3 / 5)
    assert chance.facts() == pytest.approx({"mean": 0.25, "quantile_95": 0.385})
    assert Chance.of(1.0, [0.0] * 99).p == 0.01
