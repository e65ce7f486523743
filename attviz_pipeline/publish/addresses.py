"""The addresses that a page names, and whether they lead anywhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import Self
from urllib.parse import unquote, urlsplit

ELSEWHERE = frozenset({"http", "https", "mailto", "data"})


@dataclass(frozen=True)
class Target:
    """What one `href` or `src` says, as path and fragment."""

    written: str
    scheme: str
    path: str
    fragment: str

    @classmethod
    def of(cls, written: str) -> Self:
        """Take an address apart."""
        parts = urlsplit(written)
        scheme = "https" if parts.netloc and not parts.scheme else parts.scheme
        return cls(written, scheme, unquote(parts.path), unquote(parts.fragment))

    def fault(self, page: str, names: Collection[str], pages: Mapping[str, "Addresses"]) -> str:
        """Say why the address does not work in a site, or return nothing.

        Args:
            page: The page that names it, relative to the site.
            names: All files of the site.
            pages: What each page of the site holds.
        """
        if self.scheme in ELSEWHERE:
            return ""
        if self.scheme or self.path.startswith("/"):
            return f"links to {self.written!r}, which is no address within the site"
        target = normpath(join(dirname(page), self.path)) if self.path else page
        if target not in names:
            return f"links to {self.written!r}, which is not there"
        # A fragment with "=" is state that the page's script reads.
        if self.fragment and "=" not in self.fragment and target in pages and self.fragment not in pages[target].ids:
            return f"links to {self.written!r}, a place that the page does not have"
        return ""


@dataclass(frozen=True)
class Addresses:
    """The addresses that a page names and the places that it has."""

    targets: frozenset[Target]
    ids: frozenset[str]


def read_addresses(page: str) -> Addresses:
    """Read the addresses and places of a page."""
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
