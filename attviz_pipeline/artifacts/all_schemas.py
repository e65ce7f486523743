"""Every file format of the pipeline, in the order of docs/artifacts.md.

The formats are declared in modules by part, and this list in a module of its own, so that a stage depends only on the
formats that it reads and writes. If the meaning of a column changes, raise the version of its schema.
"""

from attviz_pipeline.artifacts import (
    attention_schemas,
    comparison_schemas,
    corpus_schemas,
    evidence_schemas,
    map_schemas,
    model_schemas,
    models_schemas,
    output_schemas,
    profile_schemas,
    statistics_schemas,
    term_schemas,
)
from attviz_pipeline.artifacts.schema import Schema

ALL: tuple[Schema, ...] = (
    corpus_schemas.DATASET,
    corpus_schemas.DOCUMENTS,
    corpus_schemas.LEDGER,
    corpus_schemas.SHARD,
    model_schemas.MODEL,
    model_schemas.METRICS,
    attention_schemas.ATTENTION,
    statistics_schemas.AGGREGATES,
    statistics_schemas.TOKEN_SUMS,
    statistics_schemas.HEAD_SUMS,
    statistics_schemas.TOKENS,
    statistics_schemas.HEAD_TOKENS,
    statistics_schemas.HEADS,
    statistics_schemas.DOCUMENT_INDEX,
    statistics_schemas.SUMMARY,
    statistics_schemas.ASSESSMENT,
    statistics_schemas.CALIBRATION,
    statistics_schemas.CONFIDENCES,
    *term_schemas.ALL,
    *comparison_schemas.ALL,
    *profile_schemas.ALL,
    *map_schemas.ALL,
    *evidence_schemas.ALL,
    *models_schemas.ALL,
    output_schemas.FIGURES,
    output_schemas.EXPORTED_TOKENS,
    output_schemas.STUDY,
    output_schemas.RUN,
)
