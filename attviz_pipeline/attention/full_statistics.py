"""Full mode: statistics of whole attention matrices, computed one part of a matrix at a time."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attviz_pipeline.artifacts import profile_schemas
from attviz_pipeline.attention.background import to_device
from attviz_pipeline.attention.classifier_token import ClassifierToken
from attviz_pipeline.attention.observed_matrices import MatrixPart
from attviz_pipeline.attention.projections import OutputProjections
from attviz_pipeline.attention.windows import Window

logger = logging.getLogger(__name__)

PROFILE = tuple(profile_schemas.MEASURES)


class FullReading(NamedTuple):
    """The statistics of full mode for one window."""

    received: Tensor
    """Mean attention each token receives from the window's tokens, [layer, head, token], 0..1."""
    value_norm: Tensor | None
    """Norm of each token's transformed value vector, [layer, head, token]; None if the model does not expose it."""
    rollout: Tensor
    """Attention rollout to each token from the token that the classification head reads, [token], 0..1."""
    profile: Tensor
    """Measures in the order of `profile_schemas.MEASURES`, summed over queries, [layer, head, measure]."""
    n_queries: int
    """Number of these queries: tokens that the document keeps and that are not special."""


class FullStatistics:
    """An observer that reduces the matrices of a batch to a few numbers per token and head.

    The only matrices in memory are the mean over heads of one layer, and the rollout up to this layer.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer, for the special tokens.

    Sources: entropy and shares: Clark et al. 2019, section 3; rollout: Abnar & Zuidema 2020, section 3;
    transformed values: Kobayashi et al. 2020, section 2.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._projections = OutputProjections(model)
        self._device = model.device
        self._cls, self._sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        self._read = ClassifierToken(model.config, self._cls)
        self._warned = False

    def begin(self, windows: Sequence[Window]) -> None:
        """Prepare for a batch."""
        longest = max(window.n_tokens for window in windows)
        self._windows = windows
        self._queries = torch.zeros(len(windows), longest)
        self._marks = torch.zeros(len(windows), longest, 3)
        for row, window in enumerate(windows):
            self._queries[row, : window.n_tokens] = torch.tensor(_kept_text(window))
            self._marks[row, : window.n_tokens] = torch.tensor(self._marks_of(window))
        self._queries, self._marks = (to_device(tensor, self._device) for tensor in (self._queries, self._marks))
        self._received: list[list[Tensor]] = [[] for _ in windows]
        self._norms: list[list[Tensor | None]] = [[] for _ in windows]
        self._profiles: list[list[Tensor]] = [[] for _ in windows]
        self._rollouts: list[Tensor | None] = [None] * len(windows)
        self._total = torch.empty(0)

    def see(self, part: MatrixPart) -> None:
        """Reduce a part."""
        n_tokens = part.matrix.shape[-1]
        queries = self._queries[part.documents, :n_tokens]
        # One product gives the attention that keys receive from all queries, and from queries of text.
        rows = torch.stack([torch.ones_like(queries), queries], dim=1).unsqueeze(1)
        received, from_text = (rows @ part.matrix).unbind(dim=-2)
        profiles = torch.cat(
            [
                (_per_query(part.matrix) @ queries[:, None, :, None]).squeeze(-1),
                from_text @ self._marks[part.documents, :n_tokens],
            ],
            dim=-1,
        )
        norms = self._value_norms(part)
        for row, document in enumerate(range(part.documents.start, part.documents.stop)):
            self._received[document].append(received[row] / n_tokens)
            self._profiles[document].append(profiles[row])
            self._norms[document].append(None if norms is None else norms[row])
        self._roll_out(part)

    def readings(self) -> list[FullReading]:
        """Return the statistics of each window of the batch."""
        return [self._reading(row, window) for row, window in enumerate(self._windows)]

    def _reading(self, row: int, window: Window) -> FullReading:
        norms = [norm for norm in self._norms[row] if norm is not None]
        rollout = self._rollouts[row]
        assert rollout is not None  # noqa: S101 - every layer was seen
        return FullReading(
            received=self._by_layer(self._received[row]),
            value_norm=self._by_layer(norms) if len(norms) == len(self._norms[row]) else None,
            rollout=rollout.mean(dim=0) if self._read.is_mean else rollout[self._read.place(window)],
            profile=self._by_layer(self._profiles[row]),
            n_queries=int(sum(_kept_text(window))),
        )

    def _by_layer(self, parts: Sequence[Tensor]) -> Tensor:
        joined = torch.cat(list(parts))
        return joined.reshape(-1, self._n_heads, *joined.shape[1:])

    def _marks_of(self, window: Window) -> list[list[float]]:
        # A text may contain "[SEP]"; only special tokens of the tokenizer count.
        special = zip(window.token_ids, _flags(window, window.special), strict=True)
        marks = [[float(flag and token == self._cls), float(flag and token == self._sep)] for token, flag in special]
        punctuation = _flags(window, window.punctuation)
        return [[*mark, float(flag)] for mark, flag in zip(marks, punctuation, strict=True)]

    def _value_norms(self, part: MatrixPart) -> Tensor | None:
        squares = None
        if part.value is not None and part.module is not None:
            squares = self._projections.squares(part.module, part.n_heads, part.value.shape[-1])
        if squares is None or part.value is None:
            self._warn_once(part)
            return None
        return ((part.value @ squares[part.heads]) * part.value).sum(dim=-1).clamp_(min=0).sqrt_()

    def _warn_once(self, part: MatrixPart) -> None:
        if not self._warned:
            self._warned = True
            where = "its layers" if part.module is None else type(part.module).__name__
            logger.warning("no norm-weighted attention: %s do not expose value vectors and output weights", where)

    def _roll_out(self, part: MatrixPart) -> None:
        """Add a part to its layer's mean over heads; after the layer's last part, multiply the rollout by it."""
        total = part.matrix.sum(dim=1)
        self._total = total if part.heads.start == 0 else self._total.add_(total)
        if part.heads.stop < part.n_heads:
            return
        self._n_heads = part.n_heads
        mixing = self._total / (2 * part.n_heads)  # half is attention, half the residual connection
        mixing.diagonal(dim1=-2, dim2=-1).add_(0.5)
        documents = range(part.documents.start, part.documents.stop)
        before = [self._rollouts[document] for document in documents]
        if before[0] is not None:
            mixing = mixing @ torch.stack([rollout for rollout in before if rollout is not None])
        for document, rollout in zip(documents, mixing, strict=True):
            self._rollouts[document] = rollout


def _kept_text(window: Window) -> list[float]:
    special = _flags(window, window.special)
    return [float(window.first <= place < window.stop and not is_special) for place, is_special in enumerate(special)]


def _flags(window: Window, flags: Sequence[bool]) -> Sequence[bool]:
    return flags or [False] * window.n_tokens


def _per_query(matrix: Tensor) -> Tensor:
    """Compute the first five measures of `PROFILE` for each row of the matrix, [document, head, 5, query]."""
    places = torch.arange(matrix.shape[-1], device=matrix.device, dtype=matrix.dtype)
    return torch.stack(
        [
            torch.special.entr(matrix).sum(dim=-1),
            torch.linalg.vecdot(matrix, (places[:, None] - places).abs()),
            matrix.diagonal(dim1=-2, dim2=-1),
            functional.pad(matrix.diagonal(-1, dim1=-2, dim2=-1), (1, 0)),
            functional.pad(matrix.diagonal(1, dim1=-2, dim2=-1), (0, 1)),
        ],
        dim=-2,
    )
