"""Every file format of the pipeline, in the order of docs/artifacts.md.

This is a separate module, so that a stage depends only on the formats that it reads and writes.
"""

from attviz_pipeline.artifacts import comparison_schemas, map_schemas, profile_schemas, schemas, term_schemas
from attviz_pipeline.artifacts.schema import Schema

ALL: tuple[Schema, ...] = (
    schemas.DATASET,
    schemas.DOCUMENTS,
    schemas.LEDGER,
    schemas.SHARD,
    schemas.MODEL,
    schemas.METRICS,
    schemas.ATTENTION,
    schemas.AGGREGATES,
    schemas.TOKEN_SUMS,
    schemas.HEAD_SUMS,
    schemas.TOKENS,
    schemas.HEAD_TOKENS,
    schemas.HEADS,
    schemas.DOCUMENT_INDEX,
    schemas.SUMMARY,
    schemas.ASSESSMENT,
    schemas.CALIBRATION,
    schemas.CONFIDENCES,
    *term_schemas.ALL,
    *comparison_schemas.ALL,
    *profile_schemas.ALL,
    *map_schemas.ALL,
    schemas.FIGURES,
    schemas.EXPORTED_TOKENS,
    schemas.RUN,
)
