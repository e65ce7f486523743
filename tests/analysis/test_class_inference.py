"""What `compare_classes` calls significant: error rates under the null, more permutations, and sizes of effects."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from class_study import claims, compared, invented_study, read_study, with_classes
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from term_study import invented

from attviz_pipeline.analysis.classes import effects, groups, sequel, winners
from attviz_pipeline.analysis.classes.differences import Differences, differences
from attviz_pipeline.analysis.classes.families import Family, adjust, permutations_wanted
from attviz_pipeline.analysis.classes.groupings import by_group, groupings
from attviz_pipeline.analysis.classes.groups import Units
from attviz_pipeline.analysis.classes.values import UnitSums
from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.analysis.shrinkage import shrink_to_zero


def family(p: object, *, is_of_two: bool = False) -> Family:
    columns = np.array(p, np.float64)
    return Family("gold", "heads", columns, is_of_two, 999, np.zeros(columns.shape, bool), None)


class TestFamilies:
    def test_q_by_hand(self) -> None:
        clear, faint, null = [[0.001, 0.02], [0.004, 0.9]], [[0.012]], [[0.2, 0.8]]

        first, second, third = adjust([family(p) for p in (clear, faint, null)])

        # Simes: 0.004, 0.012 and 0.4; Benjamini-Hochberg over these: 0.012, 0.018 and 0.4.
        assert [of.simes_p for of in (first, second, third)] == pytest.approx([0.004, 0.012, 0.4])
        assert [of.selected for of in (first, second, third)] == [True, True, False]
        assert_allclose(first.q, 3 / 2 * np.array([[0.004, 0.08 / 3], [0.008, 0.9]]).clip(max=2 / 3))
        assert_allclose(second.q, [[0.012 * 3 / 2]])
        assert_allclose(third.q, [[0.6, 1.0]])

    def test_no_test_of_a_family_that_is_not_selected_is_significant(self) -> None:
        alone, *others = adjust([family([[0.006]]), *[family([[0.5]])] * 8])

        # Alone it would be; among nine families it is one of nine chances.
        assert benjamini_hochberg(np.array([0.006]))[0] < 0.05
        assert not alone.selected
        assert alone.q[0, 0] >= 0.05
        assert claims([alone, *others]) == 0

    def test_q_rises_with_p_and_leaves_out_what_is_not_tested(self) -> None:
        rng = np.random.default_rng(3)
        for shift in (0, 3):
            p = stats.norm.sf(rng.normal(shift, 1, (40, 3)))
            p[5] = np.nan

            for of in adjust([family(p), family(rng.uniform(size=(20, 2)))]):
                tested = ~np.isnan(of.family.p)
                assert_array_equal(np.isnan(of.q), ~tested)
                ordered = of.q[tested][np.argsort(of.family.p[tested])]
                assert (np.diff(ordered) >= 0).all()

    def test_rows_that_mirror_each_other_count_once(self) -> None:
        p = np.array([[0.001], [0.03], [0.6]])

        (single,), (double,) = adjust([family(p)]), adjust([family(np.hstack([p, p]), is_of_two=True)])

        assert double.family.n_tests == 3
        assert_array_equal(double.q, np.hstack([single.q, single.q]))


class TestNull:
    """Classes are shuffled over rows, gold and predicted ones independently: nothing differs."""

    def claiming(self, folder: Path, n_studies: int, n_documents: int) -> int:
        study = read_study(invented(folder, n_documents=n_documents, min_document_frequency=8).measure())
        gold, predicted = (study.documents.table[name].to_numpy() for name in ("label", "prediction"))
        rng = np.random.default_rng(2)
        found = 0
        for seed in range(n_studies):
            shuffled = with_classes(study, rng.permutation(gold), rng.permutation(predicted))
            found += claims(compared(shuffled, seed)[1]) > 0
        return found

    def test_few_studies_claim_any_difference(self, tmp_path: Path) -> None:
        assert self.claiming(tmp_path, n_studies=4, n_documents=24) <= stats.binom.ppf(0.999, 4, 0.05)

    @pytest.mark.slow
    def test_at_most_16_of_200_studies_claim_any_difference(self, tmp_path: Path) -> None:
        assert self.claiming(tmp_path, n_studies=200, n_documents=48) <= 16

    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_length_alone_is_no_difference(self, slope: float) -> None:
        """Values, use and class all depend on length."""
        rates = rejections(n_studies=8, slope=slope, seed=int(slope))

        for name, (n_rejected, n_tests) in rates.items():
            assert n_rejected <= stats.binom.ppf(0.999, n_tests, 0.05), name

    @pytest.mark.slow
    @pytest.mark.parametrize("slope", [1.0, 3.0])
    def test_type_1_error(self, slope: float) -> None:
        rates = rejections(n_studies=1000, slope=slope, seed=int(slope), n_features=2)

        for name, (n_rejected, n_tests) in rates.items():
            assert 0.03 <= n_rejected / n_tests <= 0.07, (name, n_rejected / n_tests)


def rejections(
    n_studies: int, slope: float, seed: int, n_features: int = 20, n_documents: int = 70
) -> dict[str, tuple[int, int]]:
    """Return by family how many p are at most 0.05, and of how many, where only length matters."""
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(("heads", "attention", "use"), (0, 0))
    for study_seed in range(n_studies):
        z = rng.normal(0, 1, n_documents)
        labels = (rng.random(n_documents) < 1 / (1 + np.exp(-z))).astype(np.int64)
        by_length = -slope * z[:, None]
        heads = by_length + rng.normal(0, 1, (n_documents, n_features))
        attention = by_length + rng.normal(0, 1, (n_documents, n_features))
        rate = 2 * np.exp(0.3 * slope * (z - z.mean()))[:, None] * rng.gamma(2, 0.5, (n_documents, n_features))
        counts = np.hstack([rng.poisson(rate), np.full((n_documents, 1), 60)])
        attention = np.hstack([attention, np.zeros((n_documents, 1))])
        lengths = np.round(np.exp(4 + z / 2)).astype(np.int64)
        study = invented_study(heads, labels, counts=counts, attention=attention, n_tokens=lengths)
        for of in compared(study, study_seed, n_permutations=199)[0][0].families:
            p = of.p[:n_features, 0]
            rejected, tested = found[of.tests]
            found[of.tests] = rejected + int((p <= 0.05).sum()), tested + int((~np.isnan(p)).sum())
    return found


class TestPlanted:
    def test_a_word_and_a_head_of_one_class_are_found(self) -> None:
        rng = np.random.default_rng(4)
        labels = np.arange(60) % 3
        heads = rng.normal(-2, 0.5, (60, 12))
        heads[labels == 1, 7] += 1.2
        counts = rng.poisson(1, (60, 30))
        counts[labels == 1, 4] += rng.poisson(3, 20)
        attention = rng.normal(0, 0.3, counts.shape)

        (gold, _), adjusted = compared(invented_study(heads, labels, counts=counts, attention=attention, n_classes=3))

        q = {of.family.tests: of.q for of in adjusted if of.family.grouping == "gold"}
        # The other classes may differ from all others in the same head and word, because these include class 1.
        for tests, feature in (("heads", 7), ("use", 4)):
            assert set(np.argwhere(q[tests] < 0.05)[:, 0]) == {feature}
            assert q[tests][feature, 1] == np.nanmin(q[tests]) < 0.05
        assert gold.heads.effect[7, 1] > 1
        assert gold.use.z[4, 1] > 2
        assert not (q["attention"] < 0.05).any()

    def test_rare_words_are_not_found_missing_in_a_small_group_with_few_terms(self) -> None:
        """Such as texts in another language. The z of words that are absent was once extreme in all of them."""
        rng = np.random.default_rng(6)
        labels = (np.arange(400) < 4).astype(np.int64)
        counts = np.zeros((400, 60), np.int64)
        counts[:, 0] = np.where(labels == 1, 1, 10 + rng.integers(5, size=400))
        for term in range(1, 60):
            counts[rng.choice(np.arange(4, 400), 2, replace=False), term] = 1

        (gold, *_), _ = compared(invented_study(rng.normal(-2, 0.5, (400, 2)), labels, counts=counts))

        assert gold.family("use").p[1:, 1].tolist() == [1.0] * 59

    def test_a_word_used_less_at_equal_length_is_not_found_used_more(self) -> None:
        """In a group with few terms, a word can be a larger part of the terms, and yet rarer than in other texts."""
        rng = np.random.default_rng(7)
        labels = np.arange(60) % 2
        counts = np.where(labels == 1, 1, 6)[:, None] + rng.poisson(0.2, (60, 2))
        counts[labels == 1, 1] = 0

        (gold, *_), _ = compared(invented_study(rng.normal(-2, 0.5, (60, 2)), labels, counts=counts))

        assert gold.use.ratio[0, 1] > 0
        assert gold.family("use").p[0].tolist() == [1.0, 1.0]
        assert gold.family("use").p[1, 1] < 0.01

    def test_a_word_that_is_bursty_but_not_of_a_class_is_not_found(self) -> None:
        """One document repeats it: z of the log-odds is above 2, which was once the test."""
        rng = np.random.default_rng(5)
        labels = np.arange(40) % 2
        counts = rng.poisson(1, (40, 10))
        counts[1, 3] = 40

        (gold, _), adjusted = compared(invented_study(rng.normal(-2, 0.5, (40, 3)), labels, counts=counts))

        assert gold.use.z[3, 1] > 2
        assert next(of.q for of in adjusted if of.family.tests == "use")[3, 1] > 0.05


class TestMorePermutations:
    def study(self) -> object:
        rng = np.random.default_rng(6)
        labels = np.arange(60) % 3
        heads = rng.normal(-2, 0.5, (60, 20))
        heads[labels == 1, :3] += 1.5
        heads[labels == 2, 4] += 0.55
        return invented_study(heads, labels, counts=rng.poisson(1, (60, 40)), n_classes=3)

    def test_only_extreme_tests_go_on_until_one_alone_suffices(self) -> None:
        (gold, _), adjusted = compared(self.study())

        of_heads = next(of for of in adjusted if (of.family.grouping, of.family.tests) == ("gold", "heads"))
        wanted = permutations_wanted(60, 6)
        # Draws of a thousand at once.
        assert wanted <= of_heads.family.n_permutations < wanted + 1000
        smallest = 2 / (of_heads.family.n_permutations + 1)
        assert_allclose(of_heads.family.p[:3, 1], smallest)
        assert smallest * 60 * 6 < 0.05
        assert of_heads.floor_sets_q
        # What is not extreme has the p of the first permutations.
        first = compared(self.study(), n_permutations=999)[0][0].family("heads").p
        ended = first > 2 * (sequel.ENOUGH + 1) / 1000
        assert ended.sum() > 40
        assert_array_equal(of_heads.family.p[ended], first[ended])
        assert (gold.family("heads").p[~ended] != first[~ended]).any()

    def test_p_is_close_to_that_of_many_permutations(self) -> None:
        few = compared(self.study())[0][0].family("heads").p
        many = compared(self.study(), seed=5, n_permutations=20_000)[0][0].family("heads").p

        assert_allclose(np.log(few[4, 2]), np.log(many[4, 2]), atol=0.7)
        assert many[4, 2] < 0.01

    def test_the_size_of_blocks_does_not_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = compared(self.study())[0]

        monkeypatch.setattr(sequel, "VALUES_AT_ONCE", 2**12)
        monkeypatch.setattr(groups, "MOST_COLUMNS", 7)

        for one, other in zip(whole, compared(self.study())[0], strict=True):
            for name in ("heads", "attention", "use"):
                assert_array_equal(one.family(name).p, other.family(name).p)

    def test_blocks_of_terms_do_not_matter(self) -> None:
        """Also if the segments of a row, which are one unit of the intervals, lie in different blocks."""
        rng = np.random.default_rng(14)
        rows = np.arange(60) // 2
        counts, attention = rng.poisson(1, (60, 20)), rng.normal(0, 0.5, (60, 20))
        labels = rows % 3
        counts[labels == 1, 3] += 3
        one, other = (
            compared(
                invented_study(
                    np.zeros((60, 1)),
                    labels,
                    counts=counts,
                    attention=attention,
                    rows=rows,
                    n_classes=3,
                    n_blocks=n_blocks,
                )
            )[0][0]
            for n_blocks in (1, 5)
        )

        assert_array_equal(one.family("use").p, other.family("use").p)
        assert_array_equal(one.family("attention").p, other.family("attention").p)
        for name, values in vars(one.terms).items():
            assert_array_equal(values, getattr(other.terms, name), name)
        assert one.family("use").n_permutations > sequel.FIRST

    def test_two_groups_have_the_same_p(self) -> None:
        rng = np.random.default_rng(8)
        labels = np.arange(40) % 2
        heads = rng.normal(-2, 0.5, (40, 5)) + labels[:, None] * np.array([1.5, 0.4, 0, 0, 0])

        (gold, _), _ = compared(invented_study(heads, labels, counts=rng.poisson(1, (40, 20))))

        for of in gold.families:
            assert_array_equal(of.p[:, 0], of.p[:, 1])
        assert_allclose(gold.heads.shrunken_effect[:, 0], -gold.heads.shrunken_effect[:, 1])

    def test_more_permutations_reach_a_rare_arrangement_for_both_groups(self) -> None:
        """Of all 3432 ways to choose 7 of 14 documents, only the observed one is as high, and only one as low."""
        labels = np.repeat([0, 1], 7)
        heads = np.random.default_rng(14).normal(-2, 1, (14, 60))
        heads[:, 0] = np.sort(heads[:, 0])
        study = invented_study(heads, labels)

        first, more = (
            compared(study, n_permutations=chosen)[0][0].family("heads") for chosen in (sequel.FIRST, "auto")
        )

        assert first.at_floor[0].tolist() == [True, True]
        assert more.at_floor[0].tolist() == [False, False]
        assert more.p[0].tolist() == pytest.approx([2 / 3432] * 2, rel=0.5)

    def test_a_study_too_large_for_more_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sequel, "MOST_NANOSECONDS", 1e7)

        gold = compared(self.study())[0][0].family("heads")

        assert gold.n_permutations < permutations_wanted(60, 6) == gold.n_wanted

    def test_sequential_p_is_uniform_under_the_null(self) -> None:
        """P(p <= a) is at most a for small a, too, where tests went on."""
        rng = np.random.default_rng(9)
        p = []
        for seed in range(12):
            study = invented_study(rng.normal(-2, 1, (20, 150)), np.arange(20) % 2)
            p.append(compared(study, seed)[0][0].family("heads").p[:, 0])

        for level in (0.002, 0.01, 0.05, 0.2):
            n_rejected = (np.concatenate(p) <= level).sum()
            assert stats.binom.ppf(0.001, 1800, level) <= n_rejected <= stats.binom.ppf(0.999, 1800, level)

    def test_the_last_permutations_are_random_within_strata(self) -> None:
        rng = np.random.default_rng(10)
        lengths = np.repeat([10, 20, 30], 12)
        study = invented_study(rng.normal(0, 1, (36, 1)), rng.integers(0, 3, 36), n_tokens=lengths, n_classes=3)
        grouping = groupings(study.documents)[0]
        permutations = groups.Permutations.of(grouping, study.documents, 3, (1, 0))

        numbers = np.hstack([permutations.draw(n) for n in range(3)])

        assert len(np.unique(numbers, axis=1).T) == numbers.shape[1] == 3000
        for stratum in range(3):
            mine = slice(12 * stratum, 12 * stratum + 12)
            counts = np.bincount(grouping.number[mine], minlength=3)
            for group in range(3):
                is_member = numbers[mine] == group
                assert (is_member.sum(axis=0) == counts[group]).all()
                share = counts[group] / 12
                assert np.abs(is_member.mean(axis=1) - share).max() < 4.5 * np.sqrt(share * (1 - share) / 3000)


def of_values(values: np.ndarray, labels: np.ndarray, rows: np.ndarray | None = None) -> Differences:
    """Return differences without any adjustment for length."""
    study = invented_study(values, labels, rows=rows)
    grouping = groupings(study.documents)[0]
    permutations = groups.Permutations.of(grouping, study.documents, 1, (1, 0))
    units = Units.of(grouping, study.documents)
    return differences(study.heads, permutations, units, np.zeros((values.shape[1], 2)))


class TestUnits:
    """The first two documents are one unit: of one row and one class."""

    VALUES = np.array([-1.0, -2.0, 0.5, -0.25, 0.75])

    def sums(self) -> tuple[UnitSums, UnitSums]:
        """Return the sums of a head, and those of a term in all documents and of one in two."""
        counts = np.ones((5, 2), np.int64)
        counts[[1, 2, 4], 1] = 0
        study = invented_study(
            self.VALUES[:, None],
            np.array([0, 0, 1, 1, 0]),
            counts=counts,
            attention=np.repeat(self.VALUES[:, None], 2, axis=1),
            rows=np.array([0, 0, 0, 1, 2]),
        )
        units = Units.of(groupings(study.documents)[0], study.documents)
        return study.heads.unit_sums(units), study.terms.unit_sums(units)

    def test_sums_by_hand(self) -> None:
        """Units have the sums -3, 0.5, -0.25 and 0.75 of 2, 1, 1 and 1 values; columns are the classes, and both."""
        expected = [9.5625, 0.3125, 9.875], [-5.25, 0.25, -5.0], [5, 2, 7], [2, 2, 4]
        of_rare = [1, 0.0625, 1.0625], [-1, -0.25, -1.25], [1, 1, 2], [1, 1, 2]

        of_heads, of_terms = self.sums()

        for head, term, common, rare in zip(of_heads, of_terms, expected, of_rare, strict=True):
            assert_array_equal(head, [common])
            assert_array_equal(term, [common, rare])

    def test_arrangements_are_those_within_strata(self) -> None:
        lengths, labels = np.array([5, 5, 5, 9, 9, 9, 9]), np.array([0, 1, 1, 0, 0, 2, 2])
        study = invented_study(np.zeros((7, 1)), labels, n_tokens=lengths, n_classes=3)
        grouping = by_group("gold", ["a", "b", "c"], labels[:, None] == np.arange(3), np.ones(7, bool))
        permutations = groups.Permutations.of(grouping, study.documents, 3, (1, 0))
        strata = permutations.stratum

        by_hand = [
            {
                chosen
                for chosen in itertools.combinations(range(7), int((labels == group).sum()))
                if all((strata[[*chosen]] == s).sum() == (strata[labels == group] == s).sum() for s in set(strata))
            }
            for group in range(3)
        ]
        # One of three and two of four; two of three; two of four.
        assert permutations.n_arrangements() == [len(found) for found in by_hand] == [18, 3, 6]

    @pytest.mark.parametrize("n_blocks", [1, 3])
    def test_squares_are_exact_beyond_the_first_20_bits(self, n_blocks: int) -> None:
        rng = np.random.default_rng(8)
        values = np.ldexp(np.rint(np.ldexp(rng.normal(-1, 1, (30, 4)), 20)), -20)
        study = invented_study(
            values, np.zeros(30, np.int64), counts=np.ones((30, 4), np.int64), attention=values, n_blocks=n_blocks
        )
        members = rng.integers(0, 2, (30, 2)).astype(float)
        # The values have 20 bits after the point, so their squares have 40.
        by_hand = [[math.fsum(value**2 for value in column[of]) for of in members.T > 0] for column in values.T]

        for found in (study.heads.squares(members), study.terms.squares(members)):
            assert_allclose(found, by_hand, rtol=1e-13)


class TestEffects:
    def test_a_term_in_one_document_of_a_class_has_no_effect(self) -> None:
        counts = np.ones((8, 3), np.int64)
        counts[1:4, 1] = counts[2:4, 2] = 0
        attention = np.random.default_rng(18).normal(0, 1, counts.shape)
        study = invented_study(np.zeros((8, 1)), np.arange(8) // 4, counts=counts, attention=attention)

        found = compared(study, n_permutations=99)[0][0].terms

        assert found.n_inside.tolist() == [[4, 4], [1, 4], [2, 4]]
        assert np.isnan(found.effect).tolist() == [[False, False], [True, True], [False, False]]

    @pytest.mark.parametrize(
        ("n_inside", "effect", "spread", "segments"), [(10, 0.0, 1, 1), (10, 1.5, 2, 1), (2, 0.5, 1, 1), (8, 1, 1, 5)]
    )
    def test_intervals_cover_the_true_effect(self, n_inside: int, effect: float, spread: float, segments: int) -> None:
        """Every head is a sample of its own; with segments, those of one row are alike."""
        rng = np.random.default_rng(7)
        rows = np.repeat(np.arange(40), segments)
        labels = (rows < n_inside).astype(np.int64)
        of_rows, of_documents = rng.normal(0, 1, (40, 2000))[rows], rng.normal(0, 1, (len(rows), 2000))
        share = 0.7 if segments > 1 else 0.0
        values = share**0.5 * of_rows + (1 - share) ** 0.5 * of_documents
        values = effect * labels[:, None] + values * np.where(labels, spread, 1)[:, None]
        true = effect / np.sqrt(labels.mean() * spread**2 + 1 - labels.mean())

        found = of_values(values, labels, rows)

        covered = ((found.effect_low[:, 1] <= true) & (true <= found.effect_high[:, 1])).mean()
        assert 0.94 <= covered <= 0.995

    @pytest.mark.parametrize(("slope", "tolerance"), [(0.0, 0.05), (0.7, 0.12)])
    def test_strata_of_length_leave_the_true_effect(self, slope: float, tolerance: float) -> None:
        """Class and, with a slope, values depend on length; every head and term is a sample of its own."""
        rng = np.random.default_rng(15)
        z = rng.normal(0, 1, 110)
        labels = (rng.random(110) < 1 / (1 + np.exp(1 - z))).astype(np.int64)
        values = labels[:, None] - slope * z[:, None] + rng.normal(0, 1, (110, 1200))
        counts = np.hstack([rng.binomial(1, 0.6, (110, 200)), np.ones((110, 1), np.int64)])
        attention = np.hstack([values[:, :200], np.zeros((110, 1))])
        lengths = np.round(np.exp(4 + z / 2)).astype(np.int64)
        within = np.mean([z[labels == label].var() for label in (0, 1)])
        true = 1 / np.sqrt(1 + slope**2 * within)

        (gold, *_), _ = compared(
            invented_study(values, labels, counts=counts, attention=attention, n_tokens=lengths), n_permutations=99
        )

        for found, some in ((gold.heads, slice(None)), (gold.terms, slice(200))):
            assert abs(found.effect[some, 1].mean() - true) < tolerance
            covered = (found.effect_low[some, 1] <= true) & (true <= found.effect_high[some, 1])
            assert covered.mean() >= 0.94

    def test_where_length_determines_the_class_there_is_no_effect(self) -> None:
        rng = np.random.default_rng(16)
        lengths = np.repeat([10, 20], 10)
        study = invented_study(rng.normal(0, 1, (20, 2)), (lengths > 10).astype(np.int64), n_tokens=lengths)

        gold = compared(study, n_permutations=99)[0][0]

        assert (gold.heads.effect == 0).all()
        assert np.isnan(gold.heads.effect_low).all()
        assert (gold.family("heads").p == 1).all()

    def test_one_row_on_a_side_gives_no_interval(self) -> None:
        values = np.random.default_rng(1).normal(0, 1, (8, 2))

        found = of_values(values, np.array([0, 0, 1, 1, 1, 1, 1, 1]), rows=np.array([0, 0, 1, 2, 3, 4, 5, 6]))

        assert np.isnan(found.effect_low).all()
        assert not np.isnan(found.effect).any()

    def test_the_largest_effect_is_not_overestimated(self) -> None:
        rng = np.random.default_rng(11)
        plain, shrunken = [], []
        for _ in range(200):
            true, v = rng.normal(0, 0.5, 300), rng.uniform(0.05, 0.5, 300)
            seen = true + rng.normal(0, np.sqrt(v))
            better = shrink_to_zero(seen, v)
            for estimates, errors in ((seen, plain), (better, shrunken)):
                best = np.abs(estimates).argmax()
                errors.append(np.sign(estimates[best]) * (estimates[best] - true[best]))

        assert np.mean(plain) > 0.5
        assert abs(np.mean(shrunken)) < 0.08

    def test_effects_without_any_spread_are_shrunken_to_nothing(self) -> None:
        assert_allclose(shrink_to_zero(np.array([0.1, -0.1, 0.05]), np.full(3, 0.2)), 0)
        assert shrink_to_zero(np.array([]), np.array([])).tolist() == []

    @pytest.mark.parametrize(("n_inside", "n_outside"), [(2, 2), (7, 48), (100, 400)])
    def test_detectable_effects_are_found_in_80_percent(self, n_inside: int, n_outside: int) -> None:
        g = effects.detectable_effect(n_inside, n_outside)

        rng = np.random.default_rng(12)
        d = g / (1 - 3 / (4 * (n_inside + n_outside - 2) - 1))
        inside, outside = rng.normal(d, 1, (n_inside, 20_000)), rng.normal(0, 1, (n_outside, 20_000))
        power = (stats.ttest_ind(inside, outside).pvalue < 0.05).mean()
        assert abs(power - 0.8) < 0.012


class TestWinners:
    def winner(self, shift: float) -> winners.Winner | None:
        rng = np.random.default_rng(13)
        labels = np.arange(60) % 3
        heads = rng.normal(-2, 0.5, (60, 10))
        heads[labels == 2, 6] += shift
        study = invented_study(heads, labels, n_classes=3)
        (gold, _), adjusted = compared(study)
        significant = adjusted[0].q < 0.05
        return winners.find_winner(study.heads, gold.units, gold.permutations, gold.heads.shrunken_effect, significant)

    def test_a_clear_head_wins_in_every_half(self) -> None:
        assert self.winner(shift=2) == winners.Winner(feature=6, group=2, n_won=winners.N_HALVES)

    def test_a_faint_head_does_not_win_everywhere(self) -> None:
        found = self.winner(shift=0.75)

        assert found is not None
        assert (found.feature, found.group) == (6, 2)
        assert 20 < found.n_won < 95

    def test_nothing_significant_nobody_wins(self) -> None:
        assert self.winner(shift=0) is None

    def test_a_group_of_one_row_wins_in_the_halves_that_hold_it(self) -> None:
        heads = np.random.default_rng(17).normal(-2, 0.1, (14, 3))
        heads[:2, 1] += 5
        rows = np.maximum(np.arange(14) - 1, 0)
        study = invented_study(heads, (rows > 0).astype(np.int64), rows=rows)
        grouping = groupings(study.documents)[0]
        units, permutations = (
            Units.of(grouping, study.documents),
            groups.Permutations.of(grouping, study.documents, 1, (1, 0)),
        )
        effects = np.array([[0.0, 0.0], [9.0, -9.0], [0.0, 0.0]])

        found = winners.find_winner(study.heads, units, permutations, effects, effects != 0)

        n_halves = sum(bool(half[units.number == 0]) for half in winners._halves(units, permutations.halving_seed))
        assert found == winners.Winner(feature=1, group=0, n_won=n_halves)
        assert 30 < n_halves < 70

    def test_halves_hold_half_of_every_group(self) -> None:
        study = invented_study(np.zeros((21, 1)), np.repeat([0, 1, 1], 7), rows=np.arange(21) // 2)
        grouping = groupings(study.documents)[0]
        units = Units.of(grouping, study.documents)

        halves = winners._halves(units, (1, 2))

        of_groups = units.members[:, :-1].sum(axis=0)
        for half in halves:
            assert (np.abs(half @ units.members[:, :-1] - of_groups / 2) <= 0.5).all()
        assert len(np.unique(halves, axis=0)) > 80
