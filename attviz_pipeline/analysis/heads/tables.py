"""The tables `head_pairs`, `head_clusters` and `fuji_curves`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from attviz_pipeline.analysis.heads.clusters import ClusterTest, HeadMap
from attviz_pipeline.analysis.heads.numbering import Heads
from attviz_pipeline.analysis.heads.permutation import NullComparison
from attviz_pipeline.analysis.heads.rankings import PairCurve
from attviz_pipeline.artifacts import comparison_schemas, files
from attviz_pipeline.artifacts.schema import Schema


class HeadSimilarity(NamedTuple):
    """The results of one measure of similarity between heads: comparison with chance, clusters and map."""

    measure: str
    comparison: NullComparison
    groups: ClusterTest
    map: HeadMap


def write_pairs(path: Path, heads: Heads, similarities: Sequence[HeadSimilarity], facts: dict[str, Any]) -> None:
    """Write the artifact `head_pairs`."""
    tables = [_pairs(heads, one) for one in similarities]
    _write(path, comparison_schemas.HEAD_PAIRS, tables, facts)


def write_clusters(path: Path, heads: Heads, similarities: Sequence[HeadSimilarity], facts: dict[str, Any]) -> None:
    """Write the artifact `head_clusters`."""
    tables = [_clusters(heads, one) for one in similarities]
    of_measures = {one.measure: _cluster_facts(one) for one in similarities}
    _write(path, comparison_schemas.HEAD_CLUSTERS, tables, {**facts, "measures": of_measures})


def write_curves(path: Path, heads: Heads, curves: Sequence[PairCurve], facts: dict[str, Any]) -> None:
    """Write the artifact `fuji_curves`."""
    _write(path, comparison_schemas.FUJI_CURVES, [_curve(heads, curve) for curve in curves], facts)


def _pairs(heads: Heads, similarity: HeadSimilarity) -> pa.Table:
    n_pairs = similarity.comparison.n_pairs
    columns = {
        "measure": [similarity.measure] * n_pairs,
        **heads.pair_columns(np.arange(n_pairs)),
        **similarity.comparison._asdict(),
    }
    return _table(comparison_schemas.HEAD_PAIRS, columns)


def _clusters(heads: Heads, similarity: HeadSimilarity) -> pa.Table:
    columns = {
        "measure": [similarity.measure] * heads.n_rows,
        **heads.columns(np.arange(heads.n_rows)),
        **similarity.groups.clusters._asdict(),
        **similarity.map._asdict(),
    }
    return _table(comparison_schemas.HEAD_CLUSTERS, columns)


def _cluster_facts(similarity: HeadSimilarity) -> dict[str, Any]:
    groups = similarity.groups
    return {
        "n_clusters": len(np.unique(groups.clusters.cluster)),
        "outcome": groups.outcome,
        "silhouette": groups.silhouette,
        "silhouette_by_chance": groups.chance.facts() if groups.chance else None,
        "silhouette_p": groups.chance.p if groups.chance else None,
        "stress": similarity.map.stress,
        "linkage": groups.clusters.linkage.tolist(),
    }


def _curve(heads: Heads, found: PairCurve) -> pa.Table:
    low, high = np.percentile(found.draws, [2.5, 97.5], axis=0)
    n_lengths = len(found.lengths)
    columns = {
        "kind": [found.kind] * n_lengths,
        **heads.pair_columns(np.full(n_lengths, found.pair)),
        "length": found.lengths,
        "value": found.curve,
        "null_mean": found.draws.mean(axis=0),
        "null_low": low,
        "null_high": high,
    }
    return _table(comparison_schemas.FUJI_CURVES, columns)


def _table(schema: Schema, columns: dict[str, Any]) -> pa.Table:
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema.arrow})


def _write(path: Path, schema: Schema, tables: list[pa.Table], facts: dict[str, Any]) -> None:
    with files.TableWriter(path, schema, facts) as writer:
        for table in tables:
            writer.write_table(table)
