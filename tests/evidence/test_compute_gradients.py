"""Gradients of a sample against gradients written out by hand, in windows, and what can go wrong."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evidence_study import EvidenceStudy, embeddings, read
from tiny_models import make_tiny_bert
from torch import Tensor

from attviz_pipeline.artifacts import evidence_schemas, files, model_schemas
from attviz_pipeline.config.settings import EvidenceSettings
from attviz_pipeline.errors import ResourceError
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.compute_gradients import compute_gradients
from attviz_pipeline.evidence.gates import Setting
from attviz_pipeline.stages import ComputeGradients


def run(study: EvidenceStudy, name: str = "gradients", **evidence: object) -> list[dict[str, Any]]:
    settings = ComputeGradients(seed=13, attention=study.settings, evidence=EvidenceSettings(**evidence))
    output = study.folder / f"{name}.parquet"
    compute_gradients(settings, study.index, study.index, study.shards, study.checkpoint, study.card, output)
    return read(output, evidence_schemas.GRADIENTS)


def facts(study: EvidenceStudy) -> dict[str, Any]:
    return files.read_facts(study.folder / "gradients.parquet", evidence_schemas.GRADIENTS)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> EvidenceStudy:
    return EvidenceStudy(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def rows(study: EvidenceStudy) -> list[dict[str, Any]]:
    return run(study)


def products_by_hand(study: EvidenceStudy, text: str, label: int) -> list[np.ndarray]:
    """Gradient times input of each window, [token, size]: as captum's `InputXGradient` computes it."""
    model, windows = study.model(), study.windows(text)
    inputs = embeddings(model, windows)
    outputs = [model(inputs_embeds=values).logits[0].softmax(-1)[label] for values in inputs]
    torch.stack(outputs).mean().log().backward()
    return [(values.grad[0] * values.detach()[0]).numpy() for values in inputs if values.grad is not None]


