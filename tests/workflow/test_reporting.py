"""`report`: from a model and texts in memory to a site, by the stages of the workflow."""

import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from notebook_report import LABELS, TEXTS, tiny_classifier
from tiny_models import LABEL_NAMES

from attviz_pipeline import open_results, report
from attviz_pipeline.dataset.in_memory import rows_of_dataset, write_texts
from attviz_pipeline.errors import ArtifactError, AttvizError, ConfigError, DatasetError, ModelError
from attviz_pipeline.model.in_memory import save_model
from attviz_pipeline.results import Results

FAST: dict[str, dict[str, object]] = {
    "figures": {"n_cloud_words": 5, "dpi": 50},
    "bootstrap": {"n_replicates": 100},
    "comparison": {"n_permutations": 19},
    "classes": {"n_permutations": 19},
}


class Reported(NamedTuple):
    model: Any
    tokenizer: Any
    results: Results
    weights: dict[str, torch.Tensor]
    config: dict[str, Any]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("reported")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    model, tokenizer = tiny_classifier(folder / "tiny-news")
    model.train()
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    config = model.config.to_dict()
    ids = (f"text {number}" for number in range(len(TEXTS)))
    results = report(
        model,
        tokenizer,
        iter(TEXTS),
        iter(LABELS),
        "site",
        ids=ids,
        title="Tiny & small",
        mode="self_attention",
        settings=FAST,
        progress=False,
    )
    patch.undo()
    results = open_results(folder / results.folder, folder / results.site)
    return Reported(model, tokenizer, results, weights, config)


def test_the_site_and_the_results_are_there(reported: Reported) -> None:
    results = reported.results
    assert (results.site / "index.html").is_file()
    assert "Tiny &amp; small" in (results.site / "index.html").read_text(encoding="utf-8")
    assert results.label_names == list(LABEL_NAMES)
    assert {document.id for document in results.documents()} == {f"text {number}" for number in range(len(TEXTS))}
    assert not list(results.folder.glob("*input*"))
    pages = {path.name: path.read_text(encoding="utf-8") for path in results.site.rglob("*.html")}
    assert not [name for name, page in pages.items() if str(results.folder.parent) in page or ".partial" in page]


def test_the_model_stays_as_it_was(reported: Reported) -> None:
    assert reported.model.training
    assert reported.model.config.to_dict() == reported.config
    assert all(torch.equal(reported.weights[name], now) for name, now in reported.model.state_dict().items())


def test_a_document_is_found_and_shows_its_own_page(reported: Reported) -> None:
    document = reported.results.document("text 7")

    assert (document.text, document.label) == (TEXTS[7], LABELS[7])
    assert "id <bdi>text 7</bdi>" in document.show().html
    assert "heads of tiny-news" in document.show().html
    assert "partial" not in document.show().html
    assert "Tiny &amp; small" in reported.results.show().html
    with pytest.raises(ArtifactError, match=r"no document 'text 99'.\nThere are 'text"):
        reported.results.document("text 99")
    with pytest.raises(ArtifactError, match=r"has no page \.\./secret"):
        reported.results.show("../secret")


def test_tables_are_data_frames(reported: Reported) -> None:
    frame = reported.results.to_pandas("terms", ["term", "document_frequency"])

    assert list(frame.columns) == ["term", "document_frequency"]
    assert len(frame) == reported.results.table("terms").num_rows
    with pytest.raises(ArtifactError, match=r"There are .*terms"):
        reported.results.to_pandas("trems")


def test_the_results_are_opened_again(reported: Reported) -> None:
    again = open_results(reported.results.folder, reported.results.site)

    assert again.document("text 0").show().html == reported.results.document("text 0").show().html


def test_labels_that_the_model_does_not_know_are_refused(reported: Reported, tmp_path: Path) -> None:
    with pytest.raises(AttvizError, match=r"classes \('business', 'sport'\) are not those of 'label' \('odd', 'x'\)"):
        report(reported.model, reported.tokenizer, TEXTS[:4], ["x", "odd"] * 2, tmp_path / "site", progress=False)
    assert not (tmp_path / "site").exists()


