"""The page Models: the study's own model beside the one before fine-tuning, and those of other seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import ModelKind
from attviz_pipeline.report.model_maps import ModelMaps
from attviz_pipeline.report.views.line_chart import Axis, Line, LineChartView, line_chart
from attviz_pipeline.report.views.model_predictions import ModelPredictions, read_predictions
from attviz_pipeline.report.views.profiles import ROLE_NAMES
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

if TYPE_CHECKING:
    from attviz_pipeline.report.views.model_evidence import ModelEvidence

Row = dict[str, Any]

N_STEPS = 4
"""Shades of a change on each side of 0."""
N_MOVERS, N_EFFECTS = 10, 30


@dataclass(frozen=True)
class ModelView:
    """One model.

    `seed` and `epoch` are None where another kind of model has none, `score` without a test split, `effect_correlation`
    without effects or in another layout.
    """

    name: str
    kind: ModelKind
    seed: int | None
    epoch: int | None
    source: str
    has_own_layout: bool
    score_name: str
    score: float | None
    effect_correlation: float | None

    @property
    def title(self) -> str:
        """Its name in tables and legends."""
        seed = f"seed {self.seed}"
        titles = {
            "own": "this model" if self.seed is None else f"this model ({seed})",
            "pretrained": "before fine-tuning",
            "seed": seed,
        }
        return titles.get(self.kind, f"after epoch {self.epoch}" if self.kind == "epoch" else self.name)

    @property
    def where(self) -> str:
        """The same in a sentence that compares: more *before fine-tuning*, more *in seed 14*."""
        return self.title if self.kind in {"pretrained", "epoch"} else f"in {self.title}"


@dataclass(frozen=True)
class FailedView:
    """A model that could not be compared: the stage that failed, and its message on one line."""

    name: str
    kind: ModelKind
    seed: int | None
    epoch: int | None
    stage: str
    reason: str


@dataclass(frozen=True)
class ChangeView:
    """Change of one head: difference of means of ln(n a), or of evenness; None where no document has a value.

    `shade` is -4..4 of the largest change of the same kind, 0 where it is small or unknown.
    """

    head: HeadRef
    value: float | None
    low: float | None
    high: float | None
    q: float | None
    shade: int = 0

    @property
    def is_found(self) -> bool:
        """Whether it is beyond chance."""
        return self.q is not None and self.q < SIGNIFICANT


class HeadValues(NamedTuple):
    """One head in one model: mean of ln(n a) and evenness over input rows, and its role; None where unknown."""

    log_ratio: float | None
    evenness: float | None
    role: str | None

    @property
    def role_name(self) -> str:
        """What pages call its role; a dash where unknown."""
        return ROLE_NAMES.get(self.role, self.role) if self.role else "\N{EN DASH}"


@dataclass(frozen=True)
class ComparedView:
    """The own model minus another one.

    Attributes:
        model: The other model.
        changes: Of the mean of ln(n a), by row of heads.
        evenness: The same of evenness.
        n_terms: Terms whose order was compared.
        term_correlations: Rank correlation of terms of each head with the same head, None where undefined.
        other_heads: The median of the same with the own model's other heads.
        heads: Each head in the own model, and in the other.
    """

    model: ModelView
    changes: list[ChangeView]
    evenness: list[ChangeView]
    n_terms: int
    term_correlations: list[float | None]
    other_heads: list[float | None]
    heads: list[tuple[HeadValues, HeadValues]]

    @property
    def roles(self) -> list[tuple[str, str]]:
        """Role of each head in the own model, and in the other; empty without full mode."""
        return [(own.role, other.role) for own, other in self.heads if own.role and other.role]

    def grid(self, n_heads: int) -> list[list[ChangeView]]:
        """Changes by layer."""
        return [self.changes[start : start + n_heads] for start in range(0, len(self.changes), n_heads)]

    @property
    def movers(self) -> list[ChangeView]:
        """Heads that changed beyond chance, the largest first, at most ten."""
        return found_first(self.changes)[:N_MOVERS]


@dataclass(frozen=True)
class ReplicationView:
    """One effect of a gold class or value in a head, in this model and in others; None where undefined."""

    group: str
    page: str | None
    head: HeadRef
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    q: float | None
    n_others: int
    n_found_again: int
    mean_effect: float | None
    mean_effect_low: float | None
    mean_effect_high: float | None
    pretrained_effect: float | None
    q_too_small: bool = False
    """Whether q comes from permutations that treat documents of one input row as independent."""

    @property
    def is_found(self) -> bool:
        """Whether this model has it."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class ModelResults:
    """What the comparison of models found.

    Attributes:
        models: Which models, the own first.
        compared: Changes against each other model.
        fine_tuned: Mean change of each head by fine-tuning, over all seeds; empty with fewer than two.
        effects: All effects.
        n_rows: Input rows, which are the units.
        n_documents: Documents that every model read.
        measure: g, or rho in regression.
        predictions: What needs no heads at the same place.
        failed: Models that could not be compared.
    """

    models: list[ModelView]
    compared: list[ComparedView]
    fine_tuned: list[ChangeView]
    effects: list[ReplicationView]
    n_rows: int
    n_documents: int
    measure: str
    predictions: ModelPredictions

    def named(self, name: str) -> ModelView:
        """Return the model of a name."""
        return next(one for one in self.models if one.name == name)

    failed: Sequence[FailedView] = ()

    @property
    def has_others(self) -> bool:
        """Whether any other model was compared."""
        return len(self.models) > 1

    @property
    def seeds(self) -> list[ModelView]:
        """Models that were fine-tuned with other seeds."""
        return [one for one in self.models if one.kind == "seed"]

    @property
    def pretrained(self) -> ComparedView | None:
        """The comparison with the model before fine-tuning."""
        return next((one for one in self.compared if one.model.kind == "pretrained"), None)

    @property
    def found(self) -> list[ReplicationView]:
        """Effects that this model has, the largest first."""
        return sorted((one for one in self.effects if one.is_found), key=lambda one: -abs(one.effect or 0.0))

    def found_in_head(self, row: int, n_heads: int) -> list[ReplicationView]:
        """Effects of one head that this model has, the largest first."""
        return [one for one in self.found if one.head.layer * n_heads + one.head.head == row]

    def values_of_head(self, row: int) -> list[tuple[ModelView, HeadValues]]:
        """One head in every model of the own layout, the own first."""
        others = [(one.model, one.heads[row][1]) for one in self.compared]
        return [(self.models[0], self.compared[0].heads[row][0]), *others] if others else []

    def found_in_group(self, group: str) -> list[ReplicationView]:
        """Effects of one class, label or value that this model has, the largest first."""
        return [one for one in self.found if one.group == group]


