"""From rows to attention: several labels per text, numbers, and texts without labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from task_study import TaskStudy, rows_of_sets, rows_of_values, write_csv, write_json_lines
from tiny_models import make_tiny_bert
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attviz_pipeline.artifacts import corpus_schemas, files

LABELS = ["finance", "music", "sport"]


def logits_of(checkpoint: Path, text: str) -> torch.Tensor:
    """Read one text the textbook way, [output]."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        logits: torch.Tensor = model(**tokenizer(text, return_tensors="pt")).logits[0]
    return logits.double()


@pytest.fixture(scope="module")
def labels_study(tmp_path_factory: pytest.TempPathFactory) -> TaskStudy:
    folder = tmp_path_factory.mktemp("labels")
    source = write_json_lines(folder / "rows.jsonl", rows_of_sets())
    study = TaskStudy.of(folder, {"source": source}, model={"thresholds": {"sport": 0.4}})
    study.prepare()
    study.model()
    study.extract()
    return study


@pytest.fixture(scope="module")
def numbers_study(tmp_path_factory: pytest.TempPathFactory) -> TaskStudy:
    folder = tmp_path_factory.mktemp("numbers")
    source = write_csv(folder / "rows.csv", rows_of_values())
    study = TaskStudy.of(folder, {"source": source}, training={"best_epoch_by": "r2"})
    study.prepare()
    study.model()
    study.extract()
    return study


class TestManyLabels:
    def test_three_forms_of_labels_are_the_same_documents(self, tmp_path: Path) -> None:
        rows = rows_of_sets()
        texts = [{"text": row["text"], "label": " ; ".join(reversed(row["label"]))} for row in rows]
        columns = [{"text": row["text"], **{name: int(name in row["label"]) for name in LABELS}} for row in rows]
        forms: list[dict[str, Any]] = [
            {"source": write_json_lines(tmp_path / "lists.jsonl", rows)},
            {"source": write_csv(tmp_path / "texts.csv", texts), "label_separator": ";"},
            {"source": write_csv(tmp_path / "columns.csv", columns), "label_columns": LABELS},
        ]
        found = []
        for form in forms:
            study = TaskStudy.of(tmp_path, form)
            found.append(study.prepare())
            facts = files.read_facts(study.path("documents.parquet"), corpus_schemas.DOCUMENTS)
            assert facts == {"task": "multi_label", "label_names": LABELS}
        assert found[0] == found[1] == found[2]
        assert [[LABELS[i] for i in row["labels"]] for row in found[0]] == [row["label"] for row in rows]

    def test_every_split_has_every_label_in_proportion(self, labels_study: TaskStudy) -> None:
        card = files.read_json(labels_study.path("dataset.json"), corpus_schemas.DATASET)
        assert card["n_by_split"] == {"train": 36, "validation": 12, "test": 12}
        assert card["splits"]["test"] == {"finance": 4, "music": 4, "sport": 6}
        assert card["splits"]["validation"] == {"finance": 4, "music": 4, "sport": 6}

    def test_the_model_has_sigmoid_outputs_with_names(self, labels_study: TaskStudy) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(labels_study.path("checkpoint"))
        assert model.config.problem_type == "multi_label_classification"
        assert model.config.id2label == dict(enumerate(LABELS))
        assert labels_study.facts()["thresholds"] == [0.5, 0.5, 0.4]

    def test_predictions_are_the_labels_above_their_thresholds(self, labels_study: TaskStudy) -> None:
        rows = labels_study.extract()
        assert len(rows) == 12
        for row in rows[:4]:
            expected = torch.sigmoid(logits_of(labels_study.path("checkpoint"), row["text"])).numpy()
            np.testing.assert_allclose(row["probabilities"], expected, atol=1e-5)
        for row in rows:
            above = [i for i, (p, t) in enumerate(zip(row["probabilities"], (0.5, 0.5, 0.4), strict=True)) if p >= t]
            assert row["predictions"] == above
            assert (row["label"], row["prediction"], row["value"], row["predicted_value"]) == (None,) * 4
            assert row["labels"] is not None


