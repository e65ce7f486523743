"""Unredacted files of earlier runs, which no stage of a share-safe study reads or replaces."""

import shutil
from collections.abc import Collection
from pathlib import Path


def remove_unredacted(results: Path, shards: Collection[str], models: Collection[str], *, evidence: bool) -> list[Path]:
    """Delete remaining files with words: the export, sums of another number of shards, terms without evidence or model.

    Args:
        results: Folder of the study's results.
        shards: Names of the study's shards.
        models: Names of the models that the study compares with its own.
        evidence: Whether the study computes evidence, and so replaces the table of terms.

    Returns:
        The deleted files and folders.
    """
    sums = [path for path in results.glob("aggregates/*") if path.name.partition(".")[0] not in shards]
    terms = [] if evidence else results.glob("evidence/term_evidence.parquet")
    of_models = [path for path in results.glob("models/*/statistics") if path.parent.name not in models]
    found = sorted([*results.glob("export"), *results.glob(".export.*"), *sums, *terms, *of_models])
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return found
