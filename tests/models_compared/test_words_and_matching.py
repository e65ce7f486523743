"""Terms that two models share, and heads matched by them: against scipy, planted heads, and what chance gives."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from attviz_pipeline.models_compared.matching import match_heads
from attviz_pipeline.models_compared.terms import Terms, correlations
from attviz_pipeline.models_compared.words import SharedTerms

Floats = NDArray[np.float64]


def noise(seed: int, n_heads: int, n_terms: int) -> Floats:
    values: Floats = np.random.default_rng(seed).normal(0, 1, (n_heads, n_terms))
    return values


def test_terms_are_shared_by_name() -> None:
    own = Terms(["bank", "goal", "oil", "rain"], np.array([[1.0, 2, 3, 4]]))
    other = Terms(["##k", "goal", "oil", "rain", "##s"], np.array([[9.0, 7, 5, 6, 8]]))

    shared = SharedTerms.of(own, other)

    assert shared.n == 3
    assert (shared.own.tolist(), shared.other.tolist()) == ([[2, 3, 4]], [[7, 5, 6]])
    assert shared.correlation() == pytest.approx(stats.spearmanr([2, 3, 4], [7, 5, 6]).statistic)


def test_the_correlation_is_of_the_means_over_heads() -> None:
    shared = SharedTerms(noise(1, 4, 30), noise(2, 7, 30))

    reference = stats.spearmanr(shared.own.mean(axis=0), shared.other.mean(axis=0))
    assert shared.correlation() == pytest.approx(reference.statistic)


def test_without_three_shared_terms_nothing_is_compared() -> None:
    shared = SharedTerms.of(Terms(["a", "b", "c"], noise(1, 2, 3)), Terms(["b", "c", "d"], noise(2, 2, 3)))

    matched = match_heads(shared, 1)
    assert np.isnan([shared.correlation(), shared.correlation_of_halves(1), matched.mean, matched.p]).all()
    assert np.isnan([matched.chance_mean, matched.chance_high]).all()
    assert not len(matched.own)
    nothing = SharedTerms.of(Terms(["a"], noise(1, 2, 1)), Terms(["b"], noise(2, 2, 1)))
    assert (nothing.n, np.isnan(nothing.correlation())) == (0, True)


def test_halves_of_the_own_heads_are_as_alike_as_they_are() -> None:
    common = noise(3, 1, 400)
    alike, unlike = common + 0.3 * noise(4, 8, 400), noise(5, 8, 400)

    # Each half is the common part plus a noise of standard deviation 0.3 / 2: r = 1 / (1 + 0.15 ** 2).
    assert SharedTerms(alike, alike).correlation_of_halves(1) == pytest.approx(1 / (1 + 0.15**2), abs=0.01)
    assert abs(SharedTerms(unlike, unlike).correlation_of_halves(1)) < 0.1
    assert np.isnan(SharedTerms(alike[:1], alike).correlation_of_halves(1))


@pytest.mark.parametrize("n_other", [3, 4, 6])
def test_the_matching_has_the_largest_sum_of_all(n_other: int) -> None:
    shared = SharedTerms(noise(1, 4, 12), noise(2, n_other, 12))
    found = correlations(shared.own, shared.other)

    matched = match_heads(shared, 1)

    n = min(4, n_other)
    assert len(set(matched.own.tolist())) == len(set(matched.other.tolist())) == len(matched.correlation) == n
    best = max(
        sum(found[row, column] for row, column in zip(rows, columns, strict=True))
        for rows in itertools.combinations(range(4), n)
        for columns in itertools.permutations(range(n_other), n)
    )
    assert matched.mean == pytest.approx(best / n)
    assert matched.correlation == pytest.approx(found[matched.own, matched.other])


def test_planted_heads_are_found_and_chance_is_far_below() -> None:
    own = noise(1, 6, 80)
    order = np.array([3, 0, 5, 1])
    other = own[order] + 0.3 * noise(2, 4, 80)

    matched = match_heads(SharedTerms(own, other), 1)

    assert dict(zip(matched.other.tolist(), matched.own.tolist(), strict=True)) == dict(enumerate(order.tolist()))
    assert matched.mean > 0.9
    assert matched.chance_mean < matched.chance_high < 0.4
    assert matched.p == pytest.approx(1 / 201)


def test_heads_that_treat_all_terms_alike_are_left_out() -> None:
    own = noise(1, 3, 20)
    own[1] = 0.5

    matched = match_heads(SharedTerms(own, own[[2, 1, 0]]), 1)

    assert (matched.own.tolist(), matched.other.tolist()) == ([0, 2], [2, 0])
    assert matched.mean == pytest.approx(1)


def test_unlike_models_are_rarely_said_to_match() -> None:
    p = [match_heads(SharedTerms(noise(n, 4, 25), noise(1_000 + n, 3, 25)), n).p for n in range(60)]

    # The best matching of unlike heads has a mean far above 0, and chance has the same.
    assert np.mean(np.array(p) < 0.05) <= 0.1
    assert np.median(p) == pytest.approx(0.5, abs=0.2)
