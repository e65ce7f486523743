"""Statistics of self-attention: exact sums per shard, merged over all shards; statistics of terms, classes and heads."""
