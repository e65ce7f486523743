"""Formulas of effects and shrinkage: small cases worked out by hand, or by SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.classes.effects import Side, effect_interval, effect_variance
from attviz_pipeline.analysis.classes.log_odds import log_odds
from attviz_pipeline.analysis.classes.ranks import _design_effect, detectable_correlation, in_halves
from attviz_pipeline.analysis.group_documents import Groups, _told_by_length
from attviz_pipeline.analysis.heads import tail
from attviz_pipeline.analysis.heads.numbering import Heads
from attviz_pipeline.analysis.heads.rankings import PairCurve
from attviz_pipeline.analysis.heads.tables import _curve
from attviz_pipeline.analysis.inference import expanded_tail
from attviz_pipeline.analysis.predictions.values import _described
from attviz_pipeline.analysis.quantities import FIXED_BITS, from_fixed, to_fixed
from attviz_pipeline.analysis.shrinkage import shrink, shrink_to_zero
from attviz_pipeline.analysis.terms.replicates import TermReplicates

FEW, MANY = [0.1, 0.9, 0.4, 0.7], [1.0, 1.2, 1.1, 0.9, 1.3, 1.0, 1.15]
FEW_ALIKE, MANY_APART = [1.0, 1.05, 1.1], [0.1, 0.9, 0.4, 0.7, 0.2, 1.3, 0.5]
"""Student's interval is the wider one: it pools the variances."""


def side(values: list[float]) -> Side:
    """One document per input row."""
    squares = [[len(values) * np.var(values)]]
    return Side(*(np.array(column) for column in ([[float(len(values))]], [[len(values)]], squares, [[1.0]])))


class TestIntervalsOfEffects:
    @pytest.mark.parametrize(
        ("first", "second"), [(FEW, MANY), (MANY, FEW), (FEW[:2], FEW[2:]), (FEW_ALIKE, MANY_APART)]
    )
    def test_the_wider_of_a_welch_and_a_student_interval(self, first: list[float], second: list[float]) -> None:
        n, freedom, left, effect = (len(first), len(second)), len(first) + len(second) - 2, 0.8, -0.6
        variances = [np.var(values, ddof=1) for values in (first, second)]
        pooled = ((n[0] - 1) * variances[0] + (n[1] - 1) * variances[1]) / freedom

        low, high = effect_interval(
            np.array([[effect]]), np.array([[pooled**0.5]]), np.array([[left]]), side(first), side(second)
        )

        of_g = effect**2 / (2 * freedom)
        of_means = {
            stats.ttest_ind(first, second, equal_var=False).df: variances[0] / n[0] + variances[1] / n[1],
            freedom: pooled * (1 / n[0] + 1 / n[1]),
        }
        half = max(stats.t.ppf(0.975, df) * (v / pooled / left + of_g) ** 0.5 for df, v in of_means.items())
        assert_allclose([low[0, 0], high[0, 0]], [effect - half, effect + half])

    def test_one_row_has_no_interval_and_neither_has_a_group_that_length_determines(self) -> None:
        for first, second, left in ((FEW[:1], MANY, 0.8), (MANY, FEW[:1], 0.8), (FEW, MANY, 0.0)):
            bounds = effect_interval(
                np.array([[0.3]]), np.array([[0.2]]), np.array([[left]]), side(first), side(second)
            )
            assert np.isnan(bounds).all()

    def test_equal_values_have_the_effect_as_their_bounds(self) -> None:
        zero = np.array([[0.0]])
        equal = side([0.5, 0.5, 0.5])
        assert [b.tolist() for b in effect_interval(zero, zero, zero + 1, equal, equal)] == [[[0.0]], [[0.0]]]

    def test_variance_of_an_effect(self) -> None:
        # Of means, a quarter and a twelfth over 0.8; of g, half of its square over 14 degrees of freedom.
        effect, left = np.array([[0.5]]), np.array([[0.8]])
        assert_allclose(effect_variance(effect, left, np.array([[4.0]]), np.array([[12.0]])), 5 / 12 + 1 / 112)
        # Nothing is left of the group: no inflation, as no effect is told. A side is worth at least one row.
        assert_allclose(effect_variance(effect, left * 0, np.array([[0.5]]), np.array([[4.0]])), 1.25 + 0.25 / 6)


