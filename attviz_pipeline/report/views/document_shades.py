"""The shaded texts of the page of all documents: where each token is in its text, and its shade by every score.

Shades travel as text, one character for each number, in scripts that load when their texts come into sight. A token has
the shade that it has on the page of its document: see `documentText.strengths` and `tokenEvidence.strengths` in the
page's scripts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.aggregates import AGGREGATES
from attviz_pipeline.report.rows import DocumentRow
from attviz_pipeline.report.token_evidence import TokenEvidence
from attviz_pipeline.report.views.study import StudyView

BASE = 93
"""Code of the character for 0. The 33 characters behind it need no escape in JSON or HTML, and one byte each."""
LEVELS = 31
SIGNED_LEVELS = 15
LONGEST = 30_000
"""Most characters of a token, or before it: not every larger number is a character. The text behind is not shaded."""
MOST_CHARACTERS = 360
"""What is shown of each text where the index does not hold it whole: two lines on a wide screen."""
LOWEST, HIGHEST = 0.1, 0.985
PART_BYTES = 60_000
"""About what one script holds: a screen of texts in random order needs one for each."""
BYTES_PER_ROW = 70
_BLANK = np.array([chr(code).isspace() for code in range(0x3002)])
_MEASURES = {
    "received": "attention received",
    "rollout": "attention rollout",
    "norm-weighted": "norm-weighted share",
}
_EVIDENCE = {"gradient": "gradient x input", "without": "fall without the token"}


@dataclass(frozen=True)
class ShadeView:
    """A score to shade texts by: its name in the address, its title; `signed` if it speaks for or against."""

    name: str
    title: str
    signed: bool = False


def shades_of(study: StudyView, *, evidence: bool) -> list[ShadeView]:
    """The scores that texts can be shaded by, named and in the order as on the page of a document."""
    made = [ShadeView(name, f"{name} over heads") for name in AGGREGATES]
    made += [ShadeView("range", "max − min over heads")]
    made += [ShadeView(name, _MEASURES[name]) for name in study.token_measures]
    return made + ([ShadeView(name, title, signed=True) for name, title in _EVIDENCE.items()] if evidence else [])


def bytes_of_shades(
    study: StudyView, n_documents: int, n_tokens: float, n_bytes: float, searchable: int | None
) -> float:
    """Estimate what the scripts of the shades take.

    Args:
        study: Facts of the study.
        n_documents: Documents with a page.
        n_tokens: Their tokens.
        n_bytes: Bytes of their texts.
        searchable: Characters of each text that the index holds, None for all.
    """
    share = min(1.0, n_documents * MOST_CHARACTERS / max(1, n_bytes)) if searchable else 1.0
    per_token = 2 + len(shades_of(study, evidence=study.has_evidence))
    of_tokens = n_documents * BYTES_PER_ROW + share * n_tokens * per_token
    return of_tokens + (share * n_bytes if searchable else 0)


class DocumentShades:
    """Shades of all documents with a page, in memory until they are written: about as much as the texts of the index.

    Args:
        study: Facts of the study.
        n_documents: Documents with a page.
        n_bytes: What the scripts are expected to take; see `bytes_of_shades`.
        searchable: Characters of each text that the index holds, None for all.
        evidence: Whether it was measured what predictions depend on.

    `n_characters` is what is shown of each text, None for all.
    """

    def __init__(
        self, study: StudyView, n_documents: int, n_bytes: float, searchable: int | None, *, evidence: bool
    ) -> None:
        self.scores = shades_of(study, evidence=evidence)
        self.n_characters = None if searchable is None else MOST_CHARACTERS
        self._task = study.task
        self.n_per_part = max(1, int(PART_BYTES * n_documents / max(1, n_bytes)))
        self._rows: dict[int, list[str]] = {}

    def add(self, row: DocumentRow, evidence: TokenEvidence | None) -> None:
        """Add one document, and what was measured of its prediction; in any order."""
        whole, places = flattened(row.text)
        text = whole[: self.n_characters]
        if text != whole:
            places = np.minimum(places, _utf16_length(text))
        shown, bounds = _bounds(places[row.starts], places[row.ends], row.special)
        numbers = _numbers(row)
        levels = dict(zip(numbers, _levels(np.stack(list(numbers.values())), row.special), strict=True))
        if evidence and evidence.gradient is not None:
            levels["gradient"] = _signed_levels(evidence.gradient.astype(np.float64), row.special)
        if evidence and (left_out := evidence.left_out) is not None:
            falls = np.zeros(len(row.tokens))
            falls[left_out.places] = self._task.falls(left_out.outputs, left_out.changes, row.predicted)
            levels["without"] = _signed_levels(falls, row.special)
        of_scores = [_spelled(levels[one.name][shown]) if one.name in levels else "" for one in self.scores]
        self._rows[row.position] = ["" if self.n_characters is None else text, _spelled(bounds), *of_scores]

    def n_with(self, score: str) -> int:
        """How many documents were shaded by a score."""
        place = 2 + [one.name for one in self.scores].index(score)
        return sum(bool(row[place]) for row in self._rows.values())

    def offered(self) -> list[ShadeView]:
        """The scores that some document was shaded by."""
        return [one for one in self.scores if self.n_with(one.name)]

    def iter_parts(self) -> Iterator[dict[str, list[str]]]:
        """The rows of each script, by place in the index: the text if the index lacks its end, bounds, and shades."""
        rows = [self._rows[position] for position in sorted(self._rows)]
        for first in range(0, len(rows), self.n_per_part):
            last = min(first + self.n_per_part, len(rows))
            yield {str(place): rows[place] for place in range(first, last)}


def facts(shades: DocumentShades) -> dict[str, Any]:
    """What the page's script knows of them."""
    return {
        "scores": [{"name": one.name, "signed": one.signed} for one in shades.scores],
        "base": BASE,
        "levels": LEVELS,
        "signedLevels": SIGNED_LEVELS,
        "perPart": shades.n_per_part,
    }


