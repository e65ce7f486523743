"""The stage compare_classes: effects against references, honest p, and what cannot be compared said so."""

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from term_study import TermStudy, invented, written

from attviz_pipeline.analysis.classes.log_odds import log_odds, rescaled
from attviz_pipeline.analysis.inference import benjamini_hochberg, hedges_g, permutation_p
from attviz_pipeline.artifacts import files, term_schemas


def two_classes(
    folder: Path, shift: float, n_documents: int = 60, seed: int = 0, n_heads: int = 4, **terms: object
) -> TermStudy:
    """Two classes of documents; in head 0, class 1 attends more by `shift` in the logarithm."""
    rng = np.random.default_rng(seed)
    words = ["a", "b", "c", "d"]
    documents, labels = [], []
    for number in range(n_documents):
        label = number % 2
        logs = -3 + rng.normal(0, 0.3, (n_heads, 1)) + rng.normal(0, 0.1, (n_heads, 4))
        logs[0] += shift * label
        documents.append((words, np.exp(logs)))
        labels.append(label)
    return written(folder, documents, labels=labels, **terms).measure()


def test_a_head_that_differs_is_found_and_the_others_are_not(tmp_path: Path) -> None:
    study = two_classes(tmp_path, shift=0.6).compare(length_strata=1, n_permutations=999)

    rows = [row for row in study.rows("class_heads") if row["grouping"] == "gold" and row["group"] == "class 1"]
    table = files.read_table(study.measures[0].document_heads, term_schemas.DOCUMENT_HEADS).to_pydict()
    values, label = np.array(table["log_ratio"]), np.array(table["label"])
    for head, row in enumerate(rows):
        inside, outside = values[label == 1, head], values[label == 0, head]
        pooled = math.sqrt((inside.var(ddof=1) + outside.var(ddof=1)) / 2)
        g = (1 - 3 / (4 * 58 - 1)) * (inside.mean() - outside.mean()) / pooled
        # The mean over the permutations, close to 0, is taken off.
        assert_allclose(row["effect"], g, atol=0.1)
        assert_allclose([row["mean_inside"], row["mean_outside"]], [inside.mean(), outside.mean()], rtol=1e-6)
    assert rows[0]["q"] < 0.05 < min(row["q"] for row in rows[1:])
    assert rows[0]["effect"] > 1
    terms = [row for row in study.rows("class_terms") if row["grouping"] == "gold" and row["group"] == "class 1"]
    assert [row["n_inside"] for row in terms] == [30] * 4


def test_permutation_p_is_that_of_the_reference(tmp_path: Path) -> None:
    study = two_classes(tmp_path, shift=0.15, n_documents=40).compare(length_strata=1, n_permutations=1999)
    table = files.read_table(study.measures[0].document_heads, term_schemas.DOCUMENT_HEADS).to_pydict()
    values, label = np.array(table["log_ratio"]), np.array(table["label"])

    rows = [row for row in study.rows("class_heads") if row["grouping"] == "gold" and row["group"] == "class 1"]
    for head, row in enumerate(rows):
        reference = stats.permutation_test(
            (values[label == 1, head], values[label == 0, head]),
            lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
            n_resamples=1999,
            vectorized=True,
            rng=np.random.default_rng(5),
        )
        assert abs(row["p"] - reference.pvalue) < 0.05


def test_length_alone_separates_nothing(tmp_path: Path) -> None:
    """Class 1 has longer documents, and attention falls with length: within strata nothing is left."""
    rng = np.random.default_rng(3)
    documents, labels = [], []
    for number in range(120):
        label = number % 2
        n = int(rng.integers(5, 12) + 6 * label * (number % 3 > 0))
        documents.append((["w"] * n, np.exp(-0.2 * n + rng.normal(0, 0.05, (1, n)))))
        labels.append(label)
    study = written(tmp_path, documents, labels=labels).measure()

    def p_of(n_strata: int) -> tuple[float, float]:
        row = study.compare(length_strata=n_strata, n_permutations=499).rows("class_heads")[0]
        return row["p"], abs(row["effect"])

    (naive_p, naive_effect), (fair_p, fair_effect) = p_of(1), p_of(20)
    assert naive_p < 0.01
    assert fair_p > 0.05
    assert fair_effect < naive_effect / 3