def test_folders_of_others_are_not_replaced(reported: Reported, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("mine")

    with pytest.raises(ConfigError, match="was not written by report"):
        report(reported.model, reported.tokenizer, TEXTS, LABELS, tmp_path / "site")
    assert (tmp_path / "site" / "thesis.txt").read_text() == "mine"


def test_what_does_not_go_together_is_refused(reported: Reported, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with pytest.raises(ConfigError, match="set tokenizer to None"):
        report("owner/name", reported.tokenizer, TEXTS, LABELS, site)
    with pytest.raises(ConfigError, match="columns hold labels: leave out labels"):
        report(reported.model, reported.tokenizer, "texts.csv", LABELS, site)
    with pytest.raises(ConfigError, match="it has no columns: leave out columns"):
        report(reported.model, reported.tokenizer, TEXTS, LABELS, site, columns={"text_column": "text"})


def test_models_of_other_kinds_are_refused(reported: Reported, tmp_path: Path) -> None:
    adapter = type("PeftModel", (), {"merge_and_unload": None})()
    with pytest.raises(ModelError, match=r"adapter.*\nGive model.merge_and_unload"):
        save_model(adapter, reported.tokenizer, tmp_path)
    with pytest.raises(ModelError, match="got Linear"):
        save_model(torch.nn.Linear(1, 1), reported.tokenizer, tmp_path)
    with pytest.raises(ModelError, match="BertModel is no text classifier"):
        save_model(reported.model.bert, reported.tokenizer, tmp_path)
    with pytest.raises(ModelError, match="tokenizer must be a tokenizer of transformers, got NoneType"):
        save_model(reported.model, None, tmp_path)


class TestTexts:
    def test_pairs_and_numbers_of_numpy(self, tmp_path: Path) -> None:
        names = write_texts({"text": [("a", "b"), ("c", "d")], "label": np.array([0, 1])}, tmp_path / "texts.parquet")

        assert sorted(names) == ["label", "pair", "text"]
        assert pq.read_table(tmp_path / "texts.parquet").to_pylist() == [
            {"text": "a", "label": 0, "pair": "b"},
            {"text": "c", "label": 1, "pair": "d"},
        ]

    def test_columns_of_different_length(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="there are only 2 of label"):
            write_texts({"text": ["a", "b", "c"], "label": [0, 1]}, tmp_path / "texts.parquet")

    def test_cells_of_different_kinds_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"text 1 .*is of type int, those before it are of type str"):
            write_texts({"text": ["a", 5, "b"], "label": [0, 1, 0]}, tmp_path / "texts.parquet")

    def test_no_texts(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="there are no texts"):
            write_texts({"text": []}, tmp_path / "texts.parquet")

    def test_a_dataset_gives_the_names_of_its_classes(self) -> None:
        features = Features({"review": Value("string"), "stars": ClassLabel(names=["bad", "good"])})
        dataset = Dataset.from_dict({"review": ["a", "b"], "stars": [1, 0]}, features=features)

        columns = rows_of_dataset(dataset, {"text": "review", "label": "stars"})
        assert {name: list(cells) for name, cells in columns.items()} == {"text": ["a", "b"], "label": ["good", "bad"]}
        with pytest.raises(DatasetError, match=r"no column 'txt'\nIt has 'review', 'stars'"):
            rows_of_dataset(dataset, {"text": "txt"})
        with pytest.raises(DatasetError, match=r"give one, for example dataset\['test'\]"):
            rows_of_dataset(DatasetDict(test=dataset), {"text": "review"})


def test_the_function_is_light_to_import_and_explains_itself() -> None:
    script = (
        "import sys; from attviz_pipeline import report; print(*{'torch', 'transformers', 'datasets'} & {*sys.modules})"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == ""
    assert list(signature(report).parameters)[:5] == ["model", "tokenizer", "texts", "labels", "folder"]


def test_a_notebook_shows_the_message_alone() -> None:
    assert ModelError("no model.", remedy="Name one.")._render_traceback_() == ["ModelError: no model.\nName one."]
