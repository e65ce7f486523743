"""Attention that also tells how much each token attends to itself, without a matrix that outlives it."""

import logging
import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers.masking_utils import sdpa_mask

from attviz_pipeline.errors import AttentionError
from attviz_pipeline.faults import is_out_of_memory

logger = logging.getLogger(__name__)

SCORE_OPTIONS = ("softcap", "s_aux", "position_bias")  # change the scores in ways no fused kernel here knows
# Of the output, and of the diagonal, which is computed in float32 from whatever inputs.
TOLERANCE = {torch.float32: (1e-5, 1e-5), torch.float16: (2e-3, 2e-4), torch.bfloat16: (2e-2, 2e-4)}
ALIGNMENT = 16  # elements; rows of a mask must begin at such places on a GPU


class AttentionInputs(NamedTuple):
    """What a fused kernel computes attention from; all tensors of one precision."""

    query: Tensor
    """[document, head, query, size]."""
    key: Tensor
    """[document, head, key, size]."""
    value: Tensor
    """[document, head, key, size]."""
    mask: Tensor | None
    """Added to the scores, [document, 1 or head, 1 or query, key]."""
    causal: bool
    """Whether tokens see only those before; not beside a mask."""
    scale: float
    """Factor of the scores."""


Kernel = Callable[[AttentionInputs], tuple[Tensor, Tensor]]
"""Returns the output [document, head, query, size] and the log-sum-exp of the scores [document, head, query]."""


def self_attention_forward(  # noqa: PLR0913 - the interface's signature
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,  # noqa: FBT001 - the interface's signature
    **options: Any,  # noqa: ANN401
) -> tuple[Tensor, Tensor]:
    """Attend, and return the diagonal in the place where transformers expects the attention matrix.

    The model then collects one diagonal per layer as its `attentions`. A fused kernel gives the log-sum-exp of each
    query's scores; with the one score of the token with itself that is the diagonal, and no matrix is ever made.
    Where the kernel cannot be used, the model's own eager function makes the matrix of this one layer.

    Args:
        module: The layer's attention module.
        query: [document, head, query, size].
        key: [document, key head, key, size]; fewer key heads than heads where the model shares them.
        value: As `key`.
        attention_mask: Added to the scores, or True where attended to, [document, 1 or head, 1 or query, key], or None.
        scaling: Factor of the scores; 1 / sqrt(size) if None.
        is_causal: Without a mask, whether tokens see only those before; if None, the module says so.
        options: What else the model passes.

    Returns:
        Output [document, query, head, size], and self-attention [document, head, token], 0..1.

    Raises:
        AttentionError: The model needs its own eager function, and has none.

    Source: Vaswani et al. 2017, eq. 1; the diagonal as in Škrlj et al., section 3; log-sum-exp as in Dao et al. 2022.
    """
    inputs = attention_inputs(module, query, key, value, attention_mask, scaling, is_causal)
    kernel = None
    if query.shape[-2:] == key.shape[-2:] == value.shape[-2:] and not changes_scores(options):
        kernel = checked_kernel(query.device.type, inputs.query.dtype, query.shape[-1])
    if kernel is None:
        output, matrix = eager_attention(module, inputs, options)
        return output, matrix.diagonal(dim1=-2, dim2=-1).contiguous()
    return _fused(kernel, share_keys(inputs))