def test_gradient_times_input_is_that_of_the_textbook(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    assert [row["position"] for row in rows] == list(range(7))
    for row, read_row in zip(rows, study.rows, strict=True):
        if len(read_row["windows"]) > 1:
            continue
        for prefix, label in (("", row["prediction"]), ("gold_", row["label"])):
            if label is None:
                assert row["gold_gradient_x_input"] is row["gold_head_gradients"] is row["gold_log_probability"] is None
                continue
            [products] = products_by_hand(study, read_row["text"], label)
            np.testing.assert_allclose(row[f"{prefix}gradient_x_input"], products.sum(axis=-1), atol=1e-5)
            norms = np.linalg.norm(products, axis=-1)
            np.testing.assert_allclose(row[f"{prefix}gradient_norm"], norms, rtol=1e-4, atol=1e-6)


def test_some_document_is_wrong_so_that_both_targets_are_told_apart(rows: list[dict[str, Any]]) -> None:
    wrong = [row for row in rows if row["label"] not in (None, row["prediction"])]

    assert wrong
    assert all(row["gradient_x_input"] != row["gold_gradient_x_input"] for row in wrong)


def test_windows_act_through_their_common_probability(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    row, read_row = rows[4], study.rows[4]
    windows = study.windows(read_row["text"])
    assert len(windows) == len(read_row["windows"]) == 3
    for prefix, label in (("", row["prediction"]), ("gold_", row["label"])):
        assert row[f"{prefix}log_probability"] == pytest.approx(study.log_probability(windows, label), abs=1e-6)
        # Windows of 62 tokens of text, of which neighbours share 8: token t of the text is in window w at t - 54 w.
        expected = np.zeros(len(read_row["tokens"]))
        for number, products in enumerate(products_by_hand(study, read_row["text"], label)):
            own = products.sum(axis=-1)
            expected[1 + 54 * number : 1 + 54 * number + len(own) - 2] += own[1:-1]
            expected[0] += own[0] if number == 0 else 0
            expected[-1] += own[-1] if number == 2 else 0
        np.testing.assert_allclose(row[f"{prefix}gradient_x_input"], expected, atol=1e-5)


def test_gradients_of_heads_are_slopes_of_the_log_probability(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    step = 1e-2
    for position in (0, 4):
        row, windows = rows[position], study.windows(study.rows[position]["text"])
        found = np.reshape(row["gold_head_gradients"], (2, 4))
        for layer, head in [(0, 2), (1, 0)]:
            values = [float(scaled(study, windows, (layer, head), 1 + sign * step)[row["label"]]) for sign in (1, -1)]
            assert found[layer, head] == pytest.approx((values[0] - values[1]) / (2 * step), rel=0.02, abs=2e-5)


def scaled(study: EvidenceStudy, windows: Sequence[Sequence[int]], place: tuple[int, int], factor: float) -> Tensor:
    """The log probabilities with a head's share of the output projection times a factor, [class]."""
    model, (layer, head) = study.model().double(), place
    with torch.no_grad():
        weight = model.get_submodule(f"bert.encoder.layer.{layer}.attention.output.dense").weight
        weight[:, 8 * head : 8 * head + 8] *= factor
        outputs = [model(input_ids=torch.tensor([window])).logits[0].softmax(-1) for window in windows]
    return torch.stack(outputs).mean(dim=0).log()


def test_any_number_of_shards_gives_the_same_bytes(tmp_path: Path, study: EvidenceStudy) -> None:
    others = EvidenceStudy(tmp_path, n_shards=3, checkpoint=study.checkpoint)
    run(study, "whole")
    run(others, "whole")

    assert (tmp_path / "whole.parquet").read_bytes() == (study.folder / "whole.parquet").read_bytes()


def test_a_sample_has_its_size_and_one_beyond_the_corpus_is_the_corpus(study: EvidenceStudy) -> None:
    some = run(study, "some", max_documents=3)

    assert len(some) == 3
    assert len(run(study, "all", max_documents=10_000)) == 7
    assert [row["position"] for row in some] == sorted(row["position"] for row in some)


def test_a_document_of_special_tokens_only_has_gradients(tmp_path: Path) -> None:
    [row] = run(EvidenceStudy(tmp_path, texts=["\u200b"], labels=[0]))

    assert len(row["gradient_x_input"]) == 2
    assert np.isfinite(row["gradient_x_input"]).all()


def test_gradients_that_are_not_finite_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    grad = torch.autograd.grad

    def spoil(outputs: Tensor, inputs: object, *arguments: object, **options: object) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = grad(outputs, inputs, *arguments, **options)
        if isinstance(inputs, list) and found[0].shape[1] == 4:  # [CLS] profit ! [SEP]
            found[0][0, 1, 0] = float("nan")
        return found

    study = EvidenceStudy(tmp_path)
    monkeypatch.setattr(torch.autograd, "grad", spoil)
    rows = run(study)

    assert [row["id"] for row in rows if row["gradient_x_input"] is None] == ["d1"]
    assert rows[1]["head_gradients"] is rows[1]["gold_gradient_norm"] is None
    assert facts(study)["n_not_finite"] == 1
    assert "1 of 7 documents have gradients that are NaN or infinite, which are left out: 'd1'" in caplog.text


def test_a_batch_beyond_the_memory_is_read_in_halves(
    study: EvidenceStudy, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forward = GatedClassifier.forward

    def run_out(self: GatedClassifier, windows: Sequence[Any], setting: Setting | None = None) -> Tensor:
        if torch.is_grad_enabled() and len(windows) > 1:
            raise MemoryError
        return forward(self, windows, setting)

    monkeypatch.setattr(GatedClassifier, "forward", run_out)
    for row, other in zip(run(study, "halves"), rows, strict=True):
        np.testing.assert_allclose(row["gradient_x_input"], other["gradient_x_input"], atol=1e-5)
        np.testing.assert_allclose(row["head_gradients"], other["head_gradients"], atol=1e-5)
    assert "out of memory on a batch of" in caplog.text


def test_a_single_text_beyond_the_memory_is_a_message(study: EvidenceStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(GatedClassifier, "forward", run_out)
    with pytest.raises(ResourceError, match=r"out of memory on a single input of \d+ tokens"):
        run(study, "never")
    assert not (study.folder / "never.parquet").exists()


def test_heads_without_gates_are_null_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GatedClassifier, "gates_fault", lambda _self, _window: "the heads of X cannot be switched off")
    study = EvidenceStudy(tmp_path)
    rows = run(study)

    assert all(row["head_gradients"] is None and row["gradient_x_input"] is not None for row in rows)
    assert facts(study)["gates"] == "the heads of X cannot be switched off"
    assert "no gradients of heads: the heads of X" in caplog.text


def test_the_cost_is_said_before_the_work(study: EvidenceStudy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(study, "cost")

    messages = [record.message for record in caplog.records if "compute_gradients" in record.message]
    assert messages[0].startswith("compute_gradients: 21 forward passes, about ")
    assert messages[-1].startswith("compute_gradients: 7 of 7 documents")


def test_a_model_with_other_class_order_gives_the_gradient_of_the_right_class(tmp_path: Path) -> None:
    make_tiny_bert(tmp_path / "checkpoint")
    study = EvidenceStudy(tmp_path, checkpoint=tmp_path / "checkpoint")
    straight = run(study)
    card = files.read_json(study.card, model_schemas.MODEL)
    files.write_json(study.card, model_schemas.MODEL, card | {"output_to_label": [1, 0]})
    swapped = run(study, "swapped")

    for one, other in zip(straight, swapped, strict=True):
        total = np.exp(one["log_probability"]) + np.exp(other["log_probability"])
        assert total == pytest.approx(1, abs=1e-6)
