"""From a corpus on the hub or on disk to canonical documents, and from those to shards."""

from attviz_pipeline.dataset.imported import ImportedFiles, import_attention
from attviz_pipeline.dataset.preparation import prepare_dataset
from attviz_pipeline.dataset.sharding import shard_documents

__all__ = ["ImportedFiles", "import_attention", "prepare_dataset", "shard_documents"]
