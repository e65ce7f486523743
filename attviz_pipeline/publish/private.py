"""Search for private information of the machine that built a site, and for forbidden texts."""

import getpass
import html
import json
import re
import socket
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Common names of users and machines, which reveal nothing and occur as words in many texts.
COMMON_NAMES = frozenset(
    {"root", "user", "users", "admin", "runner", "ubuntu", "debian", "docker", "guest", "nobody", "localhost", "home"}
)
SHORTEST_NAME = 3
ALLOW = "add it to publish.allowed if it may be published"
FOLDER_OF_A_USER = re.compile(
    r"(?<![\w.])/(?:home|users)/[\w.-]+(?:/[\w.-]+)*|\b[a-z]:[\\/]+users[\\/]+[\w.-]+|\bfile:///[\w.%:/-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Needle:
    """A text or pattern that no published file may contain.

    Args:
        what: Description and remedy, for messages.
        hints: Case-folded texts for a fast search; each file that `pattern` matches contains one of them.
        pattern: The pattern to search; None if a hint is enough.
        allowed: Texts that are removed before `pattern` is applied.
        of_machine: Whether it is information of this machine, which is allowed if the dataset contains it, too.
    """

    what: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    allowed: tuple[str, ...] = ()
    of_machine: bool = False

    def found(self, text: str, lowered: str) -> list[str]:
        """Return the different matches in a text, which is given in normal form C and case-folded."""
        hints = [hint for hint in self.hints if hint in lowered]
        if self.pattern is None or not hints:
            return hints[:1]
        for phrase in self.allowed:
            text = text.replace(phrase, " ")
        return list(dict.fromkeys(self.pattern.findall(text)))


def forbidden_needles(forbidden: Iterable[str]) -> list[Needle]:
    """Return needles for the forbidden texts of the configuration, in all spellings of pages, scripts and tables."""
    what = "which publish.forbidden names: remove it from the dataset, or redact (redaction.mode)"
    return [Needle(f"{text!r}, {what}", _spellings(text)) for text in forbidden]


def machine_needles(repository: Path, allowed: Sequence[str]) -> list[Needle]:
    """Return needles for folders of this machine, and for the names of its user and of the machine.

    A path must match as a whole. A name matches only as a whole word, and not within compressed numbers.
    """
    phrases = tuple(_composed(phrase) for phrase in allowed)
    needles = [_path_needle(path, phrases) for path in _own_folders(repository)]
    needles += [_name_needle(kind, name, phrases) for kind, name in _own_names()]
    hints = ("/home/", "/users/", "users\\", ":/users", "file:///")
    what = "the path of a user's folder, or a file:// address"
    return [*needles, Needle(f"{what}: {ALLOW}", hints, FOLDER_OF_A_USER, phrases, of_machine=True)]


def _own_folders(repository: Path) -> list[str]:
    folders = {*_home(), Path.cwd(), repository.resolve(), Path(__file__).resolve().parents[2], Path(sys.prefix)}
    return sorted(str(folder) for folder in folders if len(folder.parts) > 1)


def _home() -> list[Path]:
    try:
        return [Path.home()]
    except RuntimeError:  # as in `_user`, and HOME is not set
        return []


def _own_names() -> list[tuple[str, str]]:
    host = socket.gethostname()
    names = {("user", _user()), ("machine", host), ("machine", host.split(".")[0])}
    return sorted(
        (kind, name) for kind, name in names if len(name) >= SHORTEST_NAME and name.casefold() not in COMMON_NAMES
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the user id has no account, as in some containers
        return ""


def _path_needle(path: str, allowed: tuple[str, ...]) -> Needle:
    written = _composed(path)
    pattern = re.compile(rf"(?<![\w.]){re.escape(written)}(?!\w)", re.IGNORECASE)
    return Needle(f"a folder of this machine: {ALLOW}", (written.casefold(),), pattern, allowed, of_machine=True)


def _name_needle(kind: str, name: str, allowed: tuple[str, ...]) -> Needle:
    pattern = re.compile(rf"(?<![\w+/=]){re.escape(name)}(?![\w+/=])", re.IGNORECASE)
    return Needle(f"the name of this {kind}: {ALLOW}", (name.casefold(),), pattern, allowed, of_machine=True)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _spellings(text: str) -> tuple[str, ...]:
    text = _composed(text)
    in_script = json.dumps(text, ensure_ascii=False)[1:-1]
    written = {text, html.escape(text), html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")}
    written |= {html.escape(text, quote=False), in_script, in_script.replace("<", "\\u003c"), text.replace('"', '""')}
    return tuple(sorted({spelling.casefold() for spelling in written}))