def test_equal_lengths_of_a_sorted_corpus_keep_the_difference(tmp_path: Path) -> None:
    """Strata cut in the order of documents would each hold a single class, and nothing could change places."""
    rng = np.random.default_rng(5)
    labels = [0] * 20 + [1] * 20
    documents = [(["a", "b"], np.exp(-2 + 0.5 * label + rng.normal(0, 0.1, (1, 2)))) for label in labels]

    row = written(tmp_path, documents, labels=labels).measure().compare(length_strata=2).rows("class_heads")[0]

    assert row["p"] == 2 / 100
    assert row["effect"] < -3


@pytest.mark.parametrize("spread", [1e-2, 1e-4])
def test_effects_of_small_variation(tmp_path: Path, spread: float) -> None:
    rng = np.random.default_rng(6)
    labels = [0, 1] * 20
    logs = [rng.normal(-2 + spread * label, spread, (1, 1)) for label in labels]
    study = written(tmp_path, [(["a"], np.exp(value)) for value in logs], labels=labels).measure()
    study.compare(length_strata=1, n_permutations=999)
    values, label = np.array(logs).ravel(), np.array(labels)
    inside, outside = values[label == 1], values[label == 0]
    pooled = math.sqrt((inside.var(ddof=1) + outside.var(ddof=1)) / 2)
    g = (1 - 3 / (4 * 38 - 1)) * (inside.mean() - outside.mean()) / pooled

    for name in ("class_heads", "class_terms"):
        row = next(r for r in study.rows(name) if (r["grouping"], r["group"]) == ("gold", "class 1"))
        # The mean over the permutations, close to 0, is taken off.
        assert_allclose(row["effect"], g, atol=0.05)


def test_few_permutations_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    study = two_classes(tmp_path, shift=0.6)

    caplog.set_level(logging.INFO)
    study.compare(n_permutations=99)
    # Four heads or terms in two groups that mirror each other, in six families: 2 / 100 * 4 * 6 > 0.05.
    assert {family["n_wanted"] for family in study.facts("class_terms")["families"]} == {960}
    assert "in tests of heads by gold (960 needed), attention by gold (960 needed), use by gold" in caplog.text
    caplog.clear()
    study.compare(n_permutations=960)
    assert {family["n_wanted"] for family in study.facts("class_heads")["families"]} == {None}
    assert "few permutations" not in caplog.text
    clearest = min(study.rows("class_heads"), key=lambda row: row["q"])
    assert clearest["q"] < 0.05


@pytest.mark.slow
def test_fdr_holds_under_the_null(tmp_path: Path) -> None:
    """Without any difference, a rejection at q <= 0.05 happens in one study of twenty at most."""
    n_studies = 60
    rejected = 0
    for seed in range(n_studies):
        study = two_classes(tmp_path / str(seed), 0.0, n_documents=24, seed=seed, n_heads=6).compare(n_permutations=199)
        rejected += any(row["q"] <= 0.05 for row in study.rows("class_heads") if row["grouping"] == "gold")
    assert rejected <= stats.binom.ppf(0.999, n_studies, 0.05)


def test_fdr_of_the_procedure_under_null_and_alternative() -> None:
    rng = np.random.default_rng(4)
    false, total = [], 0
    for _ in range(600):
        p = rng.uniform(size=50)
        p[:10] = stats.norm.sf(rng.normal(3, 1, 10))
        rejected = benjamini_hochberg(p) <= 0.1
        false.append(rejected[10:].sum() / max(rejected.sum(), 1))
        total += rejected[:10].sum()
        null = benjamini_hochberg(rng.uniform(size=50)) <= 0.1
        false.append(float(null.any()) * 0.8 + 0.1 * 0.2)
    assert np.mean(false) <= 0.1
    assert total > 2500


