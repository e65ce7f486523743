"""The stage `compare_models`: what differs between models that read the same documents, and what seeds agree on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attviz_pipeline.analysis.predictions.order_correlation import correlation_by_chance
from attviz_pipeline.artifacts import files, model_evidence_schemas, models_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, ModelsPaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import ComparedModel
from attviz_pipeline.models_compared.effects import replications
from attviz_pipeline.models_compared.evidence import N_HALVINGS, ModelEvidence, faithfulness_rows, importance_rows
from attviz_pipeline.models_compared.heads import fine_tuned_changes, head_changes, layer_means
from attviz_pipeline.models_compared.matching import N_PERMUTATIONS, compare_words
from attviz_pipeline.models_compared.model import OWN, QUANTITIES, Model
from attviz_pipeline.models_compared.paired import flips_wanted
from attviz_pipeline.models_compared.predictions import compare_predictions, no_scores, scores
from attviz_pipeline.models_compared.terms import correlations, median_of_others
from attviz_pipeline.models_compared.words import N_HALVES
from attviz_pipeline.stages import CompareModels
from attviz_pipeline.tasks.registry import task_of

Columns = dict[str, Any]


def compare_models(
    settings: CompareModels, measures: Sequence[MeasurePaths], models: Sequence[Path], comparison: ModelsPaths
) -> None:
    """Compare the study's own model, on the same documents, with the other models of the study.

    Heads are compared one by one with models of the same layout: the same layers, heads, tokens and terms. Predictions
    and the terms that two models share are compared with all models.

    Args:
        settings: The models, which of them have evidence, and the seed of the tests.
        measures: Artifacts of `measure_shard` of the own model, all shards; those of the others have the same names.
        models: Folder of each model's results, the own first, then in the order of the settings.
        comparison: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or a model read other documents.
    """
    named = {OWN: ComparedModel(kind=OWN, seed=settings.seed), **settings.compared}
    own, *others = [
        Model.read(name, made, folder, measures) for (name, made), folder in zip(named.items(), models, strict=True)
    ]
    for other, folder in zip(others, models[1:], strict=True):
        own.require_comparable(other, folder)
    aligned = [one for one in others if own.has_layout_of(one)]
    shape = {"n_layers": own.n_layers, "n_heads": own.n_heads}
    n_rows = len(own.documents.row_names)
    _write(
        comparison.models,
        models_schemas.MODELS,
        _list(own, others, settings),
        {**shape, "n_documents": len(own.documents.row), "n_rows": n_rows},
    )
    _write(
        comparison.model_layers,
        models_schemas.MODEL_LAYERS,
        _joined([layer_means(one) for one in (own, *others)], models_schemas.MODEL_LAYERS),
        {},
    )
    n_flips = flips_wanted(len(QUANTITIES) * len(own.terms.values))
    other_heads = median_of_others(correlations(own.terms.values, own.terms.values))
    changes = [head_changes(own, other, other_heads, n_flips, settings.seed) for other in aligned]
    _write(
        comparison.model_heads,
        models_schemas.MODEL_HEADS,
        _joined(changes, models_schemas.MODEL_HEADS),
        {**shape, "n_rows": n_rows, "n_flips": n_flips, "seed": settings.seed},
    )
    pretrained = next((one for one in aligned if one.made.kind == "pretrained"), None)
    tuned = [one for one in (own, *aligned) if one.is_tuned_alike]
    by_tuning = [fine_tuned_changes(tuned, pretrained)] if pretrained is not None and len(tuned) > 1 else []
    _write(
        comparison.fine_tuned_heads,
        models_schemas.FINE_TUNED_HEADS,
        _joined(by_tuning, models_schemas.FINE_TUNED_HEADS),
        {"n_models": len(tuned), "n_rows": n_rows},
    )
    before = None if pretrained is None else pretrained.effects
    again = replications(own.effects, [one.effects for one in tuned[1:]], before)
    _write(comparison.effect_replications, models_schemas.EFFECT_REPLICATIONS, again, {})
    trained = {one.name: one.predictions for one in (own, *others) if one.has_classifier}
    pairs = compare_predictions(trained, settings)
    schema = models_schemas.MODEL_PREDICTIONS
    _write(comparison.model_predictions, schema, _columns(pairs, schema), {"seed": settings.seed})
    words, matched = compare_words(own, others, settings.seed)
    facts = {"n_halves": N_HALVES, "n_permutations": N_PERMUTATIONS, "seed": settings.seed}
    _write(comparison.model_words, models_schemas.MODEL_WORDS, _columns(words, models_schemas.MODEL_WORDS), facts)
    _write(comparison.matched_heads, models_schemas.MATCHED_HEADS, _columns(matched, models_schemas.MATCHED_HEADS), {})
    _write_evidence(settings, [own, *others], models, comparison)


def _write_evidence(
    settings: CompareModels, models: Sequence[Model], folders: Sequence[Path], comparison: ModelsPaths
) -> None:
    """Write what the evidence of the models has in common; tables without rows where fewer than two models have any."""
    measured = {OWN, *settings.with_evidence} if settings.with_evidence else set()
    found = [
        ModelEvidence.read(one.name, folder, has_own_layout=models[0].has_layout_of(one))
        for one, folder in zip(models, folders, strict=True)
        if one.name in measured
    ]
    for other in found[1:]:
        found[0].require_same_documents(other)
    n_resamples, seed = settings.assessment.n_resamples, settings.seed
    n_heads = len(found[0].importance) if found else 0
    facts = {
        **(task_of(found[0].facts).evidence_facts if found else {}),
        "by_chance": correlation_by_chance(n_heads, n_resamples, seed),
        "n_resamples": n_resamples,
        "n_halvings": N_HALVINGS,
        "seed": seed,
    }
    rows, schema = list(importance_rows(found, n_resamples, seed)), model_evidence_schemas.MODEL_IMPORTANCE
    _write(comparison.model_importance, schema, _columns(rows, schema), facts)
    rows, schema = list(faithfulness_rows(found)), model_evidence_schemas.MODEL_FAITHFULNESS
    facts = {"fractions": found[0].facts["fractions"] if found else []}
    _write(comparison.model_faithfulness, schema, _columns(rows, schema), facts)


def _list(own: Model, others: Sequence[Model], settings: CompareModels) -> Columns:
    every = [own, *others]
    fit = [scores(one.predictions, settings) if one.has_classifier else no_scores() for one in every]
    return {
        "model": [one.name for one in every],
        "kind": [one.made.kind for one in every],
        "seed": [one.seed for one in every],
        "epoch": [one.made.epoch for one in every],
        "source": [own.source if one.made.kind == "epoch" else one.source for one in every],
        "has_own_layout": [own.has_layout_of(one) for one in every],
        "score": [one.score[0] for one in every],
        "test": [one.score[1] for one in every],
        "effect_correlation": [
            own.effects.correlation(one.effects) if own.has_layout_of(one) else None for one in every
        ],
        **{name: [of_model[name] for of_model in fit] for name in fit[0]},
    }


def _columns(rows: Sequence[Mapping[str, Any]], schema: Schema) -> Columns:
    names = schema.arrow.names
    return {name: [None if row[name] != row[name] else row[name] for row in rows] for name in names}


def _joined(parts: Sequence[Columns], schema: Schema) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in schema.arrow.names}


def _write(path: Path, schema: Schema, columns: Columns, facts: Mapping[str, Any]) -> None:
    files.write_table(path, schema, {name: _nullable(values) for name, values in columns.items()}, facts)


def _nullable(values: Any) -> Any:  # noqa: ANN401 - any column
    is_float = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return pa.array(values, mask=np.isnan(values)) if is_float else values
