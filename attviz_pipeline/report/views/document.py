"""The page of one document: prediction, strongest tokens, and the payload its views are drawn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES, COLUMNS
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE
from attviz_pipeline.artifacts.vector_names import attviz_name
from attviz_pipeline.report import links, payload
from attviz_pipeline.report.maps import WindowMap, window_headers
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.views.scale import DatasetScale
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.token_texts import GOES_ON, SPACE, unmarked

N_STRONGEST = 10
N_PINNED = 3
_COMMON: dict[str, Any] = {
    "punctuation": [],
    "continues": [],
    "windows": [0],
    "second": None,
    "maps": [],
}
"""Values that most pages have: they are in the shared payload, and omitted from those of the pages."""


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
    aggregates: dict[str, float]
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
    """Everything that the page of a document shows.

    `first_name` and `last_name` are [CLS] and [SEP], or empty; `gold` and `right` are None where the gold label is
    unknown; `lite` is a page with the means of layers, not every head; `shared` is the script that its tier shares.
    """

    position: int
    id: str
    source_id: str
    split: str
    text: str
    first_name: str
    last_name: str
    gold: str | None
    prediction: str
    right: bool | None
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
    lite: bool
    shared: str
    map_reason: str | None
    payload: dict[str, Any]

    @property
    def number(self) -> int:
        """Number shown to readers, from 1."""
        return self.position + 1


def shared_payload(study: StudyView, scale: DatasetScale, *, lite: bool = False) -> dict[str, Any]:
    """Put together the payload that all pages of a tier share.

    Args:
        study: Facts of the study.
        scale: Range and medians of self-attention in the dataset.
        lite: Whether the pages hold the means of layers, not every head.

    Returns:
        What scripts read: number of layers and heads, labels, codes of the numbers, medians in the dataset [row],
        names of the vectors in AttViz's JSON, the values that most pages have, and in full mode the names of the
        measures that follow the aggregates.
    """
    return {
        **({"measures": study.token_measures} if study.token_measures else {}),
        "layers": study.n_layers,
        "vectors": study.imported,
        "names": [attviz_name(name) for name in (study.layer_names if lite else study.vector_names)],
        "heads": 1 if lite else study.n_heads,
        "lite": lite,
        "labels": study.label_names,
        "definition": study.settings.aggregates.definition,
        "range": list(scale.value_range),
        "codes": {
            "attention": ATTENTION_CODE.header(),
            "aggregates": {**AGGREGATE_CODE.header(), "names": list(AGGREGATES), "columns": COLUMNS},
        },
        "usual": {
            **ATTENTION_CODE.header(),
            "codes": payload.pack(ATTENTION_CODE.encode(_medians(scale, study, lite=lite))),
        },
        **_COMMON,
    }


def document_view(
    row: DocumentRow, study: StudyView, maps: Sequence[WindowMap] = (), *, lite: bool = False
) -> DocumentView:
    """Put together the page of one document.

    Args:
        row: The document.
        study: Facts of the study.
        maps: Its token-to-token maps, window by window; empty where it has none.
        lite: Whether the page holds the means of layers, not every head.

    Raises:
        ArtifactError: The maps are of other tokens.
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
        gold=study.class_name(row.label),
        prediction=names[row.prediction],
        right=None if row.label is None else row.label == row.prediction,
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
        previous_page=links.document_name(row.position - 1) if row.position > 0 else None,
        next_page=links.document_name(row.position + 1) if row.position < last else None,
        lite=lite,
        shared=links.LITE_SHARED if lite else links.FULL_SHARED,
        map_reason=study.map_reasons.get(row.position),
        payload=_payload(row, study, maps, lite=lite),
    )


def mean_of_heads(row: DocumentRow) -> NDArray[np.float64]:
    """Mean self-attention of each head over the tokens but special ones, [row]; NaN where there are none."""
    ordinary = row.self_attention[:, ~row.special]
    if ordinary.shape[1] == 0:
        return np.full(len(ordinary), np.nan)
    means: NDArray[np.float64] = ordinary.mean(axis=1, dtype=np.float64)
    return means


def _strongest(row: DocumentRow, n_heads: int) -> list[StrongTokenView]:
    left_out = row.special | row.unknown
    means = np.where(left_out, -1, row.aggregates[0])
    indices = np.argsort(-means, kind="stable")[:N_STRONGEST]
    return [_strong_token(row, int(index), n_heads) for index in indices if not left_out[index]]


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
        aggregates=values,
    )


def _strongest_head(head_means: NDArray[np.float64], n_heads: int) -> HeadMeanView | None:
    if np.isnan(head_means).any():
        return None
    index = int(head_means.argmax())
    layer, head = divmod(index, n_heads)
    return HeadMeanView(layer, head, float(head_means[index]), links.head(layer, head))


def _special_name(row: DocumentRow, index: int) -> str:
    return row.tokens[index] if len(row.tokens) and row.special[index] else ""


