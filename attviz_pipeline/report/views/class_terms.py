"""Terms in which groups of documents differ: over-used ones, and ones whose self-attention differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.report.views.separation import effect_bar
from attviz_pipeline.significance import SIGNIFICANT

N_TERMS = 20
CLEAR_Z = 2
_COLUMNS = ["term", "n_inside", "effect", "q", "log_odds_z", "attention_log_odds_z"]
GroupKey = tuple[str, str]


@dataclass(frozen=True)
class GroupTermView:
    """One term in one group; `width` draws its over-use, `start` and `effect_width` its effect, in percent."""

    term: str
    n_inside: int
    effect: float | None
    q: float | None
    log_odds_z: float
    attention_log_odds_z: float
    width: float
    start: float
    effect_width: float

    @property
    def clear(self) -> bool:
        """Whether z of use is at least 2; z is not corrected for the number of terms."""
        return self.log_odds_z >= CLEAR_Z

    @property
    def significant(self) -> bool:
        """Whether the difference in self-attention is significant."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class GroupTerms:
    """Terms of one group with z of use above 0, and terms whose self-attention differs significantly."""

    used_more: list[GroupTermView]
    differing: list[GroupTermView]


def read_group_terms(path: Path) -> dict[GroupKey, GroupTerms]:
    """Read the terms of every grouping and group (schema CLASS_TERMS), one grouping at a time.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    found: dict[GroupKey, GroupTerms] = {}
    for table in files.iter_tables(path, term_schemas.CLASS_TERMS, ["grouping", "group", *_COLUMNS]):
        for grouping in pc.unique(table["grouping"]).to_pylist():
            mine = table.filter(pc.equal(table["grouping"], grouping))
            for group in pc.unique(mine["group"]).to_pylist():
                found[grouping, group] = _group(mine.filter(pc.equal(mine["group"], group)).select(_COLUMNS))
    return found


def _group(table: pa.Table) -> GroupTerms:
    # The table is sorted by z within each group.
    used = table.filter(pc.greater(table["log_odds_z"], 0)).slice(0, N_TERMS).to_pylist()
    tested = table.filter(pc.less(table["q"], SIGNIFICANT)).to_pylist()
    different = sorted(tested, key=lambda row: (row["q"], -abs(row["effect"]), row["term"]))[:N_TERMS]
    return GroupTerms(_views(used), _views(different))


def _views(rows: Sequence[dict[str, Any]]) -> list[GroupTermView]:
    largest = max((abs(row["log_odds_z"]) for row in rows), default=1.0) or 1.0
    return [_view(row, largest) for row in rows]


def _view(row: dict[str, Any], largest: float) -> GroupTermView:
    start, width = effect_bar(row["effect"] or 0.0)
    return GroupTermView(**row, width=round(100 * abs(row["log_odds_z"]) / largest, 2), start=start, effect_width=width)
