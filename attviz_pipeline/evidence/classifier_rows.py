"""Attention of the last layer from the token that the classification head reads."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attviz_pipeline.attention.classifier_token import ClassifierToken
from attviz_pipeline.attention.observed_matrices import MatrixPart
from attviz_pipeline.attention.windows import Window


class ClassifierRows:
    """An observer that keeps one row of the last layer's mean matrix for each window.

    Args:
        token: Finds the row; if the head reads the mean over tokens, the mean row is kept.
    """

    def __init__(self, token: ClassifierToken) -> None:
        self._token = token
        self._windows: Sequence[Window] = ()
        self._sums: list[Tensor] = []
        self._n_heads = 0

    def begin(self, windows: Sequence[Window]) -> None:
        """Prepare for a batch."""
        self._windows = windows
        self._sums = [torch.empty(0)] * len(windows)

    def see(self, part: MatrixPart) -> None:
        """Add up the heads of a layer; the next layer replaces it."""
        self._n_heads = part.n_heads
        for row, document in enumerate(range(part.documents.start, part.documents.stop)):
            matrices = part.matrix[row]
            if self._token.is_mean:
                total = matrices.mean(dim=1).sum(dim=0)
            else:
                total = matrices[:, self._token.place(self._windows[document])].sum(dim=0)
            self._sums[document] = total.clone() if part.heads.start == 0 else self._sums[document] + total

    def rows(self) -> list[Tensor]:
        """Return the mean over heads of each window of the batch, [key], 0..1."""
        return [(total / self._n_heads).cpu() for total in self._sums]