@dataclass(frozen=True)
class StepView:
    """The model at one point of its fine-tuning; lists are by layer, `evenness` None without full mode."""

    model: ModelView
    n_found: list[int]
    sizes: list[float | None]
    evenness: list[float | None]


@dataclass(frozen=True)
class ModelsPageView:
    """The page.

    Attributes:
        results: All comparisons.
        charts: By layer, with their titles.
        steps: Fine-tuning in its order, with the model before it if compared; empty without epochs.
        shown_effects: The effects that are listed.
        figures: Addresses of figures by kind.
        evidence: What the evidence of the models has in common; None where that was not read.
        maps: Token-to-token maps of other models.
    """

    results: ModelResults
    charts: list[tuple[str, LineChartView]]
    steps: list[StepView]
    shown_effects: list[ReplicationView]
    figures: Mapping[str, str]
    evidence: "ModelEvidence | None"
    maps: ModelMaps = field(default_factory=ModelMaps)


def read_models(paths: ModelsPaths | None, study: StudyView, *, q_too_small: bool = False) -> ModelResults | None:
    """Read the comparison of models; None where the study compares none.

    Args:
        paths: The tables; None where there are none.
        study: Facts of the study.
        q_too_small: Whether the tests behind effects treat documents of one input row as independent.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    if paths is None:
        return None
    rows, facts = _read(paths.models, models_schemas.MODELS)
    names = ("kind", "epoch", "source", "has_own_layout", "effect_correlation")
    models = [
        ModelView(
            # A loaded model was fine-tuned elsewhere, with no seed that this study knows.
            seed=row["seed"] if row["kind"] != "own" or study.settings.fine_tunes else None,
            name=row["model"],
            score_name=row["score"],
            score=row["test"],
            **{name: row[name] for name in names},
        )
        for row in rows
    ]
    heads, _ = _read(paths.model_heads, models_schemas.MODEL_HEADS)
    tuned, _ = _read(paths.fine_tuned_heads, models_schemas.FINE_TUNED_HEADS)
    effects, _ = _read(paths.effect_replications, models_schemas.EFFECT_REPLICATIONS)
    return ModelResults(
        models=models,
        compared=[
            _compared(model, [row for row in heads if row["model"] == model.name], study)
            for model in models[1:]
            if model.has_own_layout
        ],
        fine_tuned=_changes(tuned, "log_ratio", study),
        effects=[_replication(row, study, q_too_small=q_too_small) for row in effects],
        n_rows=facts["n_rows"],
        n_documents=facts["n_documents"],
        measure="g" if study.task.has_labels else "\N{GREEK SMALL LETTER RHO}",
        predictions=read_predictions(paths, study),
        failed=[FailedView(**{"name" if key == "model" else key: one[key] for key in one}) for one in facts["failed"]],
    )


def models_page_view(
    results: ModelResults,
    paths: ModelsPaths,
    figures: Mapping[str, str] | None = None,
    evidence: "ModelEvidence | None" = None,
) -> ModelsPageView:
    """Put together the page.

    Args:
        results: As read.
        paths: The tables; means of layers are read.
        figures: Where the gallery shows the figures of models, by kind.
        evidence: Of the models, as read; None leaves its section out.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    layers, _ = _read(paths.model_layers, models_schemas.MODEL_LAYERS)
    return ModelsPageView(
        results=results,
        charts=list(_charts(results, layers)),
        steps=_steps(results, layers),
        shown_effects=results.found[:N_EFFECTS],
        figures=figures or {},
        evidence=evidence,
    )


