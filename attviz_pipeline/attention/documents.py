"""The texts of chosen documents, as the extraction read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import corpus_schemas, files
from attviz_pipeline.attention.windows import DocumentEncoder, EncodedDocument
from attviz_pipeline.errors import ArtifactError, Problem

Row = dict[str, Any]


def read_texts(chosen: pa.Table, shards: Sequence[Path]) -> list[Row]:
    """Return rows of the table `document_index` with the texts that the tokenizer reads.

    Args:
        chosen: The rows, with the columns `position` and `id`.
        shards: Artifacts `shard`.

    Raises:
        ArtifactError: A document is in no shard.
    """
    found: dict[int, Row] = {}
    for path in shards:
        for table in files.iter_tables(path, corpus_schemas.SHARD, ["position", "id", "text", "pair_start"]):
            wanted = table.filter(pc.is_in(table["position"], chosen["position"].combine_chunks()))
            found.update((row["position"], row) for row in wanted.to_pylist())
    rows = chosen.to_pylist()
    problems = [
        Problem(repr(row["id"]), "is in document_index, but in no shard")
        for row in rows
        if found.get(row["position"], {}).get("id") != row["id"]
    ]
    if problems:
        raise ArtifactError("document_index and the shards hold different documents:", problems, files.REBUILD)
    return [row | found[row["position"]] for row in rows]


def encode_document(encoder: DocumentEncoder, document: Row) -> EncodedDocument:
    """Tokenise a document as the extraction did.

    Args:
        encoder: The encoder of the extraction.
        document: As returned by `read_texts`, with the columns `n_tokens` and `n_windows`.

    Raises:
        ArtifactError: The extraction found another number of tokens or windows.
    """
    encoded = encoder.encode([document["text"]], [document["pair_start"]])[0]
    found = (len(encoded.tokens), len(encoded.windows))
    if found != (document["n_tokens"], document["n_windows"]):
        raise ArtifactError(
            f"document {document['id']!r} has {found[0]} tokens in {found[1]} windows, "
            f"document_index says {document['n_tokens']} in {document['n_windows']}: "
            "it was made with other settings in section `attention`, or with another model.",
            remedy=files.REBUILD,
        )
    return encoded
