"""Statistics of self-attention: exact sums per shard, merged over all shards; then terms, classes and heads."""
