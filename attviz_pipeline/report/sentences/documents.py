"""What the page of all documents says, and the start page of misclassified ones."""

from markupsafe import Markup

from attviz_pipeline.formats import count, decimal, percent, plural, probability, signed
from attviz_pipeline.report.sentences import labels, parts
from attviz_pipeline.report.sentences.study import kept_whole
from attviz_pipeline.report.tiers import MOST_PAGES, Tiers
from attviz_pipeline.report.views.document_groups import DocumentGroups
from attviz_pipeline.report.views.study import StudyView

FEWEST_GROUPED = 20
"""Documents that the stage `group_documents` needs."""
WEAK = 0.25
"""Silhouette up to which there is no substantial structure: Kaufman and Rousseeuw 1990, table 4."""
FEWEST_RANKED = 10
"""Documents from which on a rank correlation with their length is given."""


def heading(study: StudyView) -> str:
    """Count the documents, and the misclassified ones among those with a gold label."""
    n_documents, n_labelled, n_wrong = study.n_documents, study.n_labelled, study.n_wrong
    documents = plural(n_documents, "document")
    if study.task.many_labels:
        return labels.index_heading(n_documents, n_labelled, study.summary["outcomes"] or {})
    if not n_labelled or not study.task.outcomes:
        return documents
    among = "" if n_labelled == n_documents else f" of the {count(n_labelled)} with a gold label"
    return f"{documents}, {count(n_wrong) if n_wrong else 'none'}{among} misclassified"


def source(study: StudyView) -> Markup:
    """Say whose predictions the page lists."""
    if study.imported:
        sentence = Markup("Texts and predictions are those of <bdi>{}</bdi>, which names no model.")
        return sentence.format(study.dataset["source"] or "local files")
    return Markup("Predictions of {}.").format(parts.model_as_used(study))


def documents_with_pages(study: StudyView) -> Markup:
    """Say how many documents have a page, which, why not more, and how there would be more."""
    sentence = Markup("{} of {} {} a page: {}. Statistics are not restricted to these. {}")
    more = Markup("A larger <code>site.max_megabytes</code> (now {}) makes room for more.")
    if study.n_with_page >= MOST_PAGES:
        more = Markup("More would make the index slow: analyse a part of the corpus to see others.")
    return sentence.format(
        count(study.n_with_page),
        plural(study.n_documents, "document"),
        "has" if study.n_with_page == 1 else "have",
        kept_whole(study, has_evidence=study.has_evidence),
        more.format(f"{study.settings.site.max_megabytes:g}"),
    )


def other_documents(study: StudyView, n_searched: int, n_characters: int) -> str:
    """Say what the search of the documents without a page covers.

    Args:
        study: Facts of the study.
        n_searched: Documents that it covers.
        n_characters: Characters that it covers of each text.
    """
    n_others = study.n_documents - study.n_with_page
    covered = f"the id and the first {n_characters} characters of each text"
    have = f"{plural(n_others, 'document')} {'has' if n_others == 1 else 'have'} no page"
    if n_searched == n_others:
        return f"{have}. Here you can search {covered}."
    sample = f"{count(n_searched)} of them, a random sample, since site.max_megabytes has no room for all"
    return f"{have}. Here you can search {covered} in {sample}."


def pages_with_every_head(tiers: Tiers, study: StudyView) -> Markup:
    """Say which pages hold every head, where not all do."""
    sentence = Markup(
        "{} of {} pages contain every head: {}. The others contain only the mean of each layer's heads, so that "
        "the site stays within <code>site.max_megabytes</code>."
    )
    return sentence.format(count(tiers.n_full), count(tiers.n_pages), kept_whole(study))


def search(n_characters: int) -> str:
    """Say how much of every text the search covers, where it is not all."""
    return f"The corpus is large: the search covers only the first {n_characters} characters of each text."


