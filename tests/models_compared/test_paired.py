"""Paired changes: hand-computed values, scipy as the reference, and what is claimed where nothing differs."""

import numpy as np
import pytest
from scipy import stats

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.models_compared.paired import (
    crossed_change,
    flips_wanted,
    mean_change,
    row_means,
    sign_flip_p,
)
from attviz_pipeline.significance import SIGNIFICANT


def test_documents_of_one_row_are_averaged() -> None:
    values = np.array([[1.0], [3.0], [5.0], [np.nan]])

    assert row_means(values, np.array([0, 0, 1, 2]), 4)[:, 0].tolist() == pytest.approx(
        [2, 5, np.nan, np.nan], nan_ok=True
    )


def test_the_interval_of_a_change_is_that_of_the_paired_t_test() -> None:
    random = np.random.default_rng(3)
    own, other = random.normal(0, 1, (12, 4)), random.normal(0.5, 1, (12, 4))

    found = mean_change(own - other)

    for head in range(4):
        reference = stats.ttest_rel(own[:, head], other[:, head])
        low, high = reference.confidence_interval(0.95)
        assert (found.low[head], found.high[head]) == pytest.approx((low, high))
        assert found.mean[head] == pytest.approx((own - other)[:, head].mean())


def test_one_row_has_no_interval_and_none_no_mean() -> None:
    one, none = mean_change(np.array([[2.0]])), mean_change(np.empty((0, 1)))

    assert one.mean == [2.0]
    assert np.isnan([one.low, one.high, none.mean]).all()
    assert np.isnan(sign_flip_p(np.empty((0, 1)), 99, 1)).all()


def test_p_is_that_of_all_sign_flips() -> None:
    rows = np.random.default_rng(5).normal([0.0, 0.4, 0.9], 1, (9, 3))

    found = sign_flip_p(rows, 40_000, 1)

    for head in range(3):
        reference = stats.permutation_test(
            (rows[:, head],), lambda x: x.mean(), permutation_type="samples", n_resamples=np.inf
        )
        assert found[head] == pytest.approx(reference.pvalue, abs=0.01)


def test_p_counts_the_observed_signs_and_equal_sums() -> None:
    # With one row both signs give the same size; nothing changed gives 1.
    assert sign_flip_p(np.array([[2.0, 0.0]]), 99, 1).tolist() == [1.0, 1.0]
    # Ten equal changes: only all signs equal are as extreme, 2 of 1,024.
    assert sign_flip_p(np.ones((10, 1)), 9_999, 1)[0] == pytest.approx(2 / 1024, abs=0.002)


def test_as_many_flips_as_one_finding_needs() -> None:
    assert flips_wanted(144) == 9_999
    assert 768 / (flips_wanted(768) + 1) < SIGNIFICANT


def test_models_that_differ_by_chance_only_are_rarely_said_to_differ() -> None:
    random, n_claims, n_comparisons = np.random.default_rng(11), 0, 200
    for number in range(n_comparisons):
        base = random.normal(0, 1, (40, 1)) + random.normal(0, 0.5, (40, 24))
        first, second = (base + random.normal(0, 0.2, base.shape) + shift for shift in (0.0, 0.3))
        swapped = random.integers(0, 2, 40).astype(bool)[:, None]
        changes = np.where(swapped, second - first, first - second)
        n_claims += bool((benjamini_hochberg(sign_flip_p(changes, 1_999, number)) < SIGNIFICANT).any())

    assert n_claims <= 0.05 * n_comparisons


def test_crossed_by_hand() -> None:
    # Two models, two rows: means of the models 2 and 4, of the rows 2 and 4; mean 3.
    found = crossed_change(np.array([[1.0, 3.0], [3.0, 5.0]])[:, :, None])

    # The variance of either two means is 2, over their number 1; each has one degree of freedom.
    half = stats.t.ppf(0.975, 1) * np.sqrt(1 + 1)
    assert found.mean == [3.0]
    assert found.spread[0] == pytest.approx(np.sqrt(2))
    assert (found.low[0], found.high[0]) == pytest.approx((3 - half, 3 + half))
    assert found.p[0] == pytest.approx(2 * stats.t.sf(3 / np.sqrt(2), 1))


@pytest.mark.parametrize("n_models", [2, 4])
@pytest.mark.parametrize("between_models", [0.2, 1.0])
def test_intervals_with_models_hold_where_those_of_rows_alone_do_not(n_models: int, between_models: float) -> None:
    n_rows, n_heads = 30, 2_000
    random = np.random.default_rng(2)
    rows = (
        random.normal(0, between_models, (n_models, 1, n_heads))
        + random.normal(0, 1.0, (1, n_rows, n_heads))
        + random.normal(0, 1.0, (n_models, n_rows, n_heads))
    )

    crossed, of_one_model = crossed_change(rows), mean_change(rows[0])

    held = np.mean((crossed.low < 0) & (crossed.high > 0))
    assert held > 0.95
    assert np.mean(crossed.p < SIGNIFICANT) == pytest.approx(1 - held)
    of_rows_held = np.mean((of_one_model.low < 0) & (of_one_model.high > 0))
    assert of_rows_held < (0.6 if between_models == 1 else 0.94)


def test_one_model_has_no_interval_with_models() -> None:
    found = crossed_change(np.ones((1, 5, 2)))

    assert found.mean.tolist() == [1, 1]
    assert np.isnan([found.low, found.high, found.p]).all()


def test_changes_without_any_spread() -> None:
    found = crossed_change(np.tile([0.0, 1.0], (2, 3, 1)))

    assert found.p[0] == 1
    assert np.isnan(found.p[1])
