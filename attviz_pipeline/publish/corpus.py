"""Find texts, labels and ids of the dataset in the pages of a site, and in the search of documents without a page."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from html.parser import HTMLParser
from pathlib import Path

from attviz_pipeline.publish.readable import readable

DOCUMENT = re.compile(r"documents/\d+\.html")
LEDGER = re.compile(r"assets/ledger-\d+\.js")
OTHERS = re.compile(r"assets/others-\d+\.js")
IDS_OF_LEDGER = re.compile(r'"id":\[.*?\],"split"', re.DOTALL)


def texts_of_dataset(site: Path, names: Iterable[str], wanted: Collection[str]) -> set[str]:
    """Return the wanted texts that are part of a text, label or id of the dataset.

    Case, accents and the number of slashes are ignored, because tokenizers change case and accents, and scripts double
    backslashes.

    Args:
        site: Folder of the rendered site.
        names: Files of the site.
        wanted: Texts as written in a file of the site.
    """
    missing = {text: _plain(text) for text in wanted}
    for name in names:
        if not missing:
            break
        shown = _plain(_shown(site, name))
        missing = {text: plain for text, plain in missing.items() if plain not in shown}
    return set(wanted) - set(missing)


def document_of(name: str, page: str) -> str:
    """Return the document of a document page for messages; empty for other files."""
    if not DOCUMENT.fullmatch(name):
        return ""
    found = re.search(r" id <bdi>(.*?)</bdi>", page)
    return f" (document {int(Path(name).stem) + 1}{f', id {found[1]}' if found else ''})"


def _shown(site: Path, name: str) -> str:
    if DOCUMENT.fullmatch(name):
        reader = _Reader()
        reader.feed(readable(site / name))
        return "".join(reader.texts)
    if OTHERS.fullmatch(name):
        return readable(site / name)
    if LEDGER.fullmatch(name):
        return "".join(IDS_OF_LEDGER.findall(readable(site / name)))
    return ""


def _plain(text: str) -> str:
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return re.sub(r"[\\/]+", "/", "".join(letters).casefold())


class _Reader(HTMLParser):
    """Reads the text of a document page, and the content of `bdi` elements: ids, labels and tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._inside and (tag == "bdi" or ("id", "text") in attrs):
            self._inside = tag
            self.texts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts.append(data)
