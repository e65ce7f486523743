"""Every statistic that a site reads, computed by the real stages from shards of invented or imported attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.classes.compare_classes import compare_classes
from attviz_pipeline.analysis.group_documents import group_documents
from attviz_pipeline.analysis.heads.compare_heads import compare_heads
from attviz_pipeline.analysis.heads.profile_heads import profile_heads
from attviz_pipeline.analysis.predictions.assess_predictions import assess_predictions
from attviz_pipeline.analysis.terms.describe_terms import describe_terms
from attviz_pipeline.analysis.terms.list_terms import list_terms
from attviz_pipeline.analysis.terms.measure_shard import measure_shard
from attviz_pipeline.artifacts import attention_schemas, files, term_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths, ComparisonPaths, MeasurePaths, StatisticsPaths, TermPaths
from attviz_pipeline.config.settings import (
    AssessmentSettings,
    BootstrapSettings,
    ClassesSettings,
    ComparisonSettings,
    TermsSettings,
)
from attviz_pipeline.stages import (
    AssessPredictions,
    CompareClasses,
    CompareHeads,
    DescribeTerms,
    GroupDocuments,
    ListTerms,
    MeasureShard,
)

SEED = 13
TERMS = TermsSettings(min_document_frequency=2)
SHARES = ("on_self", "on_previous", "on_next", "on_cls", "on_sep", "on_punctuation")


@dataclass(frozen=True)
class Statistics:
    """Where the statistics of a study lie."""

    folder: Path
    aggregates: list[Path]

    def fields(self) -> dict[str, Any]:
        """What `SiteInputs` calls them."""
        return {
            "statistics": StatisticsPaths.below(self.folder),
            "terms": TermPaths.below(self.folder),
            "comparison": ComparisonPaths.below(self.folder),
            "head_profiles": self.folder / "head_profiles.parquet",
            "document_groups": self.folder / "document_groups.parquet",
            "assessment": AssessmentPaths.below(self.folder),
            "aggregates": self.aggregates,
        }


def compute_statistics(folder: Path, attention: Sequence[Path], ledger: Path) -> Statistics:
    """Run every stage of the analysis, with fewer resamples than a study would take."""
    parts = [[folder / f"{n}-{path.stem}.parquet" for n in ("aggregates", "tokens", "heads")] for path in attention]
    for path, part in zip(attention, parts, strict=True):
        aggregate_shard(path, *part)
    made = Statistics(folder / "statistics", [part[0] for part in parts])
    paths = StatisticsPaths.below(made.folder)
    aggregate_dataset(attention, [part[1] for part in parts], [part[2] for part in parts], ledger, paths)
    assess_predictions(
        AssessPredictions(seed=SEED, assessment=AssessmentSettings(n_resamples=100)),
        paths.document_index,
        attention,
        made.aggregates,
        AssessmentPaths.below(made.folder),
    )
    _describe(made.folder, attention)
    compare_heads(
        CompareHeads(seed=SEED, comparison=ComparisonSettings(n_permutations=19, min_document_frequency=2)),
        paths.head_tokens,
        attention,
        ComparisonPaths.below(made.folder),
    )
    profile_heads(attention, made.folder / "head_profiles.parquet")
    return made


def _describe(folder: Path, attention: Sequence[Path]) -> None:
    terms = TermPaths.below(folder)
    list_terms(ListTerms(terms=TERMS), attention, terms.vocabulary)
    measures = [MeasurePaths.of(folder / "measures" / path.stem) for path in attention]
    for path, measured in zip(attention, measures, strict=True):
        measure_shard(MeasureShard(terms=TERMS), path, terms.vocabulary, measured)
    describe_terms(
        DescribeTerms(seed=SEED, bootstrap=BootstrapSettings(n_replicates=100)), terms.vocabulary, measures, terms
    )
    compare_classes(
        CompareClasses(seed=SEED, classes=ClassesSettings(n_permutations=99, length_strata=2)),
        terms.vocabulary,
        measures,
        terms,
    )
    grouped = [_with_groups(measured.document_heads) for measured in measures]
    group_documents(GroupDocuments(seed=SEED), grouped, folder / "document_groups.parquet")


def _with_groups(document_heads: Path) -> Path:
    """Write a copy in which one head is more active in every third document: invented documents have no groups."""
    facts = files.read_facts(document_heads, term_schemas.DOCUMENT_HEADS)
    columns = files.read_table(document_heads, term_schemas.DOCUMENT_HEADS).to_pydict()
    for position, values in zip(columns["position"], columns["log_ratio"], strict=True):
        if position % 3 == 0 and values:
            values[0] += 9
    path = document_heads.with_name(f"grouped-{document_heads.name}")
    files.write_table(path, term_schemas.DOCUMENT_HEADS, columns, facts)
    return path


DELIMITERS = {"cls": "[CLS]", "sep": "[SEP]"}


def add_full_mode(path: Path) -> None:
    """Give the documents of a shard what full mode would, invented; head 0 of layer 0 looks ahead."""
    facts = files.read_facts(path, attention_schemas.ATTENTION)
    rows = files.read_table(path, attention_schemas.ATTENTION).to_pylist()
    n_rows = facts["n_layers"] * facts["n_heads"]
    for row in rows:
        random = np.random.default_rng(row["position"])
        shares = random.dirichlet(np.ones(len(SHARES) + 3), n_rows).T[: len(SHARES)]
        shares[:, 0] = [0.05, 0.05, 0.8, 0.02, 0.02, 0.02]
        spread = {"entropy": random.uniform(0, 2, n_rows), "distance": random.uniform(0, 9, n_rows)}
        row["profile"] = spread | dict(zip(SHARES, shares, strict=True))
        n_tokens = len(row["tokens"])
        row["received"] = random.dirichlet(np.ones(n_tokens), n_rows).ravel()
        row["value_norm"] = random.uniform(0.1, 3, n_rows * n_tokens)
        row["rollout"] = random.dirichlet(np.ones(n_tokens))
    columns = {name: [row[name] for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
    files.write_table(path, attention_schemas.ATTENTION, columns, facts | {"mode": "full", "delimiters": DELIMITERS})
