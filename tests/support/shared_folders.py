"""Folders that all workers of pytest-xdist share: read them, and copy what you change."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """Return a folder that the first worker of pytest-xdist to ask for it fills; the others wait for it."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, finished = shared / name, shared / f"{name}.finished"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            finished.touch()
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """Return what one worker makes in a folder of that name, paths that lie in it included; the others read it."""

    def build(folder: Path) -> None:
        made = make(folder)
        (folder / "made.pickle").write_bytes(pickle.dumps(made))

    made: Made = pickle.loads((built_once(factory, name, build) / "made.pickle").read_bytes())  # noqa: S301 - our own
    return made
