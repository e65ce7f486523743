"""Every architecture's self-attention against its own eager attention, the fused kernel against its fallback."""

import gc
import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
import transformers
from architectures import (
    ARCHITECTURES,
    EAGER_ONLY,
    SMALL,
    SQUEEZE_BERT,
    THROUGH_THE_INTERFACE,
    make_model,
    make_windows,
)
from slow_cases import rest_is_slow
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from transformers import AutoModelForSequenceClassification, PreTrainedModel, masking_utils

from attviz_pipeline.attention import diagonal
from attviz_pipeline.attention.capture import AttentionReader, Reading
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.model_inputs import pads_left


@pytest.fixture(autouse=True)
def unchecked_kernels() -> Iterator[None]:
    diagonal.checked_kernel.cache_clear()
    yield
    diagonal.checked_kernel.cache_clear()


def make_reader(model: PreTrainedModel, precision: str = "float32") -> AttentionReader:
    pad = model.config.pad_token_id
    return AttentionReader(model, pad_token_id=pad, left_padded=pads_left(model), typed=False, precision=precision)


def eager_readings(model: PreTrainedModel, windows: Sequence[Window]) -> list[Reading]:
    """Each window alone, the textbook way."""
    readings = []
    for window in windows:
        with torch.no_grad():
            output = model(input_ids=torch.tensor([window.token_ids]), output_attentions=True)
        matrices = torch.stack(output.attentions)[:, 0]
        readings.append(Reading(output.logits[0], matrices.diagonal(dim1=-2, dim2=-1)))
    return readings


def assert_equal(found: Sequence[Reading], expected: Sequence[Reading], tolerance: float = 1e-5) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=tolerance, rtol=0)
        np.testing.assert_allclose(one.self_attention, other.self_attention, atol=tolerance, rtol=0)
        assert one.self_attention.max() <= 1


def break_kernel(*_arguments: object, **_options: object) -> tuple[Tensor, Tensor]:
    raise NotImplementedError("no such operator")


