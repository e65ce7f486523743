"""The mean self-attention of each token in each head, with the same order of tokens in all heads."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.errors import ArtifactError

# Entries that are equal in all of these are interchangeable.
IDENTITY = ["token", "count", "document_frequency"]


class TokenScores(NamedTuple):
    """Tokens that occur in enough documents, without special tokens.

    Attributes:
        scores: Mean self-attention, [head, token], 0..1; heads of all layers, layer by layer.
        document_frequency: Number of documents that contain the token, [token].
    """

    scores: NDArray[np.float64]
    document_frequency: NDArray[np.int64]


def read_token_scores(path: Path, n_heads: int, min_document_frequency: int) -> TokenScores:
    """Read the tokens that are frequent enough to be ranked.

    Args:
        path: Artifact `head_tokens`.
        n_heads: Number of heads of all layers.
        min_document_frequency: Tokens in fewer documents are excluded.

    Raises:
        ArtifactError: The file is unusable, or its heads do not all have the same tokens.
    """
    columns = [*IDENTITY, "special", "mean"]
    tables = [
        _eligible(table, min_document_frequency)
        for table in files.iter_tables(path, statistics_schemas.HEAD_TOKENS, columns)
    ]
    if not tables:
        return TokenScores(np.empty((n_heads, 0)), np.empty(0, np.int64))
    first = tables[0].select(IDENTITY)
    if len(tables) != n_heads or any(not table.select(IDENTITY).equals(first) for table in tables):
        raise ArtifactError(f"{path} does not hold the same tokens for each of {n_heads} heads.", remedy=files.REBUILD)
    scores = np.array([table["mean"].to_numpy() for table in tables])
    return TokenScores(scores, first["document_frequency"].to_numpy())


def _eligible(table: pa.Table, min_document_frequency: int) -> pa.Table:
    frequent = pc.greater_equal(table["document_frequency"], min_document_frequency)
    rows = table.filter(pc.and_(frequent, pc.invert(table["special"])))
    return rows.sort_by([(name, "ascending") for name in IDENTITY]).combine_chunks()
