"""Whether evidence of models that read the same documents agrees: important heads, and scores of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.predictions.order_correlation import normal_interval, order_correlation
from attviz_pipeline.analysis.predictions.resampling import draw_weights
from attviz_pipeline.artifacts import evidence_schemas, files, model_evidence_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError

Floats = NDArray[np.float64]
Row = dict[str, Any]

N_HALVINGS = 100
MEASURES = ("comprehensiveness", "sufficiency")
OF_SCORE = ("score", "layer", "measure", "n_documents", "n_sources", "mean", "floor", "difference")
OF_DIFFERENCE = ("difference_low", "difference_high", "difference_q")


@dataclass(frozen=True)
class ModelEvidence:
    """The evidence of one model.

    Attributes:
        name: `own`, or its name in the study.
        has_own_layout: Whether its heads are compared with the own model's, one by one.
        n_heads: Heads per layer.
        positions: Documents in which heads were switched off, [document].
        sources: Their input rows, [document].
        sizes: Size of the change without each head, [document, head]; without documents if no head can be switched off.
        importance: Their means, [head]; empty without documents.
        faithfulness: Rows of `faithfulness` over all documents and fractions.
        removal: mask, delete or hide.
        facts: What `document_ablations` says of the task.
    """

    name: str
    has_own_layout: bool
    n_heads: int
    positions: list[int]
    sources: list[str]
    sizes: Floats
    importance: Floats
    faithfulness: list[Row]
    removal: str
    facts: Row

    @classmethod
    def read(cls, name: str, folder: Path, *, has_own_layout: bool) -> Self:
        """Read the tables of one model.

        Args:
            name: `own`, or its name in the study.
            folder: Folder of its results.
            has_own_layout: Whether it has the layers, heads and tokens of the study's own model.

        Raises:
            ArtifactError: A table is missing or damaged.
        """
        paths = EvidencePaths.below(folder / "evidence")
        columns = ["position", "source_id", "changes"]
        off, facts = _read(paths.document_ablations, evidence_schemas.DOCUMENT_ABLATIONS, columns)
        scores, of_scores = _read(paths.faithfulness, evidence_schemas.FAITHFULNESS)
        n_heads = facts["n_layers"] * facts["n_heads"]
        ranked, _ = _read(paths.head_importance, evidence_schemas.HEAD_IMPORTANCE, ["measured"])
        return cls(
            name=name,
            has_own_layout=has_own_layout,
            n_heads=facts["n_heads"],
            positions=[row["position"] for row in off],
            sources=[row["source_id"] for row in off],
            sizes=np.abs(np.array([row["changes"] for row in off], np.float64).reshape(len(off), n_heads)),
            importance=np.array([row["measured"] for row in ranked if row["measured"] is not None], np.float64),
            faithfulness=[
                row
                for row in scores
                if (row["grouping"], row["fraction"]) == ("all", None)
                and row["measure"] in MEASURES
                and row["difference"] is not None
            ],
            removal=of_scores["removal"],
            facts=facts | {"fractions": of_scores["fractions"]},
        )

    def require_same_documents(self, other: Self) -> None:
        """Check that the heads of another model were switched off in the same documents, if they can be.

        Raises:
            ArtifactError: They were not.
        """
        if self.positions and other.positions and self.positions != other.positions:
            raise ArtifactError(
                f"heads of model {other.name} were switched off in other documents than those of the study's own.",
                (),
                files.REBUILD,
            )


def importance_rows(models: Sequence[ModelEvidence], n_resamples: int, seed: int) -> Iterator[Row]:
    """Yield the rows of `model_importance`, None where undefined.

    Args:
        models: The study's own, then the others.
        n_resamples: Resamples of input rows for the intervals.
        seed: Of resamples and halves.
    """
    for one in models:
        own = models[0]
        row: Row = dict.fromkeys(model_evidence_schemas.MODEL_IMPORTANCE.arrow.names)
        row |= {"model": one.name, "n_documents": len(one.positions), "n_sources": len(set(one.sources))}
        if len(one.importance):
            top = int(one.importance.argmax())
            layer, head = divmod(top, one.n_heads)
            row |= {"top_layer": layer, "top_head": head, "top_importance": float(one.importance[top])}
        if one.has_own_layout and len(one.importance) and len(own.importance):
            row |= _beside_own(own, one, n_resamples, seed)
        yield row


def _beside_own(own: ModelEvidence, one: ModelEvidence, n_resamples: int, seed: int) -> Row:
    rows: NDArray[np.intp] = np.unique(np.array(own.sources, dtype=str), return_inverse=True)[1]
    n_larger = (one.importance > one.importance[own.importance.argmax()]).sum()
    found: Row = {"rank_of_own_top": int(n_larger) + 1, "other_documents": _on_halves(own, one, rows, seed)}
    if one is own:
        return found
    drawn = draw_weights(rows, n_resamples, seed) if rows.max() else ()
    replicates = [order_correlation(weight @ own.sizes, weight @ one.sizes) for weight in drawn]
    value, low, high = normal_interval(order_correlation(own.importance, one.importance), replicates)
    return found | {"correlation": value, "correlation_low": low, "correlation_high": high}


def _on_halves(own: ModelEvidence, one: ModelEvidence, rows: NDArray[np.intp], seed: int) -> float | None:
    """Return the mean correlation of one model on half of the input rows with the own model on the other half."""
    n_rows = int(rows.max()) + 1
    if n_rows < 2:
        return None
    random, found = np.random.default_rng(seed), []
    for _ in range(N_HALVINGS):
        is_first = np.isin(rows, random.permutation(n_rows)[: n_rows // 2])
        for mine, theirs in ((is_first, ~is_first), (~is_first, is_first)):
            found.append(order_correlation(own.sizes[mine].mean(axis=0), one.sizes[theirs].mean(axis=0)))
    defined = [value for value in found if not np.isnan(value)]
    return float(np.mean(defined)) if defined else None


def faithfulness_rows(models: Sequence[ModelEvidence]) -> Iterator[Row]:
    """Yield the rows of `model_faithfulness`.

    Args:
        models: The study's own, then the others.
    """
    for one in models:
        for measure in MEASURES:
            for row in one.faithfulness:
                if row["measure"] == measure:
                    copied = {name: row[name] for name in (*OF_SCORE, *OF_DIFFERENCE)}
                    yield {"model": one.name, "removal": one.removal, **copied}


def _read(path: Path, schema: Schema, columns: list[str] | None = None) -> tuple[list[Row], Row]:
    return files.read_table(path, schema, columns).to_pylist(), files.read_facts(path, schema)
