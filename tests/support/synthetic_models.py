"""Invented comparisons of models, for pages and figures: 2 layers of 3 heads, one pretrained model and two seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.artifacts.schema import Schema

N_LAYERS, N_HEADS = 2, 3
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
MODELS = [("own", "own", 13), ("pretrained", "pretrained", None), ("seed-14", "seed", 14), ("seed-15", "seed", 15)]
SHAPE = {"n_layers": N_LAYERS, "n_heads": N_HEADS, "n_rows": 24}


def write_models(
    folder: Path,
    label_names: Sequence[str],
    kinds: Sequence[str] = ("pretrained", "seed"),
    score: str = "macro_f1",
    failed: Sequence[Mapping[str, Any]] = (),
) -> ModelsPaths:
    """Write every table of a comparison: head 2 of layer 1 changes most, and head 0 of layer 0 has the largest effect.

    Args:
        folder: Where they go.
        label_names: Names of the classes.
        kinds: Kinds of models that are compared with the own one.
        score: Name of the models' score.
        failed: Models that could not be compared, as in the facts of `models`.
    """
    paths = ModelsPaths.below(folder)
    folder.mkdir(parents=True)
    models = [one for one in MODELS if one[1] in {"own", *kinds}]
    others = [name for name, _, _ in models[1:]]
    n_seeds = sum(kind == "seed" for _, kind, _ in models)
    files.write_table(
        paths.models,
        models_schemas.MODELS,
        _columns(_models(models, score), models_schemas.MODELS),
        SHAPE | {"n_documents": 24, "failed": [dict(one) for one in failed]},
    )
    layers = [_layer(name, number, layer) for number, (name, _, _) in enumerate(models) for layer in range(N_LAYERS)]
    files.write_table(paths.model_layers, models_schemas.MODEL_LAYERS, _columns(layers, models_schemas.MODEL_LAYERS))
    heads = [_head(name, layer, head) for name in others for layer, head in HEADS]
    facts = SHAPE | {"n_flips": 9_999, "seed": 13}
    files.write_table(paths.model_heads, models_schemas.MODEL_HEADS, _columns(heads, models_schemas.MODEL_HEADS), facts)
    tuned = [_tuned(layer, head) for layer, head in HEADS] if "pretrained" in others and n_seeds else []
    columns = _columns(tuned, models_schemas.FINE_TUNED_HEADS)
    files.write_table(paths.fine_tuned_heads, models_schemas.FINE_TUNED_HEADS, columns, {"n_models": n_seeds + 1})
    effects = [
        _effect(group, layer, head, n_seeds, before="pretrained" in others)
        for group in label_names
        for layer, head in HEADS
    ]
    columns = _columns(effects, models_schemas.EFFECT_REPLICATIONS)
    files.write_table(paths.effect_replications, models_schemas.EFFECT_REPLICATIONS, columns)
    return paths


def _columns(rows: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else schema.arrow.names)}


def _models(models: Sequence[tuple[str, str, int | None]], score: str) -> list[dict[str, Any]]:
    return [
        {
            "model": name,
            "kind": kind,
            "epoch": None,
            "source": "models/base",
            "has_own_layout": True,
            "seed": seed,
            "score": score,
            "test": None if kind == "pretrained" else 0.8 + 0.01 * (seed or 0) / 2,
            "effect_correlation": {"own": 1.0, "pretrained": 0.1}.get(kind, 0.6),
        }
        for name, kind, seed in models
    ]


def _layer(name: str, number: int, layer: int) -> dict[str, Any]:
    log_ratio, evenness = 0.5 * layer - 0.2 * number, 0.9 - 0.05 * number
    return {
        "model": name,
        "layer": layer,
        "log_ratio": log_ratio,
        "log_ratio_low": log_ratio - 0.1,
        "log_ratio_high": log_ratio + 0.1,
        "evenness": evenness,
        "evenness_low": evenness - 0.01,
        "evenness_high": evenness + 0.01,
    }


def _change(name: str, value: float, q: float) -> dict[str, float]:
    return {
        f"{name}_change": value,
        f"{name}_change_low": value - 0.1,
        f"{name}_change_high": value + 0.1,
        f"{name}_p": q / 2,
        f"{name}_q": q,
    }


def _head(name: str, layer: int, head: int) -> dict[str, Any]:
    size = 0.3 * layer * head * (1 if name == "pretrained" else -0.5)
    return {
        "model": name,
        "layer": layer,
        "head": head,
        "own_log_ratio": size,
        "log_ratio": 0.0,
        "own_evenness": 0.9,
        "evenness": 0.9,
        **_change("log_ratio", size, 0.001 if size else 0.7),
        **_change("evenness", 0.0, 0.8),
        "n_terms": 40,
        "term_correlation": 0.8,
        "other_heads_correlation": 0.3,
    }


def _tuned(layer: int, head: int) -> dict[str, Any]:
    size = 0.3 * layer * head
    return {
        "layer": layer,
        "head": head,
        **_change("log_ratio", size, 0.01 if size > 0.5 else 0.4),
        **_change("evenness", 0.0, 0.8),
        "log_ratio_spread": 0.1,
        "evenness_spread": 0.01,
    }


def _effect(group: str, layer: int, head: int, n_others: int, *, before: bool) -> dict[str, Any]:
    is_found = layer == 0 and head < 2
    size = (1.5 - 0.5 * head) if is_found else 0.1
    return {
        "grouping": "gold",
        "group": group,
        "layer": layer,
        "head": head,
        "effect": size,
        "effect_low": size - 0.4,
        "effect_high": size + 0.4,
        "q": 0.001 if is_found else 0.6,
        "n_others": n_others,
        "n_found_again": n_others if is_found and head == 0 else 0,
        "mean_effect": size * 0.8,
        "spread": 0.2 if n_others else None,
        "mean_effect_low": size * 0.8 - 0.9 if n_others else None,
        "mean_effect_high": size * 0.8 + 0.9 if n_others else None,
        "pretrained_effect": 0.2 if before else None,
    }
