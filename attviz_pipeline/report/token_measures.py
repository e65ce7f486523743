"""Measures of tokens that full mode adds to self-attention."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, files

TOKEN_MEASURES = {"received": "received", "rollout": "rollout", "norm-weighted": "value_norm"}
"""By name, in the order of payloads, the column of schema ATTENTION that each needs."""


def measures_of_study(attention: Sequence[Path]) -> list[str]:
    """Name the measures that every shard has; none unless in full mode.

    Args:
        attention: Shards of self-attention (schema ATTENTION).

    Raises:
        ArtifactError: One is missing or damaged.
    """
    # All documents of a shard have one mode and one model: its first row group is enough.
    firsts = [
        next(files.iter_tables(path, attention_schemas.ATTENTION, list(TOKEN_MEASURES.values())), None)
        for path in attention
    ]
    tables = [table for table in firsts if table is not None and table.num_rows]
    return [
        name
        for name, column in TOKEN_MEASURES.items()
        if tables and not any(table[column].null_count for table in tables)
    ]


def measures_of_document(
    self_attention: NDArray[np.float32],
    received: NDArray[np.float32] | None,
    rollout: NDArray[np.float32] | None,
    value_norm: NDArray[np.float32] | None,
) -> dict[str, NDArray[np.float64]]:
    """Compute the measures of one document's tokens.

    Args:
        self_attention: [row, token], 0..1; rows are the heads of all layers.
        received: Attention received, [row, token] flattened, 0..1.
        rollout: Attention rollout, [token], 0..1.
        value_norm: Norms of value vectors behind the output weights, [row, token] flattened.

    Returns:
        By name, each [token], 0..1: `received`, the mean over heads; `rollout`; `norm-weighted`, the mean over heads of
        self-attention times value norm, over its sum in the document. What is not known is left out.

    Source: Abnar and Zuidema 2020 (rollout); Kobayashi et al. 2020 (norm-weighted attention).
    """
    measures = {}
    if received is not None:
        measures["received"] = received.reshape(self_attention.shape).mean(axis=0, dtype=np.float64)
    if rollout is not None:
        measures["rollout"] = rollout.astype(np.float64)
    if value_norm is not None:
        weighted = (self_attention * value_norm.reshape(self_attention.shape)).mean(axis=0, dtype=np.float64)
        measures["norm-weighted"] = weighted / (weighted.sum() or 1.0)
    return measures
