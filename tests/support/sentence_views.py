"""Views with made-up numbers, for the tests of sentences."""
# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from typing import Any

from markupsafe import escape
from synthetic_site import site_settings

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.report.views.head_importance import AblationView, HeadImportance, MeanView
from attviz_pipeline.report.views.separation import EffectView
from attviz_pipeline.report.views.study import HeadRef, StudyView
from attviz_pipeline.report.views.term_evidence import TermMeasureView
from attviz_pipeline.tasks.single_label import SingleLabel

HOSTILE = "<script>alert(1)</script>"
UNKNOWN = MeanView(None, None, None, None)


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


def ablation(change: MeanView, gold_change: MeanView = UNKNOWN, **others: Any) -> AblationView:
    """What switching off head L0·H0 changed in 20 documents."""
    values = {
        "layer": 0,
        "head": HeadRef(0, 0, "heads/0.html"),
        "grouping": "all",
        "group": "",
        "page": None,
        "n_documents": 20,
        "n_sources": 20,
        "n_flips": 0,
        "change": change,
        "gold_change": gold_change,
        "accuracy": UNKNOWN,
    }
    return AblationView(**(values | others))


def head_importance(*heads: AblationView, **others: Any) -> HeadImportance:
    """The importance of heads, measured in 20 documents, with gradients of 40."""
    values: dict[str, Any] = {
        "gates": None,
        "ablation": "zero",
        "heads": list(heads),
        "groups": [],
        "layers": [],
        "measures": {},
        "n_measured": 20,
        "n_gradient": 40,
        "correlations": [],
        "scale": SingleLabel.scale,
    }
    return HeadImportance(**(values | others))


def term_measure(**others: Any) -> TermMeasureView:
    """One measure of 43 words in 50 documents."""
    values: dict[str, Any] = {
        "measure": "leave_one_out",
        "group": None,
        "rows": [],
        "found": [],
        "n_terms": 43,
        "n_documents": 50,
        "least": 3,
        "noun": "word",
        "removal": "mask",
        "n_attended": 20,
        "n_found_attended": 1,
        "scale": SingleLabel.scale,
    }
    return TermMeasureView(**(values | others))
