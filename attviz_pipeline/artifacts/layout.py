"""Which files belong together: the statistics of a study, handed from stage to stage as one."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self


def table_path(folder: Path, name: str) -> Path:
    """Path of a table in the folder of the statistics: it is named after its schema."""
    return folder / f"{name}.parquet"


@dataclass(frozen=True)
class _Tables:
    """Tables in one folder; each field is named after its schema."""

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Name the files as the workflow does: `<field>.parquet`."""
        return cls(**{field.name: table_path(folder, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class StatisticsPaths:
    """The files that `aggregate_dataset` writes and the site reads; each field is named after its schema."""

    tokens: Path
    head_tokens: Path
    heads: Path
    document_index: Path
    ledger: Path
    summary: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Name the files as the workflow does: `<field>.parquet`, and `summary.json`."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: folder / f"{name}.{'json' if name == 'summary' else 'parquet'}" for name in names})


@dataclass(frozen=True)
class AssessmentPaths:
    """The files that `assess_predictions` writes; each field is named after its schema."""

    assessment: Path
    calibration: Path
    confidences: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Name the files as the workflow does: `<field>.parquet`, and `assessment.json`."""
        return cls(folder / "assessment.json", table_path(folder, "calibration"), table_path(folder, "confidences"))


@dataclass(frozen=True)
class MeasurePaths:
    """The files that `measure_shard` writes for one shard; each field is named after its schema."""

    term_documents: Path
    term_sums: Path
    document_heads: Path
    distributions: Path
    curve_sums: Path

    @classmethod
    def of(cls, shard: Path) -> Self:
        """Name the files as the workflow does: `<shard>.<field>.parquet`.

        Args:
            shard: Folder and name of the shard, without an ending.
        """
        return cls(**{field.name: shard.with_name(f"{shard.name}.{field.name}.parquet") for field in fields(cls)})


@dataclass(frozen=True)
class TermPaths(_Tables):
    """The files that describe terms and compare classes; each field is named after its schema."""

    vocabulary: Path
    terms: Path
    head_terms: Path
    class_rankings: Path
    head_intervals: Path
    distributions: Path
    curves: Path
    class_heads: Path
    class_terms: Path


@dataclass(frozen=True)
class EvidencePaths(_Tables):
    """The tables of evidence, in the order of the option `--evidence`; each field is named after its schema."""

    gradients: Path
    leave_one_out: Path
    document_faithfulness: Path
    document_ablations: Path
    cumulative_ablations: Path
    faithfulness: Path
    head_ablations: Path
    ablation_curves: Path
    head_importance: Path
    term_evidence: Path


@dataclass(frozen=True)
class ModelsPaths(_Tables):
    """The files that `compare_models` writes, in the order of the option `--models`; named after their schemas."""

    models: Path
    model_layers: Path
    model_heads: Path
    fine_tuned_heads: Path
    effect_replications: Path
    model_predictions: Path
    model_words: Path
    model_terms: Path
    matched_heads: Path
    model_importance: Path
    model_faithfulness: Path


@dataclass(frozen=True)
class ComparisonPaths(_Tables):
    """The files that `compare_heads` writes; each field is named after its schema."""

    head_pairs: Path
    head_clusters: Path
    fuji_curves: Path
