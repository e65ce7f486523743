"""Heads that differ between classes, and between misclassified and correctly classified documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.significance import SIGNIFICANT

WIDEST_EFFECT = {"g": 2.0, "rho": 1.0}
"""Of the drawn axis, by measure; Cohen calls a g of 0.8 large."""
_SHOWN = (
    "grouping",
    "group",
    "n_inside",
    "n_outside",
    "effect",
    "effect_low",
    "effect_high",
    "shrunken_effect",
    "q",
)


@dataclass(frozen=True)
class EffectView:
    """One head in the documents of one group against all others; `start` and `width` draw a bar, in percent.

    `measure` says what `effect` is: g, or in regression rho, the rank correlation with a value over `n_inside`
    documents. `q_too_small` if q comes from permutations that treat documents of one input row as independent.
    `too_few` if so few documents are inside or outside that no head that differs alone can be significant.
    """

    grouping: str
    group: str
    page: str | None
    row: int
    head: HeadRef
    n_inside: int
    n_outside: int
    effect: float
    effect_low: float | None
    effect_high: float | None
    shrunken_effect: float
    q: float
    start: float
    width: float
    measure: str = "g"
    q_too_small: bool = False
    too_few: bool = False

    @property
    def significant(self) -> bool:
        """Whether the difference is significant."""
        return self.q < SIGNIFICANT


@dataclass(frozen=True)
class WinnerView:
    """The largest significant effect of a grouping, and in how many random halves it is the largest again."""

    effect: EffectView
    n_halves: int
    n_won: int


@dataclass(frozen=True)
class FamilyView:
    """Tests of one grouping that are adjusted together: of `heads`, of `attention` to terms, or of their `use`.

    `n_permutations` is the largest number that a test got. `floor_sets_q` if more of them would lower the smallest q.
    `n_wanted`: how many a single finding needs to have q < 0.05, if there were fewer; else None.
    """

    tests: str
    n_tests: int
    n_permutations: int
    floor_sets_q: bool
    n_wanted: int | None = None


@dataclass(frozen=True)
class ComparisonView:
    """One group of documents compared with all others, head by head.

    Args:
        grouping: gold, predicted or correct; in regression gold, predicted or error.
        effects: Of all heads; none if the group was not compared.
        reason: Why the group was not compared; None if it was.
        winner: The largest difference of all groups and heads, if it is of this group.
        families: Tests of the grouping, with their permutations.
        detectable_effect: Effect that one test detects with 80 % power; None if nothing was compared.
        n_units: What was permuted, documents or whole input rows: how many inside and outside of the group, or in
            regression how many and 0; None if nothing was compared, or the table does not say it.
    """

    grouping: str
    effects: Sequence[EffectView]
    reason: str | None
    winner: WinnerView | None
    families: Sequence[FamilyView]
    detectable_effect: float | None
    n_units: tuple[int, int] | None

    @property
    def q_too_small(self) -> bool:
        """Whether p and q come from permutations that treat documents of one input row as independent."""
        return any(effect.q_too_small for effect in self.effects)

    @property
    def unit(self) -> str:
        """What was permuted: input rows where there are fewer of them than documents, else documents."""
        documents = sum(
            effect.n_inside + (effect.n_outside if effect.measure == "g" else 0) for effect in self.effects[:1]
        )
        return "input row" if self.n_units is not None and sum(self.n_units) < documents else "document"

    @property
    def compared(self) -> bool:
        """Whether there are enough documents inside and outside of the group."""
        return bool(self.effects)

    @property
    def differing(self) -> list[EffectView]:
        """Heads that differ significantly, the largest shrunken effect first."""
        return by_size([effect for effect in self.effects if effect.significant])


@dataclass(frozen=True)
class Separation:
    """Effects of all heads and groups: rows of schema CLASS_HEADS that could be tested."""

    effects: list[EffectView]
    facts: dict[str, Any]

    @property
    def main_grouping(self) -> str:
        """Gold classes where they were compared, else predicted ones."""
        return "gold" if any(effect.grouping == "gold" for effect in self.effects) else "predicted"

    @property
    def q_too_small(self) -> bool:
        """Whether q of classes, labels or values comes from tests that treat documents of one row as independent."""
        return any(e.q_too_small for e in self.effects if e.grouping == self.main_grouping or e.measure == "rho")

    def of_head(self, row: int) -> list[EffectView]:
        """Effects of one head by class and for documents with mistakes, or by every value; in the order of `_by_q`."""
        wanted = {self.main_grouping, "correct"}
        mine = [e for e in self.effects if e.row == row and (e.grouping in wanted or e.measure == "rho")]
        return _by_q([e for e in mine if e.group != "right" or e.grouping != "correct"])

    def largest_effects(self, n_rows: int) -> list[float | None]:
        """Largest shrunken |g| of each head over the classes, [row]; None where no class could be compared."""
        largest: list[float | None] = [None] * n_rows
        for effect in self.effects:
            if effect.grouping == self.main_grouping:
                largest[effect.row] = max(largest[effect.row] or 0.0, abs(effect.shrunken_effect))
        return largest

    def winner(self, grouping: str) -> WinnerView | None:
        """The largest difference of a grouping, None where none is significant."""
        facts = {fact["grouping"]: fact for fact in self.facts["winners"]}
        if grouping not in facts:
            return None
        fact = facts[grouping]
        head = (fact["layer"], fact["head"])
        mine = [e for e in self.effects if e.grouping == grouping and (e.head.layer, e.head.head) == head]
        # Right and other predictions mirror each other; only the others have a page.
        wanted = {e.group for e in mine} - {"right"} if grouping == "correct" else {fact["group"]}
        return WinnerView(next(e for e in mine if e.group in wanted), fact["n_halves"], fact["n_won"])

    def heads_that_differ(self, grouping: str) -> set[int]:
        """Numbers of the heads that differ significantly in some group."""
        return {effect.row for effect in self.effects if effect.grouping == grouping and effect.significant}

    def of_group(self, grouping: str, group: str) -> list[EffectView]:
        """Effects of all heads in one group, in the order of `_by_q`."""
        return _by_q([e for e in self.effects if (e.grouping, e.group) == (grouping, group)])

    def comparison(self, grouping: str, group: str) -> ComparisonView:
        """How one group of documents was compared with all others."""
        name, winner = f"{grouping} {group}: ", self.winner(grouping)
        left_out = (reason.removeprefix(name) for reason in self.facts["not_compared"] if reason.startswith(name))
        # A class name may begin with that of another class.
        reasons = [reason for reason in left_out if reason[:1].isdigit()]
        return ComparisonView(
            grouping=grouping,
            effects=self.of_group(grouping, group),
            reason=reasons[0] if reasons else None,
            winner=winner if winner and winner.effect.group == group else None,
            families=self.families(grouping),
            detectable_effect=self.facts["detectable_effect"].get(grouping, {}).get(group),
            n_units=_pair(self.facts.get("n_units", {}).get(grouping, {}).get(group)),
        )

    def families(self, grouping: str) -> list[FamilyView]:
        """The tests of one grouping, by what they test."""
        return [
            FamilyView(**{name: fact[name] for name in FamilyView.__dataclass_fields__})
            for fact in self.facts["families"]
            if fact["grouping"] == grouping
        ]


def read_separation(path: Path, study: StudyView) -> Separation:
    """Read how heads differ between groups.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    table = files.read_table(path, term_schemas.CLASS_HEADS)
    rows = table.filter(pc.and_(pc.is_valid(table["effect"]), pc.is_valid(table["q"]))).to_pylist()
    facts = files.read_facts(path, term_schemas.CLASS_HEADS)
    return Separation([_effect(row, study, facts) for row in rows], facts)


