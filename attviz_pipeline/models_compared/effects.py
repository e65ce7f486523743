"""Whether effects of gold classes or values in heads are found again in models of other seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline import stats
from attviz_pipeline.analysis.inference import LEVEL
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.models_compared.paired import from_sources
from attviz_pipeline.significance import SIGNIFICANT

Floats = NDArray[np.float64]
NAMES = ["grouping", "group", "layer", "head"]
NUMBERS = ["effect", "effect_low", "effect_high", "q"]


@dataclass(frozen=True)
class Effects:
    """Effects of one model.

    Attributes:
        names: `grouping`, `group`, `layer` and `head` of each, which are the same in all models.
        effect, effect_low, effect_high, q: As in `class_heads`, NaN where undefined, [effect].
        n: Documents that were compared, [effect].
    """

    names: pa.Table
    effect: Floats
    effect_low: Floats
    effect_high: Floats
    q: Floats
    n: Floats

    @classmethod
    def read(cls, class_heads: Path) -> Self:
        """Read the effects of gold classes or values.

        Raises:
            ArtifactError: The file is unusable.
        """
        table = files.read_table(
            class_heads, term_schemas.CLASS_HEADS, [*NAMES, *NUMBERS, "n_inside", "n_outside"]
        ).filter(pc.field("grouping") == "gold")
        numbers = {name: table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in NUMBERS}
        n = table["n_inside"].to_numpy() + table["n_outside"].to_numpy()
        return cls(table.select(NAMES).combine_chunks(), n=n.astype(np.float64), **numbers)

    def require_same(self, other: "Effects", where: Path) -> None:
        """Check that another model has the same effects in the same order.

        Raises:
            ArtifactError: It has not.
        """
        if not self.names.equals(other.names):
            raise ArtifactError(
                f"{where} compares other classes or heads than the study's own model.", (), files.REBUILD
            )

    def by_layer(self, n_layers: int) -> dict[str, Any]:
        """Return how many effects of each layer have q < 0.05, and their mean size, NaN without effects, [layer]."""
        layer = self.names["layer"].to_numpy()
        found = np.bincount(layer[self.q < SIGNIFICANT], minlength=n_layers)
        known = ~np.isnan(self.effect)
        n = np.bincount(layer[known], minlength=n_layers)
        size = np.bincount(layer[known], np.abs(self.effect[known]), minlength=n_layers)
        mean = np.where(n > 0, size / np.maximum(n, 1), np.nan)
        return {"n_effects": n, "n_effects_found": found, "mean_effect_size": mean}

    def variance(self) -> Floats:
        """Return the sampling variance of each effect over input rows, from its interval, [effect]."""
        half = (self.effect_high - self.effect_low) / 2
        variance: Floats = np.square(half / stats.norm_ppf((1 + LEVEL) / 2))
        return variance

    def correlation(self, other: "Effects") -> float | None:
        """Return Pearson's correlation with the effects of another model; None if it is undefined."""
        both = ~np.isnan(self.effect) & ~np.isnan(other.effect)
        first, second = self.effect[both], other.effect[both]
        if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
            return None
        return float(np.corrcoef(first, second)[0, 1])


def replications(own: Effects, others: Sequence[Effects], pretrained: Effects | None) -> dict[str, Any]:
    """Return the columns of `effect_replications`, NaN where undefined.

    The interval of the mean effect includes the model: its variance is that of the effect over models, divided by their
    number, plus that over input rows, as if all models erred alike with the documents, which they share.

    Args:
        own: Effects of the study's own model.
        others: Those of models of other seeds.
        pretrained: Those before fine-tuning, if compared.
    """
    nothing = np.full(len(own.effect), np.nan)
    again = [(one.q < SIGNIFICANT) & (np.sign(one.effect) == np.sign(own.effect)) for one in others]
    tuned = [own, *others]
    effects = np.array([one.effect for one in tuned])
    mean, spread, low, high = effects.mean(axis=0), nothing, nothing, nothing
    if others:
        spread = effects.std(axis=0, ddof=1)
        of_rows = np.mean([one.variance() for one in tuned], axis=0)
        freedom = max(int(own.n.max(initial=0)) - 2, 1)
        low, high, _ = from_sources(mean, (spread**2 / len(tuned), len(others)), (of_rows, freedom))
    return {
        **{name: own.names[name] for name in NAMES},
        **{name: getattr(own, name) for name in NUMBERS},
        "n_others": np.full(len(nothing), len(others)),
        "n_found_again": np.sum(again, axis=0) if again else np.zeros(len(nothing), int),
        "mean_effect": mean,
        "spread": spread,
        "mean_effect_low": low,
        "mean_effect_high": high,
        "pretrained_effect": nothing if pretrained is None else pretrained.effect,
    }
