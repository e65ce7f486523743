"""The stage `compare_models`: what differs between models that read the same documents, and what seeds agree on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis.inference import benjamini_hochberg
from attviz_pipeline.analysis.terms.corpus import Documents
from attviz_pipeline.artifacts import files, model_schemas, models_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, ModelsPaths, TermPaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import ComparedModel
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.models_compared.effects import Effects, replications
from attviz_pipeline.models_compared.paired import (
    crossed_change,
    flips_wanted,
    mean_change,
    row_means,
    sign_flip_p,
)
from attviz_pipeline.models_compared.terms import correlations, median_of_others, read_terms
from attviz_pipeline.stages import CompareModels
from attviz_pipeline.tasks.registry import task_of

Floats = NDArray[np.float64]
Columns = dict[str, Any]

OWN = "own"
QUANTITIES = ("log_ratio", "evenness")
IDENTITY = ["position", "source_id", "n_tokens"]


@dataclass(frozen=True)
class Model:
    """What is compared of one model.

    Attributes:
        name: `own`, or its name in the study.
        made: How it was made.
        documents: Its documents.
        rows: Means of input rows by quantity, NaN where undefined, [row, head].
        terms: Length-corrected self-attention of terms, [head, term].
        effects: Effects of gold classes or values.
        metrics: Its scores.
    """

    name: str
    made: ComparedModel
    documents: Documents
    rows: Mapping[str, Floats]
    terms: Floats
    effects: Effects
    metrics: Mapping[str, Any]

    @classmethod
    def read(cls, name: str, made: ComparedModel, folder: Path, measures: Sequence[MeasurePaths]) -> Self:
        """Read the results of one model.

        Raises:
            ArtifactError: A file is missing or damaged.
        """
        paths = [folder / "measures" / one.document_heads.name for one in measures]
        documents = Documents.read(paths, ["n_tokens", *QUANTITIES])
        n_heads = documents.facts["n_layers"] * documents.facts["n_heads"]
        tables = TermPaths.below(folder / "statistics")
        return cls(
            name,
            made,
            # Without the values, which are large.
            replace(documents, table=documents.table.select(IDENTITY)),
            {quantity: _rows(documents, quantity, n_heads) for quantity in QUANTITIES},
            read_terms(tables.head_terms, n_heads),
            Effects.read(tables.class_heads),
            files.read_json(folder / "model" / "metrics.json", model_schemas.METRICS),
        )

    @property
    def kind(self) -> str:
        """own, pretrained or seed."""
        return OWN if self.name == OWN else "seed" if self.made.is_trained else "pretrained"

    @property
    def score(self) -> tuple[str, float | None]:
        """Name and value on split test of the task's score; None without one."""
        name = task_of(self.metrics).criterion
        return name, self.metrics["splits"].get("test", {}).get(name)


def compare_models(
    settings: CompareModels, measures: Sequence[MeasurePaths], models: Sequence[Path], comparison: ModelsPaths
) -> None:
    """Compare the study's own model, head by head on the same documents, with the other models of the study.

    Args:
        settings: The models, and the seed of the tests.
        measures: Artifacts of `measure_shard` of the own model, all shards; those of the others have the same names.
        models: Folder of each model's results, the own first, then in the order of the settings.
        comparison: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or a model read other documents.
    """
    named = {OWN: ComparedModel(settings.seed, is_trained=True), **settings.compare.models(settings.seed)}
    own, *others = [
        Model.read(name, made, folder, measures) for (name, made), folder in zip(named.items(), models, strict=True)
    ]
    for other, folder in zip(others, models[1:], strict=True):
        _require_same(own, other, folder)
    shape = {"n_layers": own.documents.facts["n_layers"], "n_heads": own.documents.facts["n_heads"]}
    n_rows = len(own.documents.row_names)
    _write(
        comparison.models,
        models_schemas.MODELS,
        _list(own, others),
        {**shape, "n_documents": len(own.documents.row), "n_rows": n_rows},
    )
    _write(comparison.model_layers, models_schemas.MODEL_LAYERS, _joined([_layers(one) for one in (own, *others)]), {})
    n_flips = flips_wanted(len(QUANTITIES) * own.terms.shape[0])
    other_heads = median_of_others(correlations(own.terms, own.terms))
    _write(
        comparison.model_heads,
        models_schemas.MODEL_HEADS,
        _joined([_heads(own, other, other_heads, n_flips, settings.seed) for other in others]),
        {**shape, "n_rows": n_rows, "n_flips": n_flips, "seed": settings.seed},
    )
    pretrained = next((one for one in others if not one.made.is_trained), None)
    tuned = [own, *(one for one in others if one.made.is_trained)]
    changes = _fine_tuned(tuned, pretrained) if pretrained is not None and len(tuned) > 1 else {"layer": [], "head": []}
    _write(
        comparison.fine_tuned_heads,
        models_schemas.FINE_TUNED_HEADS,
        changes,
        {"n_models": len(tuned), "n_rows": n_rows},
    )
    before = None if pretrained is None else pretrained.effects
    again = replications(own.effects, [one.effects for one in tuned[1:]], before)
    _write(comparison.effect_replications, models_schemas.EFFECT_REPLICATIONS, again, {})


