"""Unredacted files of earlier runs, which no stage of a share-safe study reads or replaces."""

import shutil
from collections.abc import Collection
from pathlib import Path


def remove_unredacted(results: Path, shards: Collection[str]) -> list[Path]:
    """Delete remaining files with words of the texts: the export, and sums of runs with another number of shards.

    Args:
        results: Folder of the study's results.
        shards: Names of the study's shards.

    Returns:
        The deleted files and folders.
    """
    sums = [path for path in results.glob("aggregates/*") if path.name.partition(".")[0] not in shards]
    found = sorted([*results.glob("export"), *results.glob(".export.*"), *sums])
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return found
