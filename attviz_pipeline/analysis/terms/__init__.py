"""Statistics of terms: their vocabulary, sums per shard, and estimates over all documents."""
