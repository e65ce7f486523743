"""The ranking of terms within each class: by hand, without gold values, and with too few documents."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from term_study import TermStudy, invented, written

from attviz_pipeline.analysis.inference import ratio_variance
from attviz_pipeline.analysis.shrinkage import shrink

LEAST = 3


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    return invented(tmp_path_factory.mktemp("study"), n_documents=60, level="token").measure().describe()


def of_class(study: TermStudy, label: int) -> dict[str, list[tuple[str, np.ndarray, float]]]:
    """Input row, attention per head and length of the window of every occurrence, by token, in documents of a class."""
    found: dict[str, list[tuple[str, np.ndarray, float]]] = defaultdict(list)
    for row in study.documents():
        if row["label"] != label:
            continue
        attention = np.array(row["self_attention"]).reshape(-1, len(row["tokens"]))
        n = np.concatenate([np.full(w["n_tokens"], w["n_model_tokens"]) for w in row["windows"]])
        for place, token in enumerate(row["tokens"]):
            found[token].append((row["source_id"], attention[:, place], float(n[place])))
    return found


def test_values_are_those_of_the_documents_of_the_class(study: TermStudy) -> None:
    facts, rows = study.facts("class_rankings"), study.rows("class_rankings")
    names = list(facts["n_documents"])

    assert facts["grouping"] == "gold"
    assert facts["min_document_frequency"] == LEAST
    assert rows
    for row in rows:
        occurrences = of_class(study, names.index(row["group"]))[row["term"]]
        assert row["count"] == len(occurrences)
        assert row["document_frequency"] == len({source for source, _, _ in occurrences}) >= LEAST
        assert_allclose(row["mean"], np.mean([values.mean() for _, values, _ in occurrences]), rtol=1e-6)
    assert facts["n_terms"] == {name: sum(row["group"] == name for row in rows) for name in names}


def test_without_a_length_curve_values_are_means_of_the_logarithm_shrunk_within_the_class(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    words = ["oil", "goal", "bank", "team"]
    documents = [(words, random.uniform(0.05, 0.2, (2, 4)) * (1 + np.arange(4))) for _ in range(20)]
    labels = [position % 2 for position in range(20)]
    study = written(tmp_path, documents, labels=labels, label_names=("world", "sport")).measure().describe()
    assert study.facts("class_rankings")["length_curve"] == "none"

    for label, name in enumerate(("world", "sport")):
        found = {row["term"]: row for row in study.rows("class_rankings") if row["group"] == name}
        inside = [values for (_, values), of in zip(documents, labels, strict=True) if of == label]
        logs = np.log(4 * np.array(inside)).mean(axis=1)
        values = dict(zip(words, logs.T, strict=True))
        means = np.array([values[word].mean() for word in words])
        ones = np.ones(4)
        variances = ratio_variance(
            np.array([(values[word] ** 2).sum() for word in words]),
            np.array([values[word].sum() for word in words]),
            10 * ones,
            means,
            10 * ones,
        )
        reference = shrink(means, variances, ones / 10, np.full(4, 10))
        low, high = reference.interval()
        for place, word in enumerate(words):
            assert_allclose(found[word]["corrected_log_ratio"], means[place], atol=1e-6)
            assert_allclose(found[word]["shrunken_log_ratio"], reference.means[place], atol=1e-6)
            assert_allclose(
                [found[word]["shrunken_log_ratio_low"], found[word]["shrunken_log_ratio_high"]],
                [low[place], high[place]],
                atol=1e-6,
            )


def test_the_planted_word_of_a_class_is_first_there_and_not_elsewhere(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    words = ["oil", "goal", "bank", "team"]
    labels = [position % 2 for position in range(40)]
    documents = []
    for label in labels:
        attention = random.uniform(0.1, 0.12, (2, 4))
        attention[:, 1] *= 3 if label else 0.3
        documents.append((words, attention))
    study = written(tmp_path, documents, labels=labels, label_names=("world", "sport")).measure().describe()

    ranked = defaultdict(list)
    for row in study.rows("class_rankings"):
        ranked[row["group"]].append(row["term"])
    assert ranked["sport"][0] == "goal"
    assert ranked["world"][-1] == "goal"


def test_classes_are_predicted_ones_where_no_gold_class_is_known(tmp_path: Path) -> None:
    documents: list[Any] = [(["oil", "goal"], np.full((1, 2), 0.4)) for _ in range(8)]
    study = written(tmp_path, documents, labels=[None] * 8, predictions=[0] * 5 + [1] * 3).measure().describe()

    facts = study.facts("class_rankings")
    assert facts["grouping"] == "predicted"
    assert list(facts["n_documents"].values()) == [5, 3]
    assert {row["document_frequency"] for row in study.rows("class_rankings")} == {3, 5}


def test_a_class_with_too_few_documents_has_no_words(tmp_path: Path) -> None:
    documents: list[Any] = [(["oil", "goal"], np.full((1, 2), 0.4)) for _ in range(8)]
    few = written(tmp_path, documents, labels=[0] * 7 + [1])
    study = replace(few, terms=few.terms.model_copy(update={"min_document_frequency": LEAST})).measure().describe()

    facts = study.facts("class_rankings")
    assert list(facts["n_terms"].values()) == [2, 0]
