"""Style, scripts and data files of the site: the project's own sources, joined without any tool."""

import re
import shutil
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from attviz_pipeline.report import links, payload

BEGIN, END = '((attviz) => {\n"use strict";\n', "})(globalThis.attviz ??= {});\n"
IMPORT = re.compile(r'^import \{ (\w+) \} from "(\.{1,2}/[\w/]+\.js)";\n', re.MULTILINE)
BLANKS = re.compile(r" (=>|[=!]==|=|[?:]|&&|\|\||\?\?) |(?<=\{) | (?=\})")
EXPORT = re.compile(r"^export const (\w+) = ", re.MULTILINE)
PANELS = "panels.js"
SOURCES = "sources.js"
PORTABLE = (
    *(f"{name}.css" for name in ("core", "document", "document_values", "document_views", "maps", "help")),
    "early.js",
    PANELS,
    *(f"{name}.js" for name in ("core", "document", "document_views", "page_controls", "document_evidence")),
    *(
        f"{name}.js"
        for name in ("document_tables", "words", "diverging", "maps", "exports", "document_exports", "sensitive")
    ),
)
"""What a document's page needs when it is a file of its own, in the order in which it runs."""


def write_assets(templates: Path, site: Path, pages: Iterable[links.Page] = links.PAGES) -> None:
    """Write the site's scripts and styles: a folder `js/heads` of sources becomes `heads.js`, `css/heads` `heads.css`.

    Every page loads `core` and names in its template what it needs besides, so that none carries another's views.
    `early` is what has to run before the page is first drawn. Keys lead to `pages`.
    """
    facts = {"page_controls": {"keys": {page.key: page.address for page in pages}}}
    source, target = templates / "assets", site / links.ASSETS
    target.mkdir()
    for kind in ("css", "js"):
        for folder in sorted(path for path in (source / kind).iterdir() if path.is_dir()):
            if not (sources := bundle(templates, kind, folder.name)):
                continue
            text = _squeezed(joined(sources)) if kind == "css" else _as_script(sources, facts.get(folder.name))
            _write(target / f"{folder.name}.{kind}", text)
    shutil.copyfile(source / "icon.svg", site / links.ICON)
    # Without it GitHub Pages would run every page through a site generator.
    (site / ".nojekyll").touch()


def write_shared(site: Path, address: str, shared: dict[str, Any], parts: dict[str, str]) -> None:
    """Write what many pages share, as a script: data, and markup for the places that they leave (`parts.js`)."""
    content = {"shared": shared, "parts": {name: _lines(text) for name, text in parts.items()}}
    _write(site / address, f"Object.assign(attviz.pageData,{payload.script_json(content)});\n")


def write_panels(site: Path, panels: dict[str, str]) -> None:
    """Write the markup that pages load when it is asked for, and after it the sources of all parts.

    A page that exports itself as one file cannot read these from a file system, but it can load them as a script.
    """
    target = site / links.ASSETS
    content = payload.script_json({name: _lines(text) for name, text in panels.items()})
    _write(target / PANELS, f"Object.assign(attviz.pageData.parts??={{}},{content});\n")
    sources = {name: (target / name).read_text(encoding="utf-8") for name in PORTABLE}
    _write(target / SOURCES, f"attviz.pageData.sources={payload.script_json(sources)};\n")


def bundle(templates: Path, kind: str, name: str) -> list[Path]:
    """Sources of one bundle in the order in which they are joined: by name, scripts behind those that they import.

    Args:
        templates: Folder of the templates.
        kind: `css` or `js`.
        name: Of the bundle.

    Raises:
        graphlib.CycleError: If scripts import each other in a circle.
    """
    sources = sorted((templates / "assets" / kind / name).resolve().glob(f"*.{kind}"))
    within = {source: [path for path in imports(source).values() if path in sources] for source in sources}
    return list(TopologicalSorter(within).static_order())


def imports(source: Path) -> dict[str, Path]:
    """Names that a script imports, each with the file that exports it; a style sheet imports none."""
    return {name: (source.parent / path).resolve() for name, path in IMPORT.findall(source.read_text(encoding="utf-8"))}


def write_rows(site: Path, table: str, chunks: Iterable[dict[str, Any]]) -> list[str]:
    """Write the rows of a searchable table as scripts, which also open from a file system.

    Returns:
        Their addresses, relative to the site's root.
    """
    return [write_part(site, table, number, chunk) for number, chunk in enumerate(chunks)]


def write_part(site: Path, table: str, number: int, chunk: dict[str, Any]) -> str:
    """Write some rows of a table as a script of its own; return its address, relative to the site's root."""
    address = f"{links.ASSETS}/{table}-{number:03d}.js"
    _write(site / address, f"attviz.tableRows.add({payload.script_json(table)},{payload.script_json(chunk)});\n")
    return address


def joined(sources: Iterable[Path]) -> str:
    """Join style sheets or scripts without the indentation and whole-line comments that help readers of the sources."""
    lines = "\n".join(_lines(source.read_text(encoding="utf-8")) for source in sources).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("//", "/*"))) + "\n"


def _lines(text: str) -> str:
    """Leave out indentation and blank lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _as_script(sources: Iterable[Path], facts: dict[str, Any] | None = None) -> str:
    """Join modules to a classic script, which also runs on a page that is opened from a file system.

    Each module is a block in the one function of its bundle. Its exports become properties of the global `attviz`, from
    which it takes its imports: they are of its own bundle, or of one that the page loaded before. Its facts come first.
    """
    known = f"Object.assign(attviz.pageData,{payload.script_json(facts)});\n" if facts else ""
    return BEGIN + known + "".join(f"{{\n{_block(joined([source]))}}}\n" for source in sources) + END


def _block(module: str) -> str:
    names = ",".join(name for name, _ in IMPORT.findall(module))
    taken = f"const {{{names}}}=attviz;\n" if names else ""
    return taken + BLANKS.sub(r"\1", EXPORT.sub(r"const \1 = attviz.\1 = ", IMPORT.sub("", module)))


def _squeezed(style: str) -> str:
    """Leave out blanks and semicolons that mean nothing in a style sheet."""
    return re.sub(r" ?([{};,]) ?|(?<=[a-z]): ", lambda found: found[1] or ":", style).replace(";}", "}")


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8", newline="\n")
