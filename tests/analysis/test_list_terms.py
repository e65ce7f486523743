"""The stage list_terms: what counts as a term, at every level, and which terms have support."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from synthetic_attention import make_unknown
from term_study import TermStudy, invented, written

from attviz_pipeline.analysis.terms.list_terms import Vocabulary, list_terms
from attviz_pipeline.analysis.terms.support import CorpusSize
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.stages import ListTerms

NUMBERS = np.full((1, 4), 0.5)


def terms_of(study: TermStudy) -> dict[str, tuple[int, int]]:
    list_terms(ListTerms(terms=study.terms), study.attention, study.output.vocabulary)
    return {row["term"]: (row["count"], row["document_frequency"]) for row in study.rows("vocabulary")}


def test_words_are_merged_from_their_pieces(tmp_path: Path) -> None:
    study = invented(tmp_path, level="word")
    words = [word for row in study.documents() for word in row["text"].removesuffix(" .").split()]

    terms = terms_of(study)

    assert {term: count for term, (count, _) in terms.items()} == dict(Counter(words))
    assert "technologies" in terms
    assert "##ies" not in terms


def test_tokens_stay_pieces(tmp_path: Path) -> None:
    study = invented(tmp_path, level="token", special_tokens=True, punctuation=True)
    documents = study.documents()

    terms = terms_of(study)

    assert {t: c for t, (c, _) in terms.items()} == dict(Counter(t for row in documents for t in row["tokens"]))
    assert all(terms[t][1] == sum(t in row["tokens"] for row in documents) for t in terms)
    special = [row["term"] for row in study.rows("vocabulary") if row["special"]]
    assert set(special) == {"[CLS]", "[SEP]"}


@pytest.mark.parametrize("level", ["token", "word", "lower_word"])
def test_special_tokens_and_punctuation_only_if_asked_for(tmp_path: Path, level: str) -> None:
    without = terms_of(invented(tmp_path / "without", level=level))
    every = terms_of(invented(tmp_path / "with", level=level, special_tokens=True, punctuation=True))

    assert not {"[CLS]", "[SEP]", "."} & set(without)
    assert set(every) == set(without) | {"[CLS]", "[SEP]", "."}


@pytest.mark.parametrize("level", ["token", "word", "lower_word"])
def test_what_the_model_has_not_read_is_no_term_unless_asked_for(tmp_path: Path, level: str) -> None:
    study = invented(tmp_path / "without", level=level)
    every = invented(tmp_path / "with", level=level, special_tokens=True)
    for path in study.attention:
        make_unknown(path, "broad")  # a part of "broadband"
        make_unknown(path, "market")
    for path in every.attention:
        make_unknown(path, "market")
    terms = terms_of(study)
    asked = terms_of(every)

    assert not {"[UNK]", "broadband", "market"} & set(terms)
    assert "government" in terms
    name = "[UNK]" if level == "token" else "market"
    assert name in asked
    assert {row["term"] for row in every.rows("vocabulary") if row["special"]} == {"[CLS]", "[SEP]", name}


def test_lower_case_joins_spellings(tmp_path: Path) -> None:
    documents = [(["The", "the", "THE", "Straße"], NUMBERS)]

    assert terms_of(written(tmp_path, documents, level="lower_word")) == {"straße": (1, 1), "the": (3, 1)}
    assert set(terms_of(written(tmp_path, documents, level="word"))) == {"The", "the", "THE", "Straße"}


def test_supported_terms_come_first(tmp_path: Path) -> None:
    study = invented(tmp_path, min_document_frequency=5)
    terms_of(study)

    frequencies = [row["document_frequency"] for row in study.rows("vocabulary")]
    n_supported = study.facts("vocabulary")["n_supported"]

    assert frequencies == sorted(frequencies, reverse=True)
    assert frequencies[n_supported - 1] >= 5 > frequencies[n_supported]


@pytest.mark.parametrize(("n_supported", "is_possible"), [(-1, False), (0, True), (2, True), (3, False), (None, False)])
def test_a_vocabulary_supports_none_to_all_of_its_terms(
    n_supported: int | None,
    is_possible: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    path = tmp_path / "vocabulary.parquet"
    rows = {"term": ["a", "b"], "special": [False, False], "count": [9, 8], "document_frequency": [7, 6]}
    files.write_table(path, term_schemas.VOCABULARY, rows, {"n_supported": n_supported})

    if is_possible:
        assert Vocabulary.read(path).terms == ["a", "b"][:n_supported]
    else:
        with pytest.raises(ArtifactError, match="does not say how many"):
            Vocabulary.read(path)


def test_without_documents_there_are_no_terms(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert terms_of(written(tmp_path, [])) == {}
    assert "no term can be described" in caplog.text


@pytest.mark.parametrize(
    ("n_documents", "classes", "least"),
    [
        (55, [11] * 5, 3),
        (450, [225, 225], 4),
        (2000, [500] * 4, 10),
        (100_000, [50_000, 50_000], 10),
        (2000, [1970, 30], 6),
        (2000, [1999, 1], 3),
        (2000, [], 10),
    ],
)
def test_the_threshold_fits_the_corpus(n_documents: int, classes: list[int], least: int) -> None:
    corpus = CorpusSize(n_documents, gold=Counter(dict(enumerate(classes))))

    assert corpus.least_documents("auto") == least
    assert corpus.least_documents(7) == 7


def test_a_word_of_the_smallest_class_is_described(tmp_path: Path) -> None:
    """Every document of one class of four has a word that no other has."""
    labels: list[int | None] = [0] * 36 + [1] * 4
    documents = [(["the", "goal" if label else "bank"], NUMBERS[:, :2]) for label in labels]
    study = written(tmp_path, documents, labels=labels, min_document_frequency="auto")
    terms_of(study)

    facts = study.facts("vocabulary")
    assert facts == {
        "level": "lower_word",
        "n_supported": 3,
        "min_document_frequency": 3,
        "n_documents": 40,
        "smallest_class": 4,
    }
    assert {row["term"] for row in study.rows("vocabulary")[: facts["n_supported"]]} == {"the", "bank", "goal"}


def test_without_gold_classes_the_predicted_ones_count(tmp_path: Path) -> None:
    documents = [(["the"], NUMBERS[:, :1])] * 6
    study = written(tmp_path, documents, labels=[None] * 6, predictions=[0, 0, 0, 0, 1, 1])
    terms_of(study)

    assert study.facts("vocabulary")["smallest_class"] == 2
