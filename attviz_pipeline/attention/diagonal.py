"""Attention that also returns the diagonal of its matrix: how much each token attends to itself."""

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

from attviz_pipeline.attention.matrices import ANOTHER_MODEL
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.faults import is_out_of_memory

logger = logging.getLogger(__name__)

SCORE_OPTIONS = ("softcap", "s_aux", "position_bias")  # change the scores in ways that no fused kernel here supports
# For the output, and for the diagonal, which is always computed in float32.
TOLERANCE = {torch.float32: (1e-5, 1e-5), torch.float16: (2e-3, 2e-4), torch.bfloat16: (2e-2, 2e-4)}
ALIGNMENT = 16  # elements; on a GPU rows of a mask must begin at multiples of it


class AttentionInputs(NamedTuple):
    """Inputs of attention, all tensors in the same precision."""

    query: Tensor
    """[document, head, query, size]."""
    key: Tensor
    """[document, head, key, size]."""
    value: Tensor
    """[document, head, key, size]."""
    mask: Tensor | None
    """Added to the scores, [document, 1 or head, 1 or query, key]."""
    causal: bool
    """Whether queries see only themselves and earlier tokens; never together with a mask."""
    scale: float
    """Factor of the scores."""


Kernel = Callable[[AttentionInputs], tuple[Tensor, Tensor]]
"""Returns the output [document, head, query, size] and the log-sum-exp of the scores [document, head, query]."""


Attend = Callable[[torch.nn.Module, AttentionInputs, Mapping[str, Any]], tuple[Tensor, Tensor | None]]
"""Given a layer's attention module, its inputs, and other arguments of the model, returns the output [document, query,
head, size], and what the model collects as the layer's attention."""


def through_interface(attend: Attend) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """Return attention as transformers calls it; what its interface leaves implicit is explicit in `AttentionInputs`.

    The arguments of the result: query [document, head, query, size]; key and value [document, key head, key, size],
    with fewer key heads than heads if the model shares them; attention_mask: added to the scores, or True for visible
    keys, [document, 1 or head, 1 or query, key], or None; scaling: factor of the scores, 1 / sqrt(size) if None;
    is_causal: without a mask, whether queries see only earlier tokens; if None, the module's attribute decides.
    """

    def forward(  # noqa: PLR0913 - the interface's signature
        module: torch.nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        scaling: float | None = None,
        is_causal: bool | None = None,  # noqa: FBT001 - the interface's signature
        **options: Any,  # noqa: ANN401
    ) -> tuple[Tensor, Tensor | None]:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        causal = attention_mask is None and (getattr(module, "is_causal", True) if is_causal is None else is_causal)
        query, key, value = _same_precision(query, key, value)
        mask = None if attention_mask is None else _additive(attention_mask, query.dtype)
        return attend(module, AttentionInputs(query, key, value, mask, causal, scale), options)

    return forward


