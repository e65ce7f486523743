"""Classes: scores, and the words and heads in which they differ; misclassified documents are a group of their own."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.class_terms import GroupTerms, read_group_terms
from attviz_pipeline.report.views.confusion import ConfusionView, confusion_view
from attviz_pipeline.report.views.document_columns import SOURCES
from attviz_pipeline.report.views.documents import DocumentRowView, row_view
from attviz_pipeline.report.views.separation import EffectView, Separation
from attviz_pipeline.report.views.study import StudyView

N_HEADS = 15
N_DOCUMENTS = 5
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ClassScoreView:
    """One class in the list of classes; scores are None where no gold class is known, or none is defined."""

    name: str
    page: str
    n_gold: int | None
    n_predicted: int
    precision: float | None
    recall: float | None
    f1: float | None
    words: list[str]


@dataclass(frozen=True)
class DocumentListView:
    """A few documents of a group, and where all of them are listed."""

    title: str
    all: str
    rows: list[DocumentRowView]


@dataclass(frozen=True)
class GroupView:
    """The page of a class, or of misclassified documents (`score` None).

    `q_too_small` where p and q come from permutations that treat documents of one input row as independent.
    """

    name: str
    page: str
    label: int | None
    grouping: str
    score: ClassScoreView | None
    terms: GroupTerms | None
    heads: list[EffectView]
    q_too_small: bool
    documents: list[DocumentListView]
    previous: ClassScoreView | None
    next: ClassScoreView | None


@dataclass(frozen=True)
class ClassesView:
    """The page of all classes; `confusion` is None where no gold class is known.

    `baseline` says what always predicting the largest class gives; `intervals` are those of precision and recall, by
    name of the class.
    """

    classes: list[ClassScoreView]
    confusion: ConfusionView | None
    grouping: str
    wrong: GroupView | None
    not_compared: list[str]
    baseline: Markup | None = None
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassEvidence:
    """Statistics of classes, read once."""

    assessment: dict[str, Any]
    terms: dict[tuple[str, str], GroupTerms]
    separation: Separation
    documents: "DocumentLists"

    @property
    def grouping(self) -> str:
        """Gold classes where they were compared, else predicted ones."""
        return self.separation.main_grouping

    def words(self, name: str) -> list[str]:
        """The words of a class with the highest z of use."""
        terms = self.terms.get((self.grouping, name))
        return [term.term for term in terms.used_more[:3]] if terms else []


class DocumentLists:
    """The most confident documents of each gold and predicted class, kept while the index streams by."""

    def __init__(self) -> None:
        self.n_predicted: Counter[int] = Counter()
        self._best: dict[tuple[int | None, int], Rows] = {}

    def add(self, rows: Rows) -> None:
        """Count rows of the index in."""
        self.n_predicted.update(row["prediction"] for row in rows)
        for row in rows:
            self._best.setdefault((row["label"], row["prediction"]), []).append(row)
        for key, found in self._best.items():
            self._best[key] = _most_confident(found)

    def most_confident(self, gold: Collection[int | None], predicted: Collection[int], *, wrong: bool = False) -> Rows:
        """The most confident documents of some gold and some predicted classes."""
        found = [
            row
            for (label, guess), rows in self._best.items()
            if label in gold and guess in predicted and not (wrong and label == guess)
            for row in rows
        ]
        return _most_confident(found)


def read_class_evidence(inputs: SiteInputs, separation: Separation) -> ClassEvidence:
    """Read the statistics of classes.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    return ClassEvidence(
        assessment=files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT),
        terms=read_group_terms(inputs.terms.class_terms),
        separation=separation,
        documents=_read_documents(inputs.statistics.document_index),
    )


def classes_view(evidence: ClassEvidence, study: StudyView) -> ClassesView:
    """Put together the page of all classes."""
    return ClassesView(
        classes=_scores(evidence, study),
        confusion=confusion_view(study),
        grouping=evidence.grouping,
        wrong=_wrong(evidence, study),
        not_compared=evidence.separation.facts["not_compared"],
    )


