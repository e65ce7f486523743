"""Parts of a run on a GPU: each gives one row of the page, whatever happens to it."""

# ruff: noqa: INP001 - a folder of scripts

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pairing import Row

FAILED, NOT_RUN = "**failed**", "not run"
LONGEST_REASON = 300
PRECISIONS = ("float32", "bfloat16", "float16")


class Part(NamedTuple):
    """What one row says, and the function that finds it out."""

    what: str
    bar: str
    run: Callable[[], tuple[str, str]]
    """Returns what was measured, and the detail beside it."""


class Missed(Exception):  # noqa: N818 - a result, no error
    """A check found something else than it should; its arguments are what it found, and the detail."""


class Clock:
    """Seconds that are left of a run."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; negative when the time is over."""
        return self._end - time.monotonic()


@dataclass(frozen=True)
class Plan:
    """What is run on: the GPU with a large model, or the CPU with a tiny one.

    Attributes:
        device: `cuda`, or `cpu` for a dry run.
        shape: Name in `checkpoints.SHAPES`.
        n_texts: Texts of the corpus, as many as BBC news has.
        n_job_texts: Texts of the jobs that are killed.
        stage_tokens: Tokens of the shards that the stage and forward passes read in turn.
        tokens_per_batch: Of all batches.
        n_pairs: Runs of each of two ways that are compared.
        n_longest: Inputs of 512 tokens whose memory is measured.
        n_steps: Steps of fine-tuning.
    """

    device: str
    shape: str
    n_texts: int
    n_job_texts: int
    stage_tokens: int
    tokens_per_batch: int
    n_pairs: int
    n_longest: int
    n_steps: int

    def stage_precision(self, precision: str) -> str:
        """Return the precision in which stages run: the CPU's extraction refuses half precision."""
        return precision if self.device == "cuda" else "float32"


ON_GPU = Plan("cuda", "BERT-base", 2_225, 500, 131_072, 16_384, 7, 16, 20)
DRY = Plan("cpu", "tiny", 12, 60, 2_048, 1_024, 1, 2, 2)


def run_parts(parts: Sequence[Part], clock: Clock) -> Iterator[Row]:
    """Run one part after another until the time is over; a part that fails is a row, too."""
    for part in parts:
        measured, detail = NOT_RUN, f"the {clock.seconds:g} seconds were over"
        if clock.left() > 0:
            try:
                measured, detail = part.run()
            except Missed as found:
                measured, detail = f"{FAILED}: {found.args[0]}", found.args[1]
            except Exception as fault:  # noqa: BLE001 - the other parts are to be run
                measured, detail = FAILED, f"{type(fault).__name__}: {fault}"
        yield Row(part.what, part.bar, measured, _in_a_cell(detail))


def within(found: float, most: float, detail: str) -> tuple[str, str]:
    """Return a difference with its detail.

    Raises:
        Missed: The difference is larger than allowed, or NaN.
    """
    if not found <= most:
        raise Missed(f"{found:.2g}", detail)
    return f"{found:.2g}", detail


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")[:LONGEST_REASON]
