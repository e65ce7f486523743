"""Labels, settings and models that do not fit a task: refused before training, all at once, with row and column."""

from pathlib import Path
from typing import Any

import pytest
from task_study import TaskStudy, rows_of_sets, rows_of_values, write_csv, write_json_lines
from tiny_models import make_tiny_bert
from transformers import AutoConfig

from attviz_pipeline.errors import ConfigError, DatasetError, ModelError

TWO = {"label_columns": ["a", "b"]}


def refusal(folder: Path, rows: list[dict[str, Any]], dataset: dict[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401
    """Write rows, prepare them, and return why that is refused."""
    source = write_json_lines(folder / "rows.jsonl", rows)
    study = TaskStudy.of(folder, {"source": source, **(dataset or {})}, **changes)
    with pytest.raises(DatasetError) as caught:
        study.prepare()
    assert not list((folder / "results").iterdir())
    return str(caught.value)


class TestRows:
    def test_every_bad_number_is_told(self, tmp_path: Path) -> None:
        rows = rows_of_values(12)
        for row, cell in zip(rows, ["many", None, float("inf"), True, [1.5], "1e999", "2.5", 3], strict=False):
            row["label"] = cell
        message = refusal(tmp_path, rows, task="regression")
        assert message.startswith("6 of 12 rows cannot be used:")
        for number, what in (
            (1, "must be a number, got 'many'"),
            (2, "is missing"),
            (3, "must be a finite number, got inf"),
            (4, "must be a number, got the truth value true"),
            (5, "must be a number, got a list"),
            (6, "must be a finite number, got inf"),
        ):
            assert f"rows.jsonl row {number}, column label  {what}" in message

    def test_every_bad_set_is_told(self, tmp_path: Path) -> None:
        rows = rows_of_sets(18)
        cells = [["a", "a"], ["a", None], ["a", ["b"]], None, ["a", " b"], ["a", 1.5]]
        for row, cell in zip(rows, cells, strict=False):
            row["label"] = cell
        message = refusal(tmp_path, rows)
        for number, what in (
            (1, "has the label 'a' twice"),
            (2, "label 2 of 2 is missing"),
            (3, "label 2 of 2 must be a string or an integer, got a list"),
            (4, "is missing"),
            (5, "label 2 of 2 has blanks around it"),
            (6, "label 2 of 2 must be a string or an integer, got the number 1.5"),
        ):
            assert f"row {number}, column label  {what}" in message

    def test_a_separator_with_nothing_between(self, tmp_path: Path) -> None:
        rows = [{"text": f"text {i}", "label": "a;;b" if i == 3 else "a; b"} for i in range(12)]
        assert "row 4, column label  label 2 of 3 is missing" in refusal(tmp_path, rows, {"label_separator": ";"})

    def test_columns_of_other_cells_than_0_and_1(self, tmp_path: Path) -> None:
        rows: list[dict[str, Any]] = [{"text": f"text {i}", "a": i % 2, "b": 1 - i % 2} for i in range(12)]
        rows[0]["a"], rows[1]["b"], rows[2]["b"] = 2, "maybe", None
        message = refusal(tmp_path, rows, TWO)
        assert "row 1, column a  must be 0 or 1, got '2'" in message
        assert "row 2, column b  must be 0 or 1, got 'maybe'" in message
        assert "row 3, column b  is missing" in message

    def test_a_missing_column(self, tmp_path: Path) -> None:
        rows = [{"text": f"text {i}", "a": i % 2} for i in range(6)]
        assert "has no column 'b' (`dataset.label_columns.1`)" in refusal(tmp_path, rows, TWO)


class TestCorpus:
    def test_a_label_that_no_text_has(self, tmp_path: Path) -> None:
        rows = [{"text": f"text {i}", "a": i % 2, "b": 0} for i in range(12)]
        message = refusal(tmp_path, rows, TWO)
        assert "too few rows to have every label in each of 3 splits" in message
        assert "label 'b'  0 distinct texts" in message

    def test_one_label_or_one_value_only(self, tmp_path: Path) -> None:
        labels = [{"text": f"text {i}", "label": ["a"] if i % 2 else []} for i in range(12)]
        assert "the dataset has only one class, 'a'" in refusal(tmp_path, labels)
        values = [{"text": f"text {i}", "label": 1.5} for i in range(12)]
        assert "all rows have the same value, 1.5" in refusal(tmp_path, values)

    @pytest.mark.parametrize(
        ("task", "rows", "what"),
        [
            ("single_label", rows_of_sets(12), "holds lists of labels"),
            ("single_label", rows_of_values(12), "holds numbers that are not whole"),
            ("multi_label", rows_of_values(12), "holds numbers that are not whole"),
            ("regression", rows_of_sets(12), "holds lists of labels"),
        ],
    )
    def test_a_column_of_another_task(self, tmp_path: Path, task: str, rows: list[dict[str, Any]], what: str) -> None:
        message = refusal(tmp_path, rows, task=task)
        assert f"the study's task is `task: {task}`, but:" in message
        assert f"column 'label'  {what}" in message

    def test_names_of_classes_for_numbers(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, rows_of_values(12), {"label_names": ["a", "b"]})
        assert "dataset.label_names  names classes" in message


class TestModels:
    @pytest.mark.parametrize(
        ("names", "problem_type", "rows", "title"),
        [
            (("a", "b"), "multi_label_classification", [{"label": "ab"[i % 2]} for i in range(6)], "multi-label"),
            (("a", "b"), "single_label_classification", rows_of_sets(6), "single-label"),
            (("a",), None, rows_of_sets(6), "regression"),
            (("a", "b"), "single_label_classification", rows_of_values(6), "single-label"),
        ],
    )
    def test_a_finished_model_of_another_task(
        self, tmp_path: Path, names: tuple[str, ...], problem_type: str | None, rows: list[dict[str, Any]], title: str
    ) -> None:
        model = make_tiny_bert(tmp_path / "model", label_names=names)
        config = AutoConfig.from_pretrained(model)
        config.problem_type = problem_type
        config.save_pretrained(model)
        rows = [{"text": f"text {i}"} | row for i, row in enumerate(rows)]
        message = refusal(tmp_path, rows, model={"source": str(model), "mode": "load"})
        assert f"the model  config.json says that it was trained for {title}" in message

    def test_whole_numbers_are_values_for_a_model_with_one_output(self, tmp_path: Path) -> None:
        model = make_tiny_bert(tmp_path / "model", label_names=("score",))
        rows = [{"text": f"goal {i}", "label": i % 5} for i in range(10)]
        dataset = {"source": write_csv(tmp_path / "rows.csv", rows)}
        study = TaskStudy.of(tmp_path, dataset, model={"source": str(model), "mode": "load"})
        assert [row["value"] for row in study.prepare()] == [i % 5 for i in range(10)]

    def test_thresholds_of_labels_that_do_not_exist(self, tmp_path: Path) -> None:
        source = write_json_lines(tmp_path / "rows.jsonl", rows_of_sets())
        study = TaskStudy.of(tmp_path, {"source": source}, model={"thresholds": {"sports": 0.4, "music": 0.2}})
        study.prepare()
        with pytest.raises(ModelError) as caught:
            study.model()
        assert "model.thresholds  'sports' is no label" in str(caught.value)
        assert "music" in str(caught.value).splitlines()[-1]


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "dataset", "what"),
        [
            (
                {"task": "regression"},
                {"label_separator": ";"},
                "`dataset.label_separator` does not fit",
            ),
            ({"task": "single_label"}, TWO, "`dataset.label_columns` does not fit `task: single_label`"),
            ({"task": "regression"}, {"label_names": ["a", "b"]}, "`dataset.label_names` does not fit"),
            (
                {"task": "regression", "training": {"best_epoch_by": "macro_f1"}},
                {},
                "`training.best_epoch_by: macro",
            ),
            ({"task": "single_label", "model": {"thresholds": 0.3}}, {}, "`model.thresholds` does not fit"),
            ({"task": "ranking"}, {}, "task"),
            ({"model": {"thresholds": 1.5}}, {}, "model.thresholds"),
            ({"model": {"thresholds": {"a": -1.0}}}, {}, "model.thresholds"),
            ({}, {"label_column": None}, "`dataset.label_column: null` leaves nothing to learn from"),
            ({}, {**TWO, "label_separator": ";"}, "remove `label_column`, `label_separator` and `label_names`"),
            ({}, {"label_column": None, "label_separator": ";"}, "`label_separator` needs a `label_column`"),
            ({}, {"label_columns": ["a", "a"]}, "must name different columns"),
        ],
    )
    def test_do_not_fit(self, tmp_path: Path, changes: dict[str, Any], dataset: dict[str, Any], what: str) -> None:
        with pytest.raises(ConfigError) as caught:
            TaskStudy.of(tmp_path, {"source": "rows.csv", **dataset}, **changes)
        assert what in str(caught.value)
