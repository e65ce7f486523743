"""The stage `compare_models`: what differs between models that read the same documents, and what seeds agree on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attviz_pipeline.analysis.predictions.order_correlation import correlation_by_chance
from attviz_pipeline.analysis.terms.corpus import Sample
from attviz_pipeline.artifacts import files, model_evidence_schemas, models_schemas
from attviz_pipeline.artifacts.failed import Failed
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
from attviz_pipeline.models_compared.terms import correlations, median_of_others, shared_ranking
from attviz_pipeline.models_compared.words import N_HALVES
from attviz_pipeline.stages import CompareModels
from attviz_pipeline.tasks.registry import task_of

Columns = dict[str, Any]


def compare_models(
    settings: CompareModels, measures: Sequence[MeasurePaths], models: Sequence[Path], comparison: ModelsPaths
) -> None:
    """Compare the study's own model, on the same documents, with the other models of the study.

    Heads are compared one by one with models of the same layout: the same layers, heads, tokens and terms. Predictions
    and the terms that two models share are compared with all models. A model that failed is left out and listed.

    Args:
        settings: The models, which of them have evidence, which documents, and the seed of the tests.
        measures: Artifacts of `measure_shard` of the own model, all shards; those of the others have the same names.
        models: Folder of each model's results, the own first, then in the order of the settings.
        comparison: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or a model read other documents.
    """
    folders = dict(zip(settings.compared, models[1:], strict=True))
    failed = {
        name: found
        for name, folder in folders.items()
        if (found := Model.failure(folder, measures, with_evidence=name in settings.with_evidence))
    }
    sample = Sample(settings.seed, settings.inference.max_documents)
    own = Model.read(OWN, ComparedModel(kind=OWN, seed=settings.seed), models[0], measures, sample)
    others = [
        Model.read(name, settings.compared[name], folder, measures, sample)
        for name, folder in folders.items()
        if name not in failed
    ]
    for other in others:
        own.require_comparable(other, folders[other.name])
    measured = [one for one in others if one.name in settings.with_evidence]
    evidence = [
        ModelEvidence.read(one.name, folders.get(one.name, models[0]), has_own_layout=own.has_layout_of(one))
        for one in ([own, *measured] if measured else [])
    ]
    for one in evidence[1:]:
        evidence[0].require_same_documents(one)
    write_comparison(settings, own, others, failed, comparison)
    write_evidence(settings, evidence, comparison)


def write_comparison(
    settings: CompareModels, own: Model, others: Sequence[Model], failed: Mapping[str, Failed], comparison: ModelsPaths
) -> None:
    """Compare models that are read already.

    Args:
        settings: As in `compare_models`.
        own: The study's own model.
        others: The other models, which read the same documents.
        failed: Why each of the rest is left out, by name.
        comparison: Artifacts to write.
    """
    aligned = [one for one in others if own.has_layout_of(one)]
    shape = {"n_layers": own.n_layers, "n_heads": own.n_heads}
    n_rows = len(own.documents.row_names)
    _write(
        comparison.models,
        models_schemas.MODELS,
        _list(own, others, settings),
        {
            **shape,
            **own.documents.counts(),
            "n_documents": len(own.documents.row),
            "n_rows": n_rows,
            "failed": _list_failed(failed, settings),
        },
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
    rankings = [shared_ranking(one.name, one.ranking, own.ranking) for one in (own, *others)]
    schema = models_schemas.MODEL_TERMS
    _write(comparison.model_terms, schema, _joined(rankings, schema), {})
    _write(comparison.matched_heads, models_schemas.MATCHED_HEADS, _columns(matched, models_schemas.MATCHED_HEADS), {})


def write_evidence(settings: CompareModels, found: Sequence[ModelEvidence], comparison: ModelsPaths) -> None:
    """Write what the evidence of models has in common; tables without rows where fewer than two models have any.

    Args:
        settings: As in `compare_models`.
        found: Evidence of the study's own model, and of others; or none.
        comparison: Artifacts to write.
    """
    n_resamples, seed = settings.assessment.n_resamples, settings.seed
    n_heads = len(found[0].importance) if found else 0
    facts = {
        **(task_of(found[0].facts).evidence_facts if found else {}),
        "by_chance": correlation_by_chance(n_heads, n_resamples, seed),
        "n_resamples": n_resamples,
        "n_halvings": N_HALVINGS,
        "seed": seed,
    }
    _write_rows(
        comparison.model_importance,
        model_evidence_schemas.MODEL_IMPORTANCE,
        list(importance_rows(found, n_resamples, seed)),
        facts,
    )
    _write_rows(
        comparison.model_faithfulness,
        model_evidence_schemas.MODEL_FAITHFULNESS,
        list(faithfulness_rows(found)),
        {"fractions": found[0].facts["fractions"] if found else []},
    )


def _write_rows(path: Path, schema: Schema, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    files.write_table(path, schema, {name: [row.get(name) for row in rows] for name in schema.arrow.names}, facts)


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


def _list_failed(failed: Mapping[str, Failed], settings: CompareModels) -> list[dict[str, Any]]:
    made = settings.compared
    return [
        {"model": name, **made[name].model_dump(include={"kind", "seed", "epoch"}), **asdict(found)}
        for name, found in failed.items()
    ]


def _joined(parts: Sequence[Columns], schema: Schema) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in schema.arrow.names}


def _write(path: Path, schema: Schema, columns: Columns, facts: Mapping[str, Any]) -> None:
    files.write_table(path, schema, {name: _nullable(values) for name, values in columns.items()}, facts)


def _nullable(values: Any) -> Any:  # noqa: ANN401 - any column
    is_float = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return pa.array(values, mask=np.isnan(values)) if is_float else values
