"""Attention that passes its matrices to an observer, one part of a layer at a time, without keeping them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from attviz_pipeline.attention.diagonal import (
    AttentionInputs,
    causal_mask,
    changes_scores,
    eager_attention,
    share_keys,
)
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.errors import AttentionError

READABLE = (
    "Use a model whose layers attend from every token to every token, such as BERT, "
    "or set attention.mode: self_attention and maps.max_documents: 0."
)
# Matrix entries that are computed at once. On a CPU they should fit into the L2 cache, 1 MB of float32;
# a GPU needs many entries to be busy.
ENTRIES_AT_ONCE = {"cpu": 2**18, "cuda": 2**26}


class MatrixPart(NamedTuple):
    """The attention of some documents and heads in one layer, without padding tokens."""

    documents: slice
    """Rows of the batch."""
    heads: slice
    """Heads of the layer; parts are ordered by layer, then by document, then by head."""
    matrix: Tensor
    """[document, head, query, key], softmaxed, float32."""
    query: Tensor | None
    """[document, head, token, size]; None if the matrix is not the softmax of scale * query . key + mask."""
    key: Tensor | None
    """As `query`."""
    value: Tensor | None
    """As `query`; None if the model bypasses the interface."""
    module: torch.nn.Module | None
    """The layer's attention module; None if the model bypasses the interface."""
    scale: float | None
    """Factor of the scores; None if `query` is None."""
    n_heads: int
    """Heads of the whole layer."""


class Observer(Protocol):
    """Receives the attention matrices of a batch part by part."""

    def begin(self, windows: Sequence[Window]) -> None:
        """Prepare for a batch."""

    def see(self, part: MatrixPart) -> None:
        """Process a part; it is overwritten or freed afterwards."""