def found_first(changes: Sequence[ChangeView]) -> list[ChangeView]:
    """Changes beyond chance, the largest first."""
    return sorted((one for one in changes if one.is_found), key=lambda one: -abs(one.value or 0.0))


def _read(path: Path, schema: Schema) -> tuple[list[Row], Row]:
    return files.read_table(path, schema).to_pylist(), files.read_facts(path, schema)


def _compared(model: ModelView, rows: Sequence[Row], study: StudyView) -> ComparedView:
    return ComparedView(
        model=model,
        changes=_changes(rows, "log_ratio", study),
        evenness=_changes(rows, "evenness", study),
        n_terms=max((row["n_terms"] for row in rows), default=0),
        term_correlations=[row["term_correlation"] for row in rows],
        other_heads=[row["other_heads_correlation"] for row in rows],
        heads=[
            (
                HeadValues(row["own_log_ratio"], row["own_evenness"], row["own_role"]),
                HeadValues(row["log_ratio"], row["evenness"], row["role"]),
            )
            for row in rows
        ],
    )


def _changes(rows: Sequence[Row], quantity: str, study: StudyView) -> list[ChangeView]:
    names = [f"{quantity}_change", f"{quantity}_change_low", f"{quantity}_change_high", f"{quantity}_q"]
    largest = max((abs(row[names[0]]) for row in rows if row[names[0]] is not None), default=0.0)
    return [
        ChangeView(
            study.head_of(row["layer"] * study.n_heads + row["head"]),
            row[names[0]],
            row[names[1]],
            row[names[2]],
            row[names[3]],
            round(N_STEPS * (row[names[0]] or 0.0) / largest) if largest else 0,
        )
        for row in rows
    ]


def _replication(row: Row, study: StudyView, *, q_too_small: bool) -> ReplicationView:
    names = ("effect", "effect_low", "effect_high", "q", "n_others", "n_found_again")
    means = ("mean_effect", "mean_effect_low", "mean_effect_high", "pretrained_effect")
    return ReplicationView(
        group=row["group"],
        page=study.group_page(row["grouping"], row["group"]),
        head=study.head_of(row["layer"] * study.n_heads + row["head"]),
        q_too_small=q_too_small,
        **{name: row[name] for name in (*names, *means)},
    )


def _steps(results: ModelResults, rows: Sequence[Row]) -> list[StepView]:
    epochs = [one for one in results.models if one.kind == "epoch"]
    before = [one for one in results.models if one.kind == "pretrained"] if epochs else []
    steps = []
    for model in (*before, *epochs):
        layers = [row for row in rows if row["model"] == model.name]
        names = ("n_effects_found", "mean_effect_size", "attention_evenness")
        found, sizes, evenness = ([row[name] for row in layers] for name in names)
        steps.append(StepView(model, found, sizes, evenness))
    return steps


def _charts(results: ModelResults, rows: Sequence[Row]) -> Sequence[tuple[str, LineChartView]]:
    """Draw the mean of ln(n a) and of evenness by layer: a line per kind of model, a band from seed to seed."""
    kinds = {one.name: one.kind for one in results.models}
    # Models of the list can have more layers, which have no line here.
    rows = [row for row in rows if kinds[row["model"]] in {"own", "pretrained", "seed"}]
    layers = sorted({row["layer"] for row in rows})
    found = []
    for quantity, title, shares in (
        ("log_ratio", "Self-attention relative to even attention, ln(n a)", False),
        ("evenness", "Evenness, percent", True),
    ):
        there = [row for row in rows if row[quantity] is not None]
        lines = [
            Line(one.title, one.kind, [(row["layer"], row[quantity]) for row in there if row["model"] == one.name])
            for one in results.models
            if one.kind in {"own", "pretrained"}
        ]
        tuned = {
            layer: [r[quantity] for r in there if r["layer"] == layer and kinds[r["model"]] in {"own", "seed"}]
            for layer in layers
        }
        band = [(layer, min(values), max(values)) for layer, values in tuned.items() if len(values) > 1]
        chart = line_chart(
            lines,
            band,
            Axis("layer", layers, "{:.0f}".format),
            f"{title}, mean over heads, by layer, of each model; the figure of layers has the numbers.",
            shares=shares,
        )
        if chart:
            found.append((title, chart))
    return found
