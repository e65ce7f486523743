"""What heads attend to, and the role that follows; known in full mode only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from attviz_pipeline.artifacts import files
from attviz_pipeline.artifacts.profile_schemas import DELIMITERS, EVENNESS, HEAD_PROFILES, SHARES

ROLE_NAMES = {
    "self": "itself",
    "previous": "previous token",
    "next": "next token",
    "cls": "[CLS]",
    "sep": "[SEP]",
    "punctuation": "punctuation",
    "delimiter": "delimiter",
    "broad": "broad",
    "mixed": "mixed",
}
_WORDS = {
    "on_self": "on the token itself",
    "on_previous": "on the previous token",
    "on_next": "on the next token",
    "on_cls": "on [CLS] or its equivalent",
    "on_sep": "on [SEP] or its equivalent",
    "on_punctuation": "on punctuation",
    EVENNESS: "evenness: entropy / maximum entropy",
    "entropy": "entropy, 0 to {top:g} nats",
    "distance": "distance, 0 to {top:g} tokens",
}


_ENDS = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300)


@dataclass(frozen=True)
class MeasureView:
    """One measure of a head; positions are in percent of the axis, `others` those of all heads."""

    name: str
    words: str
    mean: float
    low: float | None
    high: float | None
    place: float
    low_place: float
    high_place: float
    others: list[float]
    rank: int


@dataclass(frozen=True)
class ProfileView:
    """The profile of one head: its role and its measures.

    Args:
        role: One of `profile_schemas.ROLES`.
        role_name: Its name.
        value: The share of attention that gives the role, 0..1; evenness for broad and mixed heads.
        least_share: Smallest share that gives a role.
        least_evenness: Smallest evenness of a broad head.
        measures: Means of all measures.
        n_documents: Documents in the means.
    """

    role: str
    role_name: str
    value: float
    least_share: float
    least_evenness: float
    measures: list[MeasureView]
    n_documents: int


class LayerRow(NamedTuple):
    """Shares of attention on the tokens of `DELIMITERS`, 0..1, in their order."""

    shares: dict[str, float]

    @property
    def together(self) -> float:
        """Their sum: these shares do not overlap."""
        return sum(self.shares.values())


@dataclass(frozen=True)
class DelimitersView:
    """Attention of text tokens to [CLS], [SEP] and punctuation.

    Args:
        mode: Mode of the attention; in others than `full`, this was not measured.
        layers: Means over heads, [layer]; none where it was not measured, or without documents.
        every: Mean over all heads; None without layers.
        even: What even attention gives in the same documents; None if that is not known.
        n_documents: Documents in the means.
    """

    mode: str
    layers: list[LayerRow]
    every: LayerRow | None
    even: LayerRow | None
    n_documents: int


@dataclass(frozen=True)
class Profiles:
    """Rows of schema HEAD_PROFILES by layer and head; none unless in full mode."""

    rows: list[dict[str, Any]]
    facts: dict[str, Any]

    def role(self, row: int) -> str | None:
        """Role of a head, None without profiles."""
        return str(self.rows[row]["role"]) if self.rows else None

    def values(self, name: str) -> list[float] | None:
        """Means of one measure of all heads, None where one has none."""
        found = [row[name] for row in self.rows]
        return found if found and None not in found else None

    def delimiters(self) -> DelimitersView:
        """Average over heads how much attention goes to [CLS], [SEP] and punctuation."""
        known = [row for row in self.rows if row["entropy"] is not None]
        numbers = sorted({row["layer"] for row in known})
        return DelimitersView(
            mode=self.facts["mode"],
            layers=[_mean_shares([row for row in known if row["layer"] == layer]) for layer in numbers],
            every=_mean_shares(known) if known else None,
            even=_mean_shares([self.facts["even"]]) if self.facts.get("even") else None,
            n_documents=self.facts["n_documents"],
        )

    def view(self, row: int) -> ProfileView | None:
        """Put together the profile of one head."""
        if not self.rows or self.rows[row]["entropy"] is None:
            return None
        head = self.rows[row]
        names = [name for name in _WORDS if head[name] is not None]
        measures = [self._measure(head, name) for name in names]
        role = head["role"]
        return ProfileView(
            role=role,
            role_name=ROLE_NAMES.get(role, role),
            value=self._decisive(head),
            least_share=self.facts["least_share"],
            least_evenness=self.facts["least_evenness"],
            measures=measures,
            n_documents=head["n_documents"],
        )

    def _measure(self, head: dict[str, Any], name: str) -> MeasureView:
        means = [row[name] for row in self.rows if row[name] is not None]
        top = _top(name, max(means))
        places = [_percent(value, top) for value in (head[name], head[f"{name}_low"], head[f"{name}_high"])]
        return MeasureView(
            name=name,
            words=_WORDS[name].format(top=top),
            mean=head[name],
            low=head[f"{name}_low"],
            high=head[f"{name}_high"],
            place=places[0],
            low_place=places[1],
            high_place=places[2],
            others=sorted({_percent(value, top) for value in means}),
            rank=1 + sum(value > head[name] for value in means),
        )

    def _decisive(self, head: dict[str, Any]) -> float:
        """The share that gives the role, or evenness for roles without one."""
        role = head["role"]
        if role in SHARES:
            return float(head[SHARES[role]])
        if role == "delimiter":
            return float(head["on_cls"] + head["on_sep"] + head["on_punctuation"])
        return float(head[EVENNESS] or 0.0)


def read_profiles(path: Path) -> Profiles:
    """Read the profiles of all heads.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    return Profiles(files.read_table(path, HEAD_PROFILES).to_pylist(), files.read_facts(path, HEAD_PROFILES))


def _mean_shares(rows: Sequence[Mapping[str, Any]]) -> LayerRow:
    return LayerRow({name: sum(row[name] for row in rows) / len(rows) for name in DELIMITERS})


def _top(name: str, largest: float) -> float:
    """End of the axis, the same on the pages of all heads: 1 for shares, else the largest mean, rounded up."""
    if name not in ("entropy", "distance"):
        return 1.0
    return next((step for step in _ENDS if step >= largest), largest)


def _percent(value: float | None, top: float) -> float:
    return round(100 * min(max(value or 0.0, 0.0) / top, 1.0), 2)
