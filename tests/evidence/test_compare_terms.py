"""The stage compare_terms: means per word, random words of the same documents, support, shrinkage and q."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence_study import read
from numpy.testing import assert_allclose
from scipy import stats
from synthetic_attention import LABEL_NAMES, write_attention_shards

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.artifacts import attention_schemas, evidence_schemas, files
from attviz_pipeline.config.settings import TermsSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.evidence.compare_terms import compare_terms, term_rows
from attviz_pipeline.evidence.random_terms import ENOUGH, MOST_DRAWS, DocumentTerms, RandomTerms, ranks_of
from attviz_pipeline.stages import CompareTerms

Row = dict[str, Any]
TEXTS = [
    "The goal of the match was late",
    "A bank gave the goal money",
    "The match and the bank and the film",
    "goal film unbelievably",
    "The film was late",
]
IDENTITY = ("position", "id", "source_id", "label", "prediction")


class Study:
    """Texts with made-up evidence: gradients of all documents, falls in the first four."""

    def __init__(self, folder: Path, n_shards: int = 1) -> None:
        self.attention = write_attention_shards(folder, n_documents=5, n_shards=n_shards, texts=TEXTS)
        rows = files.concatenate(self.attention, attention_schemas.ATTENTION).to_pylist()
        self.rows = sorted(rows, key=lambda row: row["position"])
        self.gradients, self.left_out = folder / "gradients.parquet", folder / "leave_one_out.parquet"
        self.slopes = [np.random.default_rng(row["position"]).normal(size=len(row["tokens"])) for row in self.rows]
        self.changes = [
            np.random.default_rng(9 + row["position"]).normal(size=(row["special"].count(False), len(LABEL_NAMES)))
            for row in self.rows[:4]
        ]
        self.write()

    def write(self) -> None:
        schema = evidence_schemas.GRADIENTS
        empty = dict.fromkeys(schema.arrow.names)
        rows = [
            empty | {name: row[name] for name in IDENTITY} | {"log_probability": 0.0, "gradient_x_input": slopes}
            for row, slopes in zip(self.rows, self.slopes, strict=True)
        ]
        files.write_table(self.gradients, schema, {name: [row[name] for row in rows] for name in schema.arrow.names})
        schema = evidence_schemas.LEAVE_ONE_OUT
        rows = [
            {name: row[name] for name in IDENTITY}
            | {
                "places": np.flatnonzero(~np.array(row["special"])),
                "probabilities": [0.5] * len(LABEL_NAMES),
                "changes": changes.ravel(),
            }
            for row, changes in zip(self.rows, self.changes, strict=False)
        ]
        columns = {name: [row[name] for row in rows] for name in schema.arrow.names}
        files.write_table(self.left_out, schema, columns, {"removal": "mask"})

    def compare(self, output: Path, **terms: Any) -> list[Row]:  # noqa: ANN401 - the settings are checked
        settings = CompareTerms(seed=5, terms=TermsSettings(**terms))
        compare_terms(settings, self.attention, self.gradients, self.left_out, output)
        return read(output, evidence_schemas.TERM_EVIDENCE)

    def of_word(self, number: int, word: str, values: np.ndarray) -> list[float]:
        """Sums over the tokens of each occurrence of a word, by the characters that they cover."""
        row = self.rows[number]
        spans = zip(row["starts"], row["ends"], row["special"], values, strict=True)
        tokens = [(start, end, value) for start, end, special, value in spans if not special]
        text = row["text"].lower()
        starts = [at for at in range(len(text)) if text.startswith(word, at) and not text[at - 1 : at].isalpha()]
        starts = [at for at in starts if not text[at + len(word) : at + len(word) + 1].isalpha()]
        return [sum(value for start, end, value in tokens if at <= start < at + len(word)) for at in starts]

    def falls(self, number: int) -> np.ndarray:
        """Fall of the predicted class without each token, 0 for special ones."""
        row, found = self.rows[number], np.zeros(len(self.rows[number]["tokens"]))
        found[~np.array(row["special"])] = -self.changes[number][:, row["prediction"]]
        return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def rows(study: Study, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return study.compare(tmp_path_factory.mktemp("out") / "term_evidence.parquet")


def only(rows: Sequence[Row], **wanted: object) -> Row:
    (found,) = (row for row in rows if all(row[name] == value for name, value in wanted.items()))
    return found


@pytest.mark.parametrize("measure", ["leave_one_out", "gradient_x_input"])
@pytest.mark.parametrize("word", ["the", "goal", "film"])
def test_means_are_over_documents_of_means_over_occurrences_of_sums_over_pieces(
    study: Study, rows: list[Row], measure: str, word: str
) -> None:
    values = [study.falls(number) for number in range(4)] if measure == "leave_one_out" else study.slopes
    every = [study.of_word(number, word, mine) for number, mine in enumerate(values)]
    if sum(map(bool, every)) < 3:
        assert not [row for row in rows if (row["measure"], row["grouping"], row["term"]) == (measure, "all", word)]
        return
    row = only(rows, measure=measure, grouping="all", term=word)

    means = [float(np.mean(found)) for found in every if found]
    assert (row["count"], row["n_documents"], row["n_sources"]) == (sum(map(len, every)), len(means), len(means))
    assert row["mean"] == pytest.approx(np.mean(means), abs=1e-6)
    low, high = stats.t.interval(0.95, len(means) - 1, np.mean(means), stats.sem(means))
    assert_allclose([row["mean_low"], row["mean_high"]], [low, high], atol=1e-6)


def test_the_floor_is_the_mean_word_of_the_same_documents(study: Study, rows: list[Row]) -> None:
    row = only(rows, measure="gradient_x_input", grouping="all", term="goal")

    floors = []
    for number in (0, 1, 3):
        words = TEXTS[number].lower().split()
        of_words = {word: study.of_word(number, word, study.slopes[number]) for word in words}
        floors.append(np.mean([value for found in of_words.values() for value in found]))
    assert row["floor"] == pytest.approx(np.mean(floors), abs=1e-6)
    # A word of several pieces has one value.
    assert len(study.of_word(3, "unbelievably", study.slopes[3])) == 1


def test_words_in_too_few_documents_are_left_out_and_the_rule_is_that_of_all_terms(
    study: Study, rows: list[Row], tmp_path: Path
) -> None:
    assert {row["term"] for row in rows if row["measure"] == "gradient_x_input" and row["grouping"] == "all"} == {
        "the",
        "goal",
        "film",
    }
    output = tmp_path / "all.parquet"
    every = study.compare(output, min_document_frequency=1, level="token")
    assert {row["term"] for row in every if row["grouping"] == "all"} == {
        token
        for row in study.rows
        for token, special, mark in zip(row["tokens"], row["special"], row["punctuation"], strict=True)
        if not special and not mark
    }
    facts = files.read_facts(output, evidence_schemas.TERM_EVIDENCE)
    predicted = [[row["prediction"] for row in study.rows[:n]] for n in (4, 5)]
    for measure, labels in zip(("leave_one_out", "gradient_x_input"), predicted, strict=True):
        assert facts["measures"][measure] == {
            "n_documents": len(labels),
            "n_predicted": [labels.count(label) for label in range(len(LABEL_NAMES))],
            "min_document_frequency": 1,
        }


def test_groups_are_predicted_classes_with_their_own_support(study: Study, tmp_path: Path) -> None:
    rows = study.compare(tmp_path / "x.parquet", min_document_frequency=1)

    for label, name in enumerate(LABEL_NAMES):
        mine = [number for number, row in enumerate(study.rows) if row["prediction"] == label]
        words = {word for number in mine for word in TEXTS[number].lower().split()}
        found = [row for row in rows if row["measure"] == "gradient_x_input" and row["group"] == name]
        assert {row["term"] for row in found} == words
        assert all(row["grouping"] == "predicted" for row in found)


def test_the_number_of_shards_changes_no_byte(rows: list[Row], tmp_path: Path) -> None:
    assert Study(tmp_path, n_shards=2).compare(tmp_path / "term_evidence.parquet") == rows


def test_evidence_of_other_documents_is_refused(tmp_path: Path) -> None:
    other = Study(tmp_path)
    other.slopes[2] = other.slopes[2][:-1]
    other.write()

    with pytest.raises(ArtifactError, match=r"gradients\.parquet is of other documents:\n.*doc-0002.*other tokens"):
        other.compare(tmp_path / "x.parquet")


def planted(n_documents: int, random: np.random.Generator, fall: float) -> list[DocumentTerms]:
    """Documents of 20 words with chance values; one word in every document has more."""
    documents = []
    for number in range(n_documents):
        terms = ["goal", *(f"w{word}" for word in random.integers(60, size=19))]
        values = random.exponential(0.1, 20)
        values[0] += fall
        documents.append(DocumentTerms(f"s{number}", (number % 2,), terms, values))
    return documents


def test_a_planted_word_is_found_and_no_other() -> None:
    documents = planted(20, np.random.default_rng(1), 0.3)

    rows = [row for row in term_rows(documents, ["a", "b"], 3, 7) if row["grouping"] == "all"]

    assert [row["term"] for row in rows if row["q"] < 0.05] == ["goal"]
    assert rows[0]["term"] == "goal"
    assert [row["shrunken_rank"] for row in rows] == sorted((row["shrunken_rank"] for row in rows), reverse=True)
    assert all(row["shrunken_rank_low"] <= row["shrunken_rank"] <= row["shrunken_rank_high"] for row in rows)
    # Few documents are drawn towards the others.
    rare = min(rows[1:], key=lambda row: (row["n_documents"], -row["rank"]))
    assert abs(rare["shrunken_rank"] - 0.5) < abs(rare["rank"] - 0.5)


def test_q_is_adjusted_over_terms_and_groups() -> None:
    documents = planted(20, np.random.default_rng(2), 0.2)

    rows = [row for row in term_rows(documents, ["a", "b"], 3, 7) if row["grouping"] == "predicted"]

    assert {row["group"] for row in rows} == {"a", "b"}
    assert_allclose([row["q"] for row in rows], benjamini_hochberg(np.array([row["p"] for row in rows])))


def test_nothing_is_found_where_words_are_alike() -> None:
    n_found = 0
    for seed in range(20):
        rows = list(term_rows(planted(12, np.random.default_rng(seed), 0.0), ["a", "b"], 3, seed))
        n_found += any(row["q"] < 0.05 for row in rows if row["grouping"] == "all")

    assert n_found <= 4


def test_p_is_exact_where_it_can_be_counted() -> None:
    # One document of four words: each of them is drawn equally often.
    random = RandomTerms([DocumentTerms("s", (0,), ["a", "b", "c", "d"], np.array([4.0, 3.0, 2.0, 1.0]))], seed=1)

    p = {term: random.p(term, pairs) for term, pairs in random.pairs.items()}

    assert_allclose([p[term] for term in "abcd"], [0.25, 0.5, 0.75, 1.0], atol=0.06)


def test_ranks_are_within_a_document() -> None:
    documents = [
        DocumentTerms("s0", (0,), ["a", "b", "c", "a"], np.array([4.0, 3.0, 2.0, 1.0])),
        DocumentTerms("s1", (0,), ["a", "b"], np.array([0.002, 0.001])),
    ]

    pairs = RandomTerms(documents, seed=1).pairs

    assert_allclose(pairs["a"].ranks, [(0.875 + 0.125) / 2, 0.75])
    assert_allclose(pairs["b"].ranks, [0.625, 0.25])
    assert_allclose(ranks_of(np.array([1.0, 1.0, 1.0])), 0.5)


def test_p_depends_on_seed_and_term_only_and_has_a_smallest_value() -> None:
    values = np.r_[100.0, np.zeros(99)]
    documents = [DocumentTerms(f"s{number}", (0,), ["x", *"y" * 99], values) for number in range(4)]
    first, again = RandomTerms(documents, 3), RandomTerms(documents, 3)

    assert first.p("x", first.pairs["x"]) == 1 / (MOST_DRAWS + 1)
    assert first.p("y", first.pairs["y"]) == again.p("y", again.pairs["y"])
    assert ENOUGH / (MOST_DRAWS + 1) < first.p("y", first.pairs["y"]) <= 1
