"""Full mode against eager attention, reduced by the textbook."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from architectures import (
    ARCHITECTURES,
    EAGER_ONLY,
    PAST_THE_INTERFACE,
    SHARED_KEYS,
    SMALL,
    SQUEEZE_BERT,
    make_model,
)
from eager_matrices import Array, eager_stage_matrices
from slow_cases import rest_is_slow
from tiny_extraction import TEXTS, extract
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from attviz_pipeline.artifacts import attention_schemas, files, profile_schemas
from attviz_pipeline.attention import diagonal, observed_matrices
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.full_statistics import FullReading, FullStatistics
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

CLS, SEP = 3, 4
LENGTHS = (20, 13, 13, 5)


class SpecialTokens:
    cls_token_id = CLS
    sep_token_id = SEP


def make_window(n_tokens: int) -> Window:
    """[CLS], text with every third token punctuation, [SEP]; the document keeps all but the last two tokens of text."""
    token_ids = [CLS, *range(7, 5 + n_tokens), SEP]
    token_ids[2] = SEP if n_tokens > 4 else token_ids[2]  # spelled out in the text, it is no special token
    special = [True, *[False] * (n_tokens - 2), True]
    punctuation = [place % 3 == 0 and not flag for place, flag in enumerate(special)]
    return Window(0, token_ids, [0] * n_tokens, 0, n_tokens - 3, special, punctuation)


def read_full(model: PreTrainedModel, windows: list[Window], precision: str = "float32") -> list[FullReading]:
    full = FullStatistics(model, SpecialTokens())
    left = model.config.model_type == "xlnet"
    pad = model.config.pad_token_id
    reader = AttentionReader(model, pad_token_id=pad, left_padded=left, typed=False, precision=precision, observer=full)
    reader.read(windows)
    return full.readings()


def eager_matrices(model: PreTrainedModel, window: Window) -> Array:
    """[layer, head, query, key] of one window alone."""
    with torch.no_grad():
        output = model(input_ids=torch.tensor([window.token_ids]), output_attentions=True)
    return torch.stack(output.attentions)[:, 0].double().numpy()


def textbook_profile(matrices: Array, window: Window) -> dict[str, Array]:
    """Loops over queries and keys, as the definitions read; sums over the queries that count."""
    n_tokens = window.n_tokens
    found = {name: np.zeros(matrices.shape[:2]) for name in profile_schemas.MEASURES}
    for query in range(window.first, window.stop):
        if window.special[query]:
            continue
        for key in range(n_tokens):
            weight = matrices[:, :, query, key]
            found["entropy"] -= np.where(weight > 0, weight * np.log(np.where(weight > 0, weight, 1)), 0)
            found["distance"] += weight * abs(query - key)
            for name, counts in {
                "on_self": query == key,
                "on_previous": key == query - 1,
                "on_next": key == query + 1,
                "on_cls": window.special[key] and window.token_ids[key] == CLS,
                "on_sep": window.special[key] and window.token_ids[key] == SEP,
                "on_punctuation": window.punctuation[key],
            }.items():
                found[name] += weight * counts
    return found


def textbook_rollout(matrices: Array) -> Array:
    rollout = np.eye(matrices.shape[-1])
    for layer in matrices.mean(axis=1):
        rollout = (0.5 * layer + 0.5 * np.eye(len(layer))) @ rollout
    return rollout


@pytest.mark.parametrize("entries_at_once", [2**18, 200, 1])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_reductions_equal_the_textbook(
    architecture: str, entries_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed_matrices, "ENTRIES_AT_ONCE", {"cpu": entries_at_once})
    model, windows = make_model(architecture), [make_window(length) for length in LENGTHS]
    expected = [eager_matrices(model, window) for window in windows]

    for found, matrices, window in zip(read_full(model, windows), expected, windows, strict=True):
        np.testing.assert_allclose(found.received, matrices.mean(axis=2), atol=1e-5)
        profile = textbook_profile(matrices, window)
        for index, name in enumerate(profile_schemas.MEASURES):
            np.testing.assert_allclose(found.profile[:, :, index], profile[name], atol=1e-4, err_msg=name)
        from_cls = textbook_rollout(matrices)[0]
        np.testing.assert_allclose(found.rollout, from_cls, atol=1e-5)
        assert found.n_queries == window.n_tokens - 4


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("architecture", ["Bert", "XLNet", "DebertaV2"])
def test_shortest_inputs_are_seen_once_per_layer(architecture: str, length: int) -> None:
    model = make_model(architecture)
    window = Window(0, [CLS, SEP][:length], [0] * length, 0, length, [True] * length, [False] * length)
    expected = eager_matrices(model, window)
    [found] = read_full(model, [window])

    np.testing.assert_allclose(found.received, expected.mean(axis=2), atol=1e-5)
    assert found.n_queries == 0


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("architecture", ["Bert", "Gemma2", "MPNet", "DebertaV2", "XLNet"])
def test_statistics_are_float32_under_autocast(architecture: str, precision: str) -> None:
    windows = [make_window(length) for length in LENGTHS]
    expected = read_full(make_model(architecture, initializer_range=0.005), windows)
    halved = read_full(make_model(architecture, initializer_range=0.005), windows, precision)

    for found, exact in zip(halved, expected, strict=True):
        for name in ("received", "rollout", "profile"):
            assert getattr(found, name).dtype == torch.float32
            torch.testing.assert_close(getattr(found, name), getattr(exact, name), rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    ("architecture", "settings", "reason"),
    [
        ("SqueezeBert", SQUEEZE_BERT, "2 layers of 4 heads attend to: .* no heads"),
        ("Canine", SMALL | {"max_position_embeddings": 64}, "a layer attends from 5 to 5 tokens, .* has 20"),
        ("DiffLlama", SHARED_KEYS, r"DiffLlamaForSequenceClassification hides .* have \[4, 4, 4, 4\] heads"),
    ],
)
def test_attention_that_full_mode_cannot_follow_is_refused(
    architecture: str, settings: dict[str, object], reason: str
) -> None:
    config = getattr(transformers, f"{architecture}Config")(**settings)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()

    with pytest.raises(AttentionError, match=reason):
        read_full(model, [make_window(20)])


def unmarked(*token_ids: int) -> Window:
    n_tokens = len(token_ids)
    return Window(0, list(token_ids), [0] * n_tokens, 0, n_tokens, [False] * n_tokens, [False] * n_tokens)


SPELT_AND_OWN_CLS = Window(0, [9, CLS, 7, SEP, CLS], [0] * 5, 0, 5, [False] * 3 + [True] * 2, [False] * 5)


@pytest.mark.parametrize(
    ("architecture", "changes", "window", "row"),
    [
        ("GPT2", {}, unmarked(9, 8, 7, 6), -1),
        ("GPT2", {"pad_token_id": 6}, unmarked(9, 8, 7, 6), -2),
        ("GPT2", {"pad_token_id": 6}, unmarked(6, 6), 0),
        ("ModernBert", {"classifier_pooling": "mean"}, unmarked(9, 8, 7, 6), slice(None)),
        ("EuroBert", {"classifier_pooling": "mean"}, unmarked(9, 8, 7, 6), slice(None)),
        ("EuroBert", {"classifier_pooling": "late"}, unmarked(9, 8, 7, 6), slice(None)),
        ("EuroBert", {"classifier_pooling": "bos"}, unmarked(9, 8, 7, 6), 0),
        ("XLM", {}, unmarked(SEP, 9, 8, 7), 0),
        ("XLNet", {}, SPELT_AND_OWN_CLS, -1),
    ],
)
def test_rollout_starts_where_the_classifier_reads(
    architecture: str, changes: dict[str, object], window: Window, row: int | slice
) -> None:
    model = make_model(architecture, **changes)
    rollout = textbook_rollout(eager_matrices(model, window))
    [found] = read_full(model, [window])

    np.testing.assert_allclose(found.rollout, rollout[row].reshape(-1, window.n_tokens).mean(axis=0), atol=1e-5)


OUTPUT_PROJECTION = {
    "Bert": "attention.output.dense",
    "Electra": "attention.output.dense",
    "DistilBert": "attention.out_lin",
    "Albert": "attention.dense",
    "ModernBert": "attn.Wo",
    "GPT2": "attn.c_proj",
    "Llama": "self_attn.o_proj",
}


@pytest.mark.parametrize("architecture", OUTPUT_PROJECTION)
def test_value_norms_are_those_of_the_values_behind_the_output_weights(architecture: str) -> None:
    # A single token attends to itself alone: what its heads gather is its value vector.
    window = Window(0, [9], [0], 0, 1, [False], [False])
    model, gathered = make_model(architecture), []
    for name, module in model.named_modules():
        if name.endswith(OUTPUT_PROJECTION[architecture]):
            module.register_forward_pre_hook(lambda module, inputs: gathered.append((module, inputs[0][0, 0].clone())))
    [found] = read_full(model, [window])

    assert found.value_norm is not None
    assert len(gathered) == 2
    for layer, (module, values) in enumerate(gathered):
        weight = (module.weight.T if architecture == "GPT2" else module.weight).detach()
        for head in range(4):
            mine = slice(8 * head, 8 * head + 8)
            expected = (weight[:, mine] @ values[mine]).norm()
            torch.testing.assert_close(found.value_norm[layer, head, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", [*ARCHITECTURES])
def test_architectures_that_show_no_values_say_so(architecture: str, caplog: pytest.LogCaptureFixture) -> None:
    [found] = read_full(make_model(architecture), [make_window(9)])

    hidden = architecture in PAST_THE_INTERFACE
    assert (found.value_norm is None) == hidden
    said = "no norm-weighted attention: its layers do not expose value vectors and output weights" in caplog.messages
    assert said == hidden
    assert architecture not in EAGER_ONLY or not hidden


@pytest.mark.parametrize("architecture", rest_is_slow(["Bert", "MPNet", "XLNet"]))
def test_one_layers_matrices_are_gone_before_the_next_ones(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(architecture, **{"n_layer" if architecture == "XLNet" else "num_hidden_layers": 4})
    made: list[StorageWeakRef] = []
    alive_before: list[int] = []
    softmax = torch.softmax if architecture == "Bert" else torch.nn.functional.softmax

    def watched_softmax(scores: Tensor, *arguments: object, **options: object) -> Tensor:
        gc.collect()
        alive_before.append(sum(not storage.expired() for storage in made))
        matrix = softmax(scores, *arguments, **options)
        made.append(StorageWeakRef(matrix.untyped_storage()))
        return matrix

    if architecture == "Bert":
        monkeypatch.setattr(Tensor, "softmax", watched_softmax)
    else:
        monkeypatch.setattr(torch.nn.functional, "softmax", watched_softmax)
    read_full(model, [make_window(20), make_window(13)])

    assert len(alive_before) >= 4
    assert max(alive_before) <= (1 if architecture == "Bert" else 0)


def test_no_fused_kernel_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagonal, "KERNELS", {})

    assert read_full(make_model("Bert"), [make_window(9)])


def test_stage_writes_what_full_mode_adds(tmp_path: Path) -> None:
    plain = files.read_table(extract(tmp_path, TEXTS, mantissa_bits=23), attention_schemas.ATTENTION)
    output = extract(tmp_path, TEXTS, mode="full", mantissa_bits=23)
    rows = files.read_table(output, attention_schemas.ATTENTION).to_pylist()

    assert files.read_facts(output, attention_schemas.ATTENTION)["mode"] == "full"
    assert {row["profile"] for row in plain.to_pylist()} == {None}
    for row, other in zip(rows, plain.to_pylist(), strict=True):
        np.testing.assert_allclose(row["self_attention"], other["self_attention"], atol=1e-5)
        assert row["prediction"] == other["prediction"]
        matrices = eager_stage_matrices(tmp_path / "checkpoint", row["text"])
        np.testing.assert_allclose(np.reshape(row["received"], (2, 4, -1)), matrices.mean(axis=2), atol=1e-5)
        np.testing.assert_allclose(row["rollout"], textbook_rollout(matrices)[0], atol=1e-5)
        text = ~np.array(row["special"])
        if not text.any():
            assert row["profile"] is None
            continue
        on_self = matrices.diagonal(axis1=2, axis2=3)[:, :, text].mean(axis=-1)
        np.testing.assert_allclose(np.reshape(row["profile"]["on_self"], (2, 4)), on_self, atol=1e-5)
        np.testing.assert_allclose(
            np.reshape(row["profile"]["on_cls"], (2, 4)), matrices[:, :, text, 0].mean(axis=-1), atol=1e-5
        )


def test_windows_of_a_document_share_one_profile(tmp_path: Path) -> None:
    words = ["match", "goal", "team", "bank", "film"] * 30
    output = extract(tmp_path, [" ".join(words)], mode="full", window_overlap=10)
    [row] = files.read_table(output, attention_schemas.ATTENTION).to_pylist()

    assert len(row["windows"]) > 2
    assert len(row["rollout"]) == len(row["tokens"]) == len(row["received"]) // 8
    assert all(0 < value < 1 for value in row["profile"]["on_self"])
    # Every token of the text is a query once, so the mean over them is the mean of what the diagonal holds.
    text = ~np.array(row["special"])
    diagonal_mean = np.reshape(row["self_attention"], (8, -1))[:, text].mean(axis=1)
    np.testing.assert_allclose(row["profile"]["on_self"], diagonal_mean, rtol=1e-5)


def test_document_of_special_tokens_only_has_no_profile(tmp_path: Path) -> None:
    [row] = files.read_table(extract(tmp_path, ["\u200b"], mode="full"), attention_schemas.ATTENTION).to_pylist()

    assert all(row["special"])
    assert row["profile"] is None
    assert len(row["rollout"]) == len(row["tokens"])
