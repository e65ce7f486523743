"""Terms with the highest self-attention in the study's own model, and what they have in other models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.report.views.models import ModelResults, ModelView

N_TERMS = 25
N_TOP = 10
"""Terms that count as the highest of a model."""
LEAST_TERMS = 2 * N_TOP
"""With fewer shared terms, two rankings share their highest ones anyway."""
LEFT_OUT = {"epoch"}
"""Kinds of models without a column: epochs are many, and on the way to the own model."""


@dataclass(frozen=True)
class TermInModel:
    """A term in one model: self-attention in multiples of even attention (geometric mean), and place in the ranking."""

    times: float
    rank: int


@dataclass(frozen=True)
class TermInModels:
    """One term in every model, the own first; None where a model lacks it."""

    term: str
    values: list[TermInModel | None]
    over_seeds: tuple[float, float, float] | None
    """Geometric mean, lowest and highest of `times` over the models that were fine-tuned alike; None with one such."""


@dataclass(frozen=True)
class TopShared:
    """How many of the highest terms of the own model are among the highest of another one.

    Attributes:
        model: The other model.
        terms: Terms among the highest of both, of the terms that both have, the highest first.
        n_terms: Terms that both have.
    """

    model: ModelView
    terms: list[str]
    n_terms: int

    @property
    def by_chance(self) -> float:
        """How many two random rankings share on average."""
        return N_TOP * N_TOP / self.n_terms


@dataclass(frozen=True)
class ModelTermsView:
    """The section of the page of tokens.

    Attributes:
        models: The models with a column, the own first.
        rows: Terms of the own model, the highest first, at most 25.
        n_terms: Terms that the own model ranks.
        shared: How many of its highest terms other models share, of those with enough shared terms.
    """

    models: list[ModelView]
    rows: list[TermInModels]
    n_terms: int
    shared: list[TopShared]


def model_terms_view(results: ModelResults | None, paths: ModelsPaths | None) -> ModelTermsView | None:
    """Read the terms of all models; None without other models or without ranked terms.

    Args:
        results: The comparison of models; None where there is none.
        paths: Its tables, likewise.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    if results is None or paths is None:
        return None
    models = [one for one in results.models if one.kind not in LEFT_OUT]
    ranked: dict[str, list[dict[str, Any]]] = {one.name: [] for one in results.models}
    for row in files.read_table(paths.model_terms, models_schemas.MODEL_TERMS).to_pylist():
        ranked[row["model"]].append(row)
    own, *others = ([row["term"] for row in ranked[one.name]] for one in models)
    if not own or not others:
        return None
    values = {one.name: {row["term"]: _value(row) for row in ranked[one.name]} for one in models}
    alike = [one.name for one in models if one.kind in {"own", "seed"}]
    rows = [
        TermInModels(
            term,
            [values[one.name].get(term) for one in models],
            _spread([values[name][term].times for name in alike if term in values[name]]),
        )
        for term in own[:N_TERMS]
    ]
    shared = [_shared(model, own, other) for model, other in zip(models[1:], others, strict=True)]
    return ModelTermsView(models, rows, len(own), [one for one in shared if one.n_terms >= LEAST_TERMS])


def _value(row: dict[str, Any]) -> TermInModel:
    return TermInModel(math.exp(row["shrunken_log_ratio"]), row["rank"])


def _spread(times: Sequence[float]) -> tuple[float, float, float] | None:
    return (math.exp(fmean(map(math.log, times))), min(times), max(times)) if len(times) > 1 else None


def _shared(model: ModelView, own: Sequence[str], other: Sequence[str]) -> TopShared:
    """Compare two rankings, each without the terms that the other lacks."""
    among = set(other)
    first = [term for term in own if term in among]
    highest = {*other[:N_TOP]}
    return TopShared(model, [term for term in first[:N_TOP] if term in highest], len(first))
