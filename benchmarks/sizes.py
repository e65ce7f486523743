"""How much is measured."""

# ruff: noqa: INP001 - a folder of scripts

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    shape: str
    lengths: tuple[int, ...]
    wall_lengths: tuple[int, ...]
    tokens_per_batch: int
    n_pairs: int
    peak_batch: tuple[int, int]
    n_segments: tuple[tuple[str, int], ...]
    n_passes: tuple[tuple[str, int], ...]
    n_stage_pairs: int
    growth: tuple[int, ...]
    n_texts: int


FULL = Sizes(
    "BERT-base", (32, 64, 128, 256, 512), (128, 512), 1024, 7, (16, 512), (("MiniLM-L6", 100), ("BERT-base", 24)),
    (("MiniLM-L6", 1_500), ("BERT-base", 150)), 3,
    (1_000, 10_000, 100_000), 10_000,
)  # fmt: skip
QUICK = Sizes("tiny", (32, 64), (64,), 256, 2, (2, 64), (("tiny", 20),), (("tiny", 20),), 1, (100, 200), 200)
