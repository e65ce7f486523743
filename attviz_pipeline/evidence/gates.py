"""A factor at the output of every head: 0 switches the head off, and its gradient says how much the head matters."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from attviz_pipeline.attention.diagonal import (
    AttentionInputs,
    additive_mask,
    can_be_fused,
    eager_attention,
    share_keys,
    through_interface,
)
from attviz_pipeline.errors import AttentionError

IMPLEMENTATION = "attviz_gated"
# Output projections of models that bypass the interface, in DeBERTa and I-BERT, MPNet, XLM and OpenAI GPT.
OUTPUT_PROJECTIONS = ("attention.output.dense", "attn.o", "attentions.{}.out_lin", "attn.c_proj")
OWN_METHOD = "post_attention"  # XLNet has no module for it
ANOTHER_MODEL = "Use a model whose heads can be switched off, such as BERT, RoBERTa, DeBERTa or XLNet."


class Setting(NamedTuple):
    """The gates of one batch."""

    gates: Tensor
    """Factor of each head's output, [layer, window, head]."""
    substitute: Tensor | None
    """What replaces the share of the output that a gate takes away, [layer, head, size]; None for zeros."""
    first_layer: int
    """Layer that runs first; earlier ones are left out."""


class HeadGates:
    """Gates of all heads of a model, which is changed permanently.

    Layers are numbered by the order of their calls, because some models (ALBERT) call one module several times.

    Args:
        model: The classifier.
        n_layers: Layers that return attention.
        n_heads: Heads per layer.

    Attributes:
        are_in_attention: Whether gates are applied to what the attention function returns. Otherwise they are applied
            where the output projection receives it.

    Source: Michel, Levy and Neubig 2019, "Are Sixteen Heads Really Better than One?", section 2.2.
    """

    def __init__(self, model: PreTrainedModel, n_layers: int, n_heads: int) -> None:
        self._name, self._n_layers, self._n_heads = type(model).__name__, n_layers, n_heads
        self._setting: Setting | None = None
        self._watch: Callable[[int, Tensor], None] | None = None
        self._layer = 0
        self.are_in_attention = hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS")
        if self.are_in_attention:
            AttentionMaskInterface.register(IMPLEMENTATION, additive_mask)
            self._register()
            model.set_attn_implementation(IMPLEMENTATION)
        else:
            self._hook_projections(model)

    @contextmanager
    def of_batch(self, setting: Setting | None = None) -> Iterator[None]:
        """Apply gates to the forward pass within.

        Raises:
            AttentionError: The pass did not call every layer's gates once.
        """
        # The registry is global to the process, so another reader may have overwritten the entry.
        self._register()
        self._setting, self._layer = setting, 0 if setting is None else setting.first_layer
        try:
            yield
        finally:
            self._setting = None
        if setting is not None and self._layer != self._n_layers:
            raise AttentionError(
                f"the heads of {self._name} cannot be switched off: of its {self._n_layers} layers, "
                f"{self._layer - setting.first_layer} pass the outputs of {self._n_heads} heads to a known place.",
                remedy=ANOTHER_MODEL,
            )

    @contextmanager
    def watched(self, watch: Callable[[int, Tensor], None]) -> Iterator[None]:
        """Call `watch` with each layer and its output, [window, token, head, size], in the passes within."""
        self._watch = watch
        try:
            yield
        finally:
            self._watch = None

    def _register(self) -> None:
        if self.are_in_attention:
            AttentionInterface.register(IMPLEMENTATION, through_interface(self._attend))

    def _attend(
        self, module: torch.nn.Module, inputs: AttentionInputs, options: Mapping[str, Any]
    ) -> tuple[Tensor, None]:
        if not can_be_fused(inputs, options):
            output, _ = eager_attention(module, inputs, options)
        else:
            query, key, value, mask, causal, scale = share_keys(inputs)
            output = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, is_causal=causal, scale=scale
            ).transpose(1, 2)
        return self._gated(output).contiguous(), None

    def _gated(self, output: Tensor) -> Tensor:
        """Multiply the output of a layer's heads, [window, token, head, size], by their gates."""
        layer = self._layer
        self._layer += 1
        if self._watch is not None:
            self._watch(layer, output)
        if self._setting is None or layer >= self._n_layers:
            return output
        gates = self._setting.gates[layer, :, None, :, None]
        gated = output * gates
        if self._setting.substitute is not None:
            gated = gated + (1 - gates) * self._setting.substitute[layer]
        return gated

    def _hook_projections(self, model: PreTrainedModel) -> None:
        for name, module in model.named_modules():
            number = name.split(".")[-2] if "." in name else ""
            if name.endswith(tuple(ending.format(number) for ending in OUTPUT_PROJECTIONS)):
                module.register_forward_pre_hook(self._gate_input)
            elif callable(getattr(type(module), OWN_METHOD, None)):
                setattr(module, OWN_METHOD, self._gating(getattr(module, OWN_METHOD)))

    def _gate_input(self, _module: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        joined, *others = arguments
        return (self._gated(joined.unflatten(-1, (self._n_heads, -1))).flatten(-2), *others)

    def _gating(self, project: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def gate_and_project(before: Tensor, output: Tensor, **options: Any) -> Tensor:  # noqa: ANN401
            # XLNet's axes are [token, window, head, size].
            return project(before, self._gated(output.transpose(0, 1)).transpose(0, 1), **options)

        return gate_and_project