def attention_inputs(  # noqa: PLR0913 - what the interface passes
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None,
    is_causal: bool | None,  # noqa: FBT001 - the interface's signature
) -> AttentionInputs:
    """Say explicitly what the interface leaves to be guessed; arguments as in `self_attention_forward`."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = attention_mask is None and (getattr(module, "is_causal", True) if is_causal is None else is_causal)
    query, key, value = _same_precision(query, key, value)
    mask = None if attention_mask is None else _additive(attention_mask, query.dtype)
    return AttentionInputs(query, key, value, mask, causal, scale)


def additive_mask(**arguments: Any) -> Tensor | None:  # noqa: ANN401
    """Make the mask that a layer adds to its scores, or None where nothing is hidden or causality says it all.

    Hidden places get the least finite number, not minus infinity: a padding row that sees nothing stays a number.

    Args:
        arguments: As transformers calls mask functions; `dtype` is that of the result.

    Returns:
        [document, 1, query, key]; one query may stand for all where only padding is hidden.
    """
    padding = arguments.get("attention_mask")
    if padding is not None and padding.device.type != "cpu":
        # The reader gives one only where there is padding; to look whether it can be left out would wait for the GPU.
        arguments |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    visible = sdpa_mask(**arguments)
    if visible is None:
        return None
    same_for_all_queries = visible.stride(-2) == 0
    return _additive(visible[..., :1, :] if same_for_all_queries else visible, arguments.get("dtype", torch.float32))


@cache
def checked_kernel(device_type: str, dtype: torch.dtype, head_size: int) -> Kernel | None:
    """Return the fused kernel of a device if it does here what it should, compared with eager attention; else None.

    The kernels are private operators of torch, whose signature or results may change with its version.
    """
    kernel = KERNELS.get(device_type)
    fault = "there is none" if kernel is None else _fault(kernel, device_type, dtype, head_size)
    if not fault:
        return kernel
    logger.warning(
        "no fused attention with log-sum-exp for %s on %s, head size %d (%s): "
        "eager attention is used, exact but slower and with more memory",
        *(dtype, device_type, head_size, fault),
    )
    return None


def _fault(kernel: Kernel, device_type: str, dtype: torch.dtype, head_size: int) -> str:
    try:
        with torch.autocast(device_type, enabled=False):
            sound = _agrees_with_eager(kernel, device_type, dtype, head_size)
    except Exception as fault:  # whatever a private operator raises, it cannot be used
        if is_out_of_memory(fault):
            raise
        return f"{type(fault).__name__}: {fault}".splitlines()[0]
    return "" if sound else "its results differ from eager attention"


def _cpu_kernel(inputs: AttentionInputs) -> tuple[Tensor, Tensor]:
    query, key, value, mask, causal, scale = inputs
    operator = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default  # noqa: SLF001 - decision 5
    output, log_sum = operator(query, key, value, 0.0, causal, attn_mask=mask, scale=scale)
    return output, log_sum


def _cuda_kernel(inputs: AttentionInputs) -> tuple[Tensor, Tensor]:
    query, key, value, mask, causal, scale = inputs
    operator = torch.ops.aten._scaled_dot_product_efficient_attention.default  # noqa: SLF001 - decision 5
    n_tokens = query.shape[-2]
    if mask is not None:
        padded = functional.pad(mask, (0, -n_tokens % ALIGNMENT))
        mask = padded[..., :n_tokens].expand(*query.shape[:-1], n_tokens)
    output, log_sum, *_ = operator(query, key, value, mask, True, 0.0, causal, scale=scale)
    return output, log_sum[..., :n_tokens]


KERNELS: Mapping[str, Kernel] = {"cpu": _cpu_kernel, "cuda": _cuda_kernel}


def _fused(kernel: Kernel, inputs: AttentionInputs) -> tuple[Tensor, Tensor]:
    query, key, mask = inputs.query, inputs.key, inputs.mask
    output, log_sum = kernel(inputs)
    # Autocast would round the one score to half precision, and leave the log-sum-exp it is compared with in float32.
    with torch.autocast(query.device.type, enabled=False):
        score = torch.linalg.vecdot(query.float(), key.float()) * inputs.scale
    if mask is not None:
        score += mask.expand(*mask.shape[:2], *score.shape[-1:] * 2).diagonal(dim1=-2, dim2=-1)
    # Where a token sees itself alone, rounding may leave a little more than 1.
    return output.transpose(1, 2).contiguous(), (score - log_sum).exp_().clamp_(max=1)


def share_keys(inputs: AttentionInputs) -> AttentionInputs:
    """Give each head keys and values of its own where the model lets several heads share them."""
    n_shared = inputs.query.shape[1] // inputs.key.shape[1]
    if n_shared == 1:
        return inputs
    key, value = (tensor.repeat_interleave(n_shared, dim=1) for tensor in (inputs.key, inputs.value))
    return inputs._replace(key=key, value=value)


def eager_attention(
    module: torch.nn.Module, inputs: AttentionInputs, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Attend by the model's own eager function.

    Returns:
        Output [document, query, head, size] and matrix [document, head, query, key].

    Raises:
        AttentionError: The model has no such function.
    """
    own_eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    if own_eager is None:
        raise AttentionError(
            f"{type(module).__name__} attends in a way that no fused kernel here computes, and has no eager function. "
            "Use a model whose layers attend as BERT's do."
        )
    query, key, value, mask, causal, scale = inputs
    mask = causal_mask(query) if causal else mask
    output, matrix = own_eager(module, query, key, value, mask, scaling=scale, **options)
    return output, matrix


