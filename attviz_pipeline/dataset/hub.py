"""Datasets of the Hugging Face hub: pinned to a commit, data files only, never a repository's code."""

import logging
import re
from collections import Counter
from pathlib import Path

import datasets
import huggingface_hub

from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.errors import DatasetError, Problem

COMMIT = re.compile(r"[0-9a-f]{40}")

logger = logging.getLogger(__name__)


def load(settings: DatasetSettings, cache: Path) -> tuple[str, dict[str, datasets.Dataset]]:
    """Load the splits of a hub dataset that are to be read.

    Args:
        settings: The section `dataset`; `source` is a hub id.
        cache: Folder for downloads and Arrow files.

    Returns:
        The commit, and a table per split of the repository: those named by `dataset.splits`, or all, in its order.

    Raises:
        DatasetError: No revision is given, or the repository, the revision, a split or the network is missing.
    """
    commit = _commit(settings)
    try:
        loaded = datasets.load_dataset(settings.source, settings.subset, revision=commit, cache_dir=str(cache))
    except Exception as fault:  # noqa: BLE001 - the hub's client lets its HTTP library's own errors through
        raise _unreachable(settings, fault) from None
    tables = dict(loaded)
    if settings.splits is None:
        return commit, tables
    missing = [
        Problem(f"dataset.splits.{split}", f"{name!r} is no split of {settings.source}; there are {', '.join(tables)}")
        for split, name in settings.splits.items()
        if name not in tables
    ]
    missing += [
        Problem("dataset.splits", f"gives the split {name!r} two roles")
        for name, n_roles in Counter(settings.splits.values()).items()
        if n_roles > 1
    ]
    if missing:
        raise DatasetError("`dataset.splits` does not fit the dataset:", missing)
    return commit, {name: tables[name] for name in settings.splits.values()}


def _commit(settings: DatasetSettings) -> str:
    """Return the commit that the configured revision means; of a name that moves, warn.

    A commit is looked up too: without a network this fails at once, where loading would try again for half a minute.
    """
    if settings.revision is None:
        raise DatasetError(
            f"there is no file {settings.source}, so it is read as a dataset of the hub, "
            "and `dataset.revision` is missing.",
            remedy="Give the dataset's commit as `dataset.revision`, or the path of a local file as `dataset.source`.",
        )
    try:
        info = huggingface_hub.HfApi().dataset_info(str(settings.source), revision=settings.revision)
    except Exception as fault:  # noqa: BLE001 - as in `load`
        raise _unreachable(settings, fault) from None
    if not COMMIT.fullmatch(settings.revision):
        logger.warning(
            "dataset.revision %s is a name that moves: pin it as `revision: %s` to get the same rows again",
            settings.revision,
            info.sha,
        )
    return str(info.sha)


def _unreachable(settings: DatasetSettings, fault: BaseException) -> DatasetError:
    reason = next(iter(str(fault).splitlines()), type(fault).__name__)
    return DatasetError(
        f"the hub dataset {settings.source} at revision {settings.revision} cannot be loaded: {reason}",
        remedy="Check the name and the revision; without a network, download the files on a machine that has one "
        "and give their paths as `dataset.files`.",
    )
