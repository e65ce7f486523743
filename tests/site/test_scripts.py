"""What the sources of the site's scripts may import, and what a page offers them when they run."""

import re
from collections.abc import Iterator
from graphlib import CycleError
from pathlib import Path

import pytest

from attviz_pipeline.report import assets, links
from attviz_pipeline.report.render import templates_folder
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.significance import SIGNIFICANT

TEMPLATES = templates_folder()
JS = TEMPLATES / "assets" / "js"
SOURCES = sorted(JS.rglob("*.js"))
BUNDLES = sorted({source.parent.name for source in SOURCES})
EVERY_PAGE = ("early", "core")
PAGES = sorted(path.name for path in TEMPLATES.glob("*.html") if path.name not in {"base.html", "runs.html"})
# Bundles that scripts load, after those that the page has by then: its own, and the ones that are named here.
DOCUMENT = ("document", "document_views")
LOADED_LATER = {
    "page_controls": (),
    "framed": (),
    "other_documents": ("rows", "searchable_tables", "document_table"),
    "document_views": ("document",),
    "document_evidence": ("document",),
    "document_tables": DOCUMENT,
    "words": DOCUMENT,
    "diverging": (),
    "maps": (*DOCUMENT, "diverging"),
    "neurons": (*DOCUMENT, "diverging", "maps"),
    "exports": (),
    "document_exports": (*DOCUMENT, "exports"),
    "head_files": ("mean_maps", "diverging", "heads", "exports"),
}


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pages load, by bundle."""
    site = tmp_path_factory.mktemp("site")
    assets.write_assets(TEMPLATES, site)
    return {name: (site / links.ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in BUNDLES}


def named(source: Path) -> str:
    return source.relative_to(JS).as_posix()


def text_of(source: Path) -> str:
    """A source without its comments."""
    return re.sub(r"^\s*//.*$", "", source.read_text(encoding="utf-8"), flags=re.MULTILINE)


def export_name(source: Path) -> str:
    """The name that a file may export: its own, as scripts spell names."""
    first, *others = source.stem.split("_")
    return first + "".join(word.capitalize() for word in others)


def exports() -> dict[str, Path]:
    return {name: source for source in SOURCES for name in assets.EXPORT.findall(text_of(source))}


def late_names(source: Path) -> list[str]:
    return re.findall(r'^const \w+ = late\("(\w+)"\);$', text_of(source), re.MULTILINE)


def page_bundles(page: str) -> tuple[str, ...]:
    """Bundles that a page loads, in its order."""
    found = re.search(r"{% set scripts = \[(.*?)\] %}", (TEMPLATES / page).read_text(encoding="utf-8"))
    assert found is not None, page
    return (*EVERY_PAGE, *re.findall(r'"(\w+)"', found[1]))


def loaded_before() -> Iterator[tuple[str, set[str]]]:
    """Every bundle of every page, with what has run before it."""
    yield "sensitive", {"early"}
    for page in PAGES:
        bundles = page_bundles(page)
        for i, name in enumerate(bundles):
            yield name, set(bundles[:i])
    for name, others in LOADED_LATER.items():
        yield name, {*EVERY_PAGE, *others}


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_a_source_imports_what_there_is_and_exports_its_own_name(source: Path) -> None:
    text = text_of(source)
    imported = assets.imports(source)
    assert len(re.findall(r"^import\b", text, re.MULTILINE)) == len(imported), "an import that the joiner cannot read"
    for name, path in imported.items():
        assert path.is_file(), path
        assert assets.EXPORT.findall(text_of(path)) == [name], f"{path} does not export {name}"
    exported = re.findall(r"^export\b.*", text, re.MULTILINE)
    assert [line for line in exported if not line.startswith(f"export const {export_name(source)} = ")] == []
    assert len(exported) <= 1


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_what_comes_later_is_asked_for_by_name_at_the_top(source: Path) -> None:
    names = late_names(source)
    assert len(names) == len(re.findall(r"\blate\(", text_of(source)))
    for name in names:
        other = exports()[name].parent.name
        assert other != source.parent.name
        before = [has for bundle, has in loaded_before() if bundle == source.parent.name]
        assert not all(other in has for has in before), f"{name} is always there: import it"


def test_nothing_but_exports_hangs_on_the_global(joined: dict[str, str]) -> None:
    """The linter knows no variable `attviz`, so that only these ways lead to the global."""
    assert {named(source) for source in SOURCES if "globalThis.attviz" in text_of(source)} == {"core/late.js"}
    text = "".join(joined.values())
    assert sorted(re.findall(r"\battviz\.(\w+)=", text)) == sorted(exports())
    taken = re.findall(r"^const {(.+)}=attviz;$", text, re.MULTILINE)
    assert {name for names in taken for name in names.split(",")} <= set(exports())


def test_scripts_of_data_call_what_is_exported() -> None:
    """They are written by the renderer, and by a page that exports itself as one file."""
    writers = [*Path(assets.__file__).parent.glob("*.py"), JS / "document_exports" / "single_file.js"]
    used = {name for path in writers for name in re.findall(r"\battviz\.(\w+)[.,(]", path.read_text(encoding="utf-8"))}
    assert used == {"pageData", "tableRows", "mapFiles"}
    assert used <= set(exports())


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_has_an_order(name: str) -> None:
    order = assets.bundle(TEMPLATES, "js", name)
    assert sorted(order) == sorted(source.resolve() for source in SOURCES if source.parent.name == name)
    for place, source in enumerate(order):
        assert set(assets.imports(source).values()) & set(order) <= set(order[:place])


def test_a_circle_of_imports_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "assets" / "js" / "round"
    folder.mkdir(parents=True)
    (folder / "one.js").write_text('import { two } from "./two.js";\nexport const one = () => two;\n')
    (folder / "two.js").write_text('import { one } from "./one.js";\nexport const two = () => one;\n')
    with pytest.raises(CycleError):
        assets.bundle(tmp_path, "js", "round")


def test_every_page_loads_what_its_bundles_import() -> None:
    used = set()
    for name, has in loaded_before():
        used.add(name)
        for source in (JS / name).glob("*.js"):
            needed = {path.parent.name for path in assets.imports(source).values()} - {name}
            assert needed <= has, f"{named(source)} imports from {sorted(needed - has)}, which is not loaded before it"
    assert used == set(BUNDLES)


def test_scripts_ask_for_bundles_that_exist() -> None:
    text = "".join(text_of(source) for source in SOURCES)
    asked = set(re.findall(r'"?assets/(\w+)\.js"', text)) - {"sources", "panels"}
    assert asked <= set(LOADED_LATER)
    assert {name.removesuffix(".js") for name in assets.PORTABLE if name.endswith(".js")} - {"panels"} <= set(BUNDLES)


@pytest.mark.parametrize("name", BUNDLES)
def test_a_joined_bundle_is_a_classic_script(name: str, joined: dict[str, str]) -> None:
    assert joined[name].startswith(assets.BEGIN)
    assert joined[name].endswith(assets.END)
    assert not re.search(r"^(import|export)\b", joined[name], re.MULTILINE)


def test_scripts_and_sentences_say_the_same_of_q_that_is_too_small() -> None:
    script = (JS / "rows" / "significance.js").read_text(encoding="utf-8")
    assert f"; {parts.Q_TOO_SMALL}" in script
    assert f"q < {SIGNIFICANT:g}" in script
