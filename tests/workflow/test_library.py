"""The package as a library: what docs/library.md shows works, and is what it says."""

import doctest
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from drawn_figures import write_statistics
from synthetic_attention import write_attention_shards
from synthetic_evidence import N_SAMPLE, N_SMALL, write_evidence
from synthetic_models import write_models
from task_studies import LABEL_NAMES, TASKS, write_task_shards

import attviz_pipeline
from attviz_pipeline import open_results
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.evidence_schemas import LEAVE_ONE_OUT
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.errors import ArtifactError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "results" / "news"
    write_statistics(folder)
    (folder / "attention").mkdir()
    for shard in folder.glob("*-of-*.parquet"):
        shutil.move(shard, folder / "attention" / shard.name)
    write_evidence(folder / "evidence", sorted((folder / "attention").iterdir()))
    return folder


def test_the_page_runs_from_top_to_bottom(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study.parents[1])
    page = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0)
    first_of_arrays = next(n for n, example in enumerate(page.examples) if "attention = np.array" in example.source)
    # What the first cells show is of the default study, which is not at hand here.
    for example in page.examples[:first_of_arrays]:
        exec(example.source, page.globs)  # noqa: S102 - our own page
    page.examples = page.examples[first_of_arrays:]

    said: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(page, out=said.append)

    assert first_of_arrays > 8
    assert outcome.attempted > 8
    assert outcome.failed == 0, "".join(said)


def test_documents_of_label_sets_and_values_have_them_and_their_evidence(tmp_path: Path) -> None:
    found = {}
    for task in ("multi_label", "regression"):
        folder = tmp_path / task
        (folder / "attention").mkdir(parents=True)
        shards = write_task_shards(folder / "attention", task, n_documents=N_SAMPLE, n_shards=1)
        write_evidence(folder / "evidence", shards)
        found[task] = open_results(folder)
    sets, values = ({document.id: document for document in results.documents()} for results in found.values())

    rows = files.read_table(tmp_path / "multi_label" / "evidence" / "leave_one_out.parquet", LEAVE_ONE_OUT).to_pylist()
    for row in rows:
        document = sets[row["id"]]
        assert document.prediction == tuple(LABEL_NAMES[label] for label in row["predictions"])
        changes = np.reshape(row["changes"], (-1, len(LABEL_NAMES)))
        expected = TASKS["multi_label"].falls(np.array(row["probabilities"]), changes, tuple(row["predictions"]))
        assert document.leave_one_out is not None
        np.testing.assert_allclose(document.leave_one_out[row["places"]], expected, atol=1e-6)
    rows = files.read_table(tmp_path / "regression" / "evidence" / "leave_one_out.parquet", LEAVE_ONE_OUT).to_pylist()
    for row in rows:
        document = values[row["id"]]
        assert (document.prediction, document.label) == (row["predicted_value"], row["value"])
        assert document.leave_one_out is not None
        np.testing.assert_allclose(document.leave_one_out[row["places"]], np.negative(row["changes"]), atol=1e-6)
    assert len(rows) == N_SMALL
    table = found["regression"].table("ablation_curves", ["error"])
    assert table.num_rows
    with pytest.raises(ArtifactError, match="table ablation_curves has no column accuracy"):
        found["regression"].table("ablation_curves", ["accuracy"])


def test_documents_are_those_of_the_shards(study: Path) -> None:
    results = open_results(study)
    shard = next((study / "attention").iterdir())
    table = files.read_table(shard, attention_schemas.ATTENTION).to_pylist()

    documents = list(results.documents())

    assert [document.id for document in documents] == [row["id"] for row in table]
    for document, row in zip(documents, table, strict=True):
        assert document.prediction == results.label_names[row["prediction"]]
        assert document.self_attention.shape == (2, 3, len(document.tokens))
        assert np.array_equal(document.self_attention.ravel(), np.array(row["self_attention"], np.float32))


