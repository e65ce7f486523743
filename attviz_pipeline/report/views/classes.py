"""Classes: scores, and the words and heads in which they differ; misclassified documents are a group of their own."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attviz_pipeline.artifacts import files, statistics_schemas, term_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.views.class_rankings import ClassRankingView, read_class_rankings
from attviz_pipeline.report.views.class_terms import GroupTerms, read_group_terms
from attviz_pipeline.report.views.document_columns import SOURCES, confidence
from attviz_pipeline.report.views.documents import DocumentRowView, iter_positions, row_view
from attviz_pipeline.report.views.errors import ErrorsView, errors_view
from attviz_pipeline.report.views.figures import FigureView
from attviz_pipeline.report.views.models import ReplicationView
from attviz_pipeline.report.views.scores import scores_by_label
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, FamilyView, Separation, WinnerView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.term_evidence import TermEvidence, TermMeasureView
from attviz_pipeline.tasks.task import Task

N_HEADS = 15
N_DOCUMENTS = 5
Kind = tuple[str, int]
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
    """A few documents of a group, how many it has, how many of these have a page, and where these are listed."""

    title: str
    all: str
    rows: list[DocumentRowView]
    n_documents: int
    n_with_page: int


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
        documents: Lists of its documents.
        previous: The class before it.
        next: The class after it.
        evidence: Words on which the prediction of the class depends, by measure; empty where that was not measured.
        again: Its effects in heads, in other models, too; empty where the study compares none.
        ranking: Words with the most self-attention in its documents; None for misclassified documents.
        figure: Word cloud of these; None if there is none.
    """

    name: str
    page: str
    label: int | None
    score: ClassScoreView | None
    comparison: ComparisonView
    terms: GroupTerms | None
    support: int
    heads: list[EffectView]
    documents: list[DocumentListView]
    previous: ClassScoreView | None
    next: ClassScoreView | None
    evidence: list[TermMeasureView] = field(default_factory=list)
    again: Sequence[ReplicationView] = ()
    ranking: ClassRankingView | None = None
    figure: FigureView | None = None


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
        q_too_small: Whether q comes from permutations that treat documents of one input row as independent.
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
    q_too_small: bool = False


@dataclass(frozen=True)
class ClassesView:
    """The page of all classes or labels; `errors` is None where no gold class is known.

    `not_compared` are the reasons why groups of documents were not compared; `baseline` says what always predicting the
    largest class gives; `intervals` are those of precision and recall, by name of the class.
    """

    classes: list[ClassScoreView]
    differences: DifferencesView
    errors: ErrorsView | None
    not_compared: list[str]
    baseline: Markup | None = None
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassEvidence:
    """Statistics of classes, labels or values, read once; `support` as in `GroupView`, `rankings` by class or label.

    `documents` are all, `listed` those with a page.
    """

    assessment: dict[str, Any]
    terms: dict[tuple[str, str], GroupTerms]
    separation: Separation
    documents: "DocumentLists"
    listed: "DocumentLists"
    support: int
    rankings: Mapping[str, ClassRankingView]
    errors: ErrorsView | None = None

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

    def only_prediction(self, study: StudyView) -> list[str] | None:
        """The class or labels predicted for all documents; None where predictions differ or cannot, or are values."""
        only = self.documents.only_prediction
        if only is None or len(study.label_names) < 2:
            return None
        return [study.label_names[label] for label in study.task.labels_in(only)]


class DocumentLists:
    """The most confident documents of each kind, kept while the index streams by.

    Of a class or label, the kinds are hits (it is gold and predicted), missed (only gold), added (only predicted), and
    predicted, of any document; `MISTAKES` are the documents whose prediction is not right.
    """

    MISTAKES: Kind = ("mistakes", 0)

    def __init__(self, task: Task[Any]) -> None:
        """Begin with none.

        Args:
            task: The task of the study.
        """
        self._task = task
        self.n_documents: Counter[Kind] = Counter()
        self._best: dict[Kind, Rows] = {}
        self._predictions: set[Any] = set()

    def add(self, rows: Rows) -> None:
        """Count rows of the index in."""
        task = self._task
        for row in rows:
            gold, predicted = task.gold(row), task.predicted(row)
            if len(self._predictions) <= 1:
                self._predictions.add(predicted)
            for kind in self._kinds(gold, predicted):
                self.n_documents[kind] += 1
                self._best.setdefault(kind, []).append(row)
        self._best = {kind: self._most_confident(found) for kind, found in self._best.items()}

    @property
    def only_prediction(self) -> Any:  # noqa: ANN401 - a prediction of any task
        """The prediction that all documents have; None where there are several."""
        return next(iter(self._predictions)) if len(self._predictions) == 1 else None

    def most_confident(self, kind: Kind) -> Rows:
        """The most confident documents of a kind."""
        return self._best.get(kind, [])

    def _kinds(self, gold: Any, predicted: Any) -> Iterator[Kind]:  # noqa: ANN401 - values of any task
        guessed = set(self._task.labels_in(predicted))
        yield from (("predicted", label) for label in guessed)
        if gold is None:
            return
        known = set(self._task.labels_in(gold))
        for name, labels in (("hits", known & guessed), ("missed", known - guessed), ("added", guessed - known)):
            yield from ((name, label) for label in labels)
        if self._task.outcome(gold, predicted) not in {None, "right"}:
            yield self.MISTAKES

    def _most_confident(self, rows: Rows) -> Rows:
        def rank(row: dict[str, Any]) -> tuple[float, int]:
            return -(confidence(self._task, row) or 0.0), row["position"]

        return sorted(rows, key=rank)[:N_DOCUMENTS]


