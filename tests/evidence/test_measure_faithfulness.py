"""Comprehensiveness, sufficiency and tau against the published definitions, written out plainly."""

from itertools import combinations
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, make_model, make_windows
from evidence_study import Array, EvidenceStudy, read

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.classifier_token import ClassifierToken
from attviz_pipeline.config.settings import EvidenceSettings
from attviz_pipeline.evidence.classifier_rows import ClassifierRows
from attviz_pipeline.evidence.compute_gradients import compute_gradients
from attviz_pipeline.evidence.leave_tokens_out import leave_tokens_out
from attviz_pipeline.evidence.measure_faithfulness import measure_faithfulness, n_removed
from attviz_pipeline.evidence.token_scores import Score, random_scores, top_tokens
from attviz_pipeline.model_inputs import pads_left
from attviz_pipeline.stages import ComputeGradients, LeaveTokensOut, MeasureFaithfulness

FRACTIONS = [0.05, 0.1, 0.2, 0.5]
MASK = 4


def run(study: EvidenceStudy, name: str = "faithfulness", **evidence: object) -> list[dict[str, Any]]:
    settings = EvidenceSettings(**{"random_rankings": 2, "leave_one_out_documents": 4} | evidence)
    inputs = (study.index, study.index, study.shards, study.checkpoint, study.card)
    folder = study.folder / name
    common = {"seed": 13, "attention": study.settings, "evidence": settings}
    tables = [folder / f"{table}.parquet" for table in ("gradients", "leave_one_out", "faithfulness")]
    compute_gradients(ComputeGradients(**common), *inputs, tables[0])
    leave_tokens_out(LeaveTokensOut(**common), *inputs, tables[1])
    measure_faithfulness(
        MeasureFaithfulness(**common),
        study.index,
        study.index,
        study.shards,
        study.attention,
        study.checkpoint,
        study.card,
        *tables,
    )
    return read(tables[2], evidence_schemas.DOCUMENT_FAITHFULNESS)


def facts(study: EvidenceStudy, name: str = "faithfulness") -> dict[str, Any]:
    return files.read_facts(study.folder / name / "faithfulness.parquet", evidence_schemas.DOCUMENT_FAITHFULNESS)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> EvidenceStudy:
    return EvidenceStudy(tmp_path_factory.mktemp("study"), mode="full", mantissa_bits=23)


@pytest.fixture(scope="module")
def rows(study: EvidenceStudy) -> list[dict[str, Any]]:
    return run(study)


def scores_by_hand(study: EvidenceStudy, read_row: dict[str, Any]) -> dict[tuple[str, int | None], Array]:
    """Scores of all tokens of a document."""
    heads = np.reshape(read_row["self_attention"], (2, 4, -1))
    found = {
        ("self_mean", None): heads.mean(axis=(0, 1)),
        ("self_max", None): heads.max(axis=(0, 1)),
        ("self_layers", 0): heads[0].mean(axis=0),
        ("self_layers", 1): heads[1].mean(axis=0),
        ("received", None): np.reshape(read_row["received"], (8, -1)).mean(axis=0),
        ("rollout", None): np.asarray(read_row["rollout"]),
        ("norm_weighted", None): (heads * np.reshape(read_row["value_norm"], heads.shape)).mean(axis=(0, 1)),
    }
    [window] = study.windows(read_row["text"])
    with torch.no_grad():
        output = study.unchanged_model(input_ids=torch.tensor([window]), output_attentions=True)
    found["classifier_row", None] = output.attentions[-1][0, :, 0].mean(dim=0).numpy()
    return found


def fall(study: EvidenceStudy, window: list[int], masked: set[int], label: int) -> float:
    changed = [MASK if place in masked else token for place, token in enumerate(window)]
    return float((study.probabilities([window]) - study.probabilities([changed]))[label])


