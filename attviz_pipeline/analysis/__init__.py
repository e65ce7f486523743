"""Statistics of self-attention: sums of each shard, exactly merged to those of all; then terms, classes and heads."""