def read_class_evidence(inputs: SiteInputs, separation: Separation, study: StudyView) -> ClassEvidence:
    """Read the statistics of classes.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    assessment = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)
    documents = _read_documents(inputs.statistics.document_index, study)
    return ClassEvidence(
        assessment=assessment,
        terms=read_group_terms(inputs.terms.class_terms),
        separation=separation,
        documents=documents,
        listed=documents,
        support=files.read_facts(inputs.terms.vocabulary, term_schemas.VOCABULARY)["min_document_frequency"],
        rankings=read_class_rankings(inputs.terms),
        errors=errors_view(study, assessment, inputs.assessment.confidences),
    )


def with_listed_documents(evidence: ClassEvidence, index: Path, study: StudyView) -> ClassEvidence:
    """Let lists name documents with a page only, once these are chosen."""
    return evidence if study.with_page is None else replace(evidence, listed=_read_documents(index, study))


def classes_view(evidence: ClassEvidence, study: StudyView) -> ClassesView:
    """Put together the page of all classes."""
    return ClassesView(
        classes=_scores(evidence, study),
        differences=differences_view(evidence),
        errors=evidence.errors,
        not_compared=evidence.separation.facts["not_compared"],
    )


def differences_view(evidence: ClassEvidence) -> DifferencesView:
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
        q_too_small=any(effect.q_too_small for effect in effects),
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
            ranking=evidence.rankings.get(score.name),
            **_compared(evidence, evidence.grouping, score.name),
        )
    if study.n_wrong:
        rows = evidence.listed.most_confident(DocumentLists.MISTAKES)
        n_listed = evidence.listed.n_documents[DocumentLists.MISTAKES]
        many = study.task.many_labels
        title = f"{'With mistakes' if many else 'Misclassified'}, most confident first"
        outcome = "not_right" if many else "wrong"
        all_wrong = f"{links.DOCUMENTS}#outcome={outcome}&sort=-confidence"
        yield GroupView(
            page=links.WRONG,
            label=None,
            score=None,
            documents=[DocumentListView(title, all_wrong, _views(rows, study), study.n_wrong, n_listed)],
            previous=None,
            next=None,
            **_compared(evidence, "correct", "not right" if many else "wrong"),
        )


def _compared(evidence: ClassEvidence, grouping: str, name: str) -> dict[str, Any]:
    """What the page of any group says of its comparison with all other documents."""
    comparison = evidence.separation.comparison(grouping, name)
    return {
        "name": name,
        "comparison": comparison,
        "terms": evidence.terms.get((grouping, name)),
        "support": evidence.support,
        "heads": list(comparison.effects[:N_HEADS]),
    }


def _document_lists(evidence: ClassEvidence, study: StudyView, label: int) -> list[DocumentListView]:
    lists = evidence.listed
    return [
        DocumentListView(
            f"{title}, most confident first",
            f"{links.DOCUMENTS}#{state.format(label)}&sort=-confidence",
            _views(lists.most_confident((kind, label)), study),
            evidence.documents.n_documents[kind, label],
            lists.n_documents[kind, label],
        )
        for kind, title, state in _lists_of(study)
    ]


def _lists_of(study: StudyView) -> Sequence[tuple[str, str, str]]:
    """Kinds of documents of a class or label, what they are called, and the address state that filters for them."""
    noun = study.task.noun
    if not study.n_labelled:
        return [("predicted", f"Predicted {'with' if study.task.many_labels else 'as'} this {noun}", "predicted={}")]
    if study.task.many_labels:
        return [
            ("hits", "True positives", "gold={0}&predicted={0}"),
            ("missed", "False negatives", "gold={0}&predicted=not-{0}"),
            ("added", "False positives", "gold=not-{0}&predicted={0}"),
        ]
    return [
        ("hits", "Correctly classified", "gold={}&outcome=right"),
        ("missed", "False negatives", "gold={}&outcome=wrong"),
        ("added", "False positives", "outcome=wrong&predicted={}"),
    ]


def _views(rows: Rows, study: StudyView) -> list[DocumentRowView]:
    return [row_view(row, study) for row in rows]


def _scores(evidence: ClassEvidence, study: StudyView) -> list[ClassScoreView]:
    per_class = {row["label"]: row for row in scores_by_label(evidence.assessment)}
    n_documents = evidence.documents.n_documents
    return [
        ClassScoreView(
            name=name,
            page=links.class_page(label),
            n_gold=per_class[name]["n_gold"] if name in per_class else None,
            n_predicted=n_documents["predicted", label],
            n_predicted_labelled=n_documents["hits", label] + n_documents["added", label],
            **{score: per_class.get(name, {}).get(score) for score in ("precision", "recall", "f1")},
            words=evidence.words(name),
        )
        for label, name in enumerate(study.label_names)
    ]


def _read_documents(index: Path, study: StudyView) -> DocumentLists:
    lists = DocumentLists(study.task)
    for table in iter_positions(index, SOURCES, study.with_page):
        lists.add(table.to_pylist())
    return lists
