"""Models of `compare.models` that cannot be compared are refused before anything is trained, by their names."""

from pathlib import Path

import pytest
from model_study import ModelStudy
from tiny_models import make_tiny_bert

from attviz_pipeline.errors import ModelError, ResourceError
from attviz_pipeline.model.compared import faults_of

OTHERS = ("business", "music")
SWAPPED = ("sport", "business")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("own"))


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.fixture
def unlabelled(tmp_path: Path) -> ModelStudy:
    study = ModelStudy(tmp_path)
    study.write_documents(label_names=())
    return study


def test_other_classes_than_those_of_the_dataset(study: ModelStudy, tmp_path: Path) -> None:
    other = make_tiny_bert(tmp_path / "other", label_names=OTHERS)

    message = study.refusal(other, mode="load", compared_as="distil")

    assert message.startswith(
        "distil in compare.models cannot be compared: the model's 2 classes are not the dataset's 2:"
    )
    assert "['business', 'music']" in message
    assert "`label_names` of distil in compare.models" in message
    assert message.endswith("Or remove distil from compare.models.")
    assert "model.label_names" not in message


def test_no_classifier(study: ModelStudy, tmp_path: Path) -> None:
    bare = make_tiny_bert(tmp_path / "bare", with_head=False)

    message = study.refusal(bare, mode="load", compared_as="distil")

    assert message.startswith(f"distil in compare.models cannot be compared: {bare} has no trained classification head")
    assert "set `mode: fine_tune` of distil in compare.models" in message


def test_another_task_and_inputs_that_are_too_long(study: ModelStudy, tmp_path: Path) -> None:
    value = make_tiny_bert(tmp_path / "value", label_names=["value"])

    another = study.refusal(value, mode="load", compared_as="distil")
    assert "distil in compare.models cannot be compared:" in another
    assert "has one output, a number (regression), and no classes" in another
    message = study.refusal(make_tiny_bert(tmp_path / "short", max_positions=32), compared_as="distil")
    assert "max_tokens  64 is more than the position table's limit of 32" in message
    assert "model.max_tokens" not in message


def test_a_missing_folder(study: ModelStudy, tmp_path: Path) -> None:
    assert "distil in compare.models cannot be compared: " in study.refusal(tmp_path / "none", compared_as="distil")


def test_the_own_model_keeps_its_messages(study: ModelStudy, tmp_path: Path) -> None:
    other = make_tiny_bert(tmp_path / "other", label_names=OTHERS)

    message = study.refusal(other, mode="load")
    assert "compare.models" not in message
    assert "model.label_names" in message


def test_without_labels_the_classes_are_those_of_the_own_model(
    unlabelled: ModelStudy, own: Path, tmp_path: Path
) -> None:
    other = make_tiny_bert(tmp_path / "other", label_names=OTHERS)

    message = unlabelled.refusal(
        other, mode="load", compared_as="distil", own_model={"source": str(own), "mode": "load"}
    )

    assert "cannot be compared: it has other classes than the study's own model:" in message
    assert f"{own}" in message
    assert "['business', 'sport']" in message
    assert "`label_names` of distil in compare.models" in message


def test_without_labels_outputs_in_another_order_are_put_into_that_of_the_own_model(
    unlabelled: ModelStudy, own: Path, tmp_path: Path
) -> None:
    other = make_tiny_bert(tmp_path / "other", label_names=SWAPPED)

    unlabelled.prepare(other, mode="load", compared_as="distil", own_model={"source": str(own), "mode": "load"})

    card = unlabelled.read_card()
    assert card["label_names"] == ["business", "sport"]
    assert card["output_to_label"] == [1, 0]


def test_names_from_the_study_file_count(unlabelled: ModelStudy, own: Path, tmp_path: Path) -> None:
    other = make_tiny_bert(tmp_path / "other", label_names=OTHERS)
    named = {"source": str(own), "mode": "load", "label_names": ["bad", "good"]}

    unlabelled.prepare(other, mode="load", compared_as="distil", own_model=named, label_names=["bad", "good"])

    assert unlabelled.read_card()["label_names"] == ["bad", "good"]


def test_other_errors_pass_through() -> None:
    with pytest.raises(ResourceError, match=r"^full$"), faults_of("distil"):
        raise ResourceError("full")
    with pytest.raises(ModelError, match=r"^as it is$"), faults_of(None):
        raise ModelError("as it is")
