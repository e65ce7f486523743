"""The bins of how far a key lies from its query, for whoever sums into them and whoever draws them."""

ALONE = 8
_ENDS = (*range(1, ALONE + 1), *(2**power for power in range(4, 16)))
_AHEAD = [(before + 1, end) for before, end in zip((0, *_ENDS), _ENDS, strict=False)]

OFFSET_BINS = (*((-last, -first) for first, last in reversed(_AHEAD)), (0, 0), *_AHEAD)
"""First and last offset, key - query, of each bin: one offset up to 8 tokens away, then twice as many."""
