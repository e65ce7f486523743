"""Statistics of self-attention: sums of each shard, exactly merged to those of all; then terms, classes and heads."""

from attviz_pipeline.analysis.classes import compare_classes
from attviz_pipeline.analysis.dataset import aggregate_dataset
from attviz_pipeline.analysis.document_groups import group_documents
from attviz_pipeline.analysis.heads import compare_heads, profile_heads
from attviz_pipeline.analysis.predictions import assess_predictions
from attviz_pipeline.analysis.shard import aggregate_shard
from attviz_pipeline.analysis.terms import describe_terms, list_terms, measure_shard

__all__ = [
    "aggregate_dataset",
    "aggregate_shard",
    "assess_predictions",
    "compare_classes",
    "compare_heads",
    "describe_terms",
    "group_documents",
    "list_terms",
    "measure_shard",
    "profile_heads",
]