def _payload(row: DocumentRow, study: StudyView, maps: Sequence[WindowMap], *, lite: bool) -> dict[str, Any]:
    attention = _layer_means(row, study) if lite else row.self_attention
    codes, medians = payload.encode_attention(attention)
    starts, ends = payload.utf16_offsets(row.text, row.starts), payload.utf16_offsets(row.text, row.ends)
    content = {
        "number": row.position + 1,
        "tokens": len(row.tokens),
        "attention": {"codes": codes, "medians": medians},
        "aggregates": payload.encode_aggregates(
            np.vstack([row.aggregates, *(row.measures[name] for name in study.token_measures)])
        ),
        "offsets": payload.encode_offsets(starts, ends),
        "special": np.flatnonzero(row.special).tolist(),
        "punctuation": np.flatnonzero(row.punctuation).tolist(),
        "continues": _continuations(row),
        "probabilities": [float(f"{probability:.6g}") for probability in row.probabilities],
        "named": _named_tokens(row),
        **_spelling(row),
        "length": int(row.windows[0]["n_model_tokens"]) if row.windows else len(row.tokens),
        "windows": [window["first_token"] for window in row.windows],
        "second": _second_text(row),
        "varied": _most_varied_heads(attention[:, ~row.special]),
        "maps": window_headers(maps, row),
    }
    return {name: value for name, value in content.items() if name not in _COMMON or value != _COMMON[name]}


def _named_tokens(row: DocumentRow) -> dict[str, str]:
    # Most tokens are what the text says; only the others ([CLS], [UNK], stripped accents) are spelt out.
    return {str(index): token for index, (text, token) in enumerate(_texts_and_tokens(row)) if not _same(text, token)}


def _texts_and_tokens(row: DocumentRow) -> Iterator[tuple[str, str]]:
    bounds = zip(row.starts.tolist(), row.ends.tolist(), row.tokens, strict=True)
    return ((row.text[start:end], token) for start, end, token in bounds)


def _same(text: str, token: str) -> bool:
    return text.strip().lower() == unmarked(token).lower()


def _spelling(row: DocumentRow) -> dict[str, Any]:
    """How the tokens that are not named differ from the text: by ## or the sign of a space, in case, or otherwise.

    Only what differs is there; `pieces`, the tokens that begin with ##, does where it differs from `continues`.
    """
    texts = {index: text for index, (text, token) in enumerate(_texts_and_tokens(row)) if _same(text, token)}
    pieces = [index for index in texts if row.tokens[index].startswith(GOES_ON)]
    spaced = any(row.tokens[index].startswith(SPACE) for index in texts)
    signs = dict.fromkeys(pieces, GOES_ON)
    signs |= {index: SPACE for index in texts if spaced and index not in signs and _follows_space(row, index)}
    spelled = {index: signs.get(index, "") + text.strip(" ") for index, text in texts.items()}
    lowered = any(row.tokens[index] != token for index, token in spelled.items())
    made = {index: token.lower() if lowered else token for index, token in spelled.items()}
    others = {str(index): row.tokens[index] for index, token in made.items() if row.tokens[index] != token}
    return {
        **({} if pieces == [index for index in _continuations(row) if index in texts] else {"pieces": pieces}),
        **({"spaced": True} if spaced else {}),
        **({"lowered": True} if lowered else {}),
        **({"spelled": others} if others else {}),
    }


def _follows_space(row: DocumentRow, index: int) -> bool:
    start = int(row.starts[index])
    return " " in row.text[max(start - 1, 0) : start + 1]


def _second_text(row: DocumentRow) -> int | None:
    """First token of the second text of a pair."""
    found = np.flatnonzero(row.segments == 1)
    return int(found[0]) if len(found) else None


def _continuations(row: DocumentRow) -> list[int]:
    """Tokens that are a further piece of the word that the token before them is of."""
    same = (row.words[1:] == row.words[:-1]) & (row.words[1:] >= 0)
    return [int(index) + 1 for index in np.flatnonzero(same)]


def _medians(scale: DatasetScale, study: StudyView, *, lite: bool) -> NDArray[np.float64]:
    if not lite:
        return scale.medians
    means: NDArray[np.float64] = scale.medians.reshape(study.n_layers, study.n_heads).mean(axis=1)
    return means


def _layer_means(row: DocumentRow, study: StudyView) -> NDArray[np.float32]:
    """Mean over the heads of each layer, [layer, token]: all that a page of the smaller tier holds of them."""
    heads = row.self_attention.reshape(study.n_layers, study.n_heads, -1)
    means: NDArray[np.float32] = heads.mean(axis=1, dtype=np.float64).astype(np.float32)
    return means


def _most_varied_heads(ordinary: NDArray[np.float32]) -> list[int]:
    # The heads that vary most between tokens: they are pinned when the page opens.
    spread = ordinary.std(axis=1, dtype=np.float64) if ordinary.shape[1] else np.zeros(len(ordinary))
    return [int(index) for index in np.argsort(-spread, kind="stable")[:N_PINNED]]
