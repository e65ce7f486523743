"""Studies of other kinds than that of `sentence_views`: imported ones, and with other settings, labels and maps."""

from dataclasses import replace
from typing import Any

import sentence_views

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.report.views.study import StudyView

IMPORTED = {"dataset": {"source": "explanations.json", "format": "attviz_json"}}
CLASSIFIER = {"dataset": {"source": "news.csv"}, "model": {"source": "bert"}}


def study_view(
    *,
    imported: bool = False,
    n_wrong: int = 7,
    n_labelled: int | None = None,
    map_reasons: dict[int, str] | None = None,
    settings: dict[str, Any] | None = None,
    **summary: Any,  # noqa: ANN401 - numbers of the summary
) -> StudyView:
    """Make up a study of 6 layers and 12 heads; one that is imported has no gold labels."""
    known = 0 if imported else 55 if n_labelled is None else n_labelled
    source = IMPORTED if imported else CLASSIFIER
    counts = {
        "task": "single_label",
        "label_names": ["culture", "<b>sport</b>"],
        "n_labelled": known,
        "confusion": [[known - n_wrong, n_wrong], [0, 0]] if known else None,
        "n_layers": 6,
        "n_heads": 12,
    }
    return replace(
        sentence_views.study_view(**(counts | summary)),
        settings=parse_study({"name": "invented", **source, **(settings or {})}, "test"),
        dataset={"source": source["dataset"]["source"]},
        model={"source": "bert"},
        map_reasons=map_reasons or {},
    )
