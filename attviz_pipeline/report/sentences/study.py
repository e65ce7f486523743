"""What several pages say of the study as a whole, and of their plots."""

from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup

from attviz_pipeline.formats import count, percent, plural, significant
from attviz_pipeline.report.sentences.parts import reason_of
from attviz_pipeline.report.views.study import StudyView


def preview(study: StudyView) -> str:
    """Say what a site is about, for previews of links to it: plain text, without a text or a finding of the study."""
    documents = plural(study.n_documents, "document")
    if study.task.has_labels:
        documents += f" ({plural(len(study.label_names), study.task.noun, study.task.nouns)})"
    if study.imported:
        return f"Self-attention of {plural(study.n_rows, 'vector')} in {documents}, imported from a file."
    tuned = ", fine-tuned for this study," if study.settings.fine_tunes else ""
    return f"Self-attention of the {plural(study.n_rows, 'head')} of {study.model['source']}{tuned} in {documents}."


def redacted_words(study: StudyView) -> str:
    """Say what stands in for the words of a share-safe study; empty where words are shown."""
    redaction = study.settings.redaction
    if redaction.mode == "none":
        return ""
    stand_ins = {"shape": "shapes", "hash": "keyed tags"}[redaction.mode]
    return (
        f"Words are redacted: {stand_ins} replace them, and [rare] replaces those that occur in fewer than "
        f"{plural(redaction.min_document_frequency, 'document')}."
    )


def sampled(study: StudyView) -> str:
    """Say what is of a sample of the documents, and how much wider intervals are for it; empty where all are used.

    An interval of independent documents is as wide as one over the root of their number.
    """
    if study.n_sampled is None:
        return ""
    wider = (study.n_documents / study.n_sampled) ** 0.5
    models = ", and comparisons of models," if study.has_models else ""
    return (
        "Intervals of words, means of heads over documents with their intervals, differences between groups, rankings "
        f"within a group, and groups of documents{models} are computed from a random sample of "
        f"{count(study.n_sampled)} of the {plural(study.n_documents, 'document')}. The intervals are about {wider:.1f} "
        "times as wide as those of all documents would be. All other counts and means, and what is said of "
        "predictions, are of all documents."
    )


def unknown_tokens(study: StudyView) -> str:
    """Say how many tokens the model does not know; empty where it knows all."""
    n_unknown: int = study.summary["n_unknown_tokens"]
    if not n_unknown:
        return ""
    n_documents = study.summary["n_documents_with_unknown"]
    share = percent(n_unknown / study.summary["n_tokens_without_special"])
    are, them = ("is", "it") if n_unknown == 1 else ("are", "them")
    return (
        f"{plural(n_unknown, 'token')} of text ({share}), in {plural(n_documents, 'document')}, {are} unknown to the "
        f"model, which reads its token for unknown text instead. Rankings exclude {them} and the words that contain "
        f"{them}."
    )


def associations_only(study: StudyView) -> Markup:
    """Say that the site shows associations, and whether the study also intervened."""
    sentence = Markup(
        "This site does not show that attention explains the predictions. Such a claim needs an intervention: changing "
        "attention, disabling heads or removing tokens, and observing the prediction (Jain and Wallace 2019; Wiegreffe "
        "and Pinter 2019; Serrano and Smith 2019). {}"
    )
    if study.has_evidence:
        return sentence.format("This study intervened, but tested no score of attention; it measured associations:")
    return sentence.format("This study only observed attention and predictions, and measured associations:")


def gold_of_rows(study: StudyView) -> str:
    """Say that gold labels are those of whole texts, where several documents are parts of one; else nothing."""
    if not study.shares_rows or not study.n_labelled:
        return ""
    gold = "Gold labels" if study.task.has_labels else "Gold values"
    return f"{gold} are those of the input rows: the whole texts that the documents are parts of."


def rows_of_documents(study: StudyView) -> str:
    """Say from how many input rows the documents come, where these are fewer; else nothing."""
    if not study.shares_rows:
        return ""
    return (
        f"An input row is one text of the dataset, and several documents can be parts of it: the "
        f"{plural(study.n_documents, 'document')} of this site come from {plural(study.n_sources, 'input row')}."
    )


def documents_with_maps(study: StudyView) -> str:
    """Say which documents have token-to-token maps; empty where none has."""
    n_mapped = len(study.map_reasons)
    if not n_mapped:
        return ""
    have = "has" if n_mapped == 1 else "have"
    of_all = f"{count(n_mapped)} of {plural(study.n_documents, 'document')} {have} token-to-token maps"
    return f"{of_all}: {_kinds(study.map_reasons, study)}."


def documents_with_vectors(study: StudyView) -> str:
    """Say how many and which documents with maps have query and key vectors, too; empty where none has maps."""
    n_vectors, n_mapped = len(study.with_vectors), len(study.map_reasons)
    if not n_mapped:
        return ""
    if not n_vectors:
        return "No document has query and key vectors."
    have = "has" if n_vectors == 1 else "have"
    chosen = f"{count(n_vectors)} of these {count(n_mapped)}, the first chosen"
    return f"{chosen}, also {have} query and key vectors: {_kinds(study.with_vectors, study)}."


def _kinds(positions: Iterable[int], study: StudyView) -> str:
    """Name the kinds of some documents with maps, in the order in which they were chosen."""
    chosen = Counter(reason_of(study.map_reasons[position], study) for position in positions)
    return ", then ".join(_chosen(kind, chosen[kind], study) for kind in _MAP_ORDER if kind in chosen)


def _chosen(kind: str, n: int, study: StudyView) -> str:
    """Name documents with maps of one kind; where only some of those with mistakes have maps, say how many."""
    some = kind in ("misclassified", "mistakes") and n < study.n_wrong
    return f"{count(n)} of the {count(study.n_wrong)} {_MAP_ORDER[kind]}" if some else _MAP_ORDER[kind]


_MAP_ORDER = {
    "named": "those that the configuration names",
    "misclassified": "misclassified ones",
    "mistakes": "those with mistakes",
    "large_error": "those with the largest errors",
    "low_confidence": "the least confident ones",
    "sample": "a sample",
}


def kept_whole(study: StudyView, *, has_evidence: bool = False) -> str:
    """Name, in order of preference, the documents whose pages hold every head, or that have a page, where not all fit.

    Args:
        study: Facts of the study.
        has_evidence: Whether documents with evidence come first, too.
    """
    task = study.task
    kinds = {"sample", *(["low_confidence"] if task.has_confidence else [])}
    kinds |= {reason_of("misclassified", study)} if study.n_wrong else set()
    kinds |= {"large_error"} if study.n_labelled and not task.outcomes else set()
    names = [name for kind, name in _MAP_ORDER.items() if kind in kinds]
    asked = (["maps"] if study.map_reasons else []) + (["evidence"] if has_evidence else [])
    return ", then ".join(([f"those with {' or '.join(asked)}"] if asked else []) + names)


def distribution_of_head(median: float) -> str:
    """Describe how the self-attention of tokens is distributed in a head."""
    return f"Share of tokens per tenth of a decade; median about {significant(median)}."


def by_position(study: StudyView) -> str:
    """Say whose mean a curve by position shows: positions are recorded per layer."""
    whose = (
        "over all vectors: positions are not recorded per vector"
        if study.imported
        else ("for the layer of this head: positions are recorded per layer, not per head")
    )
    return f"Mean self-attention by position in the document, {whose}."
