"""Source files that a stage's results depend on: its module and all modules that it imports, directly or indirectly.

A digest of them is a parameter of the stage's rule, so an edit of one of them reruns the stage; an edit of any other
file does not. They are no inputs, because Snakemake looks at every input of every job, and there are thousands of jobs.
`config/` and `stages.py` are excluded because the values that a stage reads from them are parameters of its rule. The
`__init__.py` of packages are excluded because they hold no code that a stage runs.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attviz_pipeline.stages import Stage

PACKAGE = Path(__file__).resolve().parent
NO_CODE = {"__init__"}
DEFINITION = re.compile(r"^(?:@|def |class |async )", re.MULTILINE)
SETTINGS = {"attviz_pipeline.stages", "attviz_pipeline.config"}


def source_files(stage: Stage) -> list[Path]:
    """Return the files that a stage's results depend on, relative to the top folder of the repository, in order."""
    root = PACKAGE.parent
    found = {path.relative_to(root) for module in _closure(stage.module) if (path := _file(module))}
    for source in stage.sources:
        files = (root / source).rglob("*.*")
        found |= {path.relative_to(root) for path in files if path.is_file() and "__pycache__" not in path.parts}
    return sorted(found)


def source_digest(stage: Stage) -> str:
    """Return a digest of the names and contents of a stage's source files."""
    digest = hashlib.sha256()
    for path in source_files(stage):
        content = (PACKAGE.parent / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    """Return a module and all modules that it imports, directly or indirectly."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return found


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the modules of this package that a module imports."""
    path = _file(module)
    if path is None:
        return ()
    # Imports are at the top of a module (the linter enforces it). Parsing the rest would take most of the time.
    top = DEFINITION.split(path.read_text(encoding="utf-8"), maxsplit=1)[0]
    names = _imported_names(ast.parse(top))
    return tuple(name for name in names if _file(name) and not _is_settings(name))


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            # A name imported from a package can be a submodule or a name in a module.
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _is_settings(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in SETTINGS)


@cache
def _file(module: str) -> Path | None:
    top, *parts = module.split(".")
    path = PACKAGE.joinpath(*parts).with_suffix(".py")
    is_code = top == PACKAGE.name and parts and parts[-1] not in NO_CODE
    return path if is_code and path.is_file() else None
