"""Statistics of self-attention: of one shard (`aggregate_shard`) and, exactly merged, of all (`aggregate_dataset`)."""

from attviz_pipeline.analysis.dataset import aggregate_dataset
from attviz_pipeline.analysis.shard import aggregate_shard

__all__ = ["aggregate_dataset", "aggregate_shard"]
