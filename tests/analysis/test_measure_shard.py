"""The stage measure_shard: values of terms relative to length, evenness, distributions and curves."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from task_studies import write_task_shards
from term_study import N_HEADS, N_LAYERS, TermStudy, invented, written

from attviz_pipeline.analysis.quantities import evenness
from attviz_pipeline.analysis.terms.histograms import curve_bins
from attviz_pipeline.analysis.terms.measure_shard import measure_shard
from attviz_pipeline.artifacts import attention_schemas, files, term_schemas
from attviz_pipeline.artifacts.histogram import bin_edges
from attviz_pipeline.config.settings import TermsSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.stages import MeasureShard
from attviz_pipeline.words import merge_by_word


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    return invented(tmp_path_factory.mktemp("study"), level="word").measure()


def read(study: TermStudy, name: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = files.read_table(
        getattr(study.measures[0], name), getattr(term_schemas, name.upper())
    ).to_pylist()
    return rows


def test_documents_average_their_words(study: TermStudy) -> None:
    found = {row["position"]: row for row in read(study, "document_heads")}

    for row in study.documents():
        attention = np.array(row["self_attention"]).reshape(N_LAYERS * N_HEADS, -1)
        n = np.concatenate([np.full(w["n_tokens"], w["n_model_tokens"]) for w in row["windows"]])
        words = np.where(row["punctuation"], -1, row["words"])
        merged = merge_by_word(attention, words, "mean")
        logs = merge_by_word(np.log(attention * n), words, "mean")
        mine = found[row["position"]]
        assert mine["n_terms"] == merged.shape[1]
        assert_allclose(mine["attention"], merged.mean(axis=1), rtol=1e-6)
        assert_allclose(mine["log_ratio"], logs.mean(axis=1), rtol=1e-5, atol=1e-6)
        shares = merged / merged.sum(axis=1, keepdims=True)
        assert_allclose(mine["evenness"], stats.entropy(shares, axis=1) / np.log(merged.shape[1]), rtol=1e-6)


def test_evenness_of_constant_and_of_concentrated_attention() -> None:
    attention = np.array([[0.5, 1.0, 0.0], [0.5, 0.0, 0.0], [0.7, 0.3, 0.2]])

    found = evenness(attention, np.array([0, 2]))

    assert_allclose(found[0, :2], [1, 0], atol=1e-15)
    # A head without attention, and a document of one term, have no evenness.
    assert np.isnan(found[0, 2])
    assert np.isnan(found[1]).all()


def test_distributions_count_every_term_once(study: TermStudy) -> None:
    rows = read(study, "distributions")
    n_terms = sum(int(row["n_terms"]) for row in read(study, "document_heads"))  # type: ignore[call-overload]

    assert len(rows) == (3 + 2) * (N_LAYERS + 1) * 3
    for layer in (*range(N_LAYERS), None):
        for statistic in ("max", "mean", "min"):
            mine = [row for row in rows if row["layer"] == layer and row["statistic"] == statistic]
            for documents in (("label", "no_label"), ("all",)):
                some = [row["histogram"] for row in mine if row["documents"] in documents]
                assert sum(map(sum, some)) == n_terms  # type: ignore[arg-type]


def test_distributions_count_a_document_for_each_of_its_labels(tmp_path: Path) -> None:
    paths = write_task_shards(tmp_path, "multi_label", n_documents=20, n_shards=1, n_layers=1, n_heads=2)
    study = TermStudy(tmp_path, paths, TermsSettings(min_document_frequency=1)).measure()

    n_terms: Counter[str] = Counter()
    for row in read(study, "document_heads"):
        labels: list[int] = row["labels"]  # type: ignore[assignment]
        for label in [*(labels or ["no_label"]), "all"]:
            n_terms[str(label)] += int(row["n_terms"])  # type: ignore[call-overload]
    counted = {
        str(row["documents"] if row["label"] is None else row["label"]): sum(row["histogram"])  # type: ignore[arg-type]
        for row in read(study, "distributions")
        if row["layer"] is None and row["statistic"] == "mean"
    }
    assert {name: n for name, n in counted.items() if n} == n_terms
    assert len(n_terms) > 3


def test_a_distribution_is_numpys_histogram(tmp_path: Path) -> None:
    values = np.array([[0.5, 0.25, 0.001], [0.1, 0.3, 0.002]])
    study = written(tmp_path, [(["a", "b", "c"], values)], labels=[1]).measure()

    mine = {row["statistic"]: row["histogram"] for row in read(study, "distributions") if row["label"] == 1}

    edges = np.concatenate([[0], bin_edges(), [np.inf]])
    assert mine["max"] == np.histogram(values.max(axis=0).astype(np.float32), edges)[0].tolist()
    assert mine["min"] == np.histogram(values.min(axis=0).astype(np.float32), edges)[0].tolist()


def test_bins_of_curves_rise() -> None:
    first = curve_bins()

    assert first[0] == 0
    assert (np.diff(first) > 0).all()


def test_document_of_punctuation_only_has_no_values(tmp_path: Path) -> None:
    study = written(tmp_path, [(["a", "b"], np.full((1, 2), 0.5)), (["!", "?"], np.full((1, 2), 0.5))]).measure()

    lists = [(row["n_terms"], row["attention"], row["evenness"]) for row in read(study, "document_heads")]
    assert lists == [(2, [0.5], [1.0]), (0, [], [])]


def test_zero_attention_counts_as_the_floor_in_logarithms(tmp_path: Path) -> None:
    study = written(tmp_path, [(["a", "b"], np.array([[0.0, 0.5]]))]).measure()

    assert_allclose(read(study, "document_heads")[0]["log_ratio"], [(np.log(2e-8) + 0) / 2], rtol=1e-6)


def test_windows_that_do_not_hold_the_tokens_are_refused(tmp_path: Path) -> None:
    study = written(tmp_path, [(["a", "b"], np.full((1, 2), 0.5))]).measure()
    path = study.attention[0]
    columns, facts = (
        files.read_table(path, attention_schemas.ATTENTION).to_pydict(),
        files.read_facts(path, attention_schemas.ATTENTION),
    )
    columns["windows"][0][0]["n_tokens"] = 3
    files.write_table(path, attention_schemas.ATTENTION, columns, facts)

    with pytest.raises(ArtifactError, match="windows do not hold its tokens"):
        measure_shard(MeasureShard(terms=study.terms), path, study.output.vocabulary, study.measures[0])
