"""The documents with the highest mean self-attention in each head, found in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.report import links
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.tasks.task import Outcome

N_TOP_DOCUMENTS = 5
EXCERPT_CHARACTERS = 60


@dataclass(frozen=True)
class ExcerptView:
    """The token with the highest self-attention of a head in a document, and the text around it."""

    before: str
    at: str
    after: str
    value: float


@dataclass(frozen=True)
class ActiveDocumentView:
    """A document with high mean self-attention in a head."""

    number: int
    mean: float
    page: str
    excerpt: ExcerptView
    outcome: Outcome | None


class HeadActivity:
    """Keeps the documents with the highest mean of each head, in constant memory."""

    def __init__(self, n_rows: int) -> None:
        self._means = np.full((n_rows, N_TOP_DOCUMENTS), -1.0)
        self._positions = np.full((n_rows, N_TOP_DOCUMENTS), -1)
        self._shown: list[dict[int, tuple[ExcerptView, Outcome | None]]] = [{} for _ in range(n_rows)]

    def add(self, document: DocumentRow, means: NDArray[np.float64]) -> None:
        """Count a document in.

        Args:
            document: The document.
            means: Its mean self-attention in every head, [row]; NaN is left out.
        """
        for row in np.flatnonzero(means >= self._means[:, -1]).tolist():
            means_of_row = np.append(self._means[row], means[row])
            positions = np.append(self._positions[row], document.position)
            # Equal means are ordered by position, so the order of the shards does not matter.
            order = np.lexsort((positions, -means_of_row))[:N_TOP_DOCUMENTS]
            self._means[row], self._positions[row] = means_of_row[order], positions[order]
            if document.position in positions[order]:
                kept = {**self._shown[row], document.position: (_excerpt(document, row), document.outcome)}
                self._shown[row] = {position: kept[position] for position in positions[order].tolist() if position >= 0}

    def top(self, row: int) -> list[ActiveDocumentView]:
        """The documents of one head, the strongest first."""
        pairs = zip(self._positions[row].tolist(), self._means[row].tolist(), strict=True)
        return [
            ActiveDocumentView(position + 1, mean, links.document(position), *self._shown[row][position])
            for position, mean in pairs
            if position >= 0
        ]


def _excerpt(document: DocumentRow, row: int) -> ExcerptView:
    ordinary = np.where(document.special, -1, document.self_attention[row])
    token = int(ordinary.argmax())
    start, end = int(document.starts[token]), int(document.ends[token])
    first, last = max(0, start - EXCERPT_CHARACTERS), end + EXCERPT_CHARACTERS
    text = document.text
    return ExcerptView(
        before=("…" if first else "") + text[first:start],
        at=text[start : min(end, start + EXCERPT_CHARACTERS)] or document.tokens[token],
        after=text[end:last] + ("…" if last < len(text) else ""),
        value=float(ordinary[token]),
    )