def groups(found: DocumentGroups) -> str:
    """Say whether heads divide the documents into groups, beside what a cloud without groups gives."""
    by = "by the activity of their heads at equal length"
    if found.outcome == "not_compared":
        n = plural(found.n_documents, "document")
        return f"Documents were not grouped {by}: {n} with words, and {FEWEST_GROUPED} are needed."
    if found.silhouette is None or found.silhouette_by_chance is None or found.p is None:
        return f"Documents were grouped {by}: no groups were found."
    numbers = (
        f"mean silhouette {decimal(found.silhouette)}; 95 % of clouds without groups are below "
        f"{decimal(found.silhouette_by_chance)}; p {probability(found.p)}"
    )
    if found.outcome == "nothing_found":
        return f"Documents were grouped {by}: no groups were found that are beyond chance ({numbers})."
    length = ""
    if found.length_share is not None and found.length_share_by_chance is not None:
        share, by_chance = percent(found.length_share), percent(found.length_share_by_chance)
        length = f" They account for {share} of the variance of log length, random groups for {by_chance}."
    weak = " They overlap all the same: a silhouette of at most 0.25 is weak." if found.silhouette <= WEAK else ""
    return (
        f"{len(found.groups)} groups of {plural(found.n_documents, 'document')}, {by}, are separated beyond chance "
        f"({numbers}).{weak}{length}"
    )


def score(title: str, note: str, with_length: float | None, study: StudyView) -> str:
    """Define a score to sort by, beside what length alone gives.

    Args:
        title: What the column is called.
        note: Its definition.
        with_length: Spearman's correlation with the number of tokens in the documents that are listed, None where it is
            not defined or of few documents.
        study: Facts of the study.
    """
    listed = "" if study.shows_all else " in the documents with a page"
    beside = "" if with_length is None else f"; Spearman with the number of tokens{listed} {signed(with_length)}"
    return f"{title}: {note}{beside}."


def shades(n_characters: int | None) -> str:
    """Say what the shades of the texts compare, and how much of each text there is if it is not all."""
    cut = f" Of each text, the first {n_characters} characters are here." if n_characters else ""
    return (
        "Each text has its own scale, as on its page: no colour up to the score that 10 % of its tokens are below, "
        "full colour from the one that 1.5 % are above, without special tokens. So shades compare the tokens of one "
        f"text, not those of two.{cut}"
    )


def signed_shades(n_measured: int, study: StudyView) -> str:
    """Say what the two colours of a score mean, and in how many documents it was measured.

    Args:
        n_measured: Documents that have it, at least one.
        study: Facts of the study.
    """
    towards, away = study.task.scale.towards
    sentence = f"Blue tokens {towards}, orange tokens {away}."
    if n_measured == study.n_with_page:
        return sentence
    n_documents = f"{plural(study.n_with_page, 'document')}{'' if study.shows_all else ' with a page'}"
    return f"{sentence} Measured in {count(n_measured)} of {n_documents}; the other texts have no colour."


def mistakes(study: StudyView, prediction: str, confidence: float) -> Markup:
    """Count the misclassified documents and name the most confident one.

    Args:
        study: Facts of the study, in which at least one document is misclassified.
        prediction: Class that the most confident of them is predicted as.
        confidence: Its confidence, 0..1.
    """
    gold = " with a gold label" if study.n_labelled < study.n_documents else ""
    sentence = Markup(
        "{} of {}{} {} misclassified. Highest confidence: {} with {}; with {} equally probable classes it would be {}."
    )
    return sentence.format(
        count(study.n_wrong),
        plural(study.n_labelled, "document"),
        gold,
        "is" if study.n_wrong == 1 else "are",
        parts.class_name(prediction),
        percent(confidence),
        count(len(study.label_names)),
        percent(1 / len(study.label_names)),
    )


def no_mistakes(n_documents: int, n_labelled: int) -> str:
    """Say that every document with a gold label is correctly classified."""
    gold = " with a gold label" if n_labelled < n_documents else ""
    if n_labelled == 1:
        return f"The one document{gold} is correctly classified."
    return f"All {count(n_labelled)} documents{gold} are correctly classified."
