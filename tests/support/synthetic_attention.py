"""Attention artifacts of an invented model and corpus, for tests of the stages behind extraction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.words import word_of_each_token

LABEL_NAMES = ["business", "sport", "tech"]
FIRST_TOKEN_ID = 1000
SPECIAL_IDS = {"[CLS]": 101, "[SEP]": 102}
UNKNOWN_ID = 100
DOCUMENTS_PER_BLOCK = 4
TOKENS_PER_WINDOW = 64
WORD_LIST = """
the to of and in a said for that is on it was he with be as has by at have are will but from an its not they mr which
who up been had year would also this people one last their more after new first could we out two other into than over
over against time game world than company market government minister police win player team film music sales growth
bank chief economy economic election labour party prime plan deal shares profit rates dollar euro oil price firm china
india london england ireland france italy season coach match cup final injury champion olympic athlete record title
mobile phone phones network broadband software users online internet computer microsoft apple google virus security
search games technology technologies digital video download music award actor actress director oscar festival album
singer band star chart television bbc news minister blair brown tax spending budget lawyers court law report study
research scientists university analysts investment investors international development competition announcement
performance entertainment manufacturers unemployment regulatory cybersecurity
"""
NEWS_WORDS = WORD_LIST.split()
PIECES = {
    "technologies": ("technolog", "##ies"),
    "manufacturers": ("manufacture", "##rs"),
    "unemployment": ("un", "##em", "##ployment"),
    "cybersecurity": ("cyber", "##se", "##cur", "##ity"),
    "broadband": ("broad", "##band"),
    "regulatory": ("regulator", "##y"),
}


@dataclass(frozen=True)
class SyntheticDocument:
    """One invented document and the tokens it is cut into."""

    text: str
    tokens: list[str]
    starts: list[int]
    ends: list[int]


def write_attention_shards(  # noqa: PLR0913 - each is a property of the artifact that some test varies
    folder: Path,
    *,
    n_documents: int,
    n_shards: int,
    n_layers: int = 2,
    n_heads: int = 3,
    seed: int = 0,
    texts: list[str] | None = None,
    unknown: str = "",
    label_names: Sequence[str] = LABEL_NAMES,
) -> list[Path]:
    """Write an attention artifact; its documents do not depend on `n_shards`.

    Args:
        folder: Where the shards go, as `attention-00000-of-00002.parquet` and so on.
        n_documents: Number of documents; with fewer `texts`, the texts are used again in turn.
        n_shards: Number of files; those without documents are empty tables.
        n_layers: Layers of the invented model.
        n_heads: Heads per layer of the invented model.
        seed: Another seed gives other texts and values.
        texts: Texts to use instead of invented ones; tokens are their words.
        unknown: A token in whose place the model reads [UNK].
        label_names: Names of the classes.

    Returns:
        The shards' paths, in order.
    """
    documents = [_document(_text(seed, position, texts)) for position in range(n_documents)]
    token_ids = _token_ids(documents)
    n_rows, names = n_layers * n_heads, list(label_names)
    rows = [
        _row(
            document,
            position,
            [token_ids[token] for token in document.tokens],
            n_rows,
            seed,
            len(names),
        )
        for position, document in enumerate(documents)
    ]
    order = sorted(range(n_documents), key=lambda position: (len(documents[position].text), position))
    facts = {
        "n_layers": n_layers,
        "n_heads": n_heads,
        "task": "single_label",
        "label_names": names,
        "model": {"source": "synthetic"},
    }
    paths = [folder / f"attention-{shard:05d}-of-{n_shards:05d}.parquet" for shard in range(n_shards)]
    for shard, path in enumerate(paths):
        mine = [rows[p] for i, p in enumerate(order) if i // DOCUMENTS_PER_BLOCK % n_shards == shard]
        files.write_table(path, attention_schemas.ATTENTION, _columns(mine, attention_schemas.ATTENTION), facts)
        if unknown:
            make_unknown(path, unknown)
    return paths


def make_unknown(path: Path, token: str) -> None:
    """Let the model read [UNK] in the place of a token, in every document of a shard."""
    facts = files.read_facts(path, attention_schemas.ATTENTION)
    rows = files.read_table(path, attention_schemas.ATTENTION).to_pylist()
    for row in rows:
        row["unknown"] = [old or found == token for old, found in zip(row["unknown"], row["tokens"], strict=True)]
        row["token_ids"] = [
            UNKNOWN_ID if found == token else n for n, found in zip(row["token_ids"], row["tokens"], strict=True)
        ]
        row["tokens"] = ["[UNK]" if found == token else found for found in row["tokens"]]
    files.write_table(path, attention_schemas.ATTENTION, _columns(rows, attention_schemas.ATTENTION), facts)


def write_ledger(path: Path, *, n_documents: int, id_format: str = "doc-{:04d}") -> Path:
    """Write the ledger `prepare_dataset` would leave for the same documents, and for three that are not analysed."""
    rows = [_ledger_row(n, id_format.format(n), "test", "kept", "") for n in range(n_documents)]
    rows.append(_ledger_row(n_documents, "train-1", "train", "kept", ""))
    rows.append(_ledger_row(n_documents + 1, "blank-1", "", "empty", "column text holds only white space"))
    rows.append(_ledger_row(n_documents + 2, "copy-1", "", "duplicate", "same text as doc-0000"))
    files.write_table(path, corpus_schemas.LEDGER, _columns(rows, corpus_schemas.LEDGER), {})
    return path


def _document_id(position: int) -> str:
    return f"doc-{position:04d}"


def _ledger_row(number: int, identifier: str, split: str, status: str, detail: str) -> dict[str, Any]:
    columns = ("news.csv", number + 1, identifier, split, status, detail)
    return dict(zip(corpus_schemas.LEDGER.arrow.names, columns, strict=True))


def _columns(rows: list[dict[str, Any]], schema: Schema) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in schema.arrow.names}


def _text(seed: int, position: int, texts: list[str] | None) -> str:
    if texts is not None:
        return texts[position % len(texts)]
    random = np.random.default_rng([seed, position])
    frequency = 1 / np.arange(1, len(NEWS_WORDS) + 1)
    n_words = int(random.integers(8, 40)) if position % 7 else int(random.integers(60, 150))
    words = random.choice(NEWS_WORDS, size=n_words, p=frequency / frequency.sum())
    return " ".join(words) + " ."


def _document(text: str) -> SyntheticDocument:
    tokens, starts, ends = ["[CLS]"], [0], [0]
    cursor = 0
    for word in text.split():
        cursor = text.index(word, cursor)
        for piece in PIECES.get(word, (word,)):
            tokens.append(piece)
            starts.append(cursor)
            cursor += len(piece.removeprefix("##")) if word in PIECES else len(word)
            ends.append(cursor)
    return SyntheticDocument(text, [*tokens, "[SEP]"], [*starts, len(text)], [*ends, len(text)])


def _token_ids(documents: Iterable[SyntheticDocument]) -> dict[str, int]:
    vocabulary = sorted({token for document in documents for token in document.tokens} - set(SPECIAL_IDS))
    return {**SPECIAL_IDS, **{token: FIRST_TOKEN_ID + index for index, token in enumerate(vocabulary)}}


def _row(  # noqa: PLR0913 - each is a property of the document or of its study
    document: SyntheticDocument, position: int, ids: list[int], n_rows: int, seed: int, n_labels: int
) -> dict[str, Any]:
    random = np.random.default_rng([seed, position, 1])
    probabilities = random.dirichlet(np.full(n_labels, 0.4)).astype(np.float32)
    special = [token in SPECIAL_IDS for token in document.tokens]
    n_tokens = len(ids)
    return {
        "position": position,
        "id": _document_id(position),
        "source_id": _document_id(position),
        "split": "test",
        "label": position % n_labels,
        "text": document.text,
        "pair_start": None,
        "prediction": int(probabilities.argmax()),
        "probabilities": probabilities.tolist(),
        "tokens": document.tokens,
        "token_ids": ids,
        "starts": document.starts,
        "ends": document.ends,
        "special": special,
        "unknown": [False] * len(special),
        "punctuation": [document.text[a:b] == "." for a, b in zip(document.starts, document.ends, strict=True)],
        "words": word_of_each_token(document.text, document.starts, document.ends, special),
        "segments": [-1 if flag else 0 for flag in special],
        "windows": _windows(n_tokens, probabilities.tolist()),
        "truncated": position % 11 == 5,
        "self_attention": _self_attention(random, ids, n_rows, seed),
    }


def _windows(n_tokens: int, probabilities: list[float]) -> list[dict[str, Any]]:
    starts = range(0, n_tokens, TOKENS_PER_WINDOW)
    kept = [min(TOKENS_PER_WINDOW, n_tokens - start) for start in starts]
    return [
        {"first_token": start, "n_tokens": n, "n_model_tokens": n + 2, "probabilities": probabilities}
        for start, n in zip(starts, kept, strict=True)
    ]


def _self_attention(random: np.random.Generator, ids: list[int], n_rows: int, seed: int) -> NDArray[np.float32]:
    # Heads differ in level, tokens in what they draw; short documents attend more: so do the diagonals of real models.
    head_level = np.linspace(-1.5, 1.0, n_rows)[:, None]
    taste = np.random.default_rng(seed).normal(0, 0.5, 512)[np.asarray(ids) % 512]
    logarithms = -np.log(len(ids)) + head_level + taste + random.normal(0, 0.6, (n_rows, len(ids)))
    values: NDArray[np.float32] = np.exp(np.minimum(logarithms, 0)).astype(np.float32)
    return values.ravel()
