"""The page of one document: prediction, strongest tokens, and the payload its views are drawn from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.report import links, payload
from attviz_pipeline.report.rows import AGGREGATES, DocumentRow
from attviz_pipeline.report.views.study import StudyView

N_STRONGEST = 10
N_TELLING = 3


@dataclass(frozen=True)
class ProbabilityView:
    """One class in the prediction table."""

    label: str
    probability: float
    predicted: bool
    gold: bool


@dataclass(frozen=True)
class StrongTokenView:
    """One token in the table of strongest tokens; `layer` and `head` are those of its maximum."""

    index: int
    text: str
    token: str
    mean: float
    entropy: float
    std: float
    max: float
    min: float
    layer: int
    head: int
    head_page: str


@dataclass(frozen=True)
class HeadMeanView:
    """One head and its mean self-attention within a document."""

    layer: int
    head: int
    mean: float
    page: str


@dataclass(frozen=True)
class DocumentView:
    """Everything the page of a document says; `first_name` and `last_name` are [CLS] and [SEP], or empty."""

    position: int
    id: str
    source_id: str
    split: str
    text: str
    first_name: str
    last_name: str
    gold: str
    prediction: str
    right: bool
    confidence: float
    runner_up: str
    margin: float
    probabilities: list[ProbabilityView]
    n_tokens: int
    n_windows: int
    truncated: bool
    strongest: list[StrongTokenView]
    strongest_head: HeadMeanView | None
    previous_page: str | None
    next_page: str | None
    payload: dict[str, Any]

    @property
    def number(self) -> int:
        """Number shown to readers, from 1."""
        return self.position + 1


def document_view(row: DocumentRow, study: StudyView, value_range: tuple[float, float]) -> DocumentView:
    """Put together the page of one document.

    Args:
        row: The document.
        study: Facts of the study.
        value_range: Self-attention at the two ends of the colour scale, the same on all pages.
    """
    names = study.label_names
    order = np.argsort(-np.asarray(row.probabilities), kind="stable")
    second = int(order[1]) if len(order) > 1 else int(order[0])
    confidence = row.probabilities[row.prediction]
    last = study.n_documents - 1
    head_means = mean_of_heads(row)
    return DocumentView(
        position=row.position,
        id=row.id,
        source_id=row.source_id,
        split=row.split,
        text=row.text,
        first_name=_special_name(row, 0),
        last_name=_special_name(row, -1),
        gold=names[row.label],
        prediction=names[row.prediction],
        right=row.label == row.prediction,
        confidence=confidence,
        runner_up=names[second],
        margin=confidence - row.probabilities[second],
        probabilities=[
            ProbabilityView(names[i], row.probabilities[i], i == row.prediction, i == row.label) for i in order.tolist()
        ],
        n_tokens=len(row.tokens),
        n_windows=len(row.windows),
        truncated=row.truncated,
        strongest=_strongest(row, study.n_heads),
        strongest_head=_strongest_head(head_means, study.n_heads),
        previous_page=links.document(row.position - 1) if row.position > 0 else None,
        next_page=links.document(row.position + 1) if row.position < last else None,
        payload=_payload(row, study, value_range),
    )


def mean_of_heads(row: DocumentRow) -> NDArray[np.float64]:
    """Mean self-attention of each head over the tokens but special ones, [row]; NaN where there are none."""
    ordinary = row.self_attention[:, ~row.special]
    if ordinary.shape[1] == 0:
        return np.full(len(ordinary), np.nan)
    means: NDArray[np.float64] = ordinary.mean(axis=1, dtype=np.float64)
    return means


def _strongest(row: DocumentRow, n_heads: int) -> list[StrongTokenView]:
    means = np.where(row.special, -1, row.aggregates[0])
    indices = np.argsort(-means, kind="stable")[:N_STRONGEST]
    return [_strong_token(row, int(index), n_heads) for index in indices if not row.special[index]]


def _strong_token(row: DocumentRow, index: int, n_heads: int) -> StrongTokenView:
    layer, head = divmod(int(row.self_attention[:, index].argmax()), n_heads)
    values = {name: float(row.aggregates[i, index]) for i, name in enumerate(AGGREGATES)}
    text = row.text[row.starts[index] : row.ends[index]]
    return StrongTokenView(
        index=index,
        text=text or row.tokens[index],
        token=row.tokens[index],
        layer=layer,
        head=head,
        head_page=links.head(layer, head),
        **values,
    )


def _strongest_head(head_means: NDArray[np.float64], n_heads: int) -> HeadMeanView | None:
    if np.isnan(head_means).any():
        return None
    index = int(head_means.argmax())
    layer, head = divmod(index, n_heads)
    return HeadMeanView(layer, head, float(head_means[index]), links.head(layer, head))


def _special_name(row: DocumentRow, index: int) -> str:
    return row.tokens[index] if len(row.tokens) and row.special[index] else ""


def _payload(row: DocumentRow, study: StudyView, value_range: tuple[float, float]) -> dict[str, Any]:
    codes, medians = payload.encode_attention(row.self_attention)
    starts, ends = payload.utf16_offsets(row.text, row.starts), payload.utf16_offsets(row.text, row.ends)
    return {
        "layers": study.n_layers,
        "heads": study.n_heads,
        "tokens": len(row.tokens),
        "attention": {**payload.ATTENTION_CODE.header(), "codes": codes, "medians": medians},
        "aggregates": {**payload.AGGREGATE_CODE.header(), "codes": payload.encode_aggregates(row.aggregates)},
        "offsets": payload.encode_offsets(starts, ends),
        "special": np.flatnonzero(row.special).tolist(),
        "named": _named_tokens(row),
        "windows": [window["first_token"] for window in row.windows],
        "telling": _telling_heads(row),
        "range": list(value_range),
    }


def _named_tokens(row: DocumentRow) -> dict[str, str]:
    # Most tokens are what the text says; only the others ([CLS], [UNK], stripped accents) are spelt out.
    bounds = zip(row.starts.tolist(), row.ends.tolist(), row.tokens, strict=True)
    return {
        str(index): token
        for index, (start, end, token) in enumerate(bounds)
        if row.text[start:end].lower() != token.removeprefix("##").lower()
    }


def _telling_heads(row: DocumentRow) -> list[int]:
    # The heads that tell tokens apart most: they are pinned when the page opens.
    ordinary = row.self_attention[:, ~row.special]
    spread = ordinary.std(axis=1, dtype=np.float64) if ordinary.shape[1] else np.zeros(len(ordinary))
    return [int(index) for index in np.argsort(-spread, kind="stable")[:N_TELLING]]
