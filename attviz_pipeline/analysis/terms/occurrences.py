"""Occurrences of terms (tokens, words or lower-cased words) in documents, each with its self-attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import quantities
from attviz_pipeline.analysis.batches import AttentionBatch, TextBatch, iter_batches
from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.config.settings import TermsSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.words import NO_WORD, merge_by_word

SPELLING_COLUMNS = ["text", "starts", "ends", "words", "punctuation"]
COLUMNS = [
    *("position", "id", "source_id", "split", *GOLD_NAMES, *PREDICTED_NAMES, "probabilities", "windows"),
    *SPELLING_COLUMNS,
]


@dataclass(frozen=True)
class TermTokens:
    """Which tokens make up each occurrence of a term, ordered by document and position in the text.

    Attributes:
        groups: Number of the occurrence that each token belongs to; `NO_WORD` for none, [token].
        first: First token, [occurrence].
        terms: Spelling, [occurrence].
        special: True for special tokens, and for words with a part that the model reads as [UNK], [occurrence].
    """

    groups: NDArray[np.int64]
    first: NDArray[np.intp]
    terms: list[str]
    special: NDArray[np.bool_]

    @classmethod
    def of(cls, path: Path, batch: TextBatch, settings: TermsSettings) -> "TermTokens":
        """Find the terms of some documents.

        Args:
            path: Their shard, for messages.
            batch: The documents, with `SPELLING_COLUMNS`.
            settings: The definition of a term.

        Raises:
            ArtifactError: The shard is damaged.
        """
        groups = _groups(path, batch, settings)
        first = merge_by_word(np.arange(len(groups)), groups, "first").astype(np.intp)
        unread = merge_by_word(batch.unknown, groups, "max").astype(np.bool_)
        terms = _spellings(path, batch, groups, first, settings)
        return cls(groups, first, terms, batch.special[first] | unread)


@dataclass(frozen=True)
class Occurrences:
    """Terms of some documents, one row per occurrence, ordered by document and position in the text.

    Attributes:
        documents: Rows of the attention artifact.
        n_document_tokens: Tokens per document, special ones included, [document].
        terms: Spelling, [occurrence].
        special: True for special tokens, and for words with a part that the model reads as [UNK], [occurrence].
        document: Row in `documents`, ascending, [occurrence].
        position: Position of the first token in its document, 0-based, [occurrence].
        n_tokens: Tokens of the window of the first token, special ones included, [occurrence].
        attention: Mean self-attention of its tokens, [occurrence, layer x head], 0..1.
        normalised: Mean of n a over its tokens, the same shape.
        log_ratio: Mean of ln(n a) over its tokens, the same shape.
    """

    documents: pa.Table
    n_document_tokens: NDArray[np.int64]
    terms: list[str]
    special: NDArray[np.bool_]
    document: NDArray[np.int64]
    position: NDArray[np.int64]
    n_tokens: NDArray[np.int64]
    attention: NDArray[np.float64]
    normalised: NDArray[np.float64]
    log_ratio: NDArray[np.float64]


def iter_occurrences(path: Path, settings: TermsSettings) -> Iterator[Occurrences]:
    """Read the terms of a shard, some documents at a time.

    Raises:
        ArtifactError: The shard is unusable or contains self-attention outside 0..1.
    """
    for batch in iter_batches(path, COLUMNS):
        yield _occurrences(path, batch, settings)


def _occurrences(path: Path, batch: AttentionBatch, settings: TermsSettings) -> Occurrences:
    found = TermTokens.of(path, batch, settings)
    groups, first = found.groups, found.first
    n_tokens = window_lengths(path, batch)
    attention = batch.values.astype(np.float64)
    document = batch.document[first]
    return Occurrences(
        documents=batch.documents,
        n_document_tokens=batch.n_tokens,
        terms=found.terms,
        special=found.special,
        document=document,
        position=first - np.searchsorted(batch.document, document, side="left"),
        n_tokens=n_tokens[first],
        attention=_merged(attention, groups),
        normalised=_merged(attention * n_tokens[:, None], groups),
        log_ratio=_merged(quantities.log_ratio(attention, n_tokens.astype(np.float64)), groups),
    )


def _groups(path: Path, batch: TextBatch, settings: TermsSettings) -> NDArray[np.int64]:
    """Return the number of the term of each token, over all documents of the batch; `NO_WORD` for none."""
    n_tokens = len(batch.document)
    words = _flat(path, batch, "words").astype(np.int64)
    if settings.level == "token":
        groups = np.arange(n_tokens)
    else:
        # Words count from 0 in each document; no document has more words than the batch has tokens.
        groups = np.where(words == NO_WORD, NO_WORD, batch.document * n_tokens + words)
        groups = np.where(batch.special, batch.n_documents * n_tokens + np.arange(n_tokens), groups)
    left_out = np.zeros(n_tokens, np.bool_)
    if not settings.punctuation:
        left_out |= _flat(path, batch, "punctuation").astype(np.bool_)
    if not settings.special_tokens:
        # A word with a part that is read as [UNK] counts as unread.
        left_out |= batch.special | batch.unknown | np.isin(groups, groups[batch.unknown & (groups != NO_WORD)])
    groups[left_out] = NO_WORD
    return _in_text_order(groups)


def _in_text_order(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    kept = groups != NO_WORD
    _, first, inverse = np.unique(groups[kept], return_index=True, return_inverse=True)
    ranks = np.empty(len(first), np.int64)
    ranks[np.argsort(first)] = np.arange(len(first))
    ordered = np.full(len(groups), NO_WORD)
    ordered[kept] = ranks[inverse]
    return ordered


def _merged(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(merge_by_word(np.ascontiguousarray(values.T), groups, "mean").T)


def _spellings(
    path: Path, batch: TextBatch, groups: NDArray[np.int64], first: NDArray[np.intp], settings: TermsSettings
) -> list[str]:
    tokens: list[str] = batch.tokens.take(pa.array(first)).to_pylist()
    if settings.level == "token":
        return tokens
    starts = merge_by_word(_flat(path, batch, "starts"), groups, "first").tolist()
    ends = merge_by_word(_flat(path, batch, "ends"), groups, "max").tolist()
    texts = batch.documents["text"].to_pylist()
    spans = zip(tokens, batch.special[first].tolist(), batch.document[first].tolist(), starts, ends, strict=True)
    lower = settings.level == "lower_word"
    return [
        token if special else texts[row][start:end].strip().lower() if lower else texts[row][start:end].strip()
        for token, special, row, start, end in spans
    ]


def window_lengths(path: Path, batch: AttentionBatch) -> NDArray[np.int64]:
    """Return the number of tokens of each token's window, special ones included, [token].

    Args:
        path: The shard, for messages.
        batch: Some of its documents, with the column `windows`.

    Raises:
        ArtifactError: The windows do not hold the tokens.
    """
    windows = batch.documents["windows"].combine_chunks().flatten()
    kept, lengths = (windows.field(name).to_numpy().astype(np.int64) for name in ("n_tokens", "n_model_tokens"))
    n_tokens = np.repeat(lengths, kept)
    in_range = (n_tokens > 0) & (n_tokens <= quantities.LONGEST_WINDOW)
    if len(n_tokens) != len(batch.document) or not in_range.all():
        raise ArtifactError(f"{path} is damaged: its windows do not hold its tokens.", remedy=files.REBUILD)
    return n_tokens


def _flat(path: Path, batch: TextBatch, name: str) -> NDArray[np.generic]:
    flat = batch.documents[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if len(flat) != len(batch.document):
        raise ArtifactError(f"{path} is damaged: `{name}` does not hold one value per token.", remedy=files.REBUILD)
    return np.asarray(flat)
