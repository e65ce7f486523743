"""What `compare_classes` finds in multi-label studies, whose groups overlap, and in regression, which has values."""

from collections.abc import Callable

import numpy as np
import pytest
from class_study import claims, compared, invented_study, with_labels, with_values
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from attviz_pipeline.analysis.classes import ranks
from attviz_pipeline.analysis.classes.comparison import Study
from attviz_pipeline.analysis.classes.groupings import by_group, by_value, groupings
from attviz_pipeline.analysis.classes.groups import NO_GROUP, Permutations
from attviz_pipeline.analysis.classes.values import Feature
from attviz_pipeline.analysis.classes.winners import find_winner

FAMILIES = ("heads", "attention", "use")


def sample(
    seed: int, n_documents: int = 70, slope: float = 0.0, n_features: int = 20, n_heads: int | None = None
) -> tuple[Study, np.ndarray]:
    """Return a study in which values and use of terms depend on length only, and a z of the length, [document]."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, n_documents)
    by_length = -slope * z[:, None]
    heads = by_length + rng.normal(0, 1, (n_documents, n_heads or n_features))
    attention = by_length + rng.normal(0, 1, (n_documents, n_features))
    rate = 2 * np.exp(0.3 * slope * (z - z.mean()))[:, None] * rng.gamma(2, 0.5, (n_documents, n_features))
    counts = np.hstack([rng.poisson(rate), np.full((n_documents, 1), 60)])
    attention = np.hstack([attention, np.zeros((n_documents, 1))])
    lengths = np.round(np.exp(4 + z / 2)).astype(np.int64)
    no_class = np.zeros(n_documents, np.int64)
    return invented_study(heads, no_class, counts=counts, attention=attention, n_tokens=lengths), z


def random_values(seed: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng((seed, 1))
    return z + rng.normal(0, 1, len(z)), z + rng.normal(0, 1, len(z))


def random_labels(seed: int, z: np.ndarray, n_labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return labels that depend on length and on each other."""
    rng = np.random.default_rng((seed, 2))
    common = z + rng.normal(0, 1, len(z))
    draws = (common[:, None] + rng.normal(0, 1, (len(z), 2 * n_labels))) > np.tile(np.linspace(0, 1.5, n_labels), 2)
    return draws[:, :n_labels], draws[:, n_labels:]


class TestGroupings:
    def test_labels_overlap_and_each_is_a_group(self) -> None:
        gold = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]], bool)
        predicted = gold ^ np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]], bool)
        study = with_labels(invented_study(np.zeros((6, 1)), np.zeros(6, np.int64)), gold, predicted)

        by_gold, by_predicted, correct = groupings(study.documents)

        # One document with label 2 is too few.
        assert by_gold.groups == ["label 0", "label 1"]
        assert by_gold.left_out == ["gold label 2: 1 of 6 documents; two inside and two outside are needed"]
        assert_array_equal(by_gold.members(by_gold.number), gold[:, :2])
        assert_array_equal(by_gold.members_of(by_gold.number, 1), gold[:, 1])
        assert not by_gold.is_of_two
        assert by_gold.number[5] == NO_GROUP
        assert by_gold.known.all()
        assert by_predicted.groups == ["label 0", "label 1", "label 2"]
        assert_array_equal(by_predicted.members(by_predicted.number), predicted)
        assert correct.groups == ["not right", "all right"]
        assert correct.is_of_two
        assert_array_equal(correct.members(correct.number)[:, 1], [1, 0, 0, 1, 1, 1])

    def test_labels_that_occur_together_stay_together_in_permutations(self) -> None:
        study, z = sample(3)
        study = with_labels(study, *random_labels(3, z))
        grouping = groupings(study.documents)[0]
        permutations = Permutations.of(grouping, study.documents, 5, (1, 0))

        sets = sorted(map(tuple, grouping.members(grouping.number).tolist()))
        for numbers in (next(permutations.arrangements(9)), permutations.draw(0)[:, :9]):
            for permuted in numbers.T:
                assert sorted(map(tuple, grouping.members(permuted).tolist())) == sets
            assert len(np.unique(numbers, axis=1).T) == 9

    def test_values_have_ranks_and_unknown_ones_none(self) -> None:
        grouping = by_value(
            "gold", "gold value", np.array([3.0, 1, 1, np.nan, 9, 2]), np.array([1, 1, 1, 0, 1, 1], bool)
        )

        assert grouping.members(grouping.number)[:, 0].tolist() == [1.0, -1.5, -1.5, 0.0, 2.0, 0.0]
        assert grouping.number[3] == NO_GROUP
        assert grouping.effect == "rho"
        assert not grouping.is_of_two

    @pytest.mark.parametrize(("values", "n"), [([1.0, 2, 3, 4], "4 of 4"), ([2.0] * 9, "9 of 9"), ([], "0 of 0")])
    def test_too_few_or_equal_values_are_left_out(self, values: list[float], n: str) -> None:
        grouping = by_value("gold", "gold value", np.array(values), np.ones(len(values), bool))

        assert grouping.groups == []
        assert grouping.left_out == [f"gold gold value: {n} documents; 5 with two different values or more are needed"]

    def test_without_any_group_nothing_is_compared(self) -> None:
        grouping = by_group("gold", ["a"], np.zeros((3, 1), bool), np.zeros(3, bool))

        assert (grouping.groups, grouping.number.tolist()) == ([], [NO_GROUP] * 3)
        assert grouping.left_out == ["gold a: 0 of 0 documents; two inside and two outside are needed"]

    def test_more_sets_of_labels_than_bits_are_permuted(self) -> None:
        n = 2**16 + 5
        study = with_values(
            invented_study(np.zeros((n, 1)), np.zeros(n, np.int64)), np.arange(n, dtype=float), np.zeros(n)
        )
        grouping = groupings(study.documents)[0]

        drawn = Permutations.of(grouping, study.documents, 1, (1, 0)).draw(0)[:, 0]

        assert_array_equal(np.sort(drawn), np.arange(n))