def _pair(numbers: Sequence[int] | None) -> tuple[int, int] | None:
    return None if numbers is None else (numbers[0], numbers[1])


def effect_bar(effect: float, measure: str) -> tuple[float, float]:
    """Where a bar from the middle of its axis begins, and how wide it is, in percent."""
    reach = 50 * min(abs(effect) / WIDEST_EFFECT[measure], 1)
    return round(50 - reach if effect < 0 else 50, 2), round(reach, 2)


def _effect(row: dict[str, Any], study: StudyView, facts: dict[str, Any]) -> EffectView:
    measure = facts["effects"].get(row["grouping"], "g")
    start, width = effect_bar(row["effect"], measure)
    number = row["layer"] * study.n_heads + row["head"]
    return EffectView(
        page=study.group_page(row["grouping"], row["group"]),
        row=number,
        head=study.head_of(number),
        start=start,
        width=width,
        measure=measure,
        q_too_small=facts["permuted"].get(row["grouping"]) == "documents",
        too_few=facts["least_q"].get(row["grouping"], {}).get(row["group"], 0.0) >= SIGNIFICANT,
        **{name: row[name] for name in _SHOWN},
    )


def by_size(effects: list[EffectView]) -> list[EffectView]:
    """Order effects by their shrunken size, the largest first."""
    return sorted(effects, key=lambda effect: (-abs(effect.shrunken_effect), effect.row))


def _by_q(effects: list[EffectView]) -> list[EffectView]:
    """Order effects by q, the smallest first; by their size where none is significant, since q then says little."""
    found = any(effect.significant for effect in effects)
    return sorted(effects, key=lambda effect: (effect.q if found else 0.0, -abs(effect.effect)))
