"""Progress of a job: a bar on a terminal, and a line every ten seconds in the log."""

import logging
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self, TypeVar

from tqdm import tqdm

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 10.0
RECENT_LINES = 6
"""Speed and time left are those since so many lines ago: the last minute."""


def track(items: Iterable[Item], *, total: int, label: str, unit: str) -> Iterator[Item]:
    """Yield the items and show progress; the arguments are those of `Progress`."""
    with Progress(total=total, label=label, unit=unit) as progress:
        for item in items:
            yield item
            progress.advance(1)


class _Mark(NamedTuple):
    """What was done at a time."""

    seconds: float
    items: int
    parts: int


class Progress:
    """A progress counter that shows the number of finished items, the speed and the time left.

    Speed and time left follow from the last minute: later items can take longer than the first ones.

    Args:
        total: Number of items.
        label: Name of the task.
        unit: Name of the items, for example documents.
        part: Name of the parts of items, for example tokens, to show their speed, too; empty for none.
    """

    def __init__(self, *, total: int, label: str, unit: str, part: str = "") -> None:
        self._total, self._label, self._unit, self._part = total, label, unit, part
        self._done = self._parts_done = 0
        # One mark at the start and one for each line.
        self._marks = deque([_Mark(time.monotonic(), 0, 0)], maxlen=RECENT_LINES)
        self._bar = tqdm(
            total=total,
            desc=label,
            unit=f" {unit}",
            file=sys.stderr,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._bar.close()
        if fault[0] is None:
            self._log()

    def advance(self, n_items: int, n_parts: int = 0) -> None:
        """Count `n_items` more items with `n_parts` parts as finished."""
        self._done += n_items
        self._parts_done += n_parts
        if self._part:
            self._bar.set_postfix_str(self._speed_of_parts(), refresh=False)
        self._bar.update(n_items)
        if self._done < self._total and time.monotonic() - self._marks[-1].seconds >= SECONDS_BETWEEN_LINES:
            self._log()

    def _log(self) -> None:
        now, before = time.monotonic(), self._marks[0]
        rate = (self._done - before.items) / max(now - before.seconds, 1e-9)
        left = f"{(self._total - self._done) / rate:,.0f} s left" if rate else "time left unknown"
        speed = f"{rate:,.1f}/s" + (f", {self._speed_of_parts()}" if self._part else "")
        message = "%s: %s of %s %s, %s, %s"
        logger.info(message, self._label, f"{self._done:,}", f"{self._total:,}", self._unit, speed, left)
        self._marks.append(_Mark(now, self._done, self._parts_done))

    def _speed_of_parts(self) -> str:
        before = self._marks[0]
        rate = (self._parts_done - before.parts) / max(time.monotonic() - before.seconds, 1e-9)
        return f"{rate:,.0f} {self._part}/s"