@through_interface
def self_attention_forward(
    module: torch.nn.Module, inputs: AttentionInputs, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Compute attention, and return the diagonal where transformers expects the attention matrix.

    The model then collects one diagonal per layer as its `attentions`. A fused kernel returns the log-sum-exp of each
    query's scores. Together with the score of the token with itself this gives the diagonal without a matrix. If the
    kernel cannot be used, the model's own eager function computes the matrix of this one layer.

    Returns:
        Output [document, query, head, size], and self-attention [document, head, token], 0..1.

    Raises:
        AttentionError: The model needs its own eager function, but has none.

    Source: Vaswani et al. 2017, eq. 1; the diagonal as in Škrlj et al., section 3; log-sum-exp as in Dao et al. 2022.
    """
    query, kernel = inputs.query, None
    if can_be_fused(inputs, options):
        kernel = checked_kernel(query.device.type, query.dtype, query.shape[-1])
    if kernel is None:
        output, matrix = eager_attention(module, inputs, options)
        return output, matrix.diagonal(dim1=-2, dim2=-1).contiguous()
    return _fused(kernel, share_keys(inputs))


def additive_mask(**arguments: Any) -> Tensor | None:  # noqa: ANN401
    """Return the mask that is added to the scores, or None if no key is hidden or a causal kernel needs no mask.

    Hidden keys get the smallest finite number instead of minus infinity, so that padding queries that see nothing do
    not become NaN.

    Args:
        arguments: Arguments of transformers' mask functions; `dtype` is that of the result.

    Returns:
        [document, 1, query, key]; the query axis may have size 1 if only padding is hidden.
    """
    padding = arguments.get("attention_mask")
    if padding is not None and padding.device.type != "cpu":
        # The reader passes a mask only if there is padding. Checking whether it can be skipped would wait for the GPU.
        arguments |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    visible = sdpa_mask(**arguments)
    if visible is None:
        return None
    same_for_all_queries = visible.stride(-2) == 0
    return _additive(visible[..., :1, :] if same_for_all_queries else visible, arguments.get("dtype", torch.float32))


@cache
def checked_kernel(device_type: str, dtype: torch.dtype, head_size: int) -> Kernel | None:
    """Return the fused kernel of a device if its results agree with eager attention, else None.

    The kernels are private operators of torch, whose signature or results may change between versions.
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
    except Exception as fault:  # a private operator may raise anything; it is not used then
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
    # Autocast would round this score to half precision, while the log-sum-exp is in float32.
    with torch.autocast(query.device.type, enabled=False):
        score = torch.linalg.vecdot(query.float(), key.float()) * inputs.scale
    if mask is not None:
        score += mask.expand(*mask.shape[:2], *score.shape[-1:] * 2).diagonal(dim1=-2, dim2=-1)
    # If a token sees only itself, rounding may give slightly more than 1.
    return output.transpose(1, 2).contiguous(), (score - log_sum).exp_().clamp_(max=1)


def share_keys(inputs: AttentionInputs) -> AttentionInputs:
    """Repeat keys and values for each head if several heads share them."""
    n_shared = inputs.query.shape[1] // inputs.key.shape[1]
    if n_shared == 1:
        return inputs
    key, value = (tensor.repeat_interleave(n_shared, dim=1) for tensor in (inputs.key, inputs.value))
    return inputs._replace(key=key, value=value)


def eager_attention(
    module: torch.nn.Module, inputs: AttentionInputs, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Compute attention with the model's own eager function.

    Returns:
        Output [document, query, head, size] and matrix [document, head, query, key].

    Raises:
        AttentionError: The model has no such function.
    """
    own_eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    if own_eager is None:
        raise AttentionError(
            f"{type(module).__name__} attends in a way that no fused kernel here computes, and has no eager function.",
            remedy=ANOTHER_MODEL,
        )
    query, key, value, mask, causal, scale = inputs
    mask = causal_mask(query) if causal else mask
    output, matrix = own_eager(module, query, key, value, mask, scaling=scale, **options)
    return output, matrix


def _same_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    # Autocast ignores private operators. Rotary embeddings return float32, so the inputs are cast here.
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
    """Return the additive mask, [1, 1, query, key], that hides later keys from each query; `query` gives the size."""
    n_tokens = query.shape[-2]
    visible = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=query.device).tril()
    return _additive(visible[None, None], query.dtype)


def can_be_fused(inputs: AttentionInputs, options: Mapping[str, Any]) -> bool:
    """Whether a fused kernel computes a layer: every token attends to every token, and the scores are plain."""
    same_sizes = inputs.query.shape[-2:] == inputs.key.shape[-2:] == inputs.value.shape[-2:]
    return same_sizes and not changes_scores(options)


def changes_scores(options: Mapping[str, Any]) -> bool:
    """Whether the model passes options that only its own eager function supports."""
    return any(options.get(name) is not None for name in SCORE_OPTIONS)


def _agrees_with_eager(kernel: Kernel, device_type: str, dtype: torch.dtype, head_size: int) -> bool:
    for n_tokens, hiding in product((7, 64), ("nothing", "padding", "padding and what is far", "what follows")):
        # The memory layout is that of projections. A sine wave needs no random seed.
        waves = torch.arange(3 * 2 * n_tokens * 2 * head_size, device=device_type).sin()
        query, key, value = waves.view(3, 2, n_tokens, 2, head_size).transpose(2, 3).to(dtype)
        visible = _visible(hiding, n_tokens, device_type)
        mask = _additive(visible, dtype) if "padding" in hiding else None
        inputs = AttentionInputs(query, key, value, mask, hiding == "what follows", head_size**-0.5)
        with torch.autocast(device_type, dtype, enabled=dtype != torch.float32):
            output, diagonal = _fused(kernel, inputs)
        # A padding query that sees nothing may have any finite value.
        blind = ~visible.any(dim=-1)
        for found, expected, ignored, tolerance in zip(
            *((output.float(), diagonal), _textbook(inputs), (blind[:, 0, :, None, None], blind), TOLERANCE[dtype]),
            strict=True,
        ):
            if not found.isfinite().all() or (found - expected).masked_fill(ignored, 0).abs().max() > tolerance:
                return False
    return True


def _visible(hiding: str, n_tokens: int, device_type: str) -> Tensor:
    """Return which keys are visible: by `hiding`, the second document has padding, and distant keys are hidden."""
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