def _rows(documents: Documents, quantity: str, n_heads: int) -> Floats:
    defined, values = documents.values(quantity)
    everywhere = np.full((len(documents.row), n_heads), np.nan)
    everywhere[defined] = values
    return row_means(everywhere, documents.row, len(documents.row_names))


def _require_same(own: Model, other: Model, folder: Path) -> None:
    same = own.documents.facts == other.documents.facts and own.terms.shape == other.terms.shape
    if not same or not own.documents.table.equals(other.documents.table):
        raise ArtifactError(
            f"the model in {folder} has other documents, heads or terms than the study's own.", (), files.REBUILD
        )
    own.effects.require_same(other.effects, folder)


def _list(own: Model, others: Sequence[Model]) -> Columns:
    every = [own, *others]
    return {
        "model": [one.name for one in every],
        "kind": [one.kind for one in every],
        "seed": [one.made.seed if one.made.is_trained else None for one in every],
        "score": [one.score[0] for one in every],
        "test": [one.score[1] for one in every],
        "effect_correlation": [own.effects.correlation(one.effects) for one in every],
    }


def _places(own: Model) -> dict[str, Any]:
    layer, head = np.divmod(np.arange(own.terms.shape[0]), own.documents.facts["n_heads"])
    return {"layer": layer, "head": head}


def _layers(model: Model) -> Columns:
    n_layers = model.documents.facts["n_layers"]
    columns: dict[str, Any] = {"model": [model.name] * n_layers, "layer": np.arange(n_layers)}
    for quantity, rows in model.rows.items():
        of_layers = _defined(rows).reshape(-1, n_layers, model.documents.facts["n_heads"]).mean(axis=2)
        found = mean_change(of_layers)
        columns |= {quantity: found.mean, f"{quantity}_low": found.low, f"{quantity}_high": found.high}
    return columns


def _heads(own: Model, other: Model, other_heads: Floats, n_flips: int, seed: int) -> Columns:
    columns: dict[str, Any] = {"model": [other.name] * len(own.terms), **_places(own)}
    for quantity in QUANTITIES:
        mine, theirs = _both(own.rows[quantity], other.rows[quantity])
        found = mean_change(mine - theirs)
        columns |= {
            f"own_{quantity}": mean_change(mine).mean,
            quantity: mean_change(theirs).mean,
            f"{quantity}_change": found.mean,
            f"{quantity}_change_low": found.low,
            f"{quantity}_change_high": found.high,
            f"{quantity}_p": sign_flip_p(mine - theirs, n_flips, seed),
        }
    return (
        columns
        | _q_of(columns)
        | {
            "n_terms": np.full(len(own.terms), own.terms.shape[1]),
            "term_correlation": np.diagonal(correlations(own.terms, other.terms)),
            "other_heads_correlation": other_heads,
        }
    )


def _fine_tuned(tuned: Sequence[Model], pretrained: Model) -> Columns:
    columns: dict[str, Any] = _places(pretrained)
    for quantity in QUANTITIES:
        before, *after = _both(pretrained.rows[quantity], *(one.rows[quantity] for one in tuned))
        found = crossed_change(np.stack(after) - before)
        columns |= {
            f"{quantity}_change": found.mean,
            f"{quantity}_change_low": found.low,
            f"{quantity}_change_high": found.high,
            f"{quantity}_spread": found.spread,
            f"{quantity}_p": found.p,
        }
    return columns | _q_of(columns)


def _q_of(columns: Columns) -> Columns:
    """Adjust the tests of both quantities together."""
    q = benjamini_hochberg(np.stack([columns[f"{quantity}_p"] for quantity in QUANTITIES]))
    return {f"{quantity}_q": values for quantity, values in zip(QUANTITIES, q, strict=True)}


def _both(*every: Floats) -> list[Floats]:
    """Keep the rows that are defined in all models, [row, head]."""
    there = ~np.isnan(np.stack(every)).any(axis=(0, 2))
    return [rows[there] for rows in every]


def _defined(rows: Floats) -> Floats:
    return _both(rows)[0]


def _joined(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _write(path: Path, schema: Schema, columns: Columns, facts: Mapping[str, Any]) -> None:
    files.write_table(path, schema, {name: _nullable(values) for name, values in columns.items()}, facts)


def _nullable(values: Any) -> Any:  # noqa: ANN401 - any column
    is_float = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return pa.array(values, mask=np.isnan(values)) if is_float else values