class TestLabels:
    def test_a_head_and_a_word_of_one_label_are_found(self) -> None:
        rng = np.random.default_rng(4)
        gold = rng.random((90, 3)) < 0.4
        heads = rng.normal(-2, 0.5, (90, 12))
        heads[gold[:, 1], 7] += 1.0
        counts = rng.poisson(1, (90, 30))
        counts[gold[:, 2], 4] += rng.poisson(3, gold[:, 2].sum())
        study = invented_study(heads, np.zeros(90, np.int64), counts=counts)

        comparisons, adjusted = compared(with_labels(study, gold, gold))

        q = {of.family.tests: of.q for of in adjusted if of.family.grouping == "gold"}
        assert [tuple(found) for found in np.argwhere(q["heads"] < 0.05)] == [(7, 1)]
        assert [tuple(found) for found in np.argwhere(q["use"] < 0.05)] == [(4, 2)]
        assert comparisons[0].heads.effect[7, 1] > 1
        assert comparisons[0].heads.n_inside[0].tolist() == gold.sum(axis=0).tolist()
        # Nothing is wrong, so only two groupings are compared.
        assert [comparison.grouping.name for comparison in comparisons] == ["gold", "predicted"]

    def test_effect_of_a_label_is_that_of_a_class_with_the_same_documents(self) -> None:
        study, z = sample(5, n_features=6)
        labels = random_labels(5, z)[0]
        labels[:, 1] = ~labels[:, 0]
        alone = with_labels(study, labels[:, :1], labels[:, :1])
        both = with_labels(study, labels, labels)

        one, two = (compared(found, n_permutations=199)[0][0] for found in (alone, both))

        assert_allclose(one.heads.effect[:, 0], two.heads.effect[:, 0], atol=0.05)
        assert_array_equal(one.heads.mean_inside[:, 0], two.heads.mean_inside[:, 0])
        assert_allclose(one.heads.mean_inside[:, 0], two.heads.mean_outside[:, 1])

    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_length_and_other_labels_alone_are_no_difference(self, slope: float) -> None:
        rates = rejections(random_labels, with_labels, n_studies=8, slope=slope)

        for name, (n_rejected, n_tests) in rates.items():
            assert n_rejected <= stats.binom.ppf(0.999, n_tests, 0.05), name

    @pytest.mark.slow
    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_type_1_error(self, slope: float) -> None:
        rates = rejections(random_labels, with_labels, n_studies=400, slope=slope, n_features=2)

        for name, (n_rejected, n_tests) in rates.items():
            assert 0.03 <= n_rejected / n_tests <= 0.07, (name, n_rejected / n_tests)

    @pytest.mark.slow
    def test_at_most_16_of_200_studies_claim_any_difference(self) -> None:
        assert claiming(random_labels, with_labels, 200) <= 16