class TestShrinkage:
    def test_equal_variances(self) -> None:
        """Pooled variance 1, so v = 0.5; 2.5 between means, so 2 are left for the prior, and B is 0.2."""
        means, n = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), np.full(5, 2)

        found = shrink(means, np.full(5, 0.25), np.full(5, 0.5), n)

        assert_allclose([found.centre, found.spread, found.std], [0, 2**0.5, 1], atol=1e-9)
        assert_allclose(found.trust, 0.8)
        assert_allclose(found.means, 0.8 * means, atol=1e-9)
        # Morris: v (1 - (n - 1)/n B') + 2/(n - 3) B'^2 d^2 with B' = (n - 3)/(n - 1) B.
        assert_allclose(found.errors**2, 0.5 * (1 - 4 / 5 * 0.1) + 0.1**2 * means**2)

    def test_three_terms_are_too_few_to_correct_the_share_of_the_prior(self) -> None:
        means = np.array([-1.0, 0.0, 1.0])
        found = shrink(means, np.full(3, 0.25), np.full(3, 0.5), np.full(3, 2))
        assert_allclose(found.errors**2, 0.5 * (1 - 2 / 3 * 0.5) + 2 * 0.5**2 * means**2)

    def test_no_terms_have_a_prior_of_nothing(self) -> None:
        none = np.array([])
        found = shrink(none, none, none, np.array([], np.int64))
        assert (found.centre, found.spread, found.std) == (0.0, 0.0, 0.0)
        assert [len(part) for part in (found.means, found.errors, found.trust)] == [0, 0, 0]

    def test_effects_of_equal_variance(self) -> None:
        # Mean square 3, of which 1 is error: two thirds of each effect are kept.
        assert_allclose(shrink_to_zero(np.array([1.0, -2.0, 2.0]), np.ones(3)), np.array([1.0, -2.0, 2.0]) * 2 / 3)

    def test_the_unit_of_measurement_changes_nothing(self) -> None:
        rng = np.random.default_rng(5)
        v = rng.uniform(0.1, 2, 40)
        values, n = rng.normal(0, np.sqrt(1 + v)), np.full(40, 3)

        assert_allclose(shrink_to_zero(1e-4 * values, 1e-8 * v), 1e-4 * shrink_to_zero(values, v), rtol=1e-6)
        small, plain = shrink(1e-4 * values, 1e-8 * v, v, n), shrink(values, v, v, n)
        assert_allclose(small.means, 1e-4 * plain.means, rtol=1e-6)
        assert_allclose(small.errors, 1e-4 * plain.errors, rtol=1e-6)


def test_log_odds_without_any_attention_are_zero() -> None:
    assert [part.tolist() for part in log_odds(np.zeros((2, 2)), np.zeros(2), 20)] == [[[0.0, 0.0]] * 2] * 2


class TestRankCorrelations:
    def test_design_effect_of_two_rows(self) -> None:
        """Influences are (3, -5, 1, 1) / 12, those of rows 5 / 12 and -5 / 12; two rows count twice."""
        x, y = np.array([3.0, -1, -1, -1]) / 12**0.5, np.array([1.0, 1, -1, -1]) / 2
        assert _design_effect(x, y, float(x @ y), np.array([0, 1, 0, 0])) == pytest.approx(2 * 50 / 36)
        # Influences that cancel within rows make no row worth more than its documents.
        assert _design_effect(x, y, float(x @ y), np.array([0, 0, 1, 1])) == 1

    def test_what_only_follows_length_has_no_correlation_in_any_half(self) -> None:
        rng = np.random.default_rng(10)
        length, halves = rng.normal(0, 1, 40), (rng.random((40, 50)) < 0.5).astype(float)
        found = in_halves((3 * length + 1)[None], rng.normal(0, 1, 40), length, halves)
        assert (found == 0).all()

    def test_in_half_of_the_documents_it_is_the_correlation_of_residuals(self) -> None:
        rng = np.random.default_rng(8)
        half = np.arange(30) % 2 == 0
        length = rng.normal(0, 1, 30)
        value, head = rng.normal(0, 1, 30) + length, rng.normal(0, 1, 30) + 2 * length
        left = [x[half] - np.polyval(np.polyfit(length[half], x[half], 1), length[half]) for x in (head, value)]

        found = in_halves(head[None], value, length, half[:, None].astype(float))

        assert_allclose(found, np.corrcoef(*left)[0, 1])

    @pytest.mark.parametrize("n", [2, 4, 5])
    def test_few_documents_detect_as_much_as_five(self, n: int) -> None:
        """Fisher's z varies by 1 / (n - 4); 1.96 of its standard deviations and 0.84 for a power of 80 %."""
        assert detectable_correlation(n) == pytest.approx(np.tanh(stats.norm.ppf(0.975) + stats.norm.ppf(0.8)))


