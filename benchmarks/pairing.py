"""Two ways run in turn, and processes of their own for what memory they take."""

# ruff: noqa: INP001 - a folder of scripts

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Row(NamedTuple):
    """One line of the table."""

    what: str
    bar: str
    measured: str
    detail: str


class Ratio(NamedTuple):
    """Time of one way over another: median and range of the pairs' ratios, and each way's median seconds."""

    middle: float
    least: float
    most: float
    seconds: tuple[float, float]

    def __str__(self) -> str:
        """Return the median with its range."""
        return f"{self.middle:.3f} ({self.least:.3f} to {self.most:.3f})"


def paired_ratio(
    one: Callable[[], object],
    other: Callable[[], object],
    n_pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """Run two ways in turn, the first one first in every second pair, after one run of each that does not count."""
    one(), other()
    pairs = []
    for index in range(n_pairs):
        ways = (one, other) if index % 2 == 0 else (other, one)
        taken = [seconds(way, clock) for way in ways]
        pairs.append((taken[0], taken[1]) if index % 2 == 0 else (taken[1], taken[0]))
    return ratio_of(pairs)


def ratio_of(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Divide the seconds of one way by those of the other, pair by pair."""
    ratios = [first / second for first, second in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios), (median(p[0] for p in pairs), median(p[1] for p in pairs)))


def seconds(way: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time one run."""
    start = clock()
    way()
    return clock() - start


def run_alone(function: str, *arguments: object) -> dict[str, float]:
    """Run one of the functions that `extraction.py` knows in a process of its own; its result and peak memory."""
    command = [sys.executable, str(HERE / "extraction.py"), "--alone", function, *map(str, arguments)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - itself
    return dict(json.loads(finished.stdout))


def peak_mb() -> float:
    """Return the most memory this process has had."""
    # Not getrusage: its peak is handed on from the parent process.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024


def spread(texts: Sequence[str], n_texts: int) -> list[str]:
    """Take texts at even distances."""
    n_texts = min(n_texts, len(texts))
    return [texts[index * len(texts) // n_texts] for index in range(n_texts)]
