"""The page of one document: prediction, strongest tokens, and the payload its views are drawn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES, COLUMNS
from attviz_pipeline.artifacts import packing
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE
from attviz_pipeline.artifacts.vector_names import attviz_name
from attviz_pipeline.report import links, payload
from attviz_pipeline.report.maps import WindowMap, window_headers
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.sentences import document as sentences
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.sentences.study import gold_of_rows
from attviz_pipeline.report.tiers import Tiers
from attviz_pipeline.report.views.document_evidence import DocumentEvidenceView
from attviz_pipeline.report.views.prediction import PredictionView, Values, prediction_view
from attviz_pipeline.report.views.scale import DatasetScale
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.tasks.task import Outcome
from attviz_pipeline.token_texts import GOES_ON, SPACE, unmarked

N_STRONGEST = 10
ROOT = links.root_of(links.document(0))
N_PINNED = 3
ALL_OF_IT = 0.999
"""A first token that gives more than this of its attention to itself in every head can see no other."""
_COMMON: dict[str, Any] = {
    "punctuation": [],
    "continues": [],
    "windows": [0],
    "second": None,
    "maps": [],
}
"""Values that most pages have: they are in the shared payload, and omitted from those of the pages."""


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
class DocumentView:
    """Everything that the page of a document shows.

    `first_name` and `last_name` are [CLS] and [SEP], or empty; `outcome` is None where the gold label is unknown, and
    in regression; `place` is that among the documents with a page, from 1; `lite` is a page with the means of layers,
    not every head; `shared` is the script that its tier
    shares. `strongest_of_all`, `notes` and `maps_left_out` are sentences.
    """

    position: int
    id: str
    source_id: str
    split: str
    text: str
    first_name: str
    last_name: str
    outcome: Outcome | None
    prediction: PredictionView
    strongest_of_all: Markup
    notes: list[str]
    n_tokens: int
    strongest: list[StrongTokenView]
    previous_page: str | None
    next_page: str | None
    place: int
    lite: bool
    shared: str
    map_reason: str | None
    evidence: DocumentEvidenceView | None
    payload: dict[str, Any]
    maps_left_out: Markup | None = None

    @property
    def number(self) -> int:
        """Number shown to readers, from 1."""
        return self.position + 1


@dataclass(frozen=True)
class PartsView:
    """Sentences that the pages of a tier share; `layers_only` is of the pages with the means of layers."""

    no_map: Markup
    layers_only: Markup
    grid_of_heads: str


def parts_view(study: StudyView, tiers: Tiers, *, lite: bool) -> PartsView:
    """Put together what the pages of a tier share."""
    return PartsView(
        no_map=sentences.no_map(study),
        layers_only=sentences.layers_only(tiers, study),
        grid_of_heads=sentences.grid_of_heads(study, N_PINNED, lite=lite),
    )


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
        "labels": list(study.task.output_names),
        "definition": study.settings.aggregates.definition,
        "range": list(scale.value_range),
        "codes": {
            "attention": ATTENTION_CODE.header(),
            "aggregates": {**AGGREGATE_CODE.header(), "names": list(AGGREGATES), "columns": COLUMNS},
        },
        "usual": {
            **ATTENTION_CODE.header(),
            "codes": packing.pack(ATTENTION_CODE.encode(_medians(scale, study, lite=lite))),
        },
        **({"withVectors": study.with_vectors} if study.map_reasons and not lite else {}),
        **_COMMON,
    }


def document_view(  # noqa: PLR0913 - what the page shows, each of its own origin
    row: DocumentRow,
    study: StudyView,
    maps: Sequence[WindowMap] = (),
    usual: parts.Head | None = None,
    *,
    evidence: DocumentEvidenceView | None = None,
    values: Values | None = None,
    lite: bool = False,
) -> DocumentView:
    """Put together the page of one document.

    Args:
        row: The document.
        study: Facts of the study.
        maps: Its token-to-token maps, window by window; empty where it has none.
        usual: The head with the highest mean over all documents; None if this is the only document.
        evidence: What its prediction depends on; None where it was not measured.
        values: Gold and predicted values of all documents; only regression has them.
        lite: Whether the page holds the means of layers, not every head.

    Raises:
        ArtifactError: The maps are of other tokens.
    """
    place = study.place_of(row.position) or 0
    before, behind = study.page_at(place - 1), study.page_at(place + 1)
    return DocumentView(
        position=row.position,
        id=row.id,
        source_id=row.source_id,
        split=row.split,
        text=row.text,
        first_name=_special_name(row, 0),
        last_name=_special_name(row, -1),
        outcome=row.outcome,
        prediction=prediction_view(row, study, values),
        strongest_of_all=_strongest_of_all(row, study, usual),
        notes=_notes(row, study),
        n_tokens=len(row.tokens),
        strongest=_strongest(row, study.n_heads),
        previous_page=None if before is None else links.document_name(before),
        next_page=None if behind is None else links.document_name(behind),
        place=place + 1,
        lite=lite,
        shared=links.LITE_SHARED if lite else links.FULL_SHARED,
        map_reason=study.map_reasons.get(row.position),
        evidence=evidence,
        payload=_payload(row, study, maps, lite=lite) | ({"evidence": evidence.payload} if evidence else {}),
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


def _strongest_of_all(row: DocumentRow, study: StudyView, usual: parts.Head | None) -> Markup:
    return parts.said(
        [
            sentences.strongest_tokens(_ranked_tokens(row), study, _even_share(row, study)),
            _strongest_head(row, study, usual),
        ]
    )


def _ranked_tokens(row: DocumentRow) -> sentences.Ranked:
    means = row.aggregates[0][~(row.special | row.unknown)]
    names = [parts.token(strong.text) for strong in _strongest(row, 1)[: sentences.N_NAMED]]
    return sentences.Ranked(names, float(means.max(initial=0)), float(means.min(initial=1)), len(means))


def _even_share(row: DocumentRow, study: StudyView) -> float | None:
    """Share of every token under even attention.

    None where windows differ in length, where tokens see only those before them, and in imported attention, whose
    format may omit tokens that the model read.
    """
    lengths = {window["n_model_tokens"] for window in row.windows}
    return None if study.imported or len(lengths) != 1 or _reads_left_to_right(row) else 1 / lengths.pop()


def _reads_left_to_right(row: DocumentRow) -> bool:
    return len(row.tokens) > 1 and bool((row.self_attention[:, 0] > ALL_OF_IT).all())


def _strongest_head(row: DocumentRow, study: StudyView, usual: parts.Head | None) -> Markup:
    means = mean_of_heads(row)
    if np.isnan(means).any():
        return Markup()
    first = parts.head_link(study.head_of(int(means.argmax())), study, ROOT)
    ranked = sentences.Ranked([first], float(means.max()), float(means.min()), len(means))
    return sentences.strongest_head(ranked, study, parts.head_link(usual, study, ROOT) if usual else None)


def _notes(row: DocumentRow, study: StudyView) -> list[str]:
    of_rows = gold_of_rows(study) if row.gold is not None else ""
    notes = [of_rows] if of_rows else []
    notes += [sentences.left_to_right()] if _reads_left_to_right(row) else []
    notes += [sentences.windows(len(row.windows))] if len(row.windows) > 1 else []
    return notes + ([sentences.truncated()] if row.truncated else [])


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
        "probabilities": [float(f"{value:.6g}") for value in study.task.outputs(row.predicted, row.probabilities)],
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
