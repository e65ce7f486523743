"""Test a classifier on a few texts with the code of the extraction, before training or scoring."""

import copy
import logging
from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.attention.matrices import ANOTHER_MODEL
from attviz_pipeline.attention.observed_matrices import MatrixPart
from attviz_pipeline.attention.opening import open_reader
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.faults import is_lost_device, is_out_of_memory, too_long_for_memory

logger = logging.getLogger(__name__)

SETTINGS = AttentionSettings(long_texts="truncate", window_overlap=0)
SHORT = 16  # tokens of the longest text in the padded batch
LONGEST_REASON = 300
REMEDIES = {"big_bird": f"Set `attention_type` to `original_full` in its config.json. Or: {ANOTHER_MODEL}"}
"""Remedies other than another model, by model type."""


class AttentionShape(NamedTuple):
    """Numbers of layers and of heads per layer that a classifier returns attention of."""

    n_layers: int
    n_heads: int


def try_classifier(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    pair_starts: Sequence[int | None],
    max_tokens: int,
) -> AttentionShape:
    """Read the attention of a few texts, without changing the classifier.

    The first text is read whole, because some models use another attention for long texts. Then all texts are truncated
    to a few tokens and read as one padded batch.

    Args:
        model: The classifier, on its device.
        tokenizer: The model's tokenizer.
        texts: The longest text, then others; texts or pairs as returned by `join_pair`.
        pair_starts: Character at which the second text of each pair begins.
        max_tokens: Length of the longest model input.

    Raises:
        AttentionError: The model fails on the texts, or its attention cannot be read.
        ResourceError: The first text does not fit into memory.
    """
    longest = _windows(tokenizer, texts[:1], pair_starts[:1], max_tokens)
    short = _windows(tokenizer, texts, pair_starts, min(max_tokens, SHORT))
    try:
        shape = _read(model, tokenizer, longest)
        _read(model, tokenizer, short)
    except Exception as fault:
        if is_out_of_memory(fault):
            raise too_long_for_memory(longest[0].n_tokens) from None
        if is_lost_device(fault):
            raise
        raise _refusal(model, fault) from None
    _warn_of_other_layers(model, shape)
    _warn_of_hidden_matrices(model, tokenizer, short)
    return shape


class _Unseeing:
    """An observer that keeps nothing; it only tests whether matrices are accessible."""

    def begin(self, windows: Sequence[Window]) -> None:
        pass

    def see(self, part: MatrixPart) -> None:
        pass


def _windows(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], pair_starts: Sequence[int | None], max_tokens: int
) -> list[Window]:
    documents = DocumentEncoder(tokenizer, SETTINGS, max_tokens).encode(texts, pair_starts)
    return [document.windows[0] for document in documents]


def _read(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    windows: Sequence[Window],
    observer: _Unseeing | None = None,
) -> AttentionShape:
    batch = open_reader(_twin(model), tokenizer, SETTINGS, observer).launch(windows)
    batch.readings()  # raises an error if values are not attention
    n_layers, _, n_heads, _ = batch.self_attention.shape
    return AttentionShape(n_layers, n_heads)


def _twin(model: PreTrainedModel) -> PreTrainedModel:
    """Copy a model's modules but share its weights, because a reader changes the modules permanently."""
    return copy.deepcopy(model, {id(weights): weights for weights in model.parameters()})


def _refusal(model: PreTrainedModel, fault: Exception) -> AttentionError:
    name, kind = type(model).__name__, model.config.model_type
    remedy = REMEDIES.get(kind) or getattr(fault, "remedy", "") or ANOTHER_MODEL
    if model.config.is_encoder_decoder:
        return AttentionError(
            f"{name} is an encoder-decoder: its class comes from the decoder, and only models of one stack of layers "
            "can be read.",
            remedy=remedy,
        )
    if isinstance(fault, AttentionError):
        summary = fault.summary if name in fault.summary else f"{name}: {fault.summary}"
        return AttentionError(summary, fault.problems, remedy)
    reason = " ".join(str(fault).split())[:LONGEST_REASON]
    return AttentionError(f"{name} fails on a text of the corpus: {type(fault).__name__}: {reason}", remedy=remedy)


def _warn_of_other_layers(model: PreTrainedModel, shape: AttentionShape) -> None:
    n_layers = getattr(model.config, "num_hidden_layers", shape.n_layers)
    if shape.n_layers != n_layers:
        logger.warning(
            "%d of the model's %d layers return attention: they are numbered from 1, and the others are left out",
            *(shape.n_layers, n_layers),
        )


def _warn_of_hidden_matrices(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, windows: Sequence[Window]
) -> None:
    try:
        _read(model, tokenizer, windows, _Unseeing())
    except AttentionError as fault:
        logger.warning("attention.mode: full and maps will be refused for this model: %s", fault.summary)
