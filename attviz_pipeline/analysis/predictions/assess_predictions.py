"""The stage `assess_predictions`: scores, baseline, calibration, and correlation with the entropy of attention."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from attviz_pipeline.analysis.predictions.classes import ClassScores
from attviz_pipeline.analysis.predictions.documents import Documents
from attviz_pipeline.analysis.predictions.labels import LabelScores
from attviz_pipeline.analysis.predictions.values import ValueScores
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.layout import AssessmentPaths
from attviz_pipeline.stages import AssessPredictions


class Scores(Protocol):
    """The assessment of one task."""

    def __init__(self, documents: Documents, settings: AssessPredictions) -> None: ...

    def confidences(self) -> dict[str, Any]:
        """Return the columns of `confidences` that depend on the task."""
        ...

    def calibration(self) -> Iterator[dict[str, Any]]:
        """Yield rows of `calibration`."""
        ...

    def content(self) -> dict[str, Any]:
        """Return the content of `assessment` that depends on the task."""
        ...


BY_TASK: Mapping[str, type[Scores]] = {
    "single_label": ClassScores,
    "multi_label": LabelScores,
    "regression": ValueScores,
}


def assess_predictions(
    settings: AssessPredictions,
    document_index: Path,
    attention: Sequence[Path],
    aggregates: Sequence[Path],
    statistics: AssessmentPaths,
) -> None:
    """Assess the predictions of the analysed documents; the results do not depend on the sharding.

    Without gold labels there are no scores and no calibration; confidence and entropy are still correlated.

    Args:
        settings: Number of bins, number of resamples, and their seed.
        document_index: Artifact `document_index`.
        attention: Artifacts `attention` of all shards.
        aggregates: Artifacts `aggregates` of the same shards, in the same order.
        statistics: Artifacts to write.

    Raises:
        ArtifactError: A file is unusable, or the files contain different documents.
    """
    documents = Documents.read(document_index, attention, aggregates)
    scores = BY_TASK[documents.task.name](documents, settings)
    common = {
        "position": documents.table["position"],
        "mean_entropy": pa.array(documents.entropy, mask=np.isnan(documents.entropy)),
        "n_tokens": documents.n_tokens,
    }
    task = documents.task.facts
    files.write_table(statistics.confidences, statistics_schemas.CONFIDENCES, common | scores.confidences(), task)
    with files.TableWriter(statistics.calibration, statistics_schemas.CALIBRATION) as writer:
        for columns in scores.calibration():
            writer.write(columns)
    content = {
        "n_documents": documents.n,
        "n_labelled": int(documents.is_labelled.sum()),
        "n_sources": int(documents.row.max()) + 1,
        **task,
        "aggregates": _definition(aggregates),
        "settings": settings.assessment.model_dump(),
        "seed": settings.seed,
        "splits": _count_splits(documents),
        **scores.content(),
    }
    files.write_json(statistics.assessment, statistics_schemas.ASSESSMENT, content)


def _definition(aggregates: Sequence[Path]) -> str:
    return str(files.read_facts(aggregates[0], statistics_schemas.AGGREGATES)["definition"])


def _count_splits(documents: Documents) -> dict[str, int]:
    """Count the analysed documents of each split; those without one are counted under an empty name."""
    splits = documents.table["split"].to_pylist()
    return {split: splits.count(split) for split in sorted(set(splits))}
