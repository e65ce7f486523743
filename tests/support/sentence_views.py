"""Views with made-up numbers, for the tests of sentences."""
# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from typing import Any

from markupsafe import escape
from synthetic_site import site_settings

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.report.views.separation import EffectView
from attviz_pipeline.report.views.study import HeadRef, StudyView

HOSTILE = "<script>alert(1)</script>"


def study_view(**summary: Any) -> StudyView:
    """A study of 55 documents in two classes, 7 misclassified, with 2 layers of 3 heads; the summary can be changed."""
    counts: dict[str, Any] = {
        "n_documents": 55,
        "n_labelled": 55,
        "confusion": [[40, 3], [4, 8]],
        "task": "single_label",
        "label_names": ["sport", "world"],
        "n_layers": 2,
        "n_heads": 3,
    }
    counts |= summary
    counts.setdefault("n_sources", counts["n_documents"])
    return StudyView(
        settings=site_settings().study,
        dataset={},
        model={"source": "some/bert"},
        metrics={},
        summary=counts,
        map_reasons={},
        provenance={},
        extraction={},
        vector_names=[],
        layer_names=[],
        token_measures=[],
        corpus_paths=[],
    )


def imported() -> StudyView:
    """The same study, with attention from a file that names neither model nor heads."""
    settings = parse_study({"name": "imported", "dataset": {"source": "a.json", "format": "attviz_json"}}, "test")
    return replace(study_view(), settings=settings)


def effect_view(row: int = 0, *, q: float = 0.01, size: float = 1.4, **others: Any) -> EffectView:
    """A head of `study_view` in 11 documents against 44; any field can be changed."""
    values = {
        "grouping": "gold",
        "group": "sport",
        "page": "classes/000.html",
        "row": row,
        "head": HeadRef(*divmod(row, 3), f"heads/{row}.html"),
        "n_inside": 11,
        "n_outside": 44,
        "effect": size * 1.5,
        "effect_low": size,
        "effect_high": size * 2,
        "shrunken_effect": size,
        "q": q,
        "start": 50,
        "width": 25,
    }
    return EffectView(**(values | others))


def words(sentence: str) -> str:
    """The words of a sentence without its markup, with single blanks."""
    return " ".join(escape(sentence).striptags().split())
