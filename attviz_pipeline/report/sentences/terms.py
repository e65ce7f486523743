"""What the pages say about the ranking of words: docs/statistics/sentences.md lists the rules."""

from collections.abc import Sequence

from markupsafe import Markup

from attviz_pipeline.formats import count, plural, significant
from attviz_pipeline.report.sentences.parts import class_name, listed, model_name, said, token
from attviz_pipeline.report.views.class_rankings import ClassRankingView
from attviz_pipeline.report.views.ranked_terms import RankedView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokenView

N_NAMED = 3


def over_all_heads(ranked: RankedView, study: StudyView, *, of_model: bool) -> Markup:
    """Say which word has the highest self-attention over all heads, beside the average word, and how sure that is.

    Args:
        ranked: The ranking.
        study: Facts of the study.
        of_model: Whether the model is named, as on a page that does not name it before.
    """
    model = Markup(" of {}").format(model_name(study)) if of_model and not study.imported else ""
    return said([_first(ranked, Markup(" over {}{}").format(_all_heads(study), model)), _first_again(ranked)])


def _all_heads(study: StudyView) -> str:
    return f"the only {study.head_noun}" if study.n_rows == 1 else f"all {study.n_rows} {study.head_noun}s"


def of_head(ranked: RankedView, study: StudyView) -> Markup:
    """Say which word ranks first in a head, beside the average word, and which words follow.

    No bootstrap says how often it would be first again, and its interval is that of any word, not of the first of many.
    Intervals treat documents of one input row as independent.
    """
    followed = ""
    if ranked.is_beyond_chance and len(ranked.rows) >= N_NAMED:
        names = [token(row.term) for row in ranked.rows[1:N_NAMED]]
        followed = Markup("It is followed by {}.").format(listed(names))
    return said([_first(ranked, Markup(), of_head=True, too_narrow=study.shares_rows), followed])


def of_class(ranking: ClassRankingView, name: str, study: StudyView) -> Markup:
    """Say which word has the highest self-attention in the documents of a class or label, beside the average word.

    Intervals are between input rows; nothing is said of other classes, which a test compares.

    Args:
        ranking: The ranking.
        name: The class or label.
        study: Facts of the study.
    """
    ranked = ranking.ranked
    if ranked.n_documents < ranked.least:
        few = Markup("{}s were not ranked: {} {} the {} {} {}, and a {} must be in at least {}.")
        documents, have = plural(ranked.n_documents, "document"), "has" if ranked.n_documents == 1 else "have"
        of = (ranking.grouping, study.task.noun, class_name(name))
        return few.format(ranked.noun.capitalize(), documents, have, *of, ranked.noun, ranked.least)
    documents = Markup("the {} of the {} {} {}").format(
        plural(ranked.n_documents, "document"), ranking.grouping, study.task.noun, class_name(name)
    )
    return said([_first(ranked, Markup(" over {}").format(_all_heads(study)), documents=documents), _rivals(ranked)])


def _rivals(ranked: RankedView) -> Markup:
    """Name the next words of a ranking whose values lie in the interval of the first, so that they could lead."""
    if not ranked.is_beyond_chance:
        return Markup()
    rivals = [row for row in ranked.rows[1:N_NAMED] if row.times >= ranked.rows[0].low]
    if not rivals:
        return Markup()
    named = listed([Markup("{} ({})").format(token(row.term), significant(row.times)) for row in rivals])
    return Markup("It is followed by {}, within its interval, so another {} could lead.").format(named, ranked.noun)


def _first(
    ranked: RankedView,
    where: Markup,
    *,
    documents: Markup | None = None,
    of_head: bool = False,
    too_narrow: bool = False,
) -> Markup:
    noun = ranked.noun
    support = Markup("in at least {} of {}").format(
        ranked.least, plural(ranked.n_documents, "document") if documents is None else documents
    )
    if not ranked.n_terms:
        return Markup("No {} is {}, so {}s were not ranked.").format(noun, support, noun)
    first, corrected = ranked.rows[0], "corrected for length" if ranked.corrected else "not corrected for length"
    chosen = f", not adjusted for choosing the first of {count(ranked.n_terms)}," if of_head else ""
    name, interval = token(first.term), f"95 % interval{chosen} {significant(first.low)} to {significant(first.high)}"
    if ranked.n_terms == 1:
        return Markup("{} is the only {} {}, so {}s were not ranked.").format(name, noun, support, noun)
    among = Markup("Of the {} {}s {}").format(count(ranked.n_terms), noun, support)
    average = significant(ranked.average)
    if not ranked.is_beyond_chance:
        return Markup(
            "{}, none is shown to have more self-attention than the average {}{}, {}: {} times even attention. {}. The "
            "first is {} ({})."
        ).format(among, noun, where, corrected, average, _above(ranked, too_narrow=too_narrow), name, interval)
    return Markup("{}, {} (in {}) {}{}, {}: {} times even attention ({}); the average {} has {} times. {}.").format(
        among,
        name,
        plural(first.document_frequency, "document"),
        "ranks first by self-attention" if of_head else "has the highest self-attention",
        where,
        corrected,
        significant(first.times),
        interval,
        noun,
        average,
        _above(ranked, too_narrow=too_narrow),
    )


