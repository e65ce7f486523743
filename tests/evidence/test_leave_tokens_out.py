"""Each token left out, against the textbook way, in windows and by every kind of removal."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evidence_study import Array, EvidenceStudy, read
from tiny_models import make_tiny_bert
from transformers import AutoTokenizer

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import EvidenceSettings
from attviz_pipeline.evidence.leave_tokens_out import leave_tokens_out
from attviz_pipeline.evidence.removal import Remover
from attviz_pipeline.stages import LeaveTokensOut

MASK = 4  # in the vocabulary of the tiny models


def run(study: EvidenceStudy, name: str = "leave_one_out", **evidence: object) -> list[dict[str, Any]]:
    settings = LeaveTokensOut(seed=13, attention=study.settings, evidence=EvidenceSettings(**evidence))
    output = study.folder / f"{name}.parquet"
    leave_tokens_out(settings, study.index, study.index, study.shards, study.checkpoint, study.card, output)
    return read(output, evidence_schemas.LEAVE_ONE_OUT)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> EvidenceStudy:
    return EvidenceStudy(tmp_path_factory.mktemp("study"))


def probabilities_without(study: EvidenceStudy, windows: Sequence[Sequence[int]], token: int, how: str) -> Array:
    """Windows of 62 tokens of text, of which neighbours share 8: token t of the text is in window w at t - 54 w."""
    model, found = study.unchanged_model, []
    for number, window in enumerate(windows):
        place = token - 54 * number
        ids, visible = list(window), [1] * len(window)
        if 1 <= place < len(window) - 1:
            if how == "mask":
                ids[place] = MASK
            elif how == "hide":
                visible[place] = 0
            else:
                del ids[place], visible[place]
        with torch.no_grad():
            output = model(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([visible]))
        found.append(output.logits[0].double().softmax(-1))
    return torch.stack(found).mean(dim=0).numpy()


@pytest.mark.parametrize("how", ["mask", "delete", "hide"])
def test_changes_are_those_of_the_textbook(study: EvidenceStudy, how: str) -> None:
    rows = run(study, how, removal=how)

    assert [row["position"] for row in rows] == list(range(7))
    for row, read_row in zip(rows, study.rows, strict=True):
        windows = study.windows(read_row["text"])
        whole = study.probabilities(windows)
        np.testing.assert_allclose(row["probabilities"], whole, atol=1e-6)
        assert row["places"] == [place for place, special in enumerate(read_row["special"]) if not special]
        changes = np.reshape(row["changes"], (len(row["places"]), 2))
        some = range(0, len(row["places"]), 1 if len(windows) == 1 else 9)
        for number in some:
            expected = probabilities_without(study, windows, row["places"][number], how) - whole
            np.testing.assert_allclose(changes[number], expected, atol=3e-6)
    assert len(study.windows(study.rows[4]["text"])) == 3


def test_a_document_of_one_token_is_left_out_and_counted(tmp_path: Path) -> None:
    study = EvidenceStudy(tmp_path, texts=["Profit", "The bank", "\u200b"], labels=[0, 1, 0])
    rows = run(study)

    assert [row["id"] for row in rows] == ["d1"]
    facts = files.read_facts(tmp_path / "leave_one_out.parquet", evidence_schemas.LEAVE_ONE_OUT)
    assert facts["n_too_short"] == 2


def test_no_document_is_needed(study: EvidenceStudy) -> None:
    assert run(study, "none", leave_one_out_documents=0) == []


def test_the_sample_is_a_part_of_the_larger_one(study: EvidenceStudy) -> None:
    assert len(run(study, "some", leave_one_out_documents=2)) == 2


def test_without_a_mask_token_tokens_are_deleted_and_this_is_said(
    tmp_path: Path, study: EvidenceStudy, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = make_tiny_bert(tmp_path / "checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.mask_token = None
    tokenizer.save_pretrained(checkpoint)
    maskless = EvidenceStudy(tmp_path, checkpoint=checkpoint)
    rows = run(maskless)

    assert rows == run(study, "delete", removal="delete")
    facts = files.read_facts(tmp_path / "leave_one_out.parquet", evidence_schemas.LEAVE_ONE_OUT)
    assert facts["removal"] == "delete"
    assert "the tokenizer has no mask token: tokens are deleted instead" in caplog.text


def test_any_number_of_shards_gives_the_same_bytes(tmp_path: Path, study: EvidenceStudy) -> None:
    others = EvidenceStudy(tmp_path, n_shards=2, checkpoint=study.checkpoint)
    run(study, "whole", leave_one_out_documents=4)
    run(others, "whole", leave_one_out_documents=4)

    assert (tmp_path / "whole.parquet").read_bytes() == (study.folder / "whole.parquet").read_bytes()


def test_the_cost_is_exact(study: EvidenceStudy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(study, "cost")
    # A token in the overlap of two windows is left out of both.
    n_passes = sum(len(row["places"]) for row in read(study.folder / "cost.parquet", evidence_schemas.LEAVE_ONE_OUT))

    assert f"leave_tokens_out: {n_passes + 2 * 8} forward passes, about " in caplog.text


def test_a_window_never_loses_its_last_token() -> None:
    window = Window(0, [7, 8], [0, 0], 0, 2)

    assert Remover("delete", None).without(window, [0, 1]).token_ids == [7]
    assert Remover("hide", None).without(window, [0, 1]).hidden == [1]
    assert Remover("mask", 4).without(window, [0, 1]).token_ids == [4, 4]
