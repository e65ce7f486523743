"""The stage `rank_heads`: how important each head is to the prediction, by three measures, and whether they agree."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.order_correlation import (
    correlation_by_chance,
    normal_interval,
    order_correlation,
)
from attviz_pipeline.analysis.predictions.resampling import draw_weights
from attviz_pipeline.artifacts import evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.stages import RankHeads
from attviz_pipeline.tasks.registry import task_of

Floats = NDArray[np.float64]
Row = dict[str, Any]

MEASURES = ("measured", "gradient", "self_attention")


def rank_heads(
    settings: RankHeads, document_ablations: Path, gradients: Path, heads: Path, head_importance: Path
) -> None:
    """Compare the importance of heads when they are switched off, by gradients, and by self-attention.

    Args:
        settings: Resamples of documents, and permutations of heads.
        document_ablations: Changes without each head (schema `document_ablations`).
        gradients: Gradients of the sample (schema `gradients`).
        heads: Statistics of heads (schema `heads`).
        head_importance: Where to write (schema `head_importance`).

    Raises:
        ArtifactError: An input is missing or damaged.

    Source: Michel, Levy and Neubig 2019, section 2.2; Spearman 1904.
    """
    statistics = files.read_table(heads, statistics_schemas.HEADS, ["layer", "head", "mean"]).to_pydict()
    switched_off = _read(document_ablations, evidence_schemas.DOCUMENT_ABLATIONS, "changes")
    slopes = _read(gradients, evidence_schemas.GRADIENTS, "head_gradients")
    self_attention = np.asarray(statistics["mean"], np.float64)
    importance = Importance(switched_off, slopes, self_attention)
    measures = importance.measures(np.ones(importance.n_documents))
    measured = files.read_facts(document_ablations, evidence_schemas.DOCUMENT_ABLATIONS)
    task = task_of(measured)
    facts = {
        "gates": measured["gates"],
        "n_measured": len(switched_off),
        "n_gradient": len(slopes),
        "n_resamples": settings.assessment.n_resamples,
        "seed": settings.seed,
        "correlations": importance.correlations(settings.assessment.n_resamples, settings.seed),
        **task.evidence_facts,
    }
    columns: dict[str, Any] = {"layer": statistics["layer"], "head": statistics["head"]}
    for name, values in zip(MEASURES, measures, strict=True):
        columns[name] = [None if np.isnan(value) else value for value in values.tolist()]
    files.write_table(head_importance, evidence_schemas.HEAD_IMPORTANCE.of(task.name), columns, facts)


class Importance:
    """The importance of heads by each measure, for any weights of the documents."""

    def __init__(self, switched_off: Sequence[Row], slopes: Sequence[Row], self_attention: Floats) -> None:
        """Gather the values of documents; a document in both samples is there twice.

        Args:
            switched_off: Rows with `source_id` and `values`, the changes without each head, [head].
            slopes: The same with the gradients at the heads' gates.
            self_attention: Mean self-attention of each head, [head].
        """
        rows = [*switched_off, *slopes]
        self.n_documents = len(rows)
        names = np.array([row["source_id"] for row in rows], dtype=str)
        self._sources: NDArray[np.intp] = np.unique(names, return_inverse=True)[1]
        self._n_off, self._self_attention = len(switched_off), self_attention
        shape = (len(rows), len(self_attention))
        self._sizes: Floats = np.abs(np.array([row["values"] for row in rows], np.float64).reshape(shape))

    def measures(self, weight: Floats) -> Floats:
        """Return each measure of each head, [measure, head]; NaN without documents.

        Args:
            weight: How often each document counts, [document].
        """
        off, slopes = (
            _weighted_mean(self._sizes[part], weight[part]) for part in (slice(self._n_off), slice(self._n_off, None))
        )
        return np.stack([off, slopes, self._self_attention])

    def correlations(self, n_resamples: int, seed: int) -> list[Row]:
        """Return Spearman's rank correlation over heads of every two measures that there are.

        Args:
            n_resamples: Resamples of input rows for the interval, and permutations of heads for chance.
            seed: Of both.
        """
        n_heads = len(self._self_attention)
        whole = self.measures(np.ones(self.n_documents))
        there = [number for number, values in enumerate(whole) if not np.isnan(values).any()]
        pairs = list(combinations(there, 2))
        drawn = draw_weights(self._sources, n_resamples, seed) if self._has_several_rows else iter(())
        replicates = [[order_correlation(found[a], found[b]) for a, b in pairs] for found in map(self.measures, drawn)]
        by_chance = correlation_by_chance(n_heads, n_resamples, seed)
        return [
            {
                "measures": [MEASURES[a], MEASURES[b]],
                "n_heads": n_heads,
                **normal_interval(order_correlation(whole[a], whole[b]), [row[number] for row in replicates])._asdict(),
                "by_chance": by_chance,
            }
            for number, (a, b) in enumerate(pairs)
        ]

    @property
    def _has_several_rows(self) -> bool:
        return len(set(self._sources.tolist())) > 1


def _weighted_mean(values: Floats, weight: Floats) -> Floats:
    total = weight.sum()
    mean: Floats = weight @ values / total if total else np.full(values.shape[1], np.nan)
    return mean


def _read(path: Path, schema: Schema, column: str) -> list[Row]:
    rows = files.read_table(path, schema, ["source_id", column]).to_pylist()
    return [{"source_id": row["source_id"], "values": row[column]} for row in rows if row[column] is not None]
