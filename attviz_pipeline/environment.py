"""The Python environment of jobs: Snakemake's own interpreter, if it has the packages that the stages import.

This module needs only the standard library, so that it can report missing packages.
"""

import os
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from attviz_pipeline.errors import ResourceError

REMEDY = (
    "Run Snakemake from the project's environment (`. .venv/bin/activate`, or `.venv/bin/snakemake ...`), or install "
    "the project there: `pip install -c constraints.txt -e .` in the repository's top folder."
)


def use_this_interpreter(repository: Path) -> None:
    """Make `python` in all child processes run this interpreter with the code of `repository`.

    A conda environment that Snakemake deploys is activated later and takes precedence.

    Raises:
        ResourceError: The interpreter lacks packages, or is not called `python` in its folder.
    """
    folder = Path(sys.executable).parent
    if missing := _missing_packages(repository):
        raise _lacking(", ".join(missing))
    if not (folder / "python").exists():
        raise ResourceError(f"{folder} has no program `python`, which the rules call.", remedy=REMEDY)
    _prepend("PATH", folder)
    _prepend("PYTHONPATH", repository)


def missing_module(fault: ModuleNotFoundError) -> ResourceError:
    """Return the error for a module that cannot be imported, with its remedy."""
    return _lacking((fault.name or str(fault)).partition(".")[0])


def _lacking(packages: str) -> ResourceError:
    return ResourceError(f"{sys.executable} lacks packages that this project needs: {packages}.", remedy=REMEDY)


def _missing_packages(repository: Path) -> list[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[^\w.-]", dependency)[0] for dependency in project["dependencies"]]
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _prepend(variable: str, folder: Path) -> None:
    rest = [place for place in os.environ.get(variable, "").split(os.pathsep) if place and place != str(folder)]
    os.environ[variable] = os.pathsep.join([str(folder), *rest])
