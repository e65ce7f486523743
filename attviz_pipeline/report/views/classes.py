"""Classes: scores, and the words and heads in which they differ; misclassified documents are a group of their own."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.class_terms import GroupTerms, read_group_terms
from attviz_pipeline.report.views.confusion import ConfusionView, confusion_view
from attviz_pipeline.report.views.document_columns import SOURCES
from attviz_pipeline.report.views.documents import DocumentRowView, row_view
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, FamilyView, Separation, WinnerView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.term_evidence import TermEvidence, TermMeasureView

N_HEADS = 15
N_DOCUMENTS = 5
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ClassScoreView:
    """One class in the list of classes.

    Args:
        name: Name of the class.
        page: Address of its page.
        n_gold: Documents with this gold label; None where no gold class is known.
        n_predicted: Documents that are predicted as this class.
        n_predicted_labelled: The same among documents whose gold class is known.
        precision: None where it is not defined, like the next two.
        recall: Of the documents with this gold label, the share that is predicted as such.
        f1: F1.
        words: The words that it uses significantly more than other documents; None where they were not compared.
    """

    name: str
    page: str
    n_gold: int | None
    n_predicted: int
    n_predicted_labelled: int
    precision: float | None
    recall: float | None
    f1: float | None
    words: list[str] | None


@dataclass(frozen=True)
class DocumentListView:
    """A few documents of a group, how many it has, and where all of them are listed."""

    title: str
    all: str
    rows: list[DocumentRowView]
    n_documents: int


@dataclass(frozen=True)
class GroupView:
    """The page of a class, or of misclassified documents (`score` None).

    Args:
        name: Name of the class, or `wrong`.
        page: Address of the page.
        label: Index of the class.
        score: Scores of the class.
        comparison: How its documents were compared with all others.
        terms: What its documents use or attend to differently; None where they were not compared.
        support: Documents in which a word must occur to be compared.
        heads: The first heads of the comparison, the smallest q first.
        only_prediction: The class that all documents are predicted as, None where there are several.
        documents: Lists of its documents.
        previous: The class before it.
        next: The class after it.
        evidence: Words on which the prediction of the class depends, by measure; empty where that was not measured.
    """

    name: str
    page: str
    label: int | None
    score: ClassScoreView | None
    comparison: ComparisonView
    terms: GroupTerms | None
    support: int
    heads: list[EffectView]
    only_prediction: str | None
    documents: list[DocumentListView]
    previous: ClassScoreView | None
    next: ClassScoreView | None
    evidence: list[TermMeasureView] = field(default_factory=list)


@dataclass(frozen=True)
class DifferencesView:
    """What differs between the classes of a study.

    Args:
        grouping: gold, or predicted where gold classes could not be compared.
        n_compared: Classes that were compared with all other documents.
        n_documents: Documents of the comparison.
        n_heads: Heads that were compared.
        n_heads_differing: Heads that differ significantly between some class and the others.
        winner: The largest difference; None where none is significant.
        n_words: Words whose use was compared.
        n_words_differing: Words that some class uses significantly more or less than the others.
        support: Documents in which a word must occur to be compared.
        families: The tests of the grouping, with their permutations.
        only_prediction: The class that all documents are predicted as, None where there are several.
    """

    grouping: str
    n_compared: int
    n_documents: int
    n_heads: int
    n_heads_differing: int
    winner: WinnerView | None
    n_words: int
    n_words_differing: int
    support: int
    families: list[FamilyView]
    only_prediction: str | None


@dataclass(frozen=True)
class ClassesView:
    """The page of all classes; `confusion` is None where no gold class is known.

    `not_compared` are the reasons why groups of documents were not compared; `baseline` says what always predicting the
    largest class gives; `intervals` are those of precision and recall, by name of the class.
    """

    classes: list[ClassScoreView]
    differences: DifferencesView
    confusion: ConfusionView | None
    not_compared: list[str]
    baseline: Markup | None = None
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassEvidence:
    """Statistics of classes, read once; `support` as in `GroupView`."""

    assessment: dict[str, Any]
    terms: dict[tuple[str, str], GroupTerms]
    separation: Separation
    documents: "DocumentLists"
    support: int

    @property
    def grouping(self) -> str:
        """Gold classes where they were compared, else predicted ones."""
        return self.separation.main_grouping

    def words(self, name: str) -> list[str] | None:
        """The words that a class uses significantly more, the largest z first; None where it was not compared."""
        if not self.separation.of_group(self.grouping, name):
            return None
        terms = self.terms.get((self.grouping, name))
        return [term.term for term in terms.used_more[:3]] if terms else []

    def only_prediction(self, study: StudyView) -> str | None:
        """The class that all documents are predicted as; None where there are several."""
        predicted = [label for label, n in self.documents.n_predicted.items() if n]
        return study.label_names[predicted[0]] if len(predicted) == 1 and len(study.label_names) > 1 else None


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
        support=files.read_facts(inputs.terms.vocabulary, term_schemas.VOCABULARY)["min_document_frequency"],
    )


def classes_view(evidence: ClassEvidence, study: StudyView) -> ClassesView:
    """Put together the page of all classes."""
    return ClassesView(
        classes=_scores(evidence, study),
        differences=differences_view(evidence, study),
        confusion=confusion_view(study),
        not_compared=evidence.separation.facts["not_compared"],
    )


def differences_view(evidence: ClassEvidence, study: StudyView) -> DifferencesView:
    """Sum up what differs between the classes."""
    separation, grouping = evidence.separation, evidence.grouping
    effects = [effect for effect in separation.effects if effect.grouping == grouping]
    terms = [found for (name, _), found in evidence.terms.items() if name == grouping]
    return DifferencesView(
        grouping=grouping,
        n_compared=len({effect.group for effect in effects}),
        n_documents=effects[0].n_inside + effects[0].n_outside if effects else 0,
        n_heads=len({effect.row for effect in effects}),
        n_heads_differing=len(separation.heads_that_differ(grouping)),
        winner=separation.winner(grouping),
        n_words=max((found.n_tested for found in terms), default=0),
        n_words_differing=len({term for found in terms for term in found.used_differently}),
        support=evidence.support,
        families=separation.families(grouping),
        only_prediction=evidence.only_prediction(study),
    )


def iter_group_pages(
    evidence: ClassEvidence, study: StudyView, words: TermEvidence | None = None
) -> Iterator[GroupView]:
    """Put together the page of every class, and of misclassified documents where there are any.

    Args:
        evidence: Statistics of classes.
        study: Facts of the study.
        words: Words on which the prediction depends; None where that was not measured.
    """
    scores = _scores(evidence, study)
    for label, score in enumerate(scores):
        yield GroupView(
            page=score.page,
            label=label,
            score=score,
            documents=_document_lists(evidence, study, label),
            previous=scores[label - 1] if label else None,
            next=scores[label + 1] if label + 1 < len(scores) else None,
            evidence=words.of_class(label) if words else [],
            **_compared(evidence, study, evidence.grouping, score.name),
        )
    if study.n_wrong:
        every = set(range(len(study.label_names)))
        rows = evidence.documents.most_confident(every, every, wrong=True)
        all_wrong = f"{links.DOCUMENTS}#outcome=wrong&sort=-confidence"
        yield GroupView(
            page=links.WRONG,
            label=None,
            score=None,
            documents=[
                DocumentListView("Misclassified, most confident first", all_wrong, _views(rows, study), study.n_wrong)
            ],
            previous=None,
            next=None,
            **_compared(evidence, study, "correct", "wrong"),
        )


def _compared(evidence: ClassEvidence, study: StudyView, grouping: str, name: str) -> dict[str, Any]:
    """What the page of any group says of its comparison with all other documents."""
    comparison = evidence.separation.comparison(grouping, name)
    return {
        "name": name,
        "comparison": comparison,
        "terms": evidence.terms.get((grouping, name)),
        "support": evidence.support,
        "heads": list(comparison.effects[:N_HEADS]),
        "only_prediction": evidence.only_prediction(study),
    }


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
                lists.n_predicted[label],
            )
        ]
    confusion: list[list[int]] = study.summary["confusion"]
    n_right = confusion[label][label]
    found = [
        (
            "Correctly classified, most confident first",
            f"#gold={label}&outcome=right&sort=-confidence",
            lists.most_confident({label}, {label}),
            n_right,
        ),
        (
            "False negatives, most confident first",
            f"#gold={label}&outcome=wrong&sort=-confidence",
            lists.most_confident({label}, every - {label}),
            sum(confusion[label]) - n_right,
        ),
        (
            "False positives, most confident first",
            f"#outcome=wrong&predicted={label}&sort=-confidence",
            lists.most_confident(every - {label}, {label}),
            sum(row[label] for row in confusion) - n_right,
        ),
    ]
    return [DocumentListView(title, index + state, _views(rows, study), n) for title, state, rows, n in found]


def _views(rows: Rows, study: StudyView) -> list[DocumentRowView]:
    return [row_view(row, study) for row in rows]


def _scores(evidence: ClassEvidence, study: StudyView) -> list[ClassScoreView]:
    per_class = {row["label"]: row for row in evidence.assessment["per_class"]}
    confusion = study.summary["confusion"] or []
    return [
        ClassScoreView(
            name=name,
            page=links.class_page(label),
            n_gold=per_class[name]["n_gold"] if name in per_class else None,
            n_predicted=evidence.documents.n_predicted[label],
            n_predicted_labelled=sum(row[label] for row in confusion),
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
