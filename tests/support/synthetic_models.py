"""Invented comparisons of models, for pages and figures: 2 layers of 3 heads, one pretrained model and two seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, model_evidence_schemas, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.artifacts.schema import Schema

N_LAYERS, N_HEADS = 2, 3
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
MODELS = [
    ("own", "own", 13),
    ("pretrained", "pretrained", None),
    ("seed-14", "seed", 14),
    ("seed-15", "seed", 15),
    ("epoch-1", "epoch", None),
    ("epoch-2", "epoch", None),
]
OTHER = ("other", "other", None)
"""A model of another layout, which only some tests compare."""
N_MATCHED, N_DOCUMENTS = 4, 24
ACCURACY = {"own": 0.9, "seed-14": 0.85, "seed-15": 0.875, "epoch-1": 0.8, "epoch-2": 0.9, "other": 0.5}
MEASURES = ("comprehensiveness", "sufficiency")
BEYOND_RANDOM = {
    "self_mean": {"own", "seed-14"},
    "gradient_x_input": {"own", "seed-14", "seed-15"},
    "gradient_norm": {"seed-15"},
    "leave_one_out": {"own"},
}
"""Models in which each score of tokens is beyond random order."""
CORRELATIONS = {"seed-14": 0.9, "seed-15": 0.3, "epoch-1": 0.6, "epoch-2": 0.99}
"""Of the importance of heads with that in the own model."""
SHAPE = {"n_layers": N_LAYERS, "n_heads": N_HEADS, "n_rows": 24}


def write_models(  # noqa: PLR0913 - each is a property of the models that some test varies
    folder: Path,
    label_names: Sequence[str],
    kinds: Sequence[str] = ("pretrained", "seed"),
    score: str = "macro_f1",
    failed: Sequence[Mapping[str, Any]] = (),
    *,
    evidence: bool = False,
) -> ModelsPaths:
    """Write every table of a comparison: head 2 of layer 1 changes most, and head 0 of layer 0 has the largest effect.

    Args:
        folder: Where they go.
        label_names: Names of the classes.
        kinds: Kinds of models that are compared with the own one.
        score: Name of the models' score.
        failed: Models that could not be compared, as in the facts of `models`.
        evidence: Whether the models whose classifier is trained have evidence.
    """
    paths = ModelsPaths.below(folder)
    folder.mkdir(parents=True)
    models = [one for one in (*MODELS, OTHER) if one[1] in {"own", *kinds}]
    others = [name for name, _, _ in models[1:]]
    n_seeds = sum(kind == "seed" for _, kind, _ in models)
    _write(
        paths.models,
        models_schemas.MODELS,
        _models(models, score),
        SHAPE | {"n_documents": N_DOCUMENTS, "failed": [dict(one) for one in failed]},
    )
    layers = [
        _layer(name, number, layer)
        for number, (name, _, _) in enumerate(models)
        for layer in range(N_LAYERS + (name == "other"))
    ]
    _write(paths.model_layers, models_schemas.MODEL_LAYERS, layers)
    heads = [_head(name, layer, head) for name in others if name != "other" for layer, head in HEADS]
    _write(paths.model_heads, models_schemas.MODEL_HEADS, heads, SHAPE | {"n_flips": 9_999, "seed": 13})
    tuned = [_tuned(layer, head) for layer, head in HEADS] if "pretrained" in others and n_seeds else []
    _write(paths.fine_tuned_heads, models_schemas.FINE_TUNED_HEADS, tuned, {"n_models": n_seeds + 1})
    effects = [
        _effect(group, layer, head, n_seeds, before="pretrained" in others)
        for group in label_names
        for layer, head in HEADS
    ]
    _write(paths.effect_replications, models_schemas.EFFECT_REPLICATIONS, effects)
    trained = ["own", *(name for name in others if name != "pretrained")]
    pairs = [_pair(first, second, score) for first, second in combinations(trained, 2)]
    _write(paths.model_predictions, models_schemas.MODEL_PREDICTIONS, pairs)
    _write(paths.model_words, models_schemas.MODEL_WORDS, [_words(name) for name in others])
    _write(paths.model_terms, models_schemas.MODEL_TERMS, [row for one in models for row in _terms(one[0])])
    matched = [_matched(name, head) for name in others if name == "other" for head in range(N_MATCHED)]
    _write(paths.matched_heads, models_schemas.MATCHED_HEADS, matched)
    _write_evidence(paths, trained if evidence else [])
    return paths


def _write_evidence(paths: ModelsPaths, models: Sequence[str]) -> None:
    """Head 0 of layer 0 matters most, but in seed 15; no model but the own has evidence if there is one model only."""
    models = [name for name in models if name in {"own", *CORRELATIONS}] if len(models) > 1 else []
    of_importance, of_scores = model_evidence_schemas.ALL
    importance = [
        {
            "model": name,
            "n_documents": 16,
            "n_sources": 16,
            "top_layer": 0,
            "top_head": 1 if name == "seed-15" else 0,
            "top_importance": 0.5,
            "rank_of_own_top": None if name == "other" else 4 if name == "seed-15" else 1,
            "correlation": CORRELATIONS.get(name),
            "correlation_low": CORRELATIONS[name] - 0.1 if name in CORRELATIONS else None,
            "correlation_high": CORRELATIONS[name] + 0.1 if name in CORRELATIONS else None,
            "other_documents": 0.85 if name == "own" else CORRELATIONS[name] - 0.05 if name in CORRELATIONS else None,
        }
        for name in models
    ]
    scores = [_score(name, score, measure) for name in models for measure in MEASURES for score in BEYOND_RANDOM]
    facts = {"by_chance": 0.8, "n_resamples": 100, "n_halvings": 100, "seed": 13}
    _write(paths.model_importance, of_importance, importance, facts)
    _write(paths.model_faithfulness, of_scores, scores, {"fractions": [0.1, 0.5]})


def _score(model: str, score: str, measure: str) -> dict[str, Any]:
    is_found = model in BEYOND_RANDOM[score]
    size = (0.2 if is_found else 0.01) * (1 if measure == "comprehensiveness" else -1)
    return {
        "model": model,
        "score": score,
        "layer": None,
        "measure": measure,
        "removal": "mask",
        "n_documents": 8 if score == "leave_one_out" else 16,
        "n_sources": 8 if score == "leave_one_out" else 16,
        "mean": 0.3 + size,
        "floor": 0.3,
        "difference": size,
        "difference_low": size - 0.1,
        "difference_high": size + 0.1,
        "difference_q": 0.01 if is_found else 0.5,
    }


def _write(
    path: Path, schema: Schema, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any] | None = None
) -> None:
    columns = {name: [row[name] for row in rows] for name in schema.arrow.names}
    files.write_table(path, schema, columns, facts or {})


def _models(models: Sequence[tuple[str, str, int | None]], score: str) -> list[dict[str, Any]]:
    return [
        {
            "model": name,
            "kind": kind,
            "epoch": int(name[-1]) if kind == "epoch" else None,
            "source": "models/base",
            "has_own_layout": kind != "other",
            "seed": seed,
            "score": score,
            "test": None if kind == "pretrained" else 0.8 + 0.01 * (seed or 0) / 2,
            "effect_correlation": {"own": 1.0, "pretrained": 0.1, "other": None}.get(kind, 0.6),
            **_scores(name, score),
        }
        for name, kind, seed in models
    ]


def _scores(name: str, score: str) -> dict[str, float | None]:
    accuracy = ACCURACY.get(name) if score == "macro_f1" else None
    error = 1 - ACCURACY[name] if name in ACCURACY and score == "r2" else None
    return {
        **_bounded("accuracy", accuracy),
        **_bounded("mae", error),
        "ece": None if accuracy is None else 0.12,
        "ece_by_chance": None if accuracy is None else 0.1,
    }


def _pair(first: str, second: str, score: str) -> dict[str, Any]:
    is_share, is_tested = score == "macro_f1", first == "own"
    change = ACCURACY[first] - ACCURACY[second]
    difference = (change if is_share else -change) if is_tested else None
    q = {"other": 0.001, "seed-14": 0.3}.get(second, 0.8) if is_tested else None
    return {
        "model": first,
        "other": second,
        "n_documents": N_DOCUMENTS,
        **_bounded("agreement", 0.95 - abs(change) if is_share else None),
        "agreement_by_chance": 0.5 if is_share else None,
        "kappa": 2 * (0.45 - abs(change)) if is_share else None,
        **_bounded("value_correlation", None if is_share else 0.8),
        "n_labelled": 20 if is_tested else None,
        **_bounded("difference", difference),
        "n_only_model_right": 9 if is_share and is_tested else None,
        "n_only_other_right": 1 if is_share and is_tested else None,
        "test": None if not is_tested else "mcnemar" if is_share else "signs",
        "p": None if q is None else q / 2,
        "q": q,
    }


def _bounded(name: str, value: float | None) -> dict[str, float | None]:
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _words(name: str) -> dict[str, Any]:
    names = ["n_matched", "matched_mean", "matched_by_chance", "matched_by_chance_high", "matched_p", "matched_q"]
    matched: Sequence[float | None] = [N_MATCHED, 0.7, 0.2, 0.3, 0.005, 0.01] if name == "other" else [None] * 6
    return {
        "model": name,
        "n_terms": 30 if name == "other" else 40,
        "correlation": 0.35 if name == "pretrained" else 0.75,
        "halves_correlation": 0.85,
        **dict(zip(names, matched, strict=True)),
    }


def _terms(name: str) -> list[dict[str, Any]]:
    """40 terms, `term-00` first; other models have even numbers first, model `other` only the first 30."""
    numbers = list(range(30 if name == "other" else 40))
    if name != "own":
        numbers.sort(key=lambda number: number % 2)
    return [
        {
            "model": name,
            "term": f"term-{number:02d}",
            "rank": place,
            "shrunken_log_ratio": 1 - place / 40,
            "shrunken_log_ratio_low": 0.9 - place / 40,
            "shrunken_log_ratio_high": 1.1 - place / 40,
        }
        for place, number in enumerate(numbers, start=1)
    ]


def _matched(name: str, head: int) -> dict[str, Any]:
    layer, place = divmod(head, N_HEADS)
    return {
        "model": name,
        "layer": layer,
        "head": place,
        "other_layer": 0,
        "other_head": N_MATCHED - 1 - head,
        "correlation": 0.9 - 0.1 * head,
    }


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
        "attention_evenness": 0.8 - 0.1 * number,
        "n_effects": 6,
        "n_effects_found": 2 if layer == 0 else 0,
        "mean_effect_size": 0.7 - 0.4 * layer,
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
        "own_role": "mixed",
        "role": "previous" if (layer, head) == (1, 2) else "mixed",
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
