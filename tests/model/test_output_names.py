"""What a model's config calls its outputs, and what it was trained for."""

import json
import shutil
from pathlib import Path

import pytest
from model_study import ModelStudy
from tiny_models import make_tiny_bert

from attviz_pipeline.model.labels import match_outputs, name_outputs

REMEDY = "Set model.label_names to the class names, in the order of the outputs."


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("classifier"))


@pytest.fixture
def copy(classifier: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(classifier, tmp_path / "copy"))


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in content.items() if value != "absent"}))


class TestNames:
    @pytest.mark.parametrize(
        ("id2label", "names"),
        [
            ({"0": 0, "1": 1}, ["0", "1"]),
            ({"0": True, "1": False}, ["true", "false"]),
            ({"0": 0.5, "1": "a"}, ["0.5", "a"]),
            ({"1": "b", "0": "a"}, ["a", "b"]),
        ],
    )
    def test_become_text(self, id2label: object, names: list[str]) -> None:
        assert name_outputs(id2label, None) == names

    def test_that_are_numbers_match_labels_that_are_numbers(self, study: ModelStudy, copy: Path) -> None:
        edit_config(copy, id2label={"0": 1, "1": 0}, label2id={"1": 0, "0": 1})
        study.write_documents(label_names=("0", "1"))
        study.prepare(copy, mode="load")

        assert study.read_card()["output_to_label"] == [1, 0]
        config = json.loads((study.checkpoint / "config.json").read_text())
        assert config["id2label"] == {"0": "1", "1": "0"}

    @pytest.mark.parametrize(
        ("id2label", "problem"),
        [
            ({"0": None, "1": "sport"}, "id2label 0  'None' cannot be a name"),
            ({"0": ["a"], "1": "sport"}, "id2label 0  \"['a']\" cannot be a name"),
            ({"0": {"a": 1}, "1": "sport"}, "id2label 0  \"{'a': 1}\" cannot be a name"),
            ({"0": " ", "1": "sport"}, "id2label 0  ' ' cannot be a name"),
            ({"0": "sport", "1": "sport"}, "names 'sport' more than once"),
            ({"0": "business", "2": "sport"}, "id2label 1  is missing"),
            ({"one": "business", "two": "sport"}, "id2label one  is no index of an output"),
            (["business", "sport"], "must map the index of each output to its name"),
            ("business", "must map the index of each output to its name"),
            (7, "must map the index of each output to its name"),
            ({}, "must map the index of each output to its name"),
        ],
    )
    def test_that_cannot_be_are_refused_and_the_remedy_helps(
        self, study: ModelStudy, copy: Path, id2label: object, problem: str
    ) -> None:
        edit_config(copy, id2label=id2label, label2id={"x": [3]})
        message = study.refusal(copy, mode="load")
        assert problem in " ".join(message.split()) or problem in message
        assert REMEDY in message

        study.prepare(copy, mode="load", label_names=["sport", "business"])
        assert study.read_card()["output_to_label"] == [1, 0]

    @pytest.mark.parametrize("id2label", [None, {"0": None}, ["a"], 7, {"x": "y"}])
    def test_do_not_matter_when_a_new_head_is_trained(self, study: ModelStudy, copy: Path, id2label: object) -> None:
        edit_config(copy, id2label=id2label, label2id=5, num_labels="many")
        study.prepare(copy, training={"epochs": 1})
        assert study.read_card()["output_to_label"] == [0, 1]

    def test_that_say_nothing_ask_for_names_unless_the_dataset_has_the_same(
        self, study: ModelStudy, copy: Path
    ) -> None:
        edit_config(copy, id2label=None, label2id=None)
        message = study.refusal(copy, mode="load")
        assert "the model names its 2 outputs only LABEL_0, LABEL_1" in message
        assert REMEDY in message
        study.write_documents(label_names=("LABEL_1", "LABEL_0"))
        study.prepare(copy, mode="load")
        assert study.read_card()["output_to_label"] == [1, 0]

    def test_replace_own_ones_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        names = name_outputs({"0": "POS", "1": "NEG"}, ["good", "bad"])
        assert match_outputs(names, ["bad", "good"]) == [1, 0]
        assert "replace the model's own ['POS', 'NEG']" in caplog.text