class TestValues:
    def test_a_head_and_a_word_that_go_with_the_value_are_found(self) -> None:
        rng = np.random.default_rng(4)
        value = rng.normal(0, 1, 90)
        heads, attention = rng.normal(-2, 0.5, (90, 12)), rng.normal(0, 0.3, (90, 30))
        heads[:, 7] -= 0.5 * value
        attention[:, 9] += 0.4 * value
        counts = 1 + rng.poisson(2, (90, 30))
        counts[:, 4] += rng.poisson(3 * np.exp(value))
        study = invented_study(heads, np.zeros(90, np.int64), counts=counts, attention=attention)

        comparisons, adjusted = compared(with_values(study, value, value + np.random.default_rng(1).normal(0, 0.1, 90)))

        q = {of.family.tests: of.q for of in adjusted if of.family.grouping == "gold"}
        for tests, feature in (("heads", 7), ("attention", 9)):
            assert np.argwhere(q[tests] < 0.05)[:, 0].tolist() == [feature]
        assert q["use"][4, 0] == np.nanmin(q["use"]) < 0.05
        gold = comparisons[0]
        assert gold.heads.effect[7, 0] < -0.5
        assert gold.heads.effect_low[7, 0] < gold.heads.effect[7, 0] < gold.heads.effect_high[7, 0] < -0.4
        assert abs(gold.heads.shrunken_effect[7, 0]) < abs(gold.heads.effect[7, 0])
        assert gold.found.use_rho is not None
        assert gold.found.use_rho[4, 0] > 0.4
        assert gold.use is None
        # The error is independent of everything.
        assert claims([of for of in adjusted if of.family.grouping == "error"]) == 0

    def test_effects_are_partial_rank_correlations(self) -> None:
        study, z = sample(6, slope=0.7)
        value, _ = random_values(6, z)
        value[3] = np.nan

        gold = compared(with_values(study, value, z), n_permutations=99)[0][0]

        known = ~np.isnan(value)
        length = study.documents.table["n_tokens"].to_numpy()
        heads = list(study.heads.features())
        for number in (0, 11):
            expected = partial(heads[number].values[known], value[known], length[known])
            assert gold.heads.effect[number, 0] == pytest.approx(expected, abs=1e-9)
        for number, (feature, share) in enumerate(zip(study.terms.features(), study.terms.shares(), strict=True)):
            there = known[feature.documents]
            documents = feature.documents[there]
            assert gold.terms.n_inside[number, 0] == len(documents)
            if number < 20:
                expected = partial(feature.values[there], value[documents], length[documents])
                assert gold.terms.effect[number, 0] == pytest.approx(expected, abs=1e-9)
            shares = np.zeros(len(value))
            shares[share.documents] = share.values
            expected = partial(shares[known], value[known], length[known])
            assert gold.found.use_rho is not None
            assert gold.found.use_rho[number, 0] == pytest.approx(expected, abs=1e-9)

    @pytest.mark.slow
    def test_p_is_that_of_the_reference_where_length_is_no_matter(self) -> None:
        rng = np.random.default_rng(7)
        value = rng.normal(0, 1, 40)
        heads = rng.normal(0, 1, (40, 4)) + np.array([0, 0.3, 0.5, 0]) * value[:, None]
        study = with_values(invented_study(heads, np.zeros(40, np.int64)), value, value)

        p = compared(study, n_permutations=4999, length_strata=1)[0][0].family("heads").p[:, 0]

        for head in range(4):
            reference = stats.permutation_test(
                (heads[:, head].astype(np.float32),),
                lambda x: stats.spearmanr(x, value).statistic,
                permutation_type="pairings",
                n_resamples=1999,
                rng=np.random.default_rng(5),
            )
            assert p[head] == pytest.approx(reference.pvalue, abs=0.03)

    def test_what_does_not_vary_has_no_correlation(self) -> None:
        value = np.arange(12.0)
        study = with_values(invented_study(np.ones((12, 2)), np.zeros(12, np.int64)), value, value[::-1])

        gold = compared(study, n_permutations=99)[0][0]

        assert gold.heads.effect.tolist() == [[0.0], [0.0]]
        assert gold.family("heads").p.tolist() == [[1.0], [1.0]]

    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_length_alone_is_no_correlation(self, slope: float) -> None:
        rates = rejections(random_values, with_values, n_studies=8, slope=slope)

        for name, (n_rejected, n_tests) in rates.items():
            assert n_rejected <= stats.binom.ppf(0.999, n_tests, 0.05), name

    @pytest.mark.slow
    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_type_1_error(self, slope: float) -> None:
        rates = rejections(random_values, with_values, n_studies=400, slope=slope, n_features=2)

        for name, (n_rejected, n_tests) in rates.items():
            assert 0.03 <= n_rejected / n_tests <= 0.07, (name, n_rejected / n_tests)

    @pytest.mark.slow
    def test_at_most_16_of_200_studies_claim_any_correlation(self) -> None:
        assert claiming(random_values, with_values, 200) <= 16

    @pytest.mark.parametrize(
        ("n_rows", "segments", "true"), [(12, 1, 0.0), (40, 1, 0.5), (100, 1, 0.8), (40, 5, 0.4), (30, 8, 0.0)]
    )
    def test_intervals_cover_the_true_correlation(self, n_rows: int, segments: int, true: float) -> None:
        """With segments, the value is that of the row, and the values of a row are alike."""
        rng = np.random.default_rng(7)
        rows = np.repeat(np.arange(n_rows), segments)
        covered = []
        for _ in range(600):
            value = rng.normal(0, 1, n_rows)[rows]
            share = 0.6 if segments > 1 else 0.0
            noise = share**0.5 * rng.normal(0, 1, n_rows)[rows] + (1 - share) ** 0.5 * rng.normal(0, 1, len(rows))
            # Spearman's rho of a bivariate normal distribution is 6 / pi asin(r / 2).
            r = 2 * np.sin(np.pi * true / 6)
            head = r * value + (1 - r**2) ** 0.5 * noise
            targets = ranks.Targets(value, rng.integers(5, 500, len(rows)), rows)
            found = ranks.correlations([Feature(np.arange(len(rows)), head)], targets)
            covered.append(found.effect_low[0, 0] <= true <= found.effect_high[0, 0])
        assert 0.93 <= np.mean(covered) <= 0.985

    def test_a_clear_head_wins_in_every_half_and_a_faint_one_does_not(self) -> None:
        rng = np.random.default_rng(13)
        value, noise = rng.normal(0, 1, 80), rng.normal(0, 1, (80, 10))
        n_won = []
        for slope in (3.0, 0.5):
            heads = noise.copy()
            heads[:, 6] += slope * value
            study = with_values(invented_study(heads, np.zeros(80, np.int64)), value, value)
            (gold, *_), adjusted = compared(study)
            found = find_winner(
                study.heads, gold.units, gold.permutations, gold.heads.shrunken_effect, adjusted[0].q < 0.05
            )
            assert found is not None
            assert (found.feature, found.group) == (6, 0)
            n_won.append(found.n_won)
        assert n_won[0] == 100
        assert 20 < n_won[1] < 97

    @pytest.mark.parametrize("n", [12, 50, 400])
    def test_detectable_correlations_are_found_in_80_percent(self, n: int) -> None:
        rho = ranks.detectable_correlation(n)

        rng = np.random.default_rng(12)
        r = 2 * np.sin(np.pi * rho / 6)
        x = rng.normal(0, 1, (1000, n))
        y = r * x + (1 - r**2) ** 0.5 * rng.normal(0, 1, x.shape)
        p = np.array([stats.spearmanr(a, b).pvalue for a, b in zip(x, y, strict=True)])
        # A correlation given the length has one degree of freedom less, which matters with few documents.
        assert abs((p < 0.05).mean() - 0.8) < 0.07


