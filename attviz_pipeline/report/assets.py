"""Style, scripts and data files of the site: the project's own sources, joined without any tool."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attviz_pipeline.report import links, payload

SCRIPT_BEGIN, SCRIPT_END = '((attviz) => {\n"use strict";\n', "})(globalThis.attviz ??= {});\n"
PANELS = "panels.js"
SOURCES = "sources.js"
PORTABLE = (
    *(f"{name}.css" for name in ("core", "document", "later", "maps", "help")),
    "early.js",
    PANELS,
    *(f"{name}.js" for name in ("core", "document", "later", "reader", "tables", "words", "maps", "exports")),
    "sensitive.js",
)
"""What a document's page needs when it is a file of its own, in the order in which it runs."""
FACTS = {"reader": {"keys": {page.key: page.address for page in links.PAGES if page.key}}}
"""What the scripts of a bundle know from here, beside the data of pages."""


def write_assets(templates: Path, site: Path) -> None:
    """Write the site's scripts and styles: a folder `js/lists` of sources becomes `lists.js`, `css/lists` `lists.css`.

    Every page loads `core` and names in its template what it needs besides, so that none carries another's views.
    `early` is what has to run before the page is first drawn.
    """
    source, target = templates / "assets", site / links.ASSETS
    target.mkdir()
    for kind in ("css", "js"):
        for folder in sorted(path for path in (source / kind).iterdir() if path.is_dir()):
            if not (sources := bundle(templates, kind, folder.name)):
                continue
            text = _squeezed(joined(sources)) if kind == "css" else _facts(folder.name) + _in_one_function(sources)
            _write(target / f"{folder.name}.{kind}", text)
    # Without it GitHub Pages would run every page through a site generator.
    (site / ".nojekyll").touch()


def write_shared(site: Path, address: str, shared: dict[str, Any], parts: dict[str, str]) -> None:
    """Write what many pages share, as a script: data, and markup for the places that they leave (`parts.js`)."""
    content = {"shared": shared, "parts": {name: _lines(text) for name, text in parts.items()}}
    _write(site / address, f"Object.assign(attviz,{payload.script_json(content)});\n")


def write_panels(site: Path, panels: dict[str, str]) -> None:
    """Write the markup that pages load when it is asked for, and after it the sources of all parts.

    A page that exports itself as one file cannot read these from a file system, but it can load them as a script.
    """
    target = site / links.ASSETS
    content = payload.script_json({name: _lines(text) for name, text in panels.items()})
    _write(target / PANELS, f"Object.assign(attviz.parts??={{}},{content});\n")
    sources = {name: (target / name).read_text(encoding="utf-8") for name in PORTABLE}
    _write(target / SOURCES, f"attviz.sources={payload.script_json(sources)};\n")


def bundle(templates: Path, kind: str, name: str) -> list[Path]:
    """Sources of one bundle in the order in which they are joined.

    Args:
        templates: Folder of the templates.
        kind: `css` or `js`.
        name: Of the bundle.
    """
    return sorted((templates / "assets" / kind / name).glob(f"*.{kind}"))


def write_rows(site: Path, table: str, chunks: Iterable[dict[str, Any]]) -> list[str]:
    """Write the rows of a searchable table as scripts, which also open from a file system.

    Returns:
        Their addresses, relative to the site's root.
    """
    return [write_part(site, table, number, chunk) for number, chunk in enumerate(chunks)]


def write_part(site: Path, table: str, number: int, chunk: dict[str, Any]) -> str:
    """Write some rows of a table as a script of its own; return its address, relative to the site's root."""
    address = f"{links.ASSETS}/{table}-{number:03d}.js"
    _write(site / address, f"attviz.rows.add({payload.script_json(table)},{payload.script_json(chunk)});\n")
    return address


def joined(sources: Iterable[Path]) -> str:
    """Join style sheets or scripts without the indentation and whole-line comments that help readers of the sources."""
    lines = "\n".join(_lines(source.read_text(encoding="utf-8")) for source in sources).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("//", "/*"))) + "\n"


def _lines(text: str) -> str:
    """Leave out indentation and blank lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _facts(name: str) -> str:
    return f"Object.assign(attviz,{payload.script_json(FACTS[name])});\n" if name in FACTS else ""


def _in_one_function(sources: Iterable[Path]) -> str:
    """Join scripts: each is a function of its own as a source, and a block in the one function of its bundle."""
    bodies = (joined([source]).removeprefix(SCRIPT_BEGIN).removesuffix(SCRIPT_END) for source in sources)
    return SCRIPT_BEGIN + "".join(f"{{\n{body}}}\n" for body in bodies) + SCRIPT_END


def _squeezed(style: str) -> str:
    """Leave out blanks and semicolons that mean nothing in a style sheet."""
    return re.sub(r" ?([{};,]) ?|(?<=[a-z]): ", lambda found: found[1] or ":", style).replace(";}", "}")


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8", newline="\n")
