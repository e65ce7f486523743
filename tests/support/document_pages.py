"""What document pages say: in their own file, and in what all of them share."""

import json
import re
from pathlib import Path
from typing import Any

from attviz_pipeline.report import links


def page_text(site: Path, position: int) -> str:
    """The file of a page."""
    return (site / links.document(position)).read_text(encoding="utf-8")


def shared(site: Path, position: int) -> dict[str, Any]:
    """Data and markup that a page shares with others of its tier."""
    address = re.search(r'src="\.\./(assets/(?:full|lite)\.js)"', page_text(site, position))
    assert address is not None
    script = (site / address[1]).read_text(encoding="utf-8")
    return dict(json.loads(script.removeprefix("Object.assign(attviz.pageData,").removesuffix(");\n")))


def page_payload(site: Path, position: int) -> dict[str, Any]:
    """The numbers that a page draws from."""
    found = re.search(r'id="payload">(.*)</script>', page_text(site, position))
    assert found is not None
    return {**shared(site, position)["shared"], **json.loads(found[1])}


def filled_page(site: Path, position: int) -> str:
    """A page with its places filled, as a browser fills them."""
    parts = shared(site, position)["parts"]
    return re.sub(r'<page-part name="(\w+)"></page-part>', lambda found: parts[found[1]], page_text(site, position))


def map_content(site: Path, address: str) -> dict[str, Any]:
    """The object that the script of a map hands over, under the name of its file."""
    found = re.fullmatch(r'attviz\.mapFiles\.add\("([^"]+)",(.*)\);\n', (site / address).read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == Path(address).stem
    return dict(json.loads(found[2]))
