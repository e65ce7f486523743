"""Evidence of models side by side: important heads, and scores of tokens beyond random order, in each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attviz_pipeline.artifacts import files, model_evidence_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.report.sentences.evidence import score_title
from attviz_pipeline.report.views.models import ModelResults, ModelView
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

Row = Mapping[str, Any]

COMPREHENSIVENESS, SUFFICIENCY = "comprehensiveness", "sufficiency"


@dataclass(frozen=True)
class ImportanceView:
    """How important the heads of one model are when they are switched off; None where it is not known.

    Attributes:
        model: The model.
        n_documents: Documents in which its heads were switched off; 0 if they cannot be.
        top: Its most important head; its page is that of the own model's head, empty in another layout.
        top_importance: Mean absolute change without that head.
        rank_of_own_top: Rank in this model of the own model's most important head, from 1.
        correlation: With the importance in the own model, over heads; with the bounds of its interval.
        low: Lower bound.
        high: Upper bound.
        other_documents: The same on other documents; of the own model with itself in its own row.
    """

    model: ModelView
    n_documents: int
    top: HeadRef | None
    top_importance: float | None
    rank_of_own_top: int | None
    correlation: float | None
    low: float | None
    high: float | None
    other_documents: float | None


@dataclass(frozen=True)
class DifferenceView:
    """A score minus random order in one model, over all shares of tokens; None where it is not known."""

    n_documents: int
    value: float
    low: float | None
    high: float | None
    q: float | None

    @property
    def is_found(self) -> bool:
        """Whether it is beyond chance."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class ScoreView:
    """One score of tokens, by name of the model.

    Attributes:
        score: Its name in the study.
        layer: Layer of `self_layers`; else None.
        cells: By model; those that do not have the score are missing.
        finds_more: Whether a difference above 0 speaks for the score: for comprehensiveness, not for sufficiency.
    """

    score: str
    layer: int | None
    cells: Mapping[str, DifferenceView]
    finds_more: bool

    @property
    def title(self) -> str:
        """Its name in words."""
        return score_title(self.score, self.layer)

    def beats_random(self, model: ModelView) -> bool:
        """Whether it finds tokens that matter more than random ones in a model, beyond chance."""
        cell = self.cells.get(model.name)
        return cell is not None and cell.is_found and (cell.value > 0) is self.finds_more

    def beaten_in(self, models: Sequence[ModelView]) -> list[ModelView]:
        """The models in which it does so."""
        return [one for one in models if self.beats_random(one)]


@dataclass(frozen=True)
class ModelEvidence:
    """Evidence of the models that have any, the study's own first; empty where fewer than two have.

    Attributes:
        is_enabled: Whether the study measures evidence at all.
        models: The models.
        importance: Of each model.
        scores: Comprehensiveness of each score.
        sufficiency: The same of sufficiency.
        fractions: Shares of tokens, over which differences are means.
        by_chance: Size of a correlation over heads that 95 % of random orders do not exceed.
    """

    is_enabled: bool
    models: list[ModelView]
    importance: list[ImportanceView]
    scores: list[ScoreView]
    sufficiency: list[ScoreView]
    fractions: list[float]
    by_chance: float | None

    @property
    def own(self) -> ModelView:
        """The study's own model."""
        return self.models[0]

    @property
    def peers(self) -> list[ModelView]:
        """The models that sentences count: those of other seeds, or without any all others."""
        seeds = [one for one in self.models if one.kind == "seed"]
        return seeds or self.models[1:]

    @property
    def compared_heads(self) -> list[ImportanceView]:
        """Importance in those of these models whose heads are compared with the own model's."""
        peers = {one.name for one in self.peers}
        return [one for one in self.importance if one.model.name in peers and one.correlation is not None]

    def of_score(self, score: str, layer: int | None) -> ScoreView | None:
        """Comprehensiveness of one score; None where no model has it."""
        return next((one for one in self.scores if (one.score, one.layer) == (score, layer)), None)


def read_model_evidence(
    paths: ModelsPaths | None, results: ModelResults | None, study: StudyView
) -> ModelEvidence | None:
    """Read the evidence of models side by side; None where the study compares no models.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    if paths is None or results is None:
        return None
    named = {one.name: one for one in results.models}
    of_importance, of_scores = model_evidence_schemas.ALL
    importance = files.read_table(paths.model_importance, of_importance).to_pylist()
    scores = files.read_table(paths.model_faithfulness, of_scores).to_pylist()
    return ModelEvidence(
        is_enabled=study.settings.evidence.enabled,
        models=[named[row["model"]] for row in importance],
        importance=[_importance(row, named[row["model"]], study) for row in importance],
        scores=_scores(scores, COMPREHENSIVENESS),
        sufficiency=_scores(scores, SUFFICIENCY),
        fractions=files.read_facts(paths.model_faithfulness, of_scores)["fractions"],
        by_chance=files.read_facts(paths.model_importance, of_importance)["by_chance"],
    )


def _importance(row: Row, model: ModelView, study: StudyView) -> ImportanceView:
    top = None
    if row["top_head"] is not None:
        layer, head = row["top_layer"], row["top_head"]
        top = study.head_of(layer * study.n_heads + head) if model.has_own_layout else HeadRef(layer, head, "")
    return ImportanceView(
        model=model,
        top=top,
        low=row["correlation_low"],
        high=row["correlation_high"],
        **{
            name: row[name]
            for name in ("n_documents", "top_importance", "rank_of_own_top", "correlation", "other_documents")
        },
    )


def _scores(rows: Sequence[Row], measure: str) -> list[ScoreView]:
    """One view per score, in the order of the models' tables."""
    cells: dict[tuple[str, int | None], dict[str, DifferenceView]] = {}
    for row in rows:
        if row["measure"] == measure:
            bounds = (row["difference_low"], row["difference_high"], row["difference_q"])
            of_score = cells.setdefault((row["score"], row["layer"]), {})
            of_score[row["model"]] = DifferenceView(row["n_documents"], row["difference"], *bounds)
    return [ScoreView(*key, found, measure == COMPREHENSIVENESS) for key, found in cells.items()]
