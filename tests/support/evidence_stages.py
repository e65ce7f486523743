"""All stages of evidence, run on a tiny study."""

from typing import Any

import numpy as np
from evidence_study import EvidenceStudy, read

from attviz_pipeline.artifacts import evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import AssessmentSettings, EvidenceSettings
from attviz_pipeline.evidence.ablate_heads import ablate_heads
from attviz_pipeline.evidence.compute_gradients import compute_gradients
from attviz_pipeline.evidence.leave_tokens_out import leave_tokens_out
from attviz_pipeline.evidence.measure_faithfulness import measure_faithfulness
from attviz_pipeline.evidence.rank_heads import rank_heads
from attviz_pipeline.evidence.summarise_evidence import summarise_evidence
from attviz_pipeline.stages import (
    AblateHeads,
    ComputeGradients,
    LeaveTokensOut,
    MeasureFaithfulness,
    RankHeads,
    SummariseEvidence,
)

N_HEADS = 8


def measure(study: EvidenceStudy, **evidence: object) -> EvidencePaths:
    """Run all stages of evidence but `compare_terms`."""
    paths = EvidencePaths.below(study.folder / "evidence")
    settings = EvidenceSettings(**{"random_rankings": 1, "cumulative_sizes": 2} | evidence)
    common = {"seed": 13, "attention": study.settings, "evidence": settings}
    inputs = (study.index, study.index, study.shards, study.checkpoint, study.card)
    heads = study.folder / "heads.parquet"
    columns: dict[str, Any] = {name: [0] * N_HEADS for name in statistics_schemas.HEADS.arrow.names}
    columns |= {"layer": [0] * 4 + [1] * 4, "head": [*range(4)] * 2, "histogram": [[1]] * N_HEADS}
    files.write_table(heads, statistics_schemas.HEADS, columns | {"mean": np.arange(N_HEADS) / 10})
    compute_gradients(ComputeGradients(**common), *inputs, paths.gradients)
    leave_tokens_out(LeaveTokensOut(**common), *inputs, paths.leave_one_out)
    measure_faithfulness(
        MeasureFaithfulness(**common), study.index, study.index, study.shards, study.attention, study.checkpoint,
        study.card, paths.gradients, paths.leave_one_out, paths.document_faithfulness,
    )  # fmt: skip
    ablate_heads(
        AblateHeads(**common), *inputs, paths.gradients, heads, paths.document_ablations, paths.cumulative_ablations
    )
    resamples = {"seed": 13, "assessment": AssessmentSettings(n_resamples=100)}
    summarise_evidence(SummariseEvidence(**resamples), *list(vars(paths).values())[2:8])
    rank_heads(RankHeads(**resamples), paths.document_ablations, paths.gradients, heads, paths.head_importance)
    return paths


def rows_and_facts(paths: EvidencePaths, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    path, schema = getattr(paths, name), getattr(evidence_schemas, name.upper())
    assert isinstance(schema, Schema)
    return read(path, schema), files.read_facts(path, schema)