def flattened(text: str) -> tuple[str, NDArray[np.int64]]:
    """Write a text on one line, as the index does.

    Returns:
        The text with each run of blanks as one space, and none at its ends; and for each character of the original, and
        its end, the UTF-16 offset in that text, [character + 1].
    """
    flat = " ".join(text.split())
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    blank = _BLANK[np.minimum(points, len(_BLANK) - 1)]
    # Of each run of blanks the first becomes the space; those at the beginning become nothing.
    follows = np.concatenate([[False], ~blank])[:-1]
    units = np.where(points > 0xFFFF, 2, 1) * (~blank | follows)
    return flat, np.minimum(np.concatenate([[0], np.cumsum(units)]), _utf16_length(flat))


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _bounds(
    starts: NDArray[np.int64], ends: NDArray[np.int64], special: NDArray[np.bool_]
) -> tuple[list[int], NDArray[np.int64]]:
    """The tokens that have text of their own, and of each how far behind the one before it, and how long it is."""
    shown, bounds, at = [], [], 0
    for token, (start, end, left_out) in enumerate(zip(starts.tolist(), ends.tolist(), special.tolist(), strict=True)):
        begin = max(start, at)
        if left_out or end <= begin:
            continue
        if max(begin - at, end - begin) > LONGEST:
            break
        shown.append(token)
        bounds += [begin - at, end - begin]
        at = end
    return shown, np.array(bounds, np.int64)


def _numbers(row: DocumentRow) -> dict[str, NDArray[np.float64]]:
    aggregates = dict(zip(AGGREGATES, row.aggregates.astype(np.float64), strict=True))
    return {**aggregates, "range": aggregates["max"] - aggregates["min"], **row.measures}


def _quantile(ordered: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The number below which a share of each row lies, [row, 1]; 0 for empty rows."""
    n = ordered.shape[1]
    return ordered[:, [min(n - 1, int(share * n))]] if n else np.zeros((len(ordered), 1))


def _levels(numbers: NDArray[np.float64], special: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places between two quantiles of the ordinary tokens, in `LEVELS` steps; [score, token] each."""
    ordered = np.sort(numbers[:, ~special], axis=1)
    low = _quantile(ordered, LOWEST)
    high = np.maximum(_quantile(ordered, HIGHEST), low * 1.0001 + 1e-12)
    return np.rint(LEVELS * np.clip((numbers - low) / (high - low), 0, 1)).astype(np.int64)


def _signed_levels(numbers: NDArray[np.float64], special: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Shares of a quantile of the ordinary tokens' sizes, in `SIGNED_LEVELS` steps of either sign; [token] each."""
    most = float(_quantile(np.sort(np.abs(numbers[None, ~special]), axis=1), HIGHEST)[0, 0]) or np.inf
    return SIGNED_LEVELS + np.rint(SIGNED_LEVELS * np.clip(numbers / most, -1, 1)).astype(np.int64)


def _spelled(numbers: NDArray[np.int64]) -> str:
    return "".join(map(chr, (BASE + numbers).tolist()))
