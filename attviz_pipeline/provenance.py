"""The versions of the code that made a result."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("attviz-pipeline", "torch", "transformers", "tokenizers", "datasets", "numpy", "pyarrow", "matplotlib")
UNKNOWN = "unknown"


def collect_provenance() -> dict[str, str]:
    """Return the git commit of the code and the versions of Python and the main packages, in a fixed order.

    The commit ends in `-dirty` if tracked files have uncommitted changes. The result is the same for every run.
    """
    versions = {package: _version(package) for package in PACKAGES}
    return {"git commit": _commit(), "python": platform.python_version(), **versions}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return UNKNOWN
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