def test_q_leaves_untested_hypotheses_out() -> None:
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))

    assert_allclose(q[[0, 2]], [0.02, 0.04])
    assert np.isnan(q[1])


def test_effect_and_p_by_hand() -> None:
    assert_allclose(hedges_g(np.array([1.0]), np.array([8.0]), np.array([5]), np.array([5])), (1 - 3 / 31) * 1.0)
    assert hedges_g(np.array([0.0]), np.array([0.0]), np.array([3]), np.array([3])).tolist() == [0.0]
    assert permutation_p(np.array([0, 9, 99]), np.array([99, 90, 0]), 99).tolist() == [0.02, 0.2, 0.02]


class TestLogOdds:
    def test_values_of_the_definition(self) -> None:
        counts, prior = np.array([[8.0, 2.0], [12.0, 18.0]]), 20.0

        found = log_odds(counts, counts.sum(axis=1), prior)

        a = prior * np.array([10, 30]) / 40
        first = math.log((8 + a[0]) / (12 + a[1])) - math.log((2 + a[0]) / (18 + a[1]))
        assert_allclose(found.ratio[0, 0], first)
        assert_allclose(found.z[0, 0], first / math.sqrt(1 / (8 + a[0]) + 1 / (2 + a[0])))
        assert_allclose(found.ratio[:, 0], -found.ratio[:, 1])

    def test_a_heavy_prior_flattens(self) -> None:
        counts = np.array([[9.0, 1.0], [50.0, 50.0]])

        light, heavy = (abs(log_odds(counts, counts.sum(axis=1), prior).z[0, 0]) for prior in (1, 10_000))
        assert heavy < light / 5

    def test_a_single_term_has_nothing_to_be_compared_with(self) -> None:
        assert log_odds(np.array([[3.0, 1.0]]), np.array([4.0]), 5).z.tolist() == [[0.0, 0.0]]

    def test_weighted_counts_add_up_to_the_occurrences(self) -> None:
        attention = np.array([[3.0, 1.0], [0.5, 1.5]])

        scaled, total = rescaled(attention, attention.sum(axis=1), 18)

        assert_allclose(scaled, 3 * attention)
        assert_allclose(total, [12, 6])
        assert [part.tolist() for part in rescaled(0 * attention, np.zeros(2), 18)] == [[[0, 0], [0, 0]], [0, 0]]


