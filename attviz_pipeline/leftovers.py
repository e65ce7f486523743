"""Unredacted files of earlier runs, which no stage of a share-safe study reads or replaces."""

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from attviz_pipeline.artifacts.layout import StatisticsPaths


def remove_unredacted(
    results: Path,
    shards: Collection[str],
    models: Collection[str],
    *,
    evidence: bool,
    with_evidence: Collection[str] = (),
) -> list[Path]:
    """Delete remaining files with words: the export, sums of another number of shards, tables of what is not computed.

    Args:
        results: Folder of the study's results.
        shards: Names of the study's shards.
        models: Names of the models that the study compares with its own.
        evidence: Whether the study computes evidence, and so replaces the table of terms.
        with_evidence: Those of the models that have evidence, too, for which their tokens are counted.

    Returns:
        The deleted files and folders.
    """
    terms = [] if evidence else results.glob("evidence/term_evidence.parquet")
    found = [*results.glob("export"), *results.glob(".export.*"), *_other_sums(results, shards), *terms]
    for folder in results.glob("models/*/"):
        if folder.name not in models:
            found += [*folder.glob("statistics"), *folder.glob("aggregates")]
        elif folder.name not in with_evidence:
            tables = StatisticsPaths.below(folder / "statistics")
            found += [path for path in (tables.tokens, tables.head_tokens, folder / "aggregates") if path.exists()]
        else:
            found += _other_sums(folder, shards)
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return sorted(found)


def _other_sums(folder: Path, shards: Collection[str]) -> Iterator[Path]:
    return (path for path in folder.glob("aggregates/*") if path.name.partition(".")[0] not in shards)
