"""Who may import whom, and how light the start is."""

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from attviz_pipeline.aggregates import AGGREGATES, DEFINITIONS
from attviz_pipeline.config.settings import DatasetFormat, Definition, ExportFormat
from attviz_pipeline.dataset.sources import FORMAT_OF_SUFFIX
from attviz_pipeline.export.export_attention import FORMATS
from attviz_pipeline.report.sentences.document import MOST_PINS
from attviz_pipeline.report.views.document_columns import NUMBERS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "attviz_pipeline"
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.*") if path.suffix in {".html", ".js"})
STAGES = {
    "dataset",
    "model",
    "attention",
    "redaction",
    "analysis",
    "evidence",
    "models_compared",
    "figures",
    "report",
    "export",
    "publish",
}
SHARED = {
    "aggregates",
    "artifacts",
    "config",
    "devices",
    "errors",
    "evidence_words",
    "faults",
    "formats",
    "hub_files",
    "model_inputs",
    "provenance",
    "progress",
    "published",
    "significance",
    "stages",
    "stats",
    "strata",
    "tasks",
    "token_texts",
    "unread",
    "words",
}
ALSO = {
    "publish": {"report"},
    "dataset": {"model"},
    "model": {"attention"},
    "evidence": {"attention", "analysis"},
    "models_compared": {"analysis"},
}
"""Publishing renders the index of all studies, which is a page; the config.json of a finished model says the task of a
dataset without labels; a classifier is tried by the code of the extraction;
evidence reads texts as the extraction does, and has intervals as the analysis does; so has the comparison of models."""
ONLY_IN = {
    "torch": {"model", "attention", "evidence"},
    "transformers": {"model", "attention", "evidence"},
    "matplotlib": {"figures"},
    "wordcloud": {"figures"},
    "jinja2": {"report"},
    "markdown_it": {"report"},
    "datasets": {"dataset"},
    "sklearn": {"dataset", "model", "analysis"},
    "git": {"publish"},
    "snakemake": set(),
}
OTHERS = {"attviz_pipeline/report/render_site.py"}
"""Templates have the names of pages."""
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
        ("attviz_pipeline/figures/style.py", r"#[0-9a-fA-F]{6}\b"),
        ("attviz_pipeline/significance.py", r"\b(?:SIGNIFICANT|LARGEST_Q) ="),
        (
            "attviz_pipeline/artifacts/layout.py",
            r"(?:head_profiles|document_groups|head_tokens|class_heads)\.parquet",
        ),
        ("attviz_pipeline/report/views/document_columns.py", r'"n_tokens", "mean"\]'),
    ],
)
def test_a_list_has_one_home(home: str, pattern: str) -> None:
    assert files_with(pattern, MODULES) <= {home}


@pytest.mark.parametrize(
    ("home", "pattern"),
    [
        ("attviz_pipeline/aggregates.py", r"""(?:["'](?:mean|entropy|std|max|min)["'](?::[^\n]*|,)?\s*){5}"""),
        ("attviz_pipeline/report/links.py", r'"methods\.html"'),
        ("templates/assets/js/core/palette.js", r"#cc79a7"),
    ],
)
def test_templates_and_scripts_copy_no_list(home: str, pattern: str) -> None:
    assert files_with(pattern, [*MODULES, *TEMPLATES]) - OTHERS <= {home}


@pytest.mark.parametrize(
    ("names", "registry"),
    [
        (ExportFormat, FORMATS),
        (Definition, DEFINITIONS),
        (DatasetFormat, {*FORMAT_OF_SUFFIX.values(), "attviz_json"}),
    ],
    ids=["export.formats", "aggregates.definition", "dataset.format"],
)
def test_a_setting_offers_what_there_is(names: object, registry: Collection[str]) -> None:
    assert set(get_args(names)) == set(registry)


def test_what_is_offered_is_described() -> None:
    formats, definitions = (text_of(name) for name in ("docs/formats.md", "templates/includes/definitions.html"))
    styles = text_of("templates/assets/css/searchable_tables/searchable_tables.css")

    assert not [name for name in FORMATS if name not in formats]
    assert not [one.title for one in AGGREGATES.values() if f"<dt>{one.title}</dt>" not in definitions]
    assert not [name for name, column in NUMBERS.items() if not column.is_score and f".c-{name}," not in styles]


def test_as_many_heads_can_be_pinned_as_there_are_colours() -> None:
    pins = re.search(r"PINS = \[([^\]]*)\]", text_of("templates/assets/js/core/palette.js"))

    assert pins is not None
    n_pins = {8: "eight", 9: "nine", 10: "ten"}[pins[1].count("#")]
    assert n_pins == MOST_PINS


def files_with(pattern: str, paths: Iterable[Path]) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in paths if re.search(pattern, path.read_text("utf-8"))}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
