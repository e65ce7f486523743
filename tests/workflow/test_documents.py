"""What the documents promise: links that resolve, nothing left to fill in."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import attviz_pipeline

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path
    for folder in ("", "docs", "docs/decisions", "docs/statistics", "examples", "config", "benchmarks")
    for path in (ROOT / folder).glob("*.md")
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))

    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_to_fill_in(document: Path) -> None:
    assert not re.findall(r"TODO|FIXME|TBD|REPORT_TIME|XXX", document.read_text(encoding="utf-8"))


def test_quick_start_commands_are_targets_of_the_makefile() -> None:
    commands = set(
        re.findall(r"(?:^ {4}|`)make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert {"report", "test", "test-all"} <= commands
    for command in commands:
        finished = subprocess.run(["make", "-n", command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index)}
    decisions = {path for path in DOCUMENTS if path.parent.name == "decisions"}
    templates = {path for path in DOCUMENTS if path.name.endswith(".template.md")}

    assert ROOT / "docs" / "decisions" in listed
    assert set(DOCUMENTS) - decisions - templates - {ROOT / "docs" / "README.md"} <= listed


def test_the_release_has_one_version_and_date() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)[0]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert (citation["version"], citation["date-released"]) == (version, date) == (attviz_pipeline.__version__, date)
