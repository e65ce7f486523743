"""Likeness of heads as pure functions: FUJI, Jensen-Shannon, permutation tests, clusters and map."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon, pdist, squareform

from attviz_pipeline.analysis.heads import clusters
from attviz_pipeline.analysis.heads.clusters import cluster_heads, compare_clusters, map_heads
from attviz_pipeline.analysis.heads.divergence import jensen_shannon, token_distributions
from attviz_pipeline.analysis.heads.document_divergence import DivergenceSums, SampledDocument
from attviz_pipeline.analysis.heads.fuji import RankedLists, area, fuji, list_lengths
from attviz_pipeline.analysis.heads.permutation import compare_with_chance, frequency_strata, permute_within
from attviz_pipeline.analysis.heads.variation import HeadVariation, measure_variation
from attviz_pipeline.analysis.one_cloud import Chance

Floats = NDArray[np.float64]


def fuji_by_definition(one: Floats, other: Floats) -> list[float]:
    """The published definition, set by set: min(1, s / t) in both lists, over the union of the lists."""
    curve = []
    for length in range(1, len(one) + 1):
        thresholds = [sorted(scores, reverse=True)[length - 1] for scores in (one, other)]
        named = [
            {token for token, score in enumerate(scores) if score >= threshold}
            for scores, threshold in zip((one, other), thresholds, strict=True)
        ]
        union = named[0] | named[1]
        membership = [
            min(
                1.0 if threshold == 0 else min(1.0, scores[token] / threshold)
                for scores, threshold in zip((one, other), thresholds, strict=True)
            )
            for token in union
        ]
        curve.append(sum(membership) / len(union))
    return curve


class TestFuji:
    def test_worked_by_hand(self) -> None:
        result = fuji(np.array([[4.0, 2.0, 1.0], [1.0, 2.0, 4.0]]))

        # Length 1: {a} and {c}; a reaches 1/4 of the second threshold, c 1/4 of the first: (1/4 + 1/4) / 2.
        # Length 2: {a, b} and {c, b}; thresholds 2 and 2: (1/2 + 1 + 1/2) / 3. Length 3: all three, 1.
        assert_allclose(result.curves[0, 1], [1 / 4, 2 / 3, 1])
        assert result.area[0, 1] == pytest.approx(((1 / 4 + 2 / 3) / 2 + (2 / 3 + 1) / 2) / 2)

    def test_two_tokens_swapped_by_hand(self) -> None:
        result = fuji(np.array([[1.0, 0.9, 0.3, 0.1], [0.8, 0.9, 0.3, 0.1]]))

        # Only the shortest lists differ: a reaches 8/9 of the second threshold, b 9/10 of the first.
        assert_allclose(result.curves[0, 1], [(8 / 9 + 9 / 10) / 2, 1, 1, 1])

    @settings(max_examples=200, deadline=None)
    @given(arrays(np.float64, st.tuples(st.just(2), st.integers(1, 12)), elements=st.floats(0, 1, width=16)))
    def test_is_the_published_definition(self, scores: Floats) -> None:
        result = fuji(scores)

        assert_allclose(result.curves[0, 1], fuji_by_definition(*scores), atol=1e-12)

    def test_stays_exact_where_scores_span_many_orders(self) -> None:
        scores = np.exp(np.random.default_rng(0).normal(0, 12, (4, 300)))

        result = fuji(scores, np.arange(1, 301))

        for one, other in combinations(range(4), 2):
            assert_allclose(
                result.curves[one, other], fuji_by_definition(scores[one], scores[other]), rtol=0, atol=1e-12
            )

    def test_only_ratios_and_no_order_of_columns_matter(self) -> None:
        random = np.random.default_rng(1)
        scores = random.integers(0, 6, (5, 40)).astype(float)

        result, changed = fuji(scores), fuji(scores[:, random.permutation(40)] * random.uniform(0.1, 9, (5, 1)))

        assert_allclose(result.curves, changed.curves)
        assert_allclose(result.area, changed.area)

    def test_heads_without_order(self) -> None:
        falling = np.array([4.0, 2.0, 1.0])

        equal = fuji(np.array([[0.5, 0.5, 0.5], [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]]))
        against_falling = fuji(np.array([[1.0, 1.0, 1.0], falling])).curves[0, 1]

        assert_array_equal(equal.area, 1)
        assert_allclose(against_falling, [(1 + 1 / 2 + 1 / 4) / 3, (1 + 1 + 1 / 2) / 3, 1])

    def test_one_token_and_one_head(self) -> None:
        assert_array_equal(fuji(np.array([[0.3], [0.9], [0.0]])).area, 1)
        assert_array_equal(fuji(np.array([[0.3, 0.1]])).area, [[1]])

    @pytest.mark.parametrize(
        ("scores", "message"),
        [
            (np.empty((2, 0)), "at least one of each"),
            (np.array([[0.1, -0.1]]), "negative"),
            (np.array([[0.1, np.nan]]), "not a number"),
            (np.array([[0.1, np.inf]]), "infinite"),
        ],
    )
    def test_refuses_what_cannot_be_ranked(self, scores: Floats, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            fuji(scores)

    @pytest.mark.parametrize("lengths", [[1, 2], [0, 3], [2, 2, 3], [1, 4]])
    def test_refuses_lengths_that_do_not_fit(self, lengths: list[int]) -> None:
        with pytest.raises(ValueError, match="must ascend"):
            fuji(np.ones((2, 3)), np.array(lengths))


class TestListLengths:
    @pytest.mark.parametrize(("n_tokens", "n_lengths"), [(1, 5), (5, 5), (6, 5), (20_000, 128)])
    def test_rise_from_one_to_all_tokens(self, n_tokens: int, n_lengths: int) -> None:
        lengths = list_lengths(n_tokens, n_lengths)

        assert lengths[0] == 1
        assert lengths[-1] == n_tokens
        assert (np.diff(lengths) > 0).all()
        assert len(lengths) <= n_lengths

    def test_areas_on_them_are_nearly_exact_only_if_intervals_count_as_wide_as_they_are(self) -> None:
        scores = np.exp(np.random.default_rng(2).normal(0, 1, (6, 3000)))

        exact = fuji(scores)
        on_grid = RankedLists.of(scores, list_lengths(3000)).areas()
        curve = exact.curves[0, 1]
        unit_spacing = ((curve[1:] + curve[:-1]) / 2).mean()

        assert_allclose(on_grid, exact.area[np.triu_indices(6, 1)], atol=2e-4)
        assert abs(unit_spacing - exact.area[0, 1]) > 0.05

    @pytest.mark.parametrize(("n_tokens", "tolerance"), [(145, 1e-12), (384, 1e-12), (400, 2e-4), (1000, 2e-4)])
    @pytest.mark.parametrize("spread", [1, 3])
    def test_areas_of_small_vocabularies_are_exact(self, n_tokens: int, tolerance: float, spread: float) -> None:
        scores = np.exp(np.random.default_rng(n_tokens).normal(0, spread, (8, n_tokens)))

        on_grid = RankedLists.of(scores, list_lengths(n_tokens)).areas()

        assert_allclose(on_grid, fuji(scores).area[np.triu_indices(8, 1)], rtol=0, atol=tolerance)

    def test_area_of_a_line(self) -> None:
        lengths = np.array([1, 2, 5, 9])

        assert area((lengths - 1) / 8, lengths) == pytest.approx(1 / 2)


def test_example_of_the_documentation() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "statistics" / "head-comparison.md").read_text("utf-8")
    scores = np.array([[0.4, 0.2, 0.1], [0.3, 0.1, 0.2], [0.1, 0.2, 0.4], [0.1, 0.1, 0.3]])

    likeness = fuji(scores)

    assert f"scores = np.array({scores.tolist()})" in text
    assert f"# {likeness.area[0].round(3).tolist()}" in text
    assert f": {likeness.curves[0, 2].round(3).tolist()}" in text
    assert f"# {cluster_heads(1 - likeness.area).cluster.tolist()}" in text
    assert f"# {map_heads(1 - likeness.area).stress:.3f}" in text


@pytest.mark.slow
def test_a_large_model_can_be_compared() -> None:
    scores = np.exp(np.random.default_rng(3).normal(0, 1, (144, 20_000)))

    assert fuji(scores).curves.shape == (144, 144, 384)


class TestJensenShannon:
    def test_is_that_of_scipy(self) -> None:
        heads = token_distributions(np.random.default_rng(0).random((6, 30)))
        heads[0, 5:] = 0
        heads[0] /= heads[0].sum()

        expected = [jensenshannon(heads[one], heads[other], base=2) ** 2 for one, other in combinations(range(6), 2)]

        assert_allclose(jensen_shannon(heads), expected, atol=1e-12)
        assert_allclose(jensen_shannon(np.stack([heads, heads])), [expected, expected], atol=1e-12)

    def test_ends_of_the_scale(self) -> None:
        heads = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])

        assert_array_equal(jensen_shannon(heads), [1, 1, 0])

    def test_a_head_without_attention_is_even(self) -> None:
        distributions = token_distributions(np.array([[0.0, 0.0, 0.0, 0.0], [0.1, 0.3, 0.0, 0.0]]))

        assert_allclose(distributions, [[0.25] * 4, [0.25, 0.75, 0, 0]])


class TestPermutation:
    def test_counts_permutations_at_least_as_alike(self) -> None:
        draws = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])

        similarity = compare_with_chance(np.array([2.0, 9.0]), draws, high_is_alike=True)
        distance = compare_with_chance(np.array([2.0, 9.0]), draws, high_is_alike=False)

        assert_allclose(similarity.p, [3 / 4, 1 / 4])
        assert_allclose(distance.p, [3 / 4, 4 / 4])
        assert_allclose(similarity.q, [3 / 4, 2 / 4])
        assert_allclose(similarity.null_mean, [2, 5])
        assert_allclose(similarity.null_low, np.percentile(draws, 2.5, axis=0))

    def test_no_pair_is_no_fault(self) -> None:
        assert compare_with_chance(np.empty(0), np.empty((3, 0)), high_is_alike=True).n_pairs == 0

    def test_tokens_stay_in_their_stratum(self) -> None:
        frequency = np.array([1, 100, 2, 3, 65, 127, 1, 2])

        order = permute_within(frequency_strata(frequency), np.random.default_rng(0))

        assert sorted(order) == list(range(8))
        assert_array_equal(np.log2(frequency[order]).astype(int), np.log2(frequency).astype(int))
        assert (order != np.arange(8)).any()

    def test_unrelated_heads_are_found_alike_as_often_as_chance_allows(self) -> None:
        random = np.random.default_rng(4)
        lists = RankedLists.of(random.random((32, 120)), list_lengths(120))
        strata = frequency_strata(np.full(120, 5))

        draws = np.array([lists.permuted(lambda: permute_within(strata, random)).areas() for _ in range(199)])
        found = compare_with_chance(lists.areas(), draws, high_is_alike=True)

        assert 0.02 < (found.p <= 0.05).mean() < 0.09
        assert 0.4 < found.p.mean() < 0.6
        assert not (found.q <= 0.05).any()

    def test_heads_that_agree_on_frequency_only_are_not_alike(self) -> None:
        random = np.random.default_rng(5)
        frequency = np.repeat([5, 20, 80, 320], 40)
        lists = RankedLists.of(np.exp(np.log2(frequency) + random.normal(0, 1, (10, 160))), list_lengths(160))

        def share_alike(strata: list[NDArray[np.int64]]) -> float:
            draws = np.array([lists.permuted(lambda: permute_within(strata, random)).areas() for _ in range(99)])
            return float((compare_with_chance(lists.areas(), draws, high_is_alike=True).p <= 0.05).mean())

        assert share_alike([np.arange(160)]) == 1
        assert share_alike(frequency_strata(frequency)) < 0.2

    def test_heads_that_do_agree_are_found(self) -> None:
        random = np.random.default_rng(6)
        common = random.normal(0, 1, 200)
        lists = RankedLists.of(np.exp(common + random.normal(0, 1, (4, 200))), list_lengths(200))
        strata = frequency_strata(np.full(200, 5))

        draws = np.array([lists.permuted(lambda: permute_within(strata, random)).areas() for _ in range(99)])

        assert_allclose(compare_with_chance(lists.areas(), draws, high_is_alike=True).p, 1 / 100)

    def test_a_few_similar_pairs_among_thousands_are_found(self) -> None:
        """Without the tail the smallest p, 1 / 301, has q = 1 for five pairs of 2,500."""
        random = np.random.default_rng(9)
        values, draws = random.normal(0, 1, 2500), random.normal(0, 1, (300, 2500))
        values[:5] = 12

        found = compare_with_chance(values, draws, high_is_alike=True)

        assert (found.q[:5] <= 0.05).all()
        assert (found.q[5:] <= 0.05).sum() <= 1
        facts = found.facts()
        assert facts["smallest_p"] == 1e-6
        assert facts["floor_sets_q"] == bool((found.unfitted & (found.q > 0.05)).any())
        assert facts["n_tail_pairs"] == found.fitted.sum() >= 5

    def test_facts_say_where_the_floor_decides(self) -> None:
        """Permutations of three values have no tail to fit: one pair that none reaches stays at the floor."""
        draws = np.random.default_rng(9).integers(0, 3, (99, 50)).astype(float)
        values = np.append(9.0, np.ones(49))

        found = compare_with_chance(values, draws, high_is_alike=True, tested=np.arange(50) != 1)

        facts = found.facts()
        assert (facts["smallest_p"], facts["n_tested_pairs"], facts["n_tail_pairs"]) == (1 / 100, 49, 0)
        assert (facts["n_pairs_without_tail"], facts["floor_sets_q"]) == (1, True)
        assert (found.p[1], found.q[1]) == (1, 1)

    def test_unrelated_attention_within_documents_is_found_alike_as_often_as_chance_allows(self) -> None:
        random = np.random.default_rng(7)
        sums = DivergenceSums(n_heads=20, n_permutations=59, seed=8)
        for position in range(12):
            sums.add(SampledDocument(position, random.dirichlet(np.full(30, 0.4), 20), np.full(30, 32.0)))

        result = sums.result()

        found = compare_with_chance(result.distance, result.draws, high_is_alike=False)
        assert result.n_documents == 12
        assert 0.01 < (found.p <= 0.05).mean() < 0.1
        assert 0.4 < found.p.mean() < 0.6


def test_single_precision_is_enough_for_chance() -> None:
    distributions = np.random.default_rng(0).dirichlet(np.full(80, 0.3), 12)
    distributions[3, :5] = 0
    single = jensen_shannon(distributions.astype(np.float32))
    assert_allclose(single, jensen_shannon(distributions), rtol=0, atol=5e-6)
    assert_array_equal(jensen_shannon(np.full((3, 7), 1 / 7, np.float32)), 0)


class TestClusters:
    def test_finds_groups_and_heads_that_stand_alone(self) -> None:
        centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [40.0, 40.0]], [5, 4, 3, 1], axis=0)
        places = centres + np.random.default_rng(0).normal(0, 0.5, centres.shape)
        shuffle = np.random.default_rng(1).permutation(13)

        found = cluster_heads(squareform(pdist(places[shuffle])))

        groups = np.repeat([0, 1, 2, 3], [5, 4, 3, 1])[shuffle]
        assert len(set(found.cluster)) == 4
        assert all(len(set(found.cluster[groups == group])) == 1 for group in range(4))
        assert found.silhouette[groups == 3] == 0
        assert found.silhouette[groups != 3].min() > 0.7
        assert sorted(found.order) == list(range(13))
        # Groups are numbered along the dendrogram and lie in one piece there.
        assert (np.diff(found.cluster[np.argsort(found.order)]) >= 0).all()

    def test_one_stray_head_makes_no_groups(self) -> None:
        places = np.vstack([np.random.default_rng(2).normal(0, 1, (12, 6)), np.full((1, 6), 30.0)])

        found = cluster_heads(squareform(pdist(places)))

        sizes = np.bincount(found.cluster)
        assert found.silhouette.mean() < 0.3
        assert sizes.max() < 12 or len(sizes) == 1

    @pytest.mark.slow
    def test_groups_beyond_chance_stay_and_a_cloud_has_none(self) -> None:
        random = np.random.default_rng(3)
        cloud = random.normal(0, 1, (30, 4))
        grouped = cloud + 8 * np.repeat(np.eye(4)[:3], 10, axis=0)
        none = np.zeros(30, np.bool_)
        for squared in (False, True):
            metric = "sqeuclidean" if squared else "euclidean"
            at_random = compare_clusters(squareform(pdist(cloud, metric)), none, random, squared=squared)
            found = compare_clusters(squareform(pdist(grouped, metric)), none, random, squared=squared)

            assert at_random.outcome == "nothing_found"
            assert cluster_heads(squareform(pdist(cloud, metric))).silhouette.mean() == at_random.silhouette > 0
            assert set(at_random.clusters.cluster) == {0}
            assert found.outcome == "found"
            assert found.chance is not None
            assert found.chance.p == 0.01
            assert (found.clusters.cluster[::10] == found.clusters.cluster[9::10]).all()

    @pytest.mark.parametrize(("p", "outcome"), [(0.05, "found"), (0.06, "nothing_found")])
    def test_groups_are_left_out_above_the_level(self, p: float, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
        places = np.random.default_rng(4).normal(0, 0.1, (12, 2)) + np.repeat([[0, 0], [5, 0]], 6, axis=0)
        monkeypatch.setattr(clusters, "N_DRAWS", 1)
        monkeypatch.setattr(Chance, "of", classmethod(lambda cls, *_: cls(0.1, 0.2, p)))
        found = compare_clusters(
            squareform(pdist(places)), np.zeros(12, np.bool_), np.random.default_rng(5), squared=False
        )
        assert found.outcome == outcome

    def test_constant_heads_are_alone(self) -> None:
        random = np.random.default_rng(3)
        places = random.normal(0, 0.1, (21, 2)) + np.repeat([[0, 0], [5, 0], [2, 3]], [10, 10, 1], axis=0)
        constant = np.arange(21) == 20

        found = compare_clusters(squareform(pdist(places)), constant, random, squared=False)

        assert found.outcome == "found"
        assert sorted(np.bincount(found.clusters.cluster)) == [1, 10, 10]
        assert found.clusters.silhouette[20] == 0
        assert found.silhouette == pytest.approx(found.clusters.silhouette[:20].mean())

    def test_many_stray_heads_make_no_groups(self) -> None:
        """Two pairs among heads that are far from all others are not the groups of a model."""
        places = np.append([0, 0.1, 5, 5.1], 20 * 2.0 ** np.arange(16))[:, None]

        assert set(cluster_heads(squareform(pdist(places))).cluster) == {0}

    @pytest.mark.parametrize("n_heads", [1, 2, 5])
    def test_equal_heads_are_one_group(self, n_heads: int) -> None:
        found, place = cluster_heads(np.zeros((n_heads, n_heads))), map_heads(np.zeros((n_heads, n_heads)))

        assert_array_equal(found.cluster, 0)
        assert_array_equal(found.silhouette, 0)
        assert_array_equal([place.x, place.y], 0)
        assert place.stress == 0


class TestVariation:
    def test_measures_the_logarithm_relative_to_even_attention(self) -> None:
        attention = np.exp([[1.0, -1.0], [0.1, 0.1], [2.0, 2.0]]) / 10

        spread, apart = measure_variation(attention, np.full(2, 10.0))

        assert_allclose(spread, [1, 0, 0], atol=1e-12)
        assert_allclose(apart, [1, 0.1, 2])
        found = HeadVariation.of({7: (spread, apart), 3: (spread, apart)}, 3)
        assert found.constant.tolist() == [False, True, True]
        assert found.even.tolist() == [False, True, False]
        assert found.facts()["constant_heads"] == [1, 2]

    def test_without_documents_nothing_is_said(self) -> None:
        facts = HeadVariation.of({}, 3).facts()

        assert (facts["constant_heads"], facts["n_even_heads"], facts["head_variation"]) == ([], 0, [])


class TestMap:
    def test_places_in_a_plane_are_found_again(self) -> None:
        distance = squareform(pdist(np.random.default_rng(0).normal(0, 1, (20, 2))))

        found = map_heads(distance)

        shown = squareform(pdist(np.column_stack([found.x, found.y])))
        assert_allclose(shown, distance, atol=1e-6)
        assert found.stress < 1e-6
        assert found.x.var() > found.y.var()

    def test_stress_measures_what_a_plane_cannot_show(self) -> None:
        distance = 1 - np.eye(12)

        found = map_heads(distance)

        shown = squareform(pdist(np.column_stack([found.x, found.y])))
        assert found.stress == pytest.approx(np.sqrt(((shown - distance) ** 2).sum() / (distance**2).sum()))
        assert 0.2 < found.stress < 0.4

    def test_two_heads_lie_at_their_distance(self) -> None:
        found = map_heads(np.array([[0, 0.4], [0.4, 0]]))

        assert abs(found.x[0] - found.x[1]) == pytest.approx(0.4)

    def test_distances_that_fit_into_no_space(self) -> None:
        distance = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 1.0], [5.0, 1.0, 0.0]])

        found = map_heads(distance)

        assert np.isfinite([found.x, found.y]).all()
        assert found.stress > 0.1

    def test_is_the_same_every_time(self) -> None:
        distance = squareform(pdist(np.random.default_rng(3).random((15, 6))))

        assert_array_equal(map_heads(distance).x, map_heads(distance).x)
