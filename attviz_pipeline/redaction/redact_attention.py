"""The stage `redact_attention`: a copy of the attention artifact without its words."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.progress import track
from attviz_pipeline.redaction.forms import choose_form
from attviz_pipeline.redaction.texts import redact_text
from attviz_pipeline.redaction.vocabulary import Vocabulary, collect_vocabulary
from attviz_pipeline.stages import RedactAttention

REWRITTEN = ("text", "tokens", "entries", "token_ids", "starts", "ends")
PLACE_OF_PAIR = "pair_start"
NAMES = ("id", "source_id", "split")
"""Columns of text that are kept, because ids and splits refer to the corpus."""


def redact_attention(settings: RedactAttention, attention: Sequence[Path], redacted: Sequence[Path]) -> None:
    """Copy all shards, with shapes or tags instead of words; numbers are unchanged.

    Later stages read only the copy, so they need no redaction of their own.

    Args:
        settings: Section `redaction`; its mode is not `none`.
        attention: Artifacts `attention`, read.
        redacted: Artifacts `attention`, written, in the same order.

    Raises:
        ConfigError: The key cannot be used.
        ArtifactError: A shard is unusable, or the two lists differ in length.
    """
    if len(attention) != len(redacted):
        raise ArtifactError(f"{len(attention)} shards cannot be redacted into {len(redacted)}: name equally many.")
    rules = settings.redaction
    vocabulary = collect_vocabulary(attention, choose_form(rules), rules.min_document_frequency)
    pairs = zip(attention, redacted, strict=True)
    for source, target in track(pairs, total=len(attention), label="redact_attention", unit="shards"):
        facts = files.read_facts(source, attention_schemas.ATTENTION)
        with files.TableWriter(target, attention_schemas.ATTENTION, facts) as writer:
            for table in files.iter_tables(source, attention_schemas.ATTENTION):
                writer.write_table(_redacted(table, vocabulary))


def _redacted(table: pa.Table, vocabulary: Vocabulary) -> pa.Table:
    rewritten = [name for name in (*REWRITTEN, PLACE_OF_PAIR) if name in table.column_names]
    rows = [_row(row, vocabulary) for row in table.select([*rewritten, "special", "unknown"]).to_pylist()]
    for name in rewritten:
        field = table.schema.field(name)
        values = pa.array([row[name] for row in rows], field.type)
        table = table.set_column(table.schema.get_field_index(name), field, values)
    return table


def _row(row: dict[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    named = [any(flags) for flags in zip(row["special"], row["unknown"], strict=True)]
    tokens = list(_shown(row["tokens"], named, vocabulary))
    text, places = redact_text(row["text"], list(zip(row["starts"], row["ends"], strict=True)), tokens)
    pair = row.get(PLACE_OF_PAIR)
    return {
        "text": text,
        "tokens": tokens,
        "entries": None,
        "token_ids": [vocabulary.ids[token] for token in tokens],
        "starts": [places[start] for start in row["starts"]],
        "ends": [places[end] for end in row["ends"]],
        PLACE_OF_PAIR: None if pair is None else places[pair],
    }


def _shown(tokens: Sequence[str], named: Sequence[bool], vocabulary: Vocabulary) -> Iterator[str]:
    for token, flag in zip(tokens, named, strict=True):
        yield token if flag else vocabulary.forms[token]
