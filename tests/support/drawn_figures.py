"""Figures drawn from synthetic statistics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthetic_attention import write_attention_shards, write_ledger
from term_study import TermStudy

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.heads.compare_heads import compare_heads
from attviz_pipeline.analysis.heads.profile_heads import profile_heads
from attviz_pipeline.analysis.predictions.assess_predictions import assess_predictions
from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths, ComparisonPaths, StatisticsPaths
from attviz_pipeline.config.settings import AssessmentSettings, ComparisonSettings, FiguresSettings, TermsSettings
from attviz_pipeline.figures.drawing import Inputs
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.stages import AssessPredictions, CompareHeads, DrawFigures


def write_statistics(folder: Path, *, n_documents: int = 30, texts: list[str] | None = None) -> StatisticsPaths:
    shard = write_attention_shards(folder, n_documents=n_documents, n_shards=1, texts=texts)[0]
    ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
    aggregates, token_sums, head_sums = (folder / f"{name}.parquet" for name in ("aggregates", "tokens", "heads"))
    aggregate_shard(shard, aggregates, token_sums, head_sums)
    paths = StatisticsPaths.below(folder / "statistics")
    aggregate_dataset([shard], [token_sums], [head_sums], ledger, paths)
    TermStudy(folder, [shard], TermsSettings(min_document_frequency=3)).measure().describe().compare()
    comparison = CompareHeads(seed=13, comparison=ComparisonSettings(n_permutations=19))
    compare_heads(comparison, paths.head_tokens, [shard], ComparisonPaths.below(folder / "statistics"))
    profile_heads([shard], folder / "statistics" / "head_profiles.parquet")
    assessment = AssessPredictions(seed=13, assessment=AssessmentSettings(n_resamples=100))
    assess_predictions(assessment, paths.document_index, [shard], [aggregates], assessment_of(paths))
    return paths


def assessment_of(statistics: StatisticsPaths) -> AssessmentPaths:
    return AssessmentPaths.below(statistics.tokens.parent)


def inputs_of(statistics: StatisticsPaths, settings: DrawFigures) -> Inputs:
    return Inputs.below(statistics.tokens.parent, settings)


PROVENANCE = {"dataset": {"source": "corpus.csv", "revision": "abc"}, "model": {}, "seed": 13, "software": {}}


TOKEN_FIGURES = {kind: FIGURES[kind] for kind in ("top_tokens", "head_means", "word_cloud")}


def draw(
    statistics: StatisticsPaths,
    output: Path,
    *,
    seed: int = 13,
    kinds: Mapping[str, Any] = TOKEN_FIGURES,
    **settings: int | bool,
) -> dict[str, dict[str, Any]]:
    """Draw, and return the figures by name."""
    wanted = DrawFigures(seed=seed, figures=FiguresSettings.model_validate(settings))
    inputs = inputs_of(statistics, wanted)
    save_figures(kinds_of(inputs, kinds), inputs, PROVENANCE, output, label="test")
    return {
        figure["name"]: figure for figure in files.read_json(output / "figures.json", output_schemas.FIGURES)["figures"]
    }