def test_faithfulness_is_that_of_the_definitions(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    for position in (0, 2, 5):
        read_row = study.rows[position]
        [window] = study.windows(read_row["text"])
        mine = {
            (row["score"], row["layer"]): row for row in rows if row["position"] == position and row["draw"] is None
        }
        by_hand = scores_by_hand(study, read_row)
        assert set(mine) - {("leave_one_out", None)} == {*by_hand, ("gradient_x_input", None), ("gradient_norm", None)}
        text = [place for place, special in enumerate(read_row["special"]) if not special]
        for name, values in by_hand.items():
            ranked = sorted(text, key=lambda place: -values[place])
            for number, fraction in enumerate(FRACTIONS):
                top = set(ranked[: ceil(fraction * len(text))])
                rest = set(text) - top
                label = read_row["prediction"]
                assert mine[name]["comprehensiveness"][number] == pytest.approx(
                    fall(study, window, top, label), abs=3e-6
                )
                assert mine[name]["sufficiency"][number] == pytest.approx(fall(study, window, rest, label), abs=3e-6)


def tau_by_hand(one: Array, other: Array) -> float:
    """Pairs in the same order minus pairs in the other order, by the pairs that are no ties."""
    pairs = [(one[i] - one[j], other[i] - other[j]) for i, j in combinations(range(len(one)), 2)]
    agreement = sum(np.sign(a) * np.sign(b) for a, b in pairs)
    return float(agreement / sqrt(sum(a != 0 for a, _ in pairs) * sum(b != 0 for _, b in pairs)))


def test_tau_is_kendalls_with_the_fall_without_each_token(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    left_out = read(study.folder / "faithfulness" / "leave_one_out.parquet", evidence_schemas.LEAVE_ONE_OUT)
    assert len(left_out) == 4
    sampled = {row["position"] for row in left_out}
    for row in rows:
        assert (row["tau"] is None) == (row["position"] not in sampled or row["score"] == "leave_one_out")
    for row in left_out:
        read_row = study.rows[row["position"]]
        falls = -np.reshape(row["changes"], (-1, 2))[:, row["prediction"]]
        heads = np.reshape(read_row["self_attention"], (8, -1))[:, row["places"]]
        [found] = [one for one in rows if one["position"] == row["position"] and one["score"] == "self_mean"]
        assert found["tau"] == pytest.approx(tau_by_hand(heads.mean(axis=0), falls), abs=1e-12)


def test_leave_one_out_removes_the_token_with_the_largest_fall_first(
    study: EvidenceStudy, rows: list[dict[str, Any]]
) -> None:
    left_out = read(study.folder / "faithfulness" / "leave_one_out.parquet", evidence_schemas.LEAVE_ONE_OUT)
    short = [row for row in left_out if len(row["places"]) <= 20]
    assert short
    for row in short:  # 5 % of 20 tokens are one token
        largest = -np.reshape(row["changes"], (-1, 2))[:, row["prediction"]].min()
        mine = [one for one in rows if one["position"] == row["position"]]
        [own] = [one for one in mine if one["score"] == "leave_one_out"]
        assert own["comprehensiveness"][0] == pytest.approx(largest, abs=3e-6)
        assert max(one["comprehensiveness"][0] for one in mine) == own["comprehensiveness"][0]


def test_gradients_rank_by_their_columns(study: EvidenceStudy, rows: list[dict[str, Any]]) -> None:
    [gradient] = [
        row
        for row in read(study.folder / "faithfulness" / "gradients.parquet", evidence_schemas.GRADIENTS)
        if row["position"] == 2
    ]
    read_row = study.rows[2]
    [window] = study.windows(read_row["text"])
    text = [place for place, special in enumerate(read_row["special"]) if not special]
    for name in ("gradient_x_input", "gradient_norm"):
        top = set(sorted(text, key=lambda place: -gradient[name][place])[: ceil(0.2 * len(text))])
        [row] = [row for row in rows if row["position"] == 2 and row["score"] == name]
        assert row["comprehensiveness"][2] == pytest.approx(fall(study, window, top, read_row["prediction"]), abs=3e-6)


def test_every_document_has_the_floor(rows: list[dict[str, Any]]) -> None:
    for position in range(7):
        draws = [row["draw"] for row in rows if row["position"] == position and row["score"] == "random"]
        assert draws == [0, 1]


def test_random_rankings_depend_on_seed_and_document_only() -> None:
    def orders(identifier: str, seed: int) -> list[list[int]]:
        return [top_tokens(score, 30) for score in random_scores(identifier, 30, 3, seed)]

    assert orders("a", 1) == orders("a", 1)
    assert all(sorted(order) == list(range(30)) for order in orders("a", 1))
    different = [*orders("a", 1), *orders("b", 1), *orders("a", 2)]
    assert len({tuple(order) for order in different}) == 9


def test_of_equal_scores_the_earlier_token_comes_first() -> None:
    assert top_tokens(Score("x", None, None, np.array([0.1, 0.5, 0.5, 0.1])), 3) == [1, 2, 0]


def test_fractions_are_rounded_up_but_never_to_all_tokens() -> None:
    assert [n_removed(0.1, n) for n in (2, 10, 11, 30)] == [1, 1, 2, 3]
    assert n_removed(0.99, 10) == 9
    assert n_removed(0.5, 2) == 1


def test_scores_that_the_study_lacks_are_named_with_the_reason(
    tmp_path: Path, study: EvidenceStudy, caplog: pytest.LogCaptureFixture
) -> None:
    plain = EvidenceStudy(tmp_path, checkpoint=study.checkpoint)
    rows = run(plain, leave_one_out_documents=0)

    missing = {"received", "rollout", "norm_weighted"}
    assert facts(plain)["unavailable"] == {
        **dict.fromkeys(missing, "only attention.mode: full measures it"),
        "leave_one_out": "evidence.leave_one_out_documents leaves no document for it",
    }
    assert not {row["score"] for row in rows} & (missing | {"leave_one_out"})
    assert "the faithfulness of `rollout` is not measured: only attention.mode: full measures it" in caplog.text


def test_gradients_that_are_never_finite_are_named(
    tmp_path: Path, study: EvidenceStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    grad = torch.autograd.grad

    def spoil(outputs: torch.Tensor, inputs: object, *arguments: object, **options: object) -> tuple[torch.Tensor, ...]:
        found: tuple[torch.Tensor, ...] = grad(outputs, inputs, *arguments, **options)
        return tuple(values * float("nan") for values in found) if isinstance(inputs, list) else found

    monkeypatch.setattr(torch.autograd, "grad", spoil)
    rows = run(EvidenceStudy(tmp_path, checkpoint=study.checkpoint), scores=["self_mean", "gradient_norm"])

    assert {row["score"] for row in rows} == {"self_mean", "random"}
    written = files.read_facts(
        tmp_path / "faithfulness" / "faithfulness.parquet", evidence_schemas.DOCUMENT_FAITHFULNESS
    )
    assert written["unavailable"] == {"gradient_norm": "no document has finite gradients"}


def test_only_the_wanted_scores_are_measured(study: EvidenceStudy) -> None:
    rows = run(study, "few", scores=["self_max"], fractions=[0.5], random_rankings=1)

    assert {(row["score"], row["draw"]) for row in rows} == {("self_max", None), ("random", 0)}
    assert {len(row["sufficiency"]) for row in rows} == {1}


def test_any_number_of_shards_gives_the_same_bytes(tmp_path: Path, study: EvidenceStudy) -> None:
    others = EvidenceStudy(tmp_path, n_shards=3, checkpoint=study.checkpoint, mode="full", mantissa_bits=23)
    changes = {"scores": ["self_mean", "rollout", "leave_one_out"], "random_rankings": 1}
    run(study, "whole", **changes)
    run(others, "whole", **changes)

    written = [folder / "whole" / "faithfulness.parquet" for folder in (study.folder, tmp_path)]
    assert written[0].read_bytes() == written[1].read_bytes()


@pytest.mark.parametrize("architecture", [*ARCHITECTURES])
def test_the_row_of_the_classifiers_token_is_that_of_the_last_layer(architecture: str) -> None:
    model, windows = make_model(architecture), make_windows(20, 13, 5)
    token = ClassifierToken(model.config, None)
    expected = []
    for window in windows:
        with torch.no_grad():
            output = model(input_ids=torch.tensor([window.token_ids]), output_attentions=True)
        matrix = output.attentions[-1][0].mean(dim=0)
        expected.append(matrix.mean(dim=0) if token.is_mean else matrix[token.place(window)])
    observer = ClassifierRows(token)
    pad = model.config.pad_token_id
    AttentionReader(
        model, pad_token_id=pad, left_padded=pads_left(model), typed=False, precision="float32", observer=observer
    ).read(windows)

    for found, row in zip(observer.rows(), expected, strict=True):
        torch.testing.assert_close(found, row, rtol=0, atol=1e-5)