def iter_group_pages(evidence: ClassEvidence, study: StudyView) -> Iterator[GroupView]:
    """Put together the page of every class, and of misclassified documents where there are any."""
    scores = _scores(evidence, study)
    for label, score in enumerate(scores):
        yield GroupView(
            name=score.name,
            page=score.page,
            label=label,
            grouping=evidence.grouping,
            score=score,
            terms=evidence.terms.get((evidence.grouping, score.name)),
            heads=evidence.separation.of_group(evidence.grouping, score.name)[:N_HEADS],
            q_too_small=evidence.separation.permutes_dependent_documents(evidence.grouping),
            documents=_document_lists(evidence, study, label),
            previous=scores[label - 1] if label else None,
            next=scores[label + 1] if label + 1 < len(scores) else None,
        )
    if wrong := _wrong(evidence, study):
        yield wrong


def _wrong(evidence: ClassEvidence, study: StudyView) -> GroupView | None:
    if not study.n_wrong:
        return None
    every = set(range(len(study.label_names)))
    rows = evidence.documents.most_confident(every, every, wrong=True)
    shown = DocumentListView(
        "Misclassified, most confident first", f"{links.DOCUMENTS}#outcome=wrong&sort=-confidence", _views(rows, study)
    )
    return GroupView(
        name="wrong",
        page=links.WRONG,
        label=None,
        grouping="correct",
        score=None,
        terms=evidence.terms.get(("correct", "wrong")),
        heads=evidence.separation.of_group("correct", "wrong")[:N_HEADS],
        q_too_small=evidence.separation.permutes_dependent_documents("correct"),
        documents=[shown],
        previous=None,
        next=None,
    )


def _document_lists(evidence: ClassEvidence, study: StudyView, label: int) -> list[DocumentListView]:
    every = set(range(len(study.label_names)))
    index, lists = links.DOCUMENTS, evidence.documents
    if not study.n_labelled:
        rows = lists.most_confident({None}, {label})
        return [
            DocumentListView(
                "Predicted as this class, most confident first",
                f"{index}#predicted={label}&sort=-confidence",
                _views(rows, study),
            )
        ]
    found = [
        (
            "Correctly classified, most confident first",
            f"#gold={label}&outcome=right&sort=-confidence",
            lists.most_confident({label}, {label}),
        ),
        (
            "False negatives, most confident first",
            f"#gold={label}&outcome=wrong&sort=-confidence",
            lists.most_confident({label}, every - {label}),
        ),
        (
            "False positives, most confident first",
            f"#outcome=wrong&predicted={label}&sort=-confidence",
            lists.most_confident(every - {label}, {label}),
        ),
    ]
    return [DocumentListView(title, index + state, _views(rows, study)) for title, state, rows in found]


def _views(rows: Rows, study: StudyView) -> list[DocumentRowView]:
    return [row_view(row, study) for row in rows]


def _scores(evidence: ClassEvidence, study: StudyView) -> list[ClassScoreView]:
    per_class = {row["label"]: row for row in evidence.assessment["per_class"]}
    return [
        ClassScoreView(
            name=name,
            page=links.class_page(label),
            n_gold=per_class[name]["n_gold"] if name in per_class else None,
            n_predicted=evidence.documents.n_predicted[label],
            **{score: per_class.get(name, {}).get(score) for score in ("precision", "recall", "f1")},
            words=evidence.words(name),
        )
        for label, name in enumerate(study.label_names)
    ]


def _read_documents(index: Path) -> DocumentLists:
    lists = DocumentLists()
    for table in files.iter_tables(index, statistics_schemas.DOCUMENT_INDEX, SOURCES):
        lists.add(table.to_pylist())
    return lists


def _most_confident(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: (-max(row["probabilities"]), row["position"]))[:N_DOCUMENTS]