def _same_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    # Private operators are unknown to autocast, which would have brought what rotary embeddings widen back down.
    device_type = tensors[0].device.type
    if not torch.is_autocast_enabled(device_type):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device_type)) for tensor in tensors)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    least = torch.finfo(dtype).min
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, least)
    return mask if mask.dtype == dtype else mask.clamp(min=least).to(dtype)


def causal_mask(query: Tensor) -> Tensor:
    """Hide from each query of [document, head, query, size] what follows it, [1, 1, query, key], to be added."""
    n_tokens = query.shape[-2]
    visible = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=query.device).tril()
    return _additive(visible[None, None], query.dtype)


def changes_scores(options: Mapping[str, Any]) -> bool:
    """Whether the model passes what only its own eager function knows to apply."""
    return any(options.get(name) is not None for name in SCORE_OPTIONS)


def _agrees_with_eager(kernel: Kernel, device_type: str, dtype: torch.dtype, head_size: int) -> bool:
    for n_tokens, hiding in product((7, 64), ("nothing", "padding", "padding and what is far", "what follows")):
        # Heads lie beside each other, as projections leave them; waves, so that no seed is touched.
        waves = torch.arange(3 * 2 * n_tokens * 2 * head_size, device=device_type).sin()
        query, key, value = waves.view(3, 2, n_tokens, 2, head_size).transpose(2, 3).to(dtype)
        visible = _visible(hiding, n_tokens, device_type)
        mask = _additive(visible, dtype) if "padding" in hiding else None
        inputs = AttentionInputs(query, key, value, mask, hiding == "what follows", head_size**-0.5)
        with torch.autocast(device_type, dtype, enabled=dtype != torch.float32):
            output, diagonal = _fused(kernel, inputs)
        # Of a query that sees nothing, which is padding, only a number is wanted.
        blind = ~visible.any(dim=-1)
        for found, expected, ignored, tolerance in zip(
            *((output.float(), diagonal), _textbook(inputs), (blind[:, 0, :, None, None], blind), TOLERANCE[dtype]),
            strict=True,
        ):
            if not found.isfinite().all() or (found - expected).masked_fill(ignored, 0).abs().max() > tolerance:
                return False
    return True


def _visible(hiding: str, n_tokens: int, device_type: str) -> Tensor:
    """Hide the last three keys of the second of two documents, from all its queries or from those near them."""
    places = torch.arange(n_tokens, device=device_type)
    visible = torch.ones(2, 1, 1, n_tokens, dtype=torch.bool, device=device_type)
    if "padding" in hiding:
        visible[1, ..., -3:] = False
    return visible & ((places[:, None] - places).abs() <= 2) if "far" in hiding else visible


def _textbook(inputs: AttentionInputs) -> tuple[Tensor, Tensor]:
    query, key, value = inputs.query.float(), inputs.key.float(), inputs.value.float()
    scores = query @ key.mT * inputs.scale
    if inputs.causal:
        scores = scores + causal_mask(query)
    if inputs.mask is not None:
        scores = scores + inputs.mask.float()
    matrix = scores.softmax(dim=-1)
    return (matrix @ value).transpose(1, 2), matrix.diagonal(dim1=-2, dim2=-1)
