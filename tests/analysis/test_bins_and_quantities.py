"""Bins of offsets, and the range that a quantity is scaled to."""

from attviz_pipeline.analysis.quantities import ATTENTION
from attviz_pipeline.artifacts.offsets import OFFSET_BINS


def test_offsets_have_bins_of_their_own_up_to_8_and_then_twice_as_many() -> None:
    ahead = [(first, last) for first, last in OFFSET_BINS if first > 0]

    assert ahead[:8] == [(n, n) for n in range(1, 9)]
    assert ahead[8:] == [(2**power + 1, 2 ** (power + 1)) for power in range(3, 15)]
    assert [(-last, -first) for first, last in reversed(ahead)] == [one for one in OFFSET_BINS if one[1] < 0]
    assert (0, 0) in OFFSET_BINS


def test_attention_from_0_to_1_is_not_scaled() -> None:
    assert (ATTENTION.to_unit(0.0), ATTENTION.to_unit(1.0)) == (0.0, 1.0)  # type: ignore[arg-type]
    assert (ATTENTION.lowest, ATTENTION.width) == (0.0, 1.0)
