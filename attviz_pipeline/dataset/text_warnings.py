"""Warn about residues in texts (escapes, markup, wrong encoding); the texts are not changed."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from attviz_pipeline.dataset.names import quoted

LEAST_SHARE = 0.01
LEAST_SHARE_OF_QUOTED = 0.5
# The second and later bytes of a UTF-8 character, as Latin-1 and Windows-1252 show them.
CONTINUATION = "\u0080-\u00bf" + bytes(range(0x80, 0xA0)).decode("cp1252", errors="ignore")
TAGS = (
    "a|abbr|b|blockquote|br|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|script|span|strong|style|su[bp]|"
    "table|t[dhr]|u|ul"
)
QUOTED = "double quotes around the whole text"
RESIDUES: Mapping[str, re.Pattern[str]] = {
    "escapes written out": re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[nrt])"),
    "HTML entities": re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});"),
    "HTML tags": re.compile(rf"</?(?:{TAGS})(?:\s[^<>]{{0,500}})?/?>", re.IGNORECASE),
    "UTF-8 read in another encoding": re.compile(f"[ÃÂÄÅÐÑ][{CONTINUATION}]|â€|ï»¿|ðŸ"),
    "the replacement character": re.compile("\ufffd"),
    QUOTED: re.compile(r'"[^"]+"', re.DOTALL),
}

logger = logging.getLogger(__name__)


class Example(NamedTuple):
    """The first residue of a kind, and its row."""

    found: str
    where: str


class TextSurvey:
    """Counts texts with residues, and keeps the first example of each kind."""

    def __init__(self) -> None:
        self._n_texts = 0
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, Example] = {}

    def see(self, text: object, where: str) -> None:
        """Search one text; cells that are not text are skipped."""
        if not isinstance(text, str):
            return
        self._n_texts += 1
        for kind, pattern in RESIDUES.items():
            found = pattern.fullmatch(text) if kind == QUOTED else pattern.search(text)
            if found:
                self._counts[kind] += 1
                self._examples.setdefault(kind, Example(found[0][:40], where))

    def warn(self) -> None:
        """Log one warning about residues that occur in many texts."""
        shares = dict.fromkeys(RESIDUES, LEAST_SHARE) | {QUOTED: LEAST_SHARE_OF_QUOTED}
        often = [kind for kind in RESIDUES if self._counts[kind] and self._counts[kind] >= shares[kind] * self._n_texts]
        if often:
            finds = "; ".join(f"{self._counts[kind]:,} hold {kind}, such as {self._shown(kind)}" for kind in often)
            logger.warning(
                "of %s texts, %s. They are read unchanged: if this is not part of the text, clean the file",
                f"{self._n_texts:,}",
                finds,
            )

    def _shown(self, kind: str) -> str:
        found, where = self._examples[kind]
        return f"{quoted(found)} ({where})"