def test_tables_are_named_and_unknown_ones_listed(study: Path) -> None:
    results = open_results(study)

    assert {"terms", "head_pairs", "head_profiles", "calibration"} <= set(results.tables)
    assert all(results.table(name).num_columns for name in results.tables)
    assert results.facts("heads") is not None
    with pytest.raises(ArtifactError, match=r"no table 'trems'.\nThere are .*terms"):
        results.table("trems")
    with pytest.raises(ArtifactError, match=r"table heads has no column meen.\nIt has layer, head"):
        results.table("heads", ["meen", "mean"])


def test_evidence_is_read_by_table_and_by_document(study: Path) -> None:
    results = open_results(study)
    names = {field.name for field in fields(EvidencePaths)}
    documents = {document.id: document for document in results.documents()}

    assert names <= set(results.tables)
    assert results.facts("term_evidence")["measures"]["leave_one_out"]["n_documents"] == N_SMALL
    gradients = {row["id"]: row for row in results.table("gradients", ["id", "gradient_x_input"]).to_pylist()}
    left_out = {row["id"]: row for row in results.table("leave_one_out").to_pylist()}
    assert (len(gradients), len(left_out)) == (N_SAMPLE, N_SMALL)
    for name, document in documents.items():
        assert (document.gradient_x_input is not None) == (name in gradients)
        assert (document.leave_one_out is not None) == (name in left_out)
    for name, row in gradients.items():
        assert np.array_equal(documents[name].gradient_x_input, np.array(row["gradient_x_input"], np.float32))
    for name, row in left_out.items():
        document = documents[name]
        changes = np.array(row["changes"], np.float32).reshape(-1, len(results.label_names))
        assert np.array_equal(np.isnan(document.leave_one_out), document.special)
        falls = -changes[:, results.label_names.index(document.prediction)]
        assert np.array_equal(document.leave_one_out[~document.special], falls)


def test_a_study_without_evidence_has_documents_without_it(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "news", ignore=shutil.ignore_patterns("evidence"))
    results = open_results(tmp_path / "news")

    document = next(results.documents())
    assert document.gradient_x_input is document.leave_one_out is None
    assert not set(results.tables) & {field.name for field in fields(EvidencePaths)}
    with pytest.raises(ArtifactError, match=r"gradients\.parquet"):
        results.table("gradients")


def test_models_are_listed_with_their_tables(study: Path, tmp_path: Path) -> None:
    assert open_results(study).models == []

    shutil.copytree(study, tmp_path / "news")
    write_models(tmp_path / "news" / "models", ["sport", "world"], ("pretrained", "seed", "other"))
    results = open_results(tmp_path / "news")
    assert [model["model"] for model in results.models] == ["own", "pretrained", "seed-14", "seed-15", "other"]
    assert [model["accuracy"] for model in results.models] == [0.9, None, 0.85, 0.875, 0.5]
    assert results.table("model_predictions").num_rows == 6
    assert (results.table("model_words").num_rows, results.table("matched_heads").num_rows) == (4, 4)
    assert results.table("model_heads").num_rows == 3 * 6
    assert {"models", "fine_tuned_heads", "effect_replications", "model_importance"} <= set(results.tables)


def test_evidence_of_another_study_is_refused(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "news")
    shards = write_attention_shards(tmp_path / "other", n_documents=20, n_shards=1, texts=["a text of other words"])
    write_evidence(tmp_path / "news" / "evidence", shards)

    with pytest.raises(ArtifactError, match=r"gradients\.parquet is of other documents"):
        list(open_results(tmp_path / "news").documents())


def test_a_folder_without_attention_or_of_two_runs_is_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no self-attention"):
        open_results(tmp_path)
    shutil.copytree(study / "attention", tmp_path / "attention")
    shard = next((tmp_path / "attention").iterdir())
    shutil.copy(shard, tmp_path / "attention" / "00000-of-00009.parquet")
    with pytest.raises(ArtifactError, match="shards of more than one run: of 00001, 00009"):
        open_results(tmp_path)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in attviz_pipeline.__all__:
        assert getattr(attviz_pipeline, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(attviz_pipeline, "nothing")  # noqa: B009 - what an import does
