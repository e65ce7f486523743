"""What a site is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attviz_pipeline.artifacts.layout import StatisticsPaths


@dataclass(frozen=True)
class SiteInputs:
    """The artefacts of one study, and where they come from.

    Args:
        dataset: Card of the corpus (schema DATASET).
        model: Card of the classifier (schema MODEL).
        metrics: Scores of the classifier (schema METRICS).
        statistics: Tables of the whole analysis.
        attention: Shards of self-attention (schema ATTENTION).
        aggregates: Shards of aggregates (schema AGGREGATES), in the order of `attention`.
        figures: Directory of figures with its `figures.json` (schema FIGURES).
        provenance: What made the site: versions, commit; shown as it is.
    """

    dataset: Path
    model: Path
    metrics: Path
    statistics: StatisticsPaths
    attention: Sequence[Path]
    aggregates: Sequence[Path]
    figures: Path
    provenance: dict[str, str]
