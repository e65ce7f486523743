"""The links of a page, and checks of their targets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import Self
from urllib.parse import unquote, urlsplit

ELSEWHERE = frozenset({"http", "https", "mailto", "data"})


@dataclass(frozen=True)
class Target:
    """The address of one `href` or `src`, divided into its parts."""

    written: str
    scheme: str
    path: str
    fragment: str

    @classmethod
    def of(cls, written: str) -> Self:
        """Parse an address."""
        parts = urlsplit(written)
        scheme = "https" if parts.netloc and not parts.scheme else parts.scheme
        return cls(written, scheme, unquote(parts.path), unquote(parts.fragment))

    def fault(self, page: str, names: Collection[str], pages: Mapping[str, "Addresses"]) -> str:
        """Return why the address does not work in a site; empty if it does.

        Args:
            page: The page with the link, relative to the site.
            names: All files of the site.
            pages: Links and anchors of each page of the site.
        """
        if self.scheme in ELSEWHERE:
            return ""
        if self.scheme or self.path.startswith("/"):
            return f"links to {self.written!r}, which is no address within the site"
        target = normpath(join(dirname(page), self.path)) if self.path else page
        if target not in names:
            return f"links to {self.written!r}, which does not exist"
        # A fragment with "=" is a state for the page's script.
        if self.fragment and "=" not in self.fragment and target in pages and self.fragment not in pages[target].ids:
            return f"links to {self.written!r}, an anchor that the page does not have"
        return ""


@dataclass(frozen=True)
class Addresses:
    """The links and the anchors of a page."""

    targets: frozenset[Target]
    ids: frozenset[str]


def read_addresses(page: str) -> Addresses:
    """Read the links and anchors of a page."""
    reader = _Reader()
    reader.feed(page)
    return Addresses(frozenset(Target.of(address) for address in reader.addresses), frozenset(reader.ids))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in {"href", "src"}:
                self.addresses.add(value or "")
            elif name == "id":
                self.ids.add(value or "")
