"""Style, scripts and data files of the site: the project's own sources, joined without any tool."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attviz_pipeline.report import links, payload

STYLES = ("theme.css", "base.css", "layout.css", "table.css", "document.css", "heads.css", "print.css")
ENTRY = "main.js"


def write_assets(templates: Path, site: Path) -> None:
    """Write the scripts and the style that all pages share into the site.

    `theme.js` is on its own because it has to run before the page is first drawn.
    """
    source, target = templates / "assets", site / links.ASSETS
    target.mkdir()
    _write(target / "app.css", (source / "css" / name for name in STYLES))
    early = source / "js" / "theme.js"
    modules = sorted(path for path in (source / "js").glob("*.js") if path.name != ENTRY and path != early)
    _write(target / "app.js", [*modules, source / "js" / ENTRY])
    _write(target / "theme.js", [early])
    # Without it GitHub Pages would run every page through a site generator.
    (site / ".nojekyll").touch()


def write_rows(site: Path, table: str, chunks: Iterable[dict[str, Any]]) -> list[str]:
    """Write the rows of a searchable table as scripts, which also open from a file system.

    Returns:
        Their addresses, relative to the site's root.
    """
    addresses = []
    for number, chunk in enumerate(chunks):
        address = f"{links.ASSETS}/{table}-{number:03d}.js"
        text = f"attviz.rows.add({payload.script_json(table)},{payload.script_json(chunk)});\n"
        (site / address).write_text(text, encoding="utf-8", newline="\n")
        addresses.append(address)
    return addresses


def _write(target: Path, sources: Iterable[Path]) -> None:
    lines = (line.strip() for source in sources for line in source.read_text(encoding="utf-8").splitlines())
    # Indentation and whole-line comments are for readers of the sources; every page of the site loads this file.
    kept = (line for line in lines if line and not line.startswith(("//", "/*")))
    target.write_text("\n".join(kept) + "\n", encoding="utf-8", newline="\n")
