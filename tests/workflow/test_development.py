"""The page for developers names files and lists that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### Add an? ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
STEP = re.compile(r"^\d+\. (new )?`([^`]+)`(.*)", re.MULTILINE)
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`")
LIST = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`, `([A-Z]\w+)`")
MOST_FILES = 7


def test_every_recipe_is_there() -> None:
    assert set(RECIPES) == {
        "stage",
        "figure",
        "aggregate",
        "page",
        "export format",
        "dataset format",
        "architecture",
        "setting",
        "column of the index",
    }


@pytest.mark.parametrize("name", RECIPES)
def test_the_files_of_a_recipe_exist(name: str) -> None:
    steps = STEP.findall(RECIPES[name])

    assert len({path for _, path, _ in steps}) == len(steps) < MOST_FILES
    for is_new, path, _ in steps:
        assert (ROOT / path).is_file() != bool(is_new), path
        assert (ROOT / path).parent.is_dir(), path
    assert any(path.startswith("tests/") for _, path, _ in steps)


@pytest.mark.parametrize(("path", "name"), sorted(set(LIST.findall(PAGE))))
def test_a_list_is_in_its_home(path: str, name: str) -> None:
    assert re.search(rf"^\s*(?:const )?{name}\b[^\n]*=", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_other_file_of_the_page_exists() -> None:
    new = {path for text in RECIPES.values() for is_new, path, _ in STEP.findall(text) if is_new}

    assert not [path for path in FILE.findall(PAGE) if path not in new and not (ROOT / path).is_file()]


def test_each_word_has_one_meaning() -> None:
    words = re.findall(r"^\| ([^|]+) \| ", PAGE.split("## Words")[1].split("\n## ")[0], re.MULTILINE)[1:]

    assert len(words) == len(set(words)) >= 20


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) < 300