def partial(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """Return the partial correlation of ranks by residuals, as a reference."""
    rank_x, rank_y, rank_z = (stats.rankdata(values) for values in (x, y, z))
    residuals = [one - np.polyval(np.polyfit(rank_z, one, 1), rank_z) for one in (rank_x, rank_y)]
    return float(np.corrcoef(*residuals)[0, 1])


Arrays = tuple[np.ndarray, np.ndarray]
Draw = Callable[[int, np.ndarray], Arrays]
Give = Callable[[Study, np.ndarray, np.ndarray], Study]


def rejections(
    draw: Draw, give: Give, n_studies: int, slope: float, n_features: int = 20
) -> dict[str, tuple[int, int]]:
    """Return by family how many p are at most 0.05, and of how many, where only length matters."""
    found = dict.fromkeys(FAMILIES, (0, 0))
    for seed in range(n_studies):
        study, z = sample(seed, slope=slope, n_features=n_features)
        for of in compared(give(study, *draw(seed, z)), seed, n_permutations=199)[0][0].families:
            p = of.p[:n_features, 0]
            rejected, tested = found[of.tests]
            found[of.tests] = rejected + int((p <= 0.05).sum()), tested + int((~np.isnan(p)).sum())
    return found


def claiming(draw: Draw, give: Give, n_studies: int) -> int:
    """Return how many studies claim anything, where only length matters."""
    found = 0
    for seed in range(n_studies):
        study, z = sample(seed, n_documents=48, slope=1.0, n_features=12)
        found += claims(compared(give(study, *draw(seed, z)), seed)[1]) > 0
    return found