class TestNumber:
    def test_of_given_names_is_that_of_the_outputs(self, study: ModelStudy, copy: Path) -> None:
        message = study.refusal(copy, mode="load", label_names=["a", "b", "c"])
        assert "model.label_names lists 3 classes, but the model has 2 outputs." in message

    def test_that_the_config_names_is_that_of_the_outputs(self, study: ModelStudy, tmp_path: Path) -> None:
        folder = make_tiny_bert(tmp_path / "three", label_names=("a", "b", "c"))
        edit_config(folder, id2label="absent", label2id="absent")
        message = study.refusal(folder, mode="load")
        assert "config.json names 2 classes, but the model has 3 outputs." in message
        assert "Set model.label_names to 3 names" in message
        study.write_documents(label_names=("a", "b", "c"))
        study.prepare(folder, mode="load", label_names=["c", "b", "a"])
        assert study.read_card()["output_to_label"] == [2, 1, 0]

    def test_of_classes_is_that_of_the_dataset(self, study: ModelStudy, tmp_path: Path) -> None:
        folder = make_tiny_bert(tmp_path / "three", label_names=("business", "sport", "film"))
        message = study.refusal(folder, mode="load")
        assert "the model's 3 classes are not the dataset's 2" in message
        assert "set dataset.label_names to the model's, ['business', 'sport', 'film']" in message


class TestPurpose:
    @pytest.mark.parametrize(
        "changes",
        [
            {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}},
            {"id2label": "absent", "label2id": "absent", "num_labels": 1},
            {"id2label": "absent", "label2id": "absent"},
            {"id2label": {"0": "score"}, "problem_type": "regression"},
            {"id2label": {"0": "score"}, "problem_type": "single_label_classification"},
        ],
    )
    @pytest.mark.parametrize("label_names", [None, ["business"], ["business", "sport"]])
    def test_regression_is_refused_by_its_name(
        self, study: ModelStudy, tmp_path: Path, changes: dict[str, object], label_names: list[str] | None
    ) -> None:
        folder = make_tiny_bert(tmp_path / "regression", label_names=("score",))
        edit_config(folder, **changes)
        message = study.refusal(folder, mode="load", label_names=label_names)
        assert (
            "has one output, a number (regression), and no classes: the study's task is single-label classification"
            in message
        )
        assert "set model.mode: fine_tune" in message

    def test_several_classes_at_once_are_refused_by_their_name(self, study: ModelStudy, copy: Path) -> None:
        edit_config(copy, problem_type="multi_label_classification")
        message = study.refusal(copy, mode="load")
        assert (
            "another task than single-label classification (problem_type: multi_label_classification in its" in message
        )
        assert "set model.mode: fine_tune" in message

    @pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
    def test_changes_by_fine_tuning_and_is_logged(
        self, study: ModelStudy, tmp_path: Path, caplog: pytest.LogCaptureFixture, problem_type: str
    ) -> None:
        folder = make_tiny_bert(tmp_path / "other", label_names=("score",))
        edit_config(folder, problem_type=problem_type)
        study.prepare(folder, training={"epochs": 1})
        assert (
            f"the model was trained for {problem_type}: now it is trained for single_label_classification"
            in caplog.text
        )
        config = json.loads((study.checkpoint / "config.json").read_text())
        assert config["problem_type"] == "single_label_classification"


class TestConfig:
    def test_names_no_architectures(self, study: ModelStudy, copy: Path) -> None:
        edit_config(copy, architectures="absent")
        study.prepare(copy, mode="load")
        assert study.read_card()["architecture"]["class"] == "BertForSequenceClassification"

    @pytest.mark.parametrize("name", ["../../etc/passwd", "<script>", ["a"], {"a": 1}, 7, None])
    def test_does_not_say_where_the_model_lies(self, study: ModelStudy, copy: Path, name: object) -> None:
        edit_config(copy, _name_or_path=name)
        study.prepare(copy, mode="load")
        assert "_name_or_path" not in json.loads((study.checkpoint / "config.json").read_text())

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_asks_for_half_precision_and_gets_float32(self, study: ModelStudy, copy: Path, dtype: str) -> None:
        edit_config(copy, dtype=dtype, torch_dtype=dtype)
        study.prepare(copy, mode="load")
        assert json.loads((study.checkpoint / "config.json").read_text())["dtype"] == "float32"