def distort_kernel(inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
    return inputs.value, inputs.query.sum(dim=-1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("lengths", [(20, 13, 8, 5), (8, 8), (1,)], ids=["padded", "equal", "single"])
def test_architecture_equals_its_own_eager_attention(architecture: str, lengths: tuple[int, ...]) -> None:
    model, windows = make_model(architecture), make_windows(*lengths)
    expected = eager_readings(model, windows)

    assert_equal(make_reader(model).read(windows), expected)


@pytest.mark.parametrize("architecture", THROUGH_THE_INTERFACE)
@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (break_kernel, "(NotImplementedError: no such operator)"),
        (distort_kernel, "(its results differ from eager attention)"),
        (None, "(there is none)"),
    ],
)
def test_unusable_kernel_is_replaced_by_eager_attention_with_one_warning(
    architecture: str,
    kernel: diagonal.Kernel | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(diagonal, "KERNELS", {} if kernel is None else {"cpu": kernel})
    model = make_model(architecture)
    for lengths in [(20, 13, 5), (8, 8)]:
        windows = make_windows(*lengths)
        model.set_attn_implementation("eager")
        expected = eager_readings(model, windows)
        assert_equal(make_reader(model).read(windows), expected)

    assert [record.message[:36] for record in caplog.records] == ["no fused attention with log-sum-exp "]
    assert f"{reason}: eager attention is used, exact but slower" in caplog.text


def test_lack_of_memory_during_the_check_says_nothing_about_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(_inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(diagonal, "KERNELS", {"cpu": run_out})
    with pytest.raises(torch.OutOfMemoryError):
        diagonal.checked_kernel("cpu", torch.float32, 8)

    monkeypatch.setattr(diagonal, "KERNELS", {"cpu": diagonal._cpu_kernel})
    assert diagonal.checked_kernel("cpu", torch.float32, 8) is diagonal._cpu_kernel


def test_kernel_of_this_machine_passes_its_check(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    for precision in (torch.float32, torch.bfloat16, torch.float16):
        assert diagonal.checked_kernel("cpu", precision, 64) is diagonal.KERNELS["cpu"]
    assert not caplog.records


def test_kernel_is_checked_with_the_size_of_the_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(diagonal, "checked_kernel", lambda *wanted: asked.append(wanted) or diagonal._cpu_kernel)
    query = torch.rand(2, 3, 7, 5)  # [document, head, query, size]

    diagonal.self_attention_forward(torch.nn.Module(), query, query, query, None)

    assert asked == [("cpu", torch.float32, 5)]


def err_under_autocast(inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
    output, log_sum = diagonal._cpu_kernel(inputs)
    return output, log_sum.bfloat16().float() if torch.is_autocast_enabled("cpu") else log_sum


def err_with_a_mask_per_query(inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
    output, log_sum = diagonal._cpu_kernel(inputs)
    return output, log_sum if inputs.mask is None or inputs.mask.shape[-2] == 1 else log_sum + 0.1


def lose_queries_that_see_nothing(inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
    output, log_sum = diagonal._cpu_kernel(inputs)
    least = torch.finfo(inputs.query.dtype).min
    blind = torch.zeros(1, 1, 1) if inputs.mask is None else (inputs.mask == least).all(dim=-1)
    return output, log_sum.masked_fill(blind.bool(), float("nan"))


@pytest.mark.parametrize(
    ("kernel", "precision"),
    [
        (err_under_autocast, torch.bfloat16),
        (err_under_autocast, torch.float16),
        (err_with_a_mask_per_query, torch.float32),
        (lose_queries_that_see_nothing, torch.float32),
    ],
)
def test_check_meets_the_kernel_as_the_models_do(
    kernel: diagonal.Kernel, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(diagonal, "KERNELS", {"cpu": kernel})

    assert diagonal.checked_kernel("cpu", precision, 64) is None
    assert "its results differ from eager attention" in caplog.text


def test_what_a_query_sees_that_sees_nothing_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_such_queries_something(inputs: diagonal.AttentionInputs) -> tuple[Tensor, Tensor]:
        output, log_sum = diagonal._cpu_kernel(inputs)
        blind = torch.zeros(1, 1, 1) if inputs.mask is None else (inputs.mask < 0).all(dim=-1)
        return output, log_sum.masked_fill(blind.bool(), 7.0)

    monkeypatch.setattr(diagonal, "KERNELS", {"cpu": give_such_queries_something})

    assert diagonal.checked_kernel("cpu", torch.float32, 64) is give_such_queries_something


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_autocast_does_not_round_the_score_of_a_token_with_itself(precision: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(0)
    query, key, value = 2 * torch.randn(3, 2, 4, 9, 16, generator=rng).to(precision)
    with torch.autocast("cpu", precision):
        _, found = diagonal.self_attention_forward(torch.nn.Linear(2, 2), query, key, value, None, is_causal=False)

    expected = (query.float() @ key.float().mT / 4).softmax(dim=-1).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("architecture", ["Bert", "GPT2", "ModernBert"])
def test_no_matrix_is_made_where_the_kernel_works(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagonal, "eager_attention", break_kernel)

    assert make_reader(make_model(architecture)).read(make_windows(20, 13))


@pytest.mark.parametrize("architecture", EAGER_ONLY)
def test_changed_scores_are_left_to_the_models_own_function(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagonal, "_fused", break_kernel)

    assert make_reader(make_model(architecture)).read(make_windows(20, 13))


def test_changed_scores_without_an_eager_function_are_refused() -> None:
    query = torch.ones(1, 2, 3, 4)

    with pytest.raises(AttentionError, match="Linear attends in a way that no fused kernel here computes"):
        diagonal.self_attention_forward(torch.nn.Linear(2, 2), query, query, query, None, softcap=30.0)


@pytest.mark.parametrize(
    "mask_function", [masking_utils.bidirectional_mask_function, masking_utils.causal_mask_function]
)
def test_mask_is_made_without_asking_a_gpu_what_it_holds(mask_function: Callable[..., Tensor]) -> None:
    # As on a GPU, to ask is to wait; on this device it is an error.
    padding = torch.ones(2, 9, dtype=torch.bool, device="meta")
    found = diagonal.additive_mask(
        batch_size=2,
        q_length=9,
        kv_length=9,
        attention_mask=padding,
        device="meta",
        mask_function=mask_function,
        allow_is_bidirectional_skip=True,
    )

    assert found is not None
    assert found.shape[0] == 2


@pytest.mark.parametrize("boolean", [True, False])
@pytest.mark.parametrize("n_key_heads", [1, 2, 4])
def test_masks_of_every_kind_equal_the_softmax(boolean: bool, n_key_heads: int) -> None:  # noqa: FBT001
    rng = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 9, 8, generator=rng)
    key, value = torch.randn(2, 2, n_key_heads, 9, 8, generator=rng)
    visible = torch.rand(2, 4, 9, 9, generator=rng) < 0.5
    visible |= torch.eye(9, dtype=torch.bool)
    bias = torch.randn(2, 4, 9, 9, generator=rng)
    mask = visible if boolean else bias

    output, found = diagonal.self_attention_forward(torch.nn.Linear(2, 2), query, key, value, mask)

    shared = 4 // n_key_heads
    scores = query @ key.repeat_interleave(shared, dim=1).mT / 8**0.5
    matrix = (scores.masked_fill(~visible, -torch.inf) if boolean else scores + bias).softmax(dim=-1)
    torch.testing.assert_close(found, matrix.diagonal(dim1=-2, dim2=-1), atol=1e-5, rtol=0)
    expected = (matrix @ value.repeat_interleave(shared, dim=1)).transpose(1, 2)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ["Bert", "ModernBert", "GPT2"])
@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.03), ("float16", 0.004)])
def test_half_precision_stays_close(architecture: str, precision: str, tolerance: float) -> None:
    model, windows = make_model(architecture, initializer_range=0.005), make_windows(20, 13, 5)
    expected = eager_readings(model, windows)

    for found, exact in zip(make_reader(model, precision).read(windows), expected, strict=True):
        assert found.self_attention.dtype == torch.float32
        difference = (found.self_attention - exact.self_attention).abs().max()
        assert 0 < difference < tolerance


@pytest.mark.parametrize("architecture", rest_is_slow(["MPNet", "DebertaV2", "XLNet"]))
def test_no_two_layers_matrices_are_held_at_once(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader(make_model(architecture, **{"n_layer" if architecture == "XLNet" else "num_hidden_layers": 4}))
    made: list[StorageWeakRef] = []
    alive_before: list[int] = []
    softmax = torch.nn.functional.softmax

    def watched_softmax(scores: Tensor, *arguments: object, **options: object) -> Tensor:
        gc.collect()
        alive_before.append(sum(not storage.expired() for storage in made))
        matrix = softmax(scores, *arguments, **options)
        made.append(StorageWeakRef(matrix.untyped_storage()))
        return matrix

    monkeypatch.setattr(torch.nn.functional, "softmax", watched_softmax)
    reader.read(make_windows(20, 13))

    assert alive_before == [0, 0, 0, 0]


def test_model_without_attention_is_refused() -> None:
    config = transformers.FNetConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, intermediate_size=48)
    reader = make_reader(AutoModelForSequenceClassification.from_config(config))

    with pytest.raises(AttentionError, match="FNetForSequenceClassification returns no attention: it has none"):
        reader.read(make_windows(3))


def test_model_that_attends_to_neighbours_only_is_refused() -> None:
    config = transformers.LongformerConfig(**SMALL, attention_window=8, max_position_embeddings=64)
    reader = make_reader(AutoModelForSequenceClassification.from_config(config))

    with pytest.raises(AttentionError, match="does not attend from every token to every token: of 1 x 12 tokens"):
        reader.read(make_windows(12))


def test_scores_in_the_place_of_attention_are_refused() -> None:
    torch.manual_seed(0)
    config = transformers.SqueezeBertConfig(**SQUEEZE_BERT)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(5)

    with pytest.raises(AttentionError, match=r"the model returned -\d.* instead of attention, .* before the softm"):
        make_reader(model).read(make_windows(12))


def test_damaged_weights_are_refused() -> None:
    model = make_model("Bert")
    with torch.no_grad():
        model.classifier.weight.fill_(float("nan"))

    with pytest.raises(AttentionError, match="NaN or infinite values"):
        make_reader(model).read(make_windows(3))