class TestNumbers:
    def test_the_task_is_found_and_the_splits_are_alike(self, numbers_study: TaskStudy) -> None:
        card = files.read_json(numbers_study.path("dataset.json"), corpus_schemas.DATASET)
        assert (card["task"], card["label_names"]) == ("regression", [])
        assert card["n_by_split"] == {"train": 36, "validation": 12, "test": 12}
        assert card["splits"]["test"]["median"] == pytest.approx(card["splits"]["train"]["median"], abs=0.6)

    def test_the_best_epoch_has_the_highest_r2(self, numbers_study: TaskStudy) -> None:
        metrics = numbers_study.model()
        scores = [epoch["r2"] for epoch in metrics["history"]]
        assert metrics["best_epoch"] == 1 + scores.index(max(scores))
        assert metrics["splits"]["validation"]["r2"] == pytest.approx(max(scores), abs=1e-5)

    def test_predictions_are_the_output(self, numbers_study: TaskStudy) -> None:
        rows = numbers_study.extract()
        assert numbers_study.facts()["task"] == "regression"
        for row in rows[:4]:
            (expected,) = logits_of(numbers_study.path("checkpoint"), row["text"]).tolist()
            assert row["predicted_value"] == pytest.approx(expected, abs=1e-4)
            assert row["probabilities"] == []
            assert row["windows"][0]["predicted_value"] == row["predicted_value"]
            assert row["value"] is not None
            assert row["label"] is None


class TestNoLabels:
    @pytest.mark.parametrize(
        ("problem_type", "names", "task"),
        [
            (None, ("no", "yes"), "single_label"),
            ("multi_label_classification", ("no", "yes"), "multi_label"),
            ("regression", ("score",), "regression"),
        ],
    )
    def test_the_model_says_what_its_outputs_are(
        self, tmp_path: Path, problem_type: str | None, names: tuple[str, ...], task: str
    ) -> None:
        model = make_tiny_bert(tmp_path / "model", label_names=names)
        config = AutoModelForSequenceClassification.from_pretrained(model).config
        config.problem_type = problem_type
        config.save_pretrained(model)
        source = write_csv(tmp_path / "rows.csv", [{"text": row["text"]} for row in rows_of_sets()[1:25]])
        finished = {"source": str(model), "mode": "load"}
        study = TaskStudy.of(tmp_path, {"source": source, "label_column": None}, model=finished)
        documents = study.prepare()
        assert study.model()["splits"]["test"]["n"] == 0
        rows = study.extract()
        assert len(rows) == len(documents) == 24
        facts = study.facts()
        assert (facts["task"], facts["label_names"]) == (task, list(names) if task != "regression" else [])
        assert all((row["label"], row["labels"], row["value"]) == (None,) * 3 for row in rows)

    @pytest.mark.parametrize("missing", ["", "-1"])
    def test_some_rows_may_lack_their_label(
        self, tmp_path: Path, missing: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        model = make_tiny_bert(tmp_path / "model", label_names=("no", "yes"))
        labels = ["0", "1", missing, "0"] * 6
        rows: list[dict[str, Any]] = [{"text": f"goal {i}", "label": label} for i, label in enumerate(labels)]
        dataset = {"source": write_csv(tmp_path / "rows.csv", rows), "label_names": ["no", "yes"]}
        study = TaskStudy.of(tmp_path, dataset, model={"source": str(model), "mode": "load"})
        documents = study.prepare()
        assert [row["label"] for row in documents] == [0, 1, None, 0] * 6
        assert "unlabelled" in caplog.text
        assert study.model()["splits"]["test"]["n"] == 18
        assert sum(row["label"] is None for row in study.extract()) == 6
