"""A page of the site as one file that works alone: it contains styles, scripts, numbers and maps, and links nowhere.

The button `Page` of the document pages makes the same in the browser (`templates/assets/js/document_exports`). Every
word of the texts is escaped in the page, so that `<` begins markup of the templates only: expressions can find it.
"""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from mimetypes import guess_type
from pathlib import Path

from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import assets, links

STYLE = re.compile(r'<link rel="stylesheet" href="([^"]*)">')
SCRIPT = re.compile(r'<script src="([^"]*)"( defer)?></script>')
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')
IMAGE = re.compile(r'(<img\b[^>]*\bsrc=")([^":]*)(")')
LINK = re.compile(r'(<(?:a|link)\b[^>]*?) href="(?!#|data:)[^"]*"')
PAYLOAD = re.compile(r'<script type="application/json" id="payload">(.*?)</script>', re.DOTALL)
PAGER = re.compile(r'<a rel="(?:prev|next)"[^>]*>[^<]*</a>|<span class="off">[^<]*</span>')
DEAD_LINKS = "a:not([href]){color:inherit;text-decoration:none;border:0}"
BEGIN = 'Object.assign(attviz.pageData,{single:{hash:""}});\n'
ON_ALL_PAGES = ("page_controls.js",)


def single_file(site: Path, address: str) -> str:
    """Return a page of a site as one file.

    Args:
        site: Folder of the site.
        address: Address of the page, relative to the site's root.

    Raises:
        ArtifactError: The page, or a file that it needs, is missing.
    """
    text = _read(site / address)
    page = (site / address).parent
    is_document = address.startswith("documents/")
    named = [Path(name).name for name in STYLE.findall(text)]
    styles = [name for name in assets.PORTABLE if name.endswith(".css")] if is_document else named
    early = [(name, defer) for name, defer in SCRIPT.findall(text) if not defer]
    late = [Path(name).name for name, defer in SCRIPT.findall(text) if defer]
    seen = {Path(name).name for name, _ in early}
    codes = [name for name in assets.PORTABLE if name.endswith(".js") and name not in {*seen, "sensitive.js"}]
    codes = codes if is_document else [*late, *ON_ALL_PAGES]

    looks = [*(_read(site / links.ASSETS / name) for name in styles), DEAD_LINKS]
    first = [_read(page / name) for name, _ in early]
    last = [BEGIN, *(_read(site / links.ASSETS / name) for name in codes), *(_maps(site, text) if is_document else ())]
    text = IMAGE.sub(lambda found: f"{found[1]}{_as_data(page / found[2])}{found[3]}", text)
    text = LINK.sub(r"\1", PAGER.sub("", SCRIPT.sub("", STYLE.sub("", text))))
    text = POLICY.sub(lambda found: f"{found[1]}{_policy([*first, *last], looks)}{found[2]}", text)
    head = "".join(f"<style>{look}</style>" for look in looks) + "".join(map(_script, first))
    body = "".join(map(_script, last))
    return text.replace("</head>", f"{head}</head>", 1).replace("</body>", f"{body}</body>", 1)


def _script(code: str) -> str:
    if "</script" in code.lower():
        raise ArtifactError("a script of the site ends its own element: render the site again.")
    return f"<script>{code}</script>"


def _policy(scripts: list[str], styles: list[str]) -> str:
    """Allow the scripts and styles of the file itself, and nothing else."""
    codes, looks = (" ".join(map(_digest, texts)) for texts in (scripts, styles))
    own = f"script-src {codes}; style-src {looks}; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _maps(site: Path, text: str) -> Iterator[str]:
    """Yield the scripts of the document's token-to-token maps, without query and key vectors, which are large."""
    found = PAYLOAD.search(text)
    content = json.loads(found[1]) if found else {}
    for one in content.get("maps", ()):
        yield _read(site / links.MAP_FOLDER / f"{one['name']}.js")
        for model in content.get("mapModels", ()):
            yield _read(site / links.MAP_FOLDER / f"{one['name']}-M{model:02d}.js")


def _as_data(path: Path) -> str:
    kind = guess_type(path.name)[0] or "application/octet-stream"
    try:
        return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"
    except OSError as fault:
        raise _missing(path, fault) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise _missing(path, fault) from None


def _missing(path: Path, fault: OSError) -> ArtifactError:
    return ArtifactError(f"{path} cannot be read: {fault.strerror}.", remedy="Render the site again.")