def test_chance_of_a_curve_lies_between_the_ends_of_95_percent_of_its_draws() -> None:
    draws = np.random.default_rng(6).permutation(201)[:, None] * np.array([1.0, 2.0])
    found = _curve(Heads(1, 2), PairCurve("nearest", 0, np.array([1, 2]), np.zeros(2), draws))
    assert [found[f"null_{name}"].to_pylist() for name in ("low", "mean", "high")] == [[5, 10], [100, 200], [195, 390]]


@pytest.mark.parametrize(("values", "std"), [([7.0], 0), ([1.0, 3.0], 2**0.5), ([1.0, 2.0, 6.0], 7**0.5)])
def test_spread_of_predicted_values_is_that_of_a_sample(values: list[float], std: float) -> None:
    assert _described(np.array(values))["std"] == pytest.approx(std)


def test_share_of_length_that_groups_tell_is_eta_squared() -> None:
    """ln n is 0, 2 and 4 in two groups with means 1 and 4: 2 (1 - 2)^2 + (4 - 2)^2 of 4 + 0 + 4."""
    found = _told_by_length(Groups(np.array([0, 0, 1]), np.zeros((2, 1))), np.exp([0.0, 2.0, 4.0]))
    assert found == pytest.approx({"length_eta_squared": 6 / 8, "length_eta_squared_by_chance": 1 / 2})


class TestBootstrapIntervals:
    def test_bounds_are_quantiles_of_the_replicates_that_have_the_term(self) -> None:
        means = np.random.default_rng(9).normal(0, 1, (3, 50)).astype(np.float32)
        means[0, 10:] = np.nan
        n_rows = np.array([5, 40, 400])

        found = TermReplicates.of_means(n_rows, n_rows, n_rows, {"x": means}).summarise({"x": np.zeros(3)})
        low, high = found.bounds["x"]

        for term, tail_share in enumerate(expanded_tail(n_rows)):
            expected = np.nanquantile(means[term].astype(np.float64), [tail_share, 1 - tail_share])
            assert_allclose([low[term], high[term]], expected)

    @pytest.mark.parametrize(("mean", "estimate"), [(0.1, 0.1), (0.7, 0.7), (0.5, 0.7), (0.7, 0.5)])
    def test_only_a_rounding_error_moves_a_bound(self, mean: float, estimate: float) -> None:
        """Single precision makes 0.1 larger and 0.7 smaller."""
        replicates = TermReplicates.of_means(
            np.array([9]), np.array([9]), np.array([9]), {"x": np.full((1, 20), mean, np.float32)}
        )

        (low,), (high,) = replicates.summarise({"x": np.array([estimate])}).bounds["x"]

        assert (low, high) == (pytest.approx(mean), pytest.approx(mean))
        assert (low <= estimate <= high) == (mean == estimate)


def test_fixed_point_is_exact_to_half_of_its_last_bit() -> None:
    values = np.array([0.0, 1.0, -3.25, 0.1, 1234.56789])
    assert_allclose(from_fixed(to_fixed(values)), values, rtol=0, atol=0.5 * 2.0**-FIXED_BITS)
    assert from_fixed(to_fixed(values) * 3)[2] == -9.75


class TestGeneralisedPareto:
    def test_survival(self) -> None:
        excess = np.array([[0.0, 0.0], [0.5, 0.5], [4.0, 4.0]])
        shape, scale = np.array([0.0, 0.3]), np.array([2.0, 1.5])
        assert_allclose(tail._survival(excess, shape, scale), stats.genpareto.sf(excess, shape, scale=scale))

    def test_shape_and_scale_of_quantiles(self) -> None:
        p = (np.arange(1, 4001) - 0.35) / 4000
        quantiles = np.column_stack([stats.genpareto.ppf(p, 0.2, scale=3), stats.expon.ppf(p, scale=0.5), 0 * p])
        shape, scale = tail._fit(quantiles)
        assert_allclose(shape, [0.2, 0, 0], atol=0.02)
        assert_allclose(scale, [3, 0.5, 0], rtol=0.02)


@pytest.mark.parametrize("values", [[0.25, 0.75], [0.1, 0.2, 0.7, 0.4], [0.3], []])
def test_standard_deviation_of_exact_sums(values: list[float]) -> None:
    x = np.array(values)
    sums = exact_sums.to_limbs(x, exact_sums.SUM_LIMBS).sum(axis=1)
    squares = exact_sums.to_limbs(x * x, exact_sums.SQUARE_LIMBS).sum(axis=1)
    expected = np.std(x, ddof=1) if len(x) > 1 else 0.0
    assert_allclose(exact_sums.std(sums, squares, np.array(len(x))), expected, rtol=1e-9)
