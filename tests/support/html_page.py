"""A parsed page of the site."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """A parsed page: its addresses, attributes, scripts and the text of elements with an id."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.ids: set[str] = set()
        self.text = ""
        self._open_script: tuple[dict[str, str | None], list[str]] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.addresses += [(name, values[name] or "") for name in ("href", "src") if name in values]
        if values.get("id"):
            assert values["id"] not in self.ids, f"id {values['id']} occurs twice"
            self.ids.add(str(values["id"]))
        if tag == "script":
            self._open_script = (values, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._open_script:
            self.scripts.append((self._open_script[0], "".join(self._open_script[1])))
            self._open_script = None

    def handle_data(self, data: str) -> None:
        if self._open_script:
            self._open_script[1].append(data)
        else:
            self.text += data


def words(path: Path) -> str:
    """The text of a page with single blanks."""
    return " ".join(Page(path).text.split())
