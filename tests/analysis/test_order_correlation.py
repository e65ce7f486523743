"""Whether two quantities order heads alike."""

import numpy as np
import pytest
from scipy import stats

from attviz_pipeline.analysis.predictions.order_correlation import normal_interval, order_correlation

SOME = np.array([0.3, 0.1, 0.5, 0.5])


def test_it_is_spearmans_with_mid_ranks() -> None:
    other = np.array([2.0, 1.0, 1.0, 4.0])

    assert order_correlation(SOME, other) == pytest.approx(stats.spearmanr(SOME, other).statistic)


@pytest.mark.parametrize("place", [0, 1])
def test_it_is_undefined_if_a_single_value_is_missing(place: int) -> None:
    values = [SOME, SOME.copy()]
    values[place] = np.where(np.arange(4) == 2, np.nan, SOME)

    assert np.isnan(order_correlation(*values))


def test_the_interval_lies_on_both_sides_within_minus_1_and_1() -> None:
    replicates = [0.4, 0.5, 0.6]
    found = normal_interval(0.5, replicates)

    reach = 1.96 * np.std(replicates, ddof=1)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-4)
    assert normal_interval(0.95, replicates).high == 1
    assert normal_interval(-0.95, replicates).low == -1