class ObservedAttention:
    """Textbook attention in parts that fit into the processor's cache, each passed to an observer.

    It is nearly as fast as a fused kernel, which computes the same matrix in tiles.

    Args:
        observer: Receives the parts.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._places: list[slice] = []
        self._heads_seen: list[int] = []

    def begin(self, windows: Sequence[Window], places: Sequence[slice]) -> None:
        """Prepare for a batch; everything outside the windows' places is padding."""
        self._places = list(places)
        self._heads_seen = []
        self._observer.begin(windows)

    def require_seen(self, n_layers: int, n_heads: int, name: str) -> None:
        """Check that the observer received all heads of each layer of the batch exactly once.

        Args:
            n_layers: Number of layers of the model.
            n_heads: Number of heads per layer.
            name: Name of the model, for the message.

        Raises:
            AttentionError: Layers or heads are missing or repeated.
        """
        if self._heads_seen != [n_heads] * n_layers:
            raise AttentionError(
                f"{name} hides what its {n_layers} layers of {n_heads} heads attend to: the matrices it shows have "
                f"{self._heads_seen or 'no'} heads. {READABLE}"
            )

    def attend(
        self, module: torch.nn.Module, inputs: AttentionInputs, options: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Compute attention as `self_attention_forward` does, and pass the matrices to the observer.

        The output and the diagonal of padding queries are 0, except with the eager function.

        Raises:
            AttentionError: The layer does not attend from every token to every token, or needs an eager function that
                the model does not have.
        """
        if changes_scores(options):
            output, matrix = eager_attention(module, inputs, options)
            return output, self.reduce(matrix, share_keys(inputs).value, module)
        with torch.autocast(inputs.query.device.type, enabled=False):
            return self._attend(module, share_keys(inputs))

    def reduce(self, matrix: Tensor, value: Tensor | None = None, module: torch.nn.Module | None = None) -> Tensor:
        """Pass an existing matrix of a layer, [document, head, query, key], to the observer; return its diagonal.

        Raises:
            AttentionError: The matrix does not have all tokens of the batch.
        """
        n_heads = matrix.shape[1]
        self._see_layer(*matrix.shape[1:])
        with torch.autocast(matrix.device.type, enabled=False):
            for documents, place in self._groups():
                part = matrix[documents, :, place, place].float()
                values = None if value is None else value[documents, :, place].float()
                self._observer.see(
                    MatrixPart(documents, slice(0, n_heads), part, None, None, values, module, None, n_heads)
                )
        return matrix.diagonal(dim1=-2, dim2=-1).contiguous()

    def _attend(self, module: torch.nn.Module, inputs: AttentionInputs) -> tuple[Tensor, Tensor]:
        n_documents, n_heads, n_tokens, size = inputs.value.shape
        self._see_layer(n_heads, inputs.query.shape[-2], n_tokens)
        output = inputs.value.new_zeros(n_documents, n_tokens, n_heads, size)
        diagonal = torch.zeros(n_documents, n_heads, n_tokens, device=output.device)
        for documents, heads, place in self._parts(inputs):
            cut = _cut(inputs, documents, heads, place)
            matrix = _matrix(cut)
            output[documents, place, heads] = (matrix @ cut.value).transpose(1, 2).to(output.dtype)
            diagonal[documents, heads, place] = matrix.diagonal(dim1=-2, dim2=-1)
            self._observer.see(
                MatrixPart(documents, heads, matrix, cut.query, cut.key, cut.value, module, cut.scale, n_heads)
            )
        return output, diagonal

    def _see_layer(self, n_heads: int, n_queries: int, n_keys: int) -> None:
        n_tokens = max(place.stop for place in self._places)
        if (n_queries, n_keys) != (n_tokens, n_tokens):
            raise AttentionError(
                f"a layer attends from {n_queries} to {n_keys} tokens, the model's input has {n_tokens}. {READABLE}"
            )
        self._heads_seen.append(n_heads)

    def _parts(self, inputs: AttentionInputs) -> Iterator[tuple[slice, slice, slice]]:
        n_heads = inputs.query.shape[1]
        for documents, place in self._groups():
            n_entries = (place.stop - place.start) ** 2
            n_matrices = max(1, ENTRIES_AT_ONCE[inputs.query.device.type] // n_entries)
            for some in _pieces(documents, max(1, n_matrices // n_heads)):
                for heads in _pieces(slice(0, n_heads), min(n_matrices, n_heads)):
                    yield some, heads, place

    def _groups(self) -> Iterator[tuple[slice, slice]]:
        """Yield consecutive documents of the same length, whose matrices have the same shape, with their place."""
        start = 0
        for (first, stop), group in groupby((place.start, place.stop) for place in self._places):
            n_documents = len(list(group))
            yield slice(start, start + n_documents), slice(first, stop)
            start += n_documents


def _cut(inputs: AttentionInputs, documents: slice, heads: slice, place: slice) -> AttentionInputs:
    query, key, value = (tensor[documents, heads, place].float() for tensor in inputs[:3])
    mask = _mask_part(inputs.mask, documents, heads, place)
    return inputs._replace(query=query, key=key, value=value, mask=mask)


def _matrix(inputs: AttentionInputs) -> Tensor:
    scores = (inputs.query * inputs.scale) @ inputs.key.mT
    mask = causal_mask(inputs.query) if inputs.causal else inputs.mask
    if mask is not None:
        scores += mask
    return scores.softmax(dim=-1)


def _mask_part(mask: Tensor | None, documents: slice, heads: slice, place: slice) -> Tensor | None:
    if mask is None:
        return None
    for axis, wanted in enumerate((documents, heads, place, place)):
        if mask.shape[axis] > 1 or axis == mask.dim() - 1:
            mask = mask[(slice(None),) * axis + (wanted,)]
    return mask.float()


def _pieces(whole: slice, length: int) -> Iterator[slice]:
    for start in range(whole.start, whole.stop, length):
        yield slice(start, min(start + length, whole.stop))
