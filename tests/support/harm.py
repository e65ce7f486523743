"""Harm done to a study: how much of it, at which moments, and a count of what ended as it should."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

COUNTS = "ATTVIZ_FAULT_COUNTS"
"""Names the file to which each case adds a line; `make faults` makes the table in docs/reliability.md of it."""
KILLS_OF_A_STAGE = int(os.environ.get("ATTVIZ_KILLS_OF_A_STAGE", "3"))
"""Every third one while the stage writes, the others at random moments."""
KILLS_OF_THE_WORKFLOW = int(os.environ.get("ATTVIZ_KILLS_OF_THE_WORKFLOW", "3"))


class Process(Protocol):
    """What is asked of a process, started as a program or forked."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def communicate(self) -> tuple[str, str | None]: ...


def count(fault: str, n_cases: int = 1) -> None:
    """Note that so many cases of a fault ended as they should."""
    if path := os.environ.get(COUNTS):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([fault, n_cases]) + "\n")


def chance(*seed: object) -> random.Random:
    """Return random numbers for one place in a test; ATTVIZ_FAULT_SEED gives others."""
    words = [os.environ.get("ATTVIZ_FAULT_SEED", "0"), *map(str, seed)]
    return random.Random("/".join(words))  # noqa: S311 - moments and places, not secrets


def kill(process: Process) -> bool:
    """End a process and all that it started, at once and without a word; False if it had ended by itself."""
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return running


@contextmanager
def small_disk(place: Path, n_bytes: int) -> Iterator[None]:
    """Mount a file system in memory; skip where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def wait_for(condition: Callable[[], object], process: Process, seconds: float = 120) -> None:
    """Wait until something is true or the process has ended."""
    deadline = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
