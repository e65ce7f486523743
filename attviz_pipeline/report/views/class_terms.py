"""Terms in which groups of documents differ: in their use, or in their self-attention."""

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
N_UNCLEAR = 10
_COLUMNS = [
    "term",
    "n_inside",
    "effect",
    "effect_low",
    "effect_high",
    "q",
    "use_q",
    "log_odds_z",
    "use_rho",
    "attention_log_odds_z",
]
GroupKey = tuple[str, str]


@dataclass(frozen=True)
class GroupTermView:
    """One term in one group; `width` draws its use, `start` and `effect_width` its effect, in percent.

    `use` is the z of its log-odds ratio; in regression the rank correlation of its share with the value.
    """

    term: str
    n_inside: int
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    q: float | None
    use_q: float | None
    use: float
    attention_log_odds_z: float | None
    width: float
    start: float
    effect_width: float

    @property
    def used_differently(self) -> bool:
        """Whether the difference in use is significant."""
        return self.use_q is not None and self.use_q < SIGNIFICANT

    @property
    def attended_differently(self) -> bool:
        """Whether the difference in self-attention is significant."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class GroupTerms:
    """Terms of one group whose use or self-attention differs significantly, each list at most `N_TERMS` long.

    Args:
        used_more: Terms that it uses more than other documents, the largest z of use first.
        used_less: Terms that it uses less, the smallest z first.
        attended: Terms whose self-attention differs, the smallest q first.
        unclear: Where the use of none differs significantly, terms with the largest |z| of use.
        used_differently: All terms that it uses more or less.
        n_attended: All terms whose self-attention differs.
        n_tested: Terms whose use was tested.
        n_attention_tested: Terms whose self-attention was tested.
    """

    used_more: list[GroupTermView]
    used_less: list[GroupTermView]
    attended: list[GroupTermView]
    unclear: list[GroupTermView]
    used_differently: frozenset[str]
    n_attended: int
    n_tested: int
    n_attention_tested: int


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
                found[grouping, group] = _group(_with_use(mine.filter(pc.equal(mine["group"], group)).select(_COLUMNS)))
    return found


def _with_use(table: pa.Table) -> pa.Table:
    use = pc.coalesce(table["log_odds_z"], table["use_rho"], 0.0)
    by_value = pa.array([table["log_odds_z"].null_count == table.num_rows] * table.num_rows, pa.bool_())
    kept = table.drop_columns(["log_odds_z", "use_rho"])
    return kept.append_column("use", use).append_column("by_value", by_value)


def _group(table: pa.Table) -> GroupTerms:
    used = table.filter(pc.less(table["use_q"], SIGNIFICANT))
    more, less = (used.filter(compare(used["use"], 0)).to_pylist() for compare in (pc.greater, pc.less))
    attended = table.filter(pc.less(table["q"], SIGNIFICANT)).to_pylist()
    tested = [] if more or less else table.filter(pc.is_valid(table["use_q"])).to_pylist()
    return GroupTerms(
        used_more=_views(sorted(more, key=lambda row: (-row["use"], row["term"]))),
        used_less=_views(sorted(less, key=lambda row: (row["use"], row["term"]))),
        attended=_views(sorted(attended, key=lambda row: (row["q"], -abs(row["effect"]), row["term"]))),
        unclear=_views(sorted(tested, key=_by_use)[:N_UNCLEAR]),
        used_differently=frozenset(row["term"] for row in more + less),
        n_attended=len(attended),
        n_tested=table.num_rows - table["use_q"].null_count,
        n_attention_tested=table.num_rows - table["q"].null_count,
    )


def _by_use(row: dict[str, Any]) -> tuple[float, str]:
    return -abs(row["use"]), row["term"]


def _views(rows: Sequence[dict[str, Any]]) -> list[GroupTermView]:
    shown = rows[:N_TERMS]
    largest = max((abs(row["use"]) for row in shown), default=1.0) or 1.0
    return [_view(row, largest) for row in shown]


def _view(row: dict[str, Any], largest: float) -> GroupTermView:
    measure = "rho" if row.pop("by_value") else "g"
    start, width = effect_bar(row["effect"] or 0.0, measure)
    return GroupTermView(**row, width=round(100 * abs(row["use"]) / largest, 2), start=start, effect_width=width)