class TestDegenerate:
    def test_one_class_and_no_mistake(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        documents = [(["a", "b"], np.full((1, 2), 0.2)) for _ in range(5)]
        study = written(tmp_path, documents, labels=[0] * 5).measure().compare()

        assert study.rows("class_heads") == []
        assert study.rows("class_terms") == []
        assert "nothing to compare by gold" in caplog.text
        assert any(reason.startswith("correct wrong: 0 of 5") for reason in study.facts("class_heads")["not_compared"])

    def test_constant_attention_has_no_effect(self, tmp_path: Path) -> None:
        documents = [(["a", "b"], np.full((2, 2), 0.2)) for _ in range(8)]
        study = written(tmp_path, documents, labels=[0, 1] * 4).measure().compare()

        assert {(row["effect"], row["p"]) for row in study.rows("class_heads")} == {(0.0, 1.0)}

    def test_attention_constant_within_classes_has_no_effect(self, tmp_path: Path) -> None:
        documents = [(["a", "b"], np.full((2, 2), 0.2 + 0.1 * (number % 2))) for number in range(8)]
        study = written(tmp_path, documents, labels=[0, 1] * 4).measure().compare()

        for name in ("class_heads", "class_terms"):
            assert {row["effect"] for row in study.rows(name)} == {0.0}

    def test_term_of_one_class_is_not_tested_but_counted(self, tmp_path: Path) -> None:
        documents = [(["a", "x" if number % 2 else "y"], np.array([[0.2, 0.1 + number / 50]])) for number in range(8)]
        study = written(tmp_path, documents, labels=[0, 1] * 4).measure().compare()

        row = next(r for r in study.rows("class_terms") if r["term"] == "x" and r["group"] == "class 1")
        assert (row["n_inside"], row["n_outside"], row["p"], row["effect"]) == (4, 0, None, None)
        assert row["log_odds"] > 0

    def test_segments_move_with_their_row(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        documents = [(["a", "b"], np.array([[0.2 + number / 100, 0.1]])) for number in range(8)]
        study = written(
            tmp_path,
            documents,
            labels=[0, 0, 1, 1, 0, 0, 1, 1],
            predictions=[0, 1, 0, 1, 0, 1, 0, 1],
            sources=["p", "p", "q", "q", "r", "r", "s", "s"],
        ).measure()
        study.compare()

        permuted = study.facts("class_heads")["permuted"]
        assert permuted == {"gold": "rows", "predicted": "documents", "correct": "documents"}
        n_units = study.facts("class_heads")["n_units"]
        assert n_units["gold"] == {"class 0": [2, 2], "class 1": [2, 2]}
        assert n_units["predicted"] == {"class 0": [4, 4], "class 1": [4, 4]}
        # Two of four rows can be chosen in 6 ways: p of 2/6, times one head and nine families.
        assert study.facts("class_heads")["least_q"]["gold"] == {"class 0": 1.0, "class 1": 1.0}
        assert "are too small" in caplog.text

    def test_no_number_is_nan(self, tmp_path: Path) -> None:
        study = invented(tmp_path).measure().compare()

        for name in ("class_heads", "class_terms"):
            for row in study.rows(name):
                assert not any(isinstance(value, float) and np.isnan(value) for value in row.values()), (name, row)


def test_sharding_changes_no_byte_with_as_many_permutations_as_needed(tmp_path: Path) -> None:
    one, other = (
        invented(tmp_path / str(n), n_shards=n, min_document_frequency=12).measure().compare(n_permutations="auto")
        for n in (1, 5)
    )

    assert one.facts("class_heads")["n_permutations"] > 999
    for path in (one.output.class_heads, one.output.class_terms):
        assert path.read_bytes() == (other.output.class_heads.parent / path.name).read_bytes()


def test_the_cost_is_said_before_it_is_paid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    two_classes(tmp_path, shift=0.6).compare(n_permutations="auto")

    # Four heads, four terms and their use; two groups mirror each other; six families.
    assert "by gold: 999 permutations of 60 input rows for 4 tests of heads, 4 tests of attention" in caplog.text
    assert "go on, to at most 960" in caplog.text


def test_facts_list_the_families_and_what_could_be_detected(tmp_path: Path) -> None:
    study = two_classes(tmp_path, shift=0.6).compare(n_permutations=999)

    facts = study.facts("class_heads")
    families = {(row["grouping"], row["tests"]): row for row in facts["families"]}
    assert list(families) == [(by, tests) for by in ("gold", "predicted") for tests in ("heads", "attention", "use")]
    of_heads = families["gold", "heads"]
    assert (of_heads["n_tests"], of_heads["n_permutations"], of_heads["selected"]) == (4, 999, True)
    assert of_heads["floor_sets_q"]
    assert of_heads["simes_p"] == pytest.approx(4 * 2 / 1000)
    assert not families["gold", "use"]["selected"]
    assert facts["families"] == study.facts("class_terms")["families"]
    assert facts["n_units"]["gold"] == {"class 0": [30, 30], "class 1": [30, 30]}
    assert facts["detectable_effect"]["gold"] == pytest.approx({"class 0": 0.7261, "class 1": 0.7261}, abs=1e-4)
    # All documents have one length. Of three groupings, that of mistakes has no group, so there are six families.
    of_one = 2 * 4 * 6 / math.comb(60, 30)
    assert facts["least_q"]["gold"] == pytest.approx({"class 0": of_one, "class 1": of_one})
    assert facts["winners"][0] == {
        "grouping": "gold",
        "group": "class 0",
        "layer": 0,
        "head": 0,
        "n_halves": 100,
        "n_won": 100,
    }
