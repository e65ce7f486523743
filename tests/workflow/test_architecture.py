"""Who may import whom, and how light the start is."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "attviz_pipeline"
STAGES = {"dataset", "model", "attention", "redaction", "analysis", "figures", "report", "export", "publish"}
SHARED = {
    "artifacts",
    "config",
    "devices",
    "errors",
    "faults",
    "hub_files",
    "model_inputs",
    "provenance",
    "progress",
    "published",
    "significance",
    "stages",
    "strata",
    "token_texts",
    "unread",
    "words",
}
ALSO = {"publish": {"report"}, "model": {"attention"}}
"""Publishing renders the index of all studies, which is a page; a classifier is tried by the code of the extraction."""
ONLY_IN = {
    "torch": {"model", "attention"},
    "transformers": {"model", "attention"},
    "matplotlib": {"figures"},
    "wordcloud": {"figures"},
    "jinja2": {"report"},
    "markdown_it": {"report"},
    "datasets": {"dataset"},
    "sklearn": {"dataset", "model", "analysis"},
    "git": {"publish"},
    "snakemake": set(),
}
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((PACKAGE.parent / "tests").rglob("test_*.py"))


def part_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_part(module: Path) -> None:
    libraries = {name.split(".")[0] for name in imported_names(module)}

    misplaced = {name for name in libraries & set(ONLY_IN) if part_of(module) not in ONLY_IN[name]}
    assert not misplaced


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_meet_in_artifacts_only(module: Path) -> None:
    names = [name.split(".") for name in imported_names(module) if name.startswith("attviz_pipeline.")]
    parts = {name[1] for name in names} - {part_of(module), "__version__"}

    if part_of(module) in STAGES:
        assert parts <= SHARED | ALSO.get(part_of(module), set())
    elif part_of(module) in SHARED:
        assert not parts & STAGES


@pytest.mark.parametrize("module", ["attviz_pipeline.config", "attviz_pipeline.cli"])
def test_parsing_the_workflow_imports_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(m for m in {set(ONLY_IN)!r} if m in sys.modules))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == ""


@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.name)
def test_no_test_imports_another(test: Path) -> None:
    parts = {part for name in imported_names(test) for part in name.split(".")}

    assert not parts & {"conftest", *(path.stem for path in TESTS)}


def test_every_public_thing_is_documented() -> None:
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        public = [
            node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
        ]
        missing = [node.name for node in public if not ast.get_docstring(node)]
        assert not missing, module


@pytest.mark.parametrize(
    ("home", "pattern"),
    [
        ("figures/style.py", r"#[0-9a-fA-F]{6}\b"),
        ("significance.py", r"\b(?:SIGNIFICANT|LARGEST_Q) ="),
        ("artifacts/layout.py", r"(?:head_profiles|document_groups|head_tokens|class_heads)\.parquet"),
    ],
)
def test_a_list_has_one_home(home: str, pattern: str) -> None:
    homes = {path.relative_to(PACKAGE).as_posix() for path in MODULES if re.search(pattern, path.read_text("utf-8"))}

    assert homes <= {home}
