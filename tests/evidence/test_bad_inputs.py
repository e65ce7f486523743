"""Inputs that leave the evidence little or nothing to measure: each stage says so, and none fails."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evidence_stages import measure, rows_and_facts
from evidence_study import EvidenceStudy, read
from tiny_models import make_tiny_bert
from torch import Tensor
from transformers import AutoTokenizer

from attviz_pipeline.artifacts import evidence_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.config.settings import EvidenceSettings, FiguresSettings
from attviz_pipeline.evidence.compute_gradients import compute_gradients
from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.stages import (
    ComputeGradients,
    DrawFigures,
)


def reasons(paths: EvidencePaths) -> dict[str, str]:
    """Draw the figures, and return why those without content have none."""
    inputs = Inputs.below(paths.gradients.parent, DrawFigures(seed=1, figures=FiguresSettings(dpi=50)), paths)
    kinds = [kind for kind in FIGURES.values() if kind.needs_evidence]
    return {drawing.name: drawing.reason for kind in kinds for drawing in kind.draw(inputs) if drawing.reason}


def test_documents_of_one_token_have_gradients_and_heads_but_no_ranking(tmp_path: Path) -> None:
    paths = measure(EvidenceStudy(tmp_path, texts=["Profit", "Bank", "\u200b"], labels=[0, 1, 1]))

    for name in ("leave_one_out", "document_faithfulness"):
        rows, facts = rows_and_facts(paths, name)
        assert (rows, facts["n_too_short"]) == ([], 3)
    assert rows_and_facts(paths, "faithfulness")[0] == []
    for name in ("gradients", "document_ablations"):
        assert len(rows_and_facts(paths, name)[0]) == 3
    assert reasons(paths) == {
        "faithfulness": "The faithfulness of token scores was not measured: no document of the sample has two tokens "
        "of text."
    }


def test_samples_beyond_the_corpus_are_the_corpus(tmp_path: Path) -> None:
    sizes = ("max_documents", "leave_one_out_documents", "ablation_documents", "cumulative_documents")
    study = EvidenceStudy(tmp_path, texts=["The bank.", "A match, a goal.", "Film music"], labels=[0, 1, 1])
    paths = measure(study, **dict.fromkeys(sizes, 10_000))

    tables = ("gradients", "leave_one_out", "document_faithfulness", "document_ablations", "cumulative_ablations")
    for name in tables:
        assert {row["position"] for row in rows_and_facts(paths, name)[0]} == {0, 1, 2}, name
    assert rows_and_facts(paths, "cumulative_ablations")[1]["held_out"] == {"measured": False, "gradient": False}
    assert reasons(paths) == {}


def test_without_a_mask_token_scores_are_judged_by_deletion(tmp_path: Path) -> None:
    checkpoint = make_tiny_bert(tmp_path / "checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.mask_token = None
    tokenizer.save_pretrained(checkpoint)
    texts = {"texts": ["The bank wins.", "A match, a goal."], "labels": [0, 1], "checkpoint": checkpoint}
    for name in ("maskless", "deleted"):
        (tmp_path / name).mkdir()
    maskless = measure(EvidenceStudy(tmp_path / "maskless", **texts))
    deleted = measure(EvidenceStudy(tmp_path / "deleted", **texts), removal="delete")

    rows, facts = rows_and_facts(maskless, "document_faithfulness")
    assert (rows, facts["removal"]) == (rows_and_facts(deleted, "document_faithfulness")[0], "delete")


def test_a_backward_pass_beyond_the_memory_is_made_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study = EvidenceStudy(tmp_path)
    settings = ComputeGradients(seed=13, attention=study.settings, evidence=EvidenceSettings())

    def gradients(name: str) -> list[dict[str, Any]]:
        output = tmp_path / f"{name}.parquet"
        compute_gradients(settings, study.index, study.index, study.shards, study.checkpoint, study.card, output)
        return read(output, evidence_schemas.GRADIENTS)

    grad, sizes = torch.autograd.grad, []

    def run_out(outputs: Tensor, inputs: object, *arguments: object, **options: object) -> Sequence[Tensor]:
        # The gradient of the combined probability has a single input; that of the model has embeddings and gates.
        if isinstance(inputs, list):
            sizes.append(len(outputs))
            if len(outputs) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        found: Sequence[Tensor] = grad(outputs, inputs, *arguments, **options)
        return found

    undisturbed = gradients("undisturbed")
    monkeypatch.setattr(torch.autograd, "grad", run_out)
    for row, other in zip(gradients("disturbed"), undisturbed, strict=True):
        for name in ("gradient_x_input", "gold_gradient_norm", "head_gradients"):
            if other[name] is not None:
                np.testing.assert_allclose(row[name], other[name], atol=1e-5)
    assert {1, 2} <= set(sizes)
    assert "out of memory on a batch of 2 inputs" in caplog.text
