"""Heads that differ between classes, and between misclassified and correctly classified documents."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

WIDEST_EFFECT = 2.0  # of the drawn axis; Cohen calls 0.8 large


@dataclass(frozen=True)
class EffectView:
    """One head in the documents of one group against all others; `start` and `width` draw a bar, in percent."""

    grouping: str
    group: str
    page: str | None
    row: int
    head: HeadRef
    n_inside: int
    effect: float
    q: float
    start: float
    width: float

    @property
    def significant(self) -> bool:
        """Whether the difference is significant."""
        return self.q < SIGNIFICANT


@dataclass(frozen=True)
class Separation:
    """Effects of all heads and groups: rows of schema CLASS_HEADS that could be tested."""

    effects: list[EffectView]
    facts: dict[str, Any]

    @property
    def main_grouping(self) -> str:
        """Gold classes where they were compared, else predicted ones."""
        return "gold" if any(effect.grouping == "gold" for effect in self.effects) else "predicted"

    def permutes_dependent_documents(self, grouping: str) -> bool:
        """Whether p and q are too small, because documents of one input row were permuted independently."""
        return bool(self.facts["permuted"].get(grouping) == "documents")

    def of_head(self, row: int) -> list[EffectView]:
        """Effects of one head by class and for misclassified documents, the smallest q first."""
        wanted = {self.main_grouping, "correct"}
        mine = [effect for effect in self.effects if effect.row == row and effect.grouping in wanted]
        return _by_q([e for e in mine if e.group != "right" or e.grouping != "correct"])

    def largest_effects(self, n_rows: int) -> list[float | None]:
        """Largest |g| of each head over the classes, [row]; None where no class could be compared."""
        largest: list[float | None] = [None] * n_rows
        for effect in self.effects:
            if effect.grouping == self.main_grouping:
                largest[effect.row] = max(largest[effect.row] or 0.0, abs(effect.effect))
        return largest

    def clearest_class(self) -> EffectView | None:
        """The head and class that differ most, None where no difference is significant."""
        found = [e for e in self.effects if e.grouping == self.main_grouping and e.significant]
        return max(found, key=lambda effect: (abs(effect.effect), -effect.row), default=None)

    def of_group(self, grouping: str, group: str) -> list[EffectView]:
        """Effects of all heads in one group, the smallest q first."""
        return _by_q([e for e in self.effects if (e.grouping, e.group) == (grouping, group)])


def read_separation(path: Path, study: StudyView) -> Separation:
    """Read how heads differ between groups.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    table = files.read_table(path, term_schemas.CLASS_HEADS)
    rows = table.filter(pc.and_(pc.is_valid(table["effect"]), pc.is_valid(table["q"]))).to_pylist()
    return Separation([_effect(row, study) for row in rows], files.read_facts(path, term_schemas.CLASS_HEADS))


def effect_bar(effect: float) -> tuple[float, float]:
    """Where a bar from the middle of its axis begins, and how wide it is, in percent."""
    reach = 50 * min(abs(effect) / WIDEST_EFFECT, 1)
    return round(50 - reach if effect < 0 else 50, 2), round(reach, 2)


def _effect(row: dict[str, Any], study: StudyView) -> EffectView:
    start, width = effect_bar(row["effect"])
    number = row["layer"] * study.n_heads + row["head"]
    return EffectView(
        grouping=row["grouping"],
        group=row["group"],
        page=study.group_page(row["grouping"], row["group"]),
        row=number,
        head=study.head_of(number),
        n_inside=row["n_inside"],
        effect=row["effect"],
        q=row["q"],
        start=start,
        width=width,
    )


def _by_q(effects: list[EffectView]) -> list[EffectView]:
    return sorted(effects, key=lambda effect: (effect.q, -abs(effect.effect)))
