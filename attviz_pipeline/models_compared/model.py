"""What is compared of one model: means of heads, terms, effects and scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.analysis.terms.corpus import Documents, Sample
from attviz_pipeline.artifacts import files, model_schemas
from attviz_pipeline.artifacts.failed import Failed, read_failed
from attviz_pipeline.artifacts.layout import EvidencePaths, MeasurePaths, TermPaths, table_path
from attviz_pipeline.artifacts.profile_schemas import EVENNESS, HEAD_PROFILES
from attviz_pipeline.artifacts.schema import GOLD_NAMES, PREDICTED_NAMES
from attviz_pipeline.config.settings import ComparedModel
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.models_compared.effects import Effects
from attviz_pipeline.models_compared.paired import row_means
from attviz_pipeline.models_compared.predictions import Predictions
from attviz_pipeline.models_compared.terms import RankedTerms, Terms, read_ranking, read_terms
from attviz_pipeline.tasks.registry import task_of

Floats = NDArray[np.float64]

OWN: Literal["own"] = "own"
QUANTITIES = ("log_ratio", "evenness")
IDENTITY = ["position", "source_id", "n_tokens"]


@dataclass(frozen=True)
class Profiles:
    """What heads attend to; only in full mode.

    Attributes:
        role: Role of each head, [head]; None without full mode.
        evenness: Mean over documents of the entropy of a token's attention over ln n, 0..1, [head]; NaN where unknown.
    """

    role: list[str | None]
    evenness: Floats

    @classmethod
    def read(cls, head_profiles: Path, n_heads: int) -> Self:
        """Read the profiles of all heads.

        Raises:
            ArtifactError: The file is unusable.
        """
        table = files.read_table(head_profiles, HEAD_PROFILES, ["layer", "head", "role", EVENNESS])
        if not table.num_rows:
            return cls([None] * n_heads, np.full(n_heads, np.nan))
        table = table.sort_by([("layer", "ascending"), ("head", "ascending")])
        evenness = table[EVENNESS].to_numpy(zero_copy_only=False).astype(np.float64)
        return cls(table["role"].to_pylist(), evenness)


@dataclass(frozen=True)
class Model:
    """What is compared of one model.

    Attributes:
        name: `own`, or its name in the study.
        made: How it was made.
        documents: Its documents.
        rows: Means of input rows by quantity, NaN where undefined, [row, head].
        terms: Length-corrected self-attention of terms in each head.
        ranking: Terms by their self-attention over all heads.
        effects: Effects of gold classes or values.
        profiles: What its heads attend to.
        predictions: What it predicts.
        metrics: Its scores.
        source: Hub id or folder from which it came.
        mode: Whether the study fine-tuned it: `fine_tune`, `load` or `pretrained`.
    """

    name: str
    made: ComparedModel
    documents: Documents
    rows: Mapping[str, Floats]
    terms: Terms
    ranking: RankedTerms
    effects: Effects
    profiles: Profiles
    predictions: Predictions
    metrics: Mapping[str, Any]
    source: str
    mode: str

    @classmethod
    def read(
        cls, name: str, made: ComparedModel, folder: Path, measures: Sequence[MeasurePaths], sample: Sample
    ) -> Self:
        """Read the results of one model.

        Args:
            name: `own`, or its name in the study.
            made: How it was made.
            folder: Its results.
            measures: Artifacts of `measure_shard` of any model of the study, all shards; its own have the same names.
            sample: Which documents.

        Raises:
            ArtifactError: A file is missing or damaged.
        """
        wanted = ["n_tokens", *QUANTITIES, *GOLD_NAMES, *PREDICTED_NAMES, "probabilities"]
        documents = Documents.read(_document_heads(folder, measures), wanted, sample)
        n_heads = documents.facts["n_layers"] * documents.facts["n_heads"]
        tables = TermPaths.below(folder / "statistics")
        card = files.read_json(folder / "model" / "model.json", model_schemas.MODEL)
        return cls(
            name,
            made,
            # Without the values, which are large.
            replace(documents, table=documents.table.select(IDENTITY)),
            {quantity: _rows(documents, quantity, n_heads) for quantity in QUANTITIES},
            read_terms(tables.head_terms, n_heads),
            read_ranking(tables.terms),
            Effects.read(tables.class_heads),
            Profiles.read(table_path(folder / "statistics", "head_profiles"), n_heads),
            Predictions.of(documents.table, task_of(documents.facts), documents.row),
            files.read_json(folder / "model" / "metrics.json", model_schemas.METRICS),
            card["source"],
            card["mode"],
        )

    @staticmethod
    def failure(folder: Path, measures: Sequence[MeasurePaths], *, with_evidence: bool) -> Failed | None:
        """Say why a model has no results in its folder; None if it has.

        Args:
            folder: As in `read`.
            measures: Likewise.
            with_evidence: Whether it has evidence, too.

        Raises:
            ArtifactError: The marker is damaged.
        """
        tables = TermPaths.below(folder / "statistics")
        cards = [folder / "model" / name for name in ("model.json", "metrics.json")]
        profiles = table_path(folder / "statistics", "head_profiles")
        evidence = vars(EvidencePaths.below(folder / "evidence")).values() if with_evidence else ()
        of_terms = [tables.terms, tables.head_terms, tables.class_heads]
        return read_failed([*cards, *_document_heads(folder, measures), *of_terms, profiles, *evidence])

    @property
    def n_layers(self) -> int:
        """Its layers."""
        return int(self.documents.facts["n_layers"])

    @property
    def n_heads(self) -> int:
        """Heads of each layer."""
        return int(self.documents.facts["n_heads"])

    @property
    def is_tuned_alike(self) -> bool:
        """Whether it was fine-tuned as the study's own model, perhaps with another seed."""
        return self.made.kind in {OWN, "seed"}

    @property
    def has_classifier(self) -> bool:
        """Whether its classifier is trained, so that its predictions mean something."""
        return self.made.kind != "pretrained"

    @property
    def score(self) -> tuple[str, float | None]:
        """Name and value on split test of the task's score; None without one."""
        name = task_of(self.metrics).criterion
        return name, self.metrics["splits"].get("test", {}).get(name)

    @property
    def seed(self) -> int | None:
        """Seed of its fine-tuning; None unless the study fine-tuned it as its own model."""
        return self.made.seed if self.is_tuned_alike and self.mode == "fine_tune" else None

    def has_layout_of(self, other: Self) -> bool:
        """Whether both have the same layers, heads, tokens and terms, so that their heads can be compared."""
        return (
            (self.n_layers, self.n_heads) == (other.n_layers, other.n_heads)
            and self.documents.table.equals(other.documents.table)
            and self.terms.names == other.terms.names
        )

    def require_comparable(self, other: Self, folder: Path) -> None:
        """Check that another model read the same documents; of the same kind of model also the same tokens and terms.

        Args:
            other: The other model.
            folder: Its results, to name them.

        Raises:
            ArtifactError: It did not.
        """
        same = ["position", "source_id"]
        if not self.documents.table.select(same).equals(other.documents.table.select(same)):
            numbers = [f"{len(one.documents.row):,}" for one in (other, self)]
            raise ArtifactError(
                f"the model in {folder} has other documents than the study's own.",
                [Problem(name, f"{n} documents") for name, n in zip((other.name, "own"), numbers, strict=True)],
                files.REBUILD,
            )
        self._require_same_classes(other, folder)
        if self.has_layout_of(other):
            self.effects.require_same(other.effects, folder)
        elif other.made.kind != "other":
            raise ArtifactError(
                f"the model in {folder} has other tokens, heads or terms than the study's own.", (), files.REBUILD
            )

    def _require_same_classes(self, other: Self, folder: Path) -> None:
        mine, theirs = self.predictions.task, other.predictions.task
        if (mine.name, mine.label_names) == (theirs.name, theirs.label_names):
            return
        raise ArtifactError(
            f"the model in {folder} predicts something else than the study's own:",
            [
                Problem(name, f"{task.title}: {', '.join(task.label_names)}" if task.label_names else task.title)
                for name, task in ((other.name, theirs), ("own", mine))
            ],
            f"Remove {other.name} from compare.models, or name a model that was trained for the same.",
        )


def _document_heads(folder: Path, measures: Sequence[MeasurePaths]) -> list[Path]:
    return [folder / "measures" / one.document_heads.name for one in measures]


def _rows(documents: Documents, quantity: str, n_heads: int) -> Floats:
    defined, values = documents.values(quantity)
    everywhere = np.full((len(documents.row), n_heads), np.nan)
    everywhere[defined] = values
    return row_means(everywhere, documents.row, len(documents.row_names))