def _above(ranked: RankedView, *, too_narrow: bool) -> str:
    """Say how many intervals lie above the average, beside how many would if all words were alike.

    At most, because intervals of shrunken values hold the average more often than in 95 % of cases. Of intervals that
    are too narrow, more lie there by chance than expected.
    """
    expected = ranked.n_above_by_chance
    if too_narrow:
        chance = f"at least {count(round(expected))}" if expected >= 1 else "some"
    else:
        chance = f"at most about {count(round(expected))}" if expected >= 1 else "fewer than one"
    found = {0: "No interval lies", 1: f"The interval of 1 {ranked.noun} lies"}.get(
        ranked.n_above, f"The intervals of {count(ranked.n_above)} {ranked.noun}s lie"
    )
    return f"{found} above that; if all {ranked.noun}s were alike, {chance} would lie there by chance"


def _first_again(ranked: RankedView) -> str:
    if not ranked.is_beyond_chance or ranked.n_first is None:
        return ""
    again = f"It is first in {count(ranked.n_first)} of {count(ranked.n_replicates)} bootstrap samples of the texts"
    return f"{again}." if 2 * ranked.n_first > ranked.n_replicates else f"{again}, so another {ranked.noun} could lead."


def bars_of_ranking(ranked: RankedView) -> str:
    """Explain the bars of a short table of a ranking."""
    return f"Bars: 95 % intervals, on a logarithmic axis; vertical line: the average {ranked.noun}."


def columns_of_ranking(ranked: RankedView) -> str:
    """Explain the table of a ranking."""
    length = (
        "corrected for the length of texts"
        if ranked.corrected
        else "not corrected for length, because there are too few texts, or all of one length"
    )
    average = f"the average {ranked.noun}"
    return (
        f"Geometric means of multiples of even attention, 1/n for n tokens, {length}; {ranked.noun}s in few documents "
        f"are drawn towards {average}. Bars: 95 % intervals on a logarithmic axis, {significant(ranked.axis.low)} to "
        f"{significant(ranked.axis.high)}; vertical line: {average}, {significant(ranked.average)}."
    )


def columns_of_class_ranking(ranking: ClassRankingView) -> str:
    """Explain the table of a class, and where its words are compared with those of other classes."""
    return (
        f"{columns_of_ranking(ranking.ranked)} All documents: the same over all documents, with this class; a dash "
        "where no other document has the word. Self-attention of words, above, tests whether words of several classes "
        "differ."
    )


def dependent_documents(study: StudyView) -> str:
    """Warn that intervals of a head are too narrow, because they treat documents of one input row as independent."""
    if not study.shares_rows:
        return ""
    return "Several documents come from one input row, so these intervals are too narrow."


def rows_of_ranking(ranked: RankedView) -> str:
    """Name a table of ranked words: how many of how many it shows."""
    shown = len(ranked.rows)
    return (
        f"The {count(shown)} of {count(ranked.n_terms)} {ranked.noun}s with the highest self-attention"
        if shown < ranked.n_terms
        else f"All {count(shown)} {ranked.noun}s, by self-attention"
    )


def by_mean(rows: Sequence[TokenView], n_frequent: int, least: int, study: StudyView) -> Markup:
    """Say what is first in the paper's ranking by the mean, and how rare its first ten are.

    Args:
        rows: The ranking.
        n_frequent: Tokens and words in enough documents.
        least: How many documents are enough.
        study: Facts of the study.
    """
    support = f"in at least {least} of {plural(study.n_documents, 'document')}"
    if not rows:
        return Markup("No token other than special ones is {}.").format(support)
    first, shown = rows[0], rows[:10]
    sentence = Markup(
        "The paper ranks tokens by their mean over all occurrences and heads (Škrlj et al. 2021, Figure 5). This mean "
        "has no interval here, is not corrected for length, and is extreme for rare tokens. Of {} {}, {} has the "
        "highest: {}, over {} in {}."
    ).format(
        plural(n_frequent, "non-special token or word", "non-special tokens and words"),
        support,
        token(first.token),
        significant(first.mean, 3),
        plural(first.count, "occurrence"),
        plural(first.document_frequency, "document"),
    )
    n_rarest = sum(row.document_frequency == least for row in shown)
    rarest = f"{count(n_rarest)} of the first {len(shown)} are in {plural(least, 'document')} only." if n_rarest else ""
    return said([sentence, rarest])


def of_document(study: StudyView) -> str:
    """Say how the tokens of one document are ranked."""
    heads = "vectors" if study.imported else "heads"
    return f"By mean self-attention over {heads} in this text; special and unknown tokens are left out."
