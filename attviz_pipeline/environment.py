"""The Python environment that jobs run in: the interpreter of Snakemake, if it has what the stages import.

Only the standard library is imported here, so that an environment without any package can still be named.
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
    """Let `python`, in all processes that this one starts, be this interpreter with the code of `repository`.

    An environment that conda deploys is activated later and so comes before both.

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
    """Say what to do about a module that cannot be imported."""
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
