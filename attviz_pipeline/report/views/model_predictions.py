"""What needs no heads at the same place: predictions and words of compared models, and matched heads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.formats import head_name
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_MATCHES = 10


@dataclass(frozen=True)
class Bounded:
    """A value with its 95 % interval; None where undefined."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str) -> "Bounded":
        """Read the columns `<name>`, `<name>_low` and `<name>_high`."""
        return cls(row[name], row[f"{name}_low"], row[f"{name}_high"])

    @property
    def negated(self) -> "Bounded":
        """Minus the value: of a difference, the other direction."""
        value, low, high = (None if part is None else 0.0 - part for part in (self.value, self.low, self.high))
        return Bounded(value, high, low)


@dataclass(frozen=True)
class FitView:
    """How well the predictions of one model fit the gold values; None where undefined."""

    accuracy: Bounded
    mae: Bounded
    ece: float | None
    ece_by_chance: float | None


@dataclass(frozen=True)
class AgreementView:
    """The predictions of the own model and another one.

    Attributes:
        other: Name of the other model.
        n_documents: Documents that both read.
        agreement: Share of them for which both predict the same; None in regression.
        by_chance: The same of models that predict as often, but independently.
        kappa: Cohen's kappa.
        values: Spearman's correlation of predicted values; None in classification.
        n_labelled: Documents with a gold value.
        difference: Accuracy, or mean absolute error, of the own model minus that of the other.
        test: mcnemar or signs; None without gold values.
        q: Of this test, over the compared models.
    """

    other: str
    n_documents: int
    agreement: Bounded
    by_chance: float | None
    kappa: float | None
    values: Bounded
    n_labelled: int
    difference: Bounded
    test: str | None
    q: float | None

    @property
    def is_found(self) -> bool:
        """Whether one model fits the gold values better beyond chance."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class MatchView:
    """A head of the own model, the name of the head of another layout that is matched with it, and how alike."""

    head: HeadRef
    other: str
    correlation: float


@dataclass(frozen=True)
class WordsView:
    """Whether another model attends to the same words; None where undefined.

    Attributes:
        name: Name of the other model.
        n_terms: Words that both have.
        correlation: Spearman's correlation over them of means over all heads.
        halves: The same of random halves of the own model's heads.
        n_matched: Matched pairs of heads; None in the own layout.
        matched: Their mean correlation.
        by_chance: The same after the words are permuted: its mean.
        by_chance_high: The 95th percentile.
        q: Of its test, over models of other layouts.
        matches: The pairs, the most alike first, at most ten.
    """

    name: str
    n_terms: int
    correlation: float | None
    halves: float | None
    n_matched: int | None
    matched: float | None
    by_chance: float | None
    by_chance_high: float | None
    q: float | None
    matches: list[MatchView]

    @property
    def is_found(self) -> bool:
        """Whether its heads are more alike than chance gives."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class ModelPredictions:
    """By name of the model.

    Attributes:
        fits: Of every model, the own first.
        agreements: Of each other model with a trained classifier.
        words: Of each other model.
    """

    fits: Mapping[str, FitView]
    agreements: Mapping[str, AgreementView]
    words: Mapping[str, WordsView]

    @property
    def other_layouts(self) -> list[WordsView]:
        """Models with heads that are not at the same places."""
        return [one for one in self.words.values() if one.n_matched is not None]

    @property
    def is_labelled(self) -> bool:
        """Whether any model has a score on the analysed documents."""
        return any(one.accuracy.value is not None or one.mae.value is not None for one in self.fits.values())


def read_predictions(paths: ModelsPaths, study: StudyView) -> ModelPredictions:
    """Read what needs no heads at the same place.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    models = files.read_table(paths.models, models_schemas.MODELS).to_pylist()
    pairs = files.read_table(paths.model_predictions, models_schemas.MODEL_PREDICTIONS).to_pylist()
    words = files.read_table(paths.model_words, models_schemas.MODEL_WORDS).to_pylist()
    matched = files.read_table(paths.matched_heads, models_schemas.MATCHED_HEADS).to_pylist()
    return ModelPredictions(
        fits={row["model"]: _fit(row) for row in models},
        agreements={row["other"]: _agreement(row) for row in pairs if row["model"] == models[0]["model"]},
        words={
            row["model"]: _words(row, [_match(one, study) for one in matched if one["model"] == row["model"]])
            for row in words
        },
    )


def _fit(row: Mapping[str, Any]) -> FitView:
    return FitView(Bounded.of(row, "accuracy"), Bounded.of(row, "mae"), row["ece"], row["ece_by_chance"])


def _agreement(row: Mapping[str, Any]) -> AgreementView:
    return AgreementView(
        other=row["other"],
        n_documents=row["n_documents"],
        agreement=Bounded.of(row, "agreement"),
        by_chance=row["agreement_by_chance"],
        kappa=row["kappa"],
        values=Bounded.of(row, "value_correlation"),
        n_labelled=row["n_labelled"] or 0,
        difference=Bounded.of(row, "difference"),
        test=row["test"],
        q=row["q"],
    )


def _words(row: Mapping[str, Any], matches: list[MatchView]) -> WordsView:
    return WordsView(
        name=row["model"],
        n_terms=row["n_terms"],
        correlation=row["correlation"],
        halves=row["halves_correlation"],
        n_matched=row["n_matched"],
        matched=row["matched_mean"],
        by_chance=row["matched_by_chance"],
        by_chance_high=row["matched_by_chance_high"],
        q=row["matched_q"],
        matches=sorted(matches, key=lambda one: -one.correlation)[:N_MATCHES],
    )


def _match(row: Mapping[str, Any], study: StudyView) -> MatchView:
    head = study.head_of(row["layer"] * study.n_heads + row["head"])
    return MatchView(head, head_name(row["other_layer"], row["other_head"]), row["correlation"])
