"""From a corpus on the hub or on disk to canonical documents, and from those to shards."""
