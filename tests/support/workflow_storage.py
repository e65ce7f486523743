"""Snakemake's storage plugin `fs`: whether it is here, and its options as docs/cluster.md gives them."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

PLUGIN = "snakemake_storage_plugin_fs"


def require_storage() -> None:
    """Skip a test where the plugin or its program is missing; ATTVIZ_REQUIRE_SLURM=1 makes that a failure."""
    if importlib.util.find_spec(PLUGIN) is None or shutil.which("rsync") is None:
        reason = f"{PLUGIN} or rsync is not installed (extra `storage`, tests/support/provide_slurm.sh)"
        if os.environ.get("ATTVIZ_REQUIRE_SLURM") == "1":
            pytest.fail(f"{reason}, and ATTVIZ_REQUIRE_SLURM=1 asks for it")
        pytest.skip(reason)


def stored(folder: Path) -> tuple[str, ...]:
    """Return options for a storage and local copies in two folders of a folder, `store` and `copies`."""
    return (
        *("--default-storage-provider", "fs", "--default-storage-prefix", str(folder / "store")),
        *("--local-storage-prefix", str(folder / "copies")),
        *("--remote-job-local-storage-prefix", f"{folder / 'copies'}-$SLURM_JOB_ID"),
        *("--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache"),
    )


def local_copies(folder: Path) -> list[Path]:
    """Return the local copies that are left, but for those of logs and benchmarks, which Snakemake keeps."""
    copies = (path for place in folder.glob("copies*") for path in place.rglob("*") if path.is_file())
    return [path for path in copies if not is_log(path)]


def is_log(path: Path) -> bool:
    """Whether a file contains times, and so differs between runs."""
    return not {"logs", "benchmarks"}.isdisjoint(path.parts)
