"""What the pages say about classes and about misclassified documents: docs/statistics/sentences.md lists the rules.

A difference is a finding only if q < 0.05. Not compared, nothing found and found are three different sentences.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

from attviz_pipeline.formats import count, percent, plural, probability, signed
from attviz_pipeline.report.sentences import labels
from attviz_pipeline.report.sentences.parts import (
    TEST,
    another_could_be,
    class_name,
    effect_symbol,
    first_of,
    head_link,
    heads_of,
    listed,
    model_name,
    permutation_test,
    said,
    token,
    units,
)
from attviz_pipeline.report.views.class_terms import GroupTerms
from attviz_pipeline.report.views.classes import ClassScoreView, DifferencesView
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, FamilyView, WinnerView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_NAMED = 3
WORDS_TITLE = "Words used more"
"""Heading of the words that `words_of_class` lists."""
_TESTED = {"heads": "heads", "attention": "the self-attention of words", "use": "the use of words"}


def class_scores(score: ClassScoreView, study: StudyView) -> Markup:
    """Say how many documents a class has, and how well it is predicted, beside what random predictions reach."""
    model = model_name(study)
    if study.task.many_labels:
        return said([_label_counts(score, study), _recall_and_precision(score, study)])
    if not study.n_labelled or score.n_gold is None:
        of = plural(study.n_documents, "document")
        return Markup("This class is predicted for {} of {} by {}.").format(count(score.n_predicted), of, model)
    known = "" if study.n_labelled == study.n_documents else " with a known gold label"
    counts = Markup("Of {}{}, {} {} this gold label, and {} predicts this class for {}.").format(
        plural(study.n_labelled, "document"),
        known,
        count(score.n_gold),
        "has" if score.n_gold == 1 else "have",
        model,
        count(score.n_predicted_labelled),
    )
    return said([counts, _recall_and_precision(score, study)])


def _label_counts(score: ClassScoreView, study: StudyView) -> Markup:
    known = study.n_labelled > 0
    n_predicted = score.n_predicted_labelled if known else score.n_predicted
    return labels.label_scores(score.n_gold, n_predicted, study)


def _recall_and_precision(score: ClassScoreView, study: StudyView) -> str:
    n_labelled, noun = study.n_labelled, study.task.noun
    if not n_labelled:
        return ""
    if score.recall is None or score.precision is None:
        missing = {
            "recall": (score.recall, "no document has this gold label"),
            "precision": (
                score.precision,
                f"no document is predicted {'as' if noun == 'class' else 'with'} this {noun}",
            ),
        }
        found = [f"{name} is {percent(value)}" for name, (value, _) in missing.items() if value is not None]
        found += [f"{name} is not defined, because {why}" for name, (value, why) in missing.items() if value is None]
        words = "; ".join(found)
        return f"{words[:1].upper()}{words[1:]}."
    # Expected of as many predictions of this class, handed out to documents at random.
    recall, precision = score.n_predicted_labelled / n_labelled, (score.n_gold or 0) / n_labelled
    return (
        f"Recall is {percent(score.recall)}, precision {percent(score.precision)}; as many predictions at random reach "
        f"{percent(recall)} and {percent(precision)} on average."
    )


def misclassified(study: StudyView, page: str = "") -> Markup:
    """Say how many documents are misclassified; `page` is the address of their page, empty on that page itself."""
    model = model_name(study)
    if not study.n_labelled:
        return Markup("The {} are those that {} predicts.").format(study.task.nouns, model)
    if study.task.many_labels:
        return _with_mistakes(study, page)
    known = plural(study.n_labelled, "document")
    if not study.n_wrong:
        subject = (
            f"All {known} with a known gold label are" if study.n_labelled > 1 else f"{known} has a gold label and is"
        )
        return Markup("{} correctly classified by {}.").format(subject, model)
    words = Markup('<a href="{}">misclassified</a>').format(page) if page else Markup("misclassified")
    return Markup("{} of {} with a known gold label {} {} by {}.").format(
        count(study.n_wrong), known, "is" if study.n_wrong == 1 else "are", words, model
    )


def _with_mistakes(study: StudyView, page: str) -> Markup:
    words = Markup('<a href="{}">with mistakes</a>').format(page) if page and study.n_wrong else "with mistakes"
    sentence = Markup("The labels that {} predicts for {} of {} with known gold labels are all right; {} {} {}.")
    n_right = study.n_labelled - study.n_wrong
    are = "is" if study.n_wrong == 1 else "are"
    return sentence.format(
        model_name(study), count(n_right), plural(study.n_labelled, "document"), count(study.n_wrong), are, words
    )


def misclassified_group(study: StudyView) -> Markup:
    """Introduce the page of misclassified documents, or of those with mistakes."""
    if study.task.many_labels:
        return Markup("{}").format(labels.group_of_mistakes(study.n_labelled, study.summary["outcomes"]))
    n_right = study.n_labelled - study.n_wrong
    return Markup("{} {}This page compares {} with the {}.").format(
        misclassified(study),
        _all_but_one_class(study),
        "it" if study.n_wrong == 1 else "them",
        plural(n_right, "correctly classified document"),
    )


def _all_but_one_class(study: StudyView) -> Markup:
    """Say which documents are misclassified if the model predicts one class only; empty otherwise."""
    counts = zip(*study.summary["confusion"], strict=True)
    predicted = [name for name, column in zip(study.label_names, counts, strict=True) if any(column)]
    if len(predicted) != 1 or len(study.label_names) == 1:
        return Markup()
    return Markup("The model predicts {} only, so these are exactly the documents of other gold classes. ").format(
        class_name(predicted[0])
    )


def not_compared(comparison: ComparisonView) -> Markup:
    """Say that a group was not compared, and why; nothing where it was."""
    if comparison.compared:
        return Markup()
    reason = comparison.reason or "no document has a word"
    return Markup("Not compared with other documents: {}.").format(reason)


def groups_not_compared(reasons: Sequence[str], study: StudyView) -> list[str]:
    """Name the groups of documents that were not compared, with the reason of each.

    Args:
        reasons: As the comparison gives them: grouping, group, and why.
        study: Facts of the study; without gold labels, groups by gold label are left out.
    """
    sentences = []
    for reason in reasons:
        grouping, _, rest = reason.partition(" ")
        if grouping == "correct" and study.n_labelled:
            sentences.append(f"{_group_of_outcome(rest.startswith('right'), study)}: {rest.partition(': ')[2]}.")
        elif grouping == "predicted" or (grouping == "gold" and study.n_labelled):
            sentences.append(f"{grouping.capitalize()} {study.task.noun} {rest}.")
    return sentences


def _group_of_outcome(right: bool, study: StudyView) -> str:  # noqa: FBT001 - one of two names
    if study.task.many_labels:
        return "Correct documents" if right else "Documents with mistakes"
    return "Correctly classified documents" if right else "Misclassified documents"


def others(comparison: ComparisonView) -> str:
    """Name the documents that a group is compared with."""
    return "correctly classified documents" if comparison.grouping == "correct" else "other documents"


def word_use(comparison: ComparisonView, terms: GroupTerms | None, support: int) -> Markup:
    """Say which words a group uses more or less than other documents; nothing where it was not compared."""
    if not comparison.compared:
        return Markup()
    if terms is None or not terms.n_tested:
        return escape(_no_word(support))
    of = f"{count(terms.n_tested)} words that are in at least {plural(support, 'document')}"
    if not terms.used_differently:
        return Markup("The use of none of the {} differs from that in {} beyond chance ({}).").format(
            of, others(comparison), TEST
        )
    found = [
        Markup("{} {}").format(listed([token(term.term) for term in shown[:N_NAMED]]), how)
        for shown, how in ((terms.used_more, "more"), (terms.used_less, "less"))
        if shown
    ]
    n = len(terms.used_differently)
    return Markup("Beyond chance, these documents use {} than {} do; in all, {} of the {} {} in use ({}).").format(
        listed(found), others(comparison), count(n), of, "differs" if n == 1 else "differ", _test(comparison)
    )


def _no_word(support: int) -> str:
    return f"No word is in at least {plural(support, 'document')}, so no word was compared."


def unclear_words(terms: GroupTerms) -> str:
    """Name the list of words that is shown where the use of none differs beyond chance."""
    return f"{plural(len(terms.unclear), 'word')} with the largest |z| of use, none beyond chance"


def word_attention(comparison: ComparisonView, terms: GroupTerms | None) -> Markup:
    """Say whether the self-attention of words differs; nothing where no word was compared."""
    if not comparison.compared or terms is None or not terms.n_attention_tested:
        return Markup()
    of = plural(terms.n_attention_tested, "word")
    if not terms.n_attended:
        return Markup("The self-attention of none of {} differs beyond chance ({}).").format(of, TEST)
    return Markup("The self-attention of {} of {} differs beyond chance ({}){}").format(
        count(terms.n_attended),
        of,
        _test(comparison),
        "." if terms.n_attended <= len(terms.attended) else f"; the {len(terms.attended)} with the smallest q:",
    )


def heads_title(comparison: ComparisonView, shown: Sequence[EffectView], study: StudyView) -> str:
    """Name the table of heads so that the name holds for each of its rows."""
    what, noun = f"Difference from {others(comparison)}", "vector" if study.imported else "head"
    if len(shown) < len(comparison.effects):
        return f"{what}: the {len(shown)} of {heads_of(len(comparison.effects), study)} with {first_of(shown)}"
    return f"{what}, by {noun}"


def order(effects: Sequence[EffectView]) -> str:
    """Say which row of a table of effects comes first."""
    found = any(effect.significant for effect in effects)
    return "the smallest q first" if found else f"the largest |{effect_symbol(effects)}| first"


def head_differences(comparison: ComparisonView, study: StudyView) -> str:
    """Say how many heads differ between a group and other documents; nothing where it was not compared."""
    if not comparison.compared:
        return ""
    first, n_found = comparison.effects[0], len(comparison.differing)
    outside = f"the {count(first.n_outside)} {others(comparison)}"
    between = f"beyond chance between these {plural(first.n_inside, 'document')} and {outside}"
    of = heads_of(len(comparison.effects), study)
    if not n_found:
        return f"None of {of} differs {between} ({TEST})."
    return f"{count(n_found)} of {of} {'differs' if n_found == 1 else 'differ'} {between} ({_test(comparison)})."


def _test(comparison: ComparisonView) -> str:
    return permutation_test(q_too_small=comparison.q_too_small)


def largest_difference(comparison: ComparisonView, study: StudyView, root: str) -> Markup:
    """Say which head differs most between a group and other documents; nothing where none differs."""
    if not comparison.differing:
        return Markup()
    effect, n = comparison.differing[0], len(comparison.differing)
    head = head_link(effect.head, study, root)
    lead = Markup("{} differs beyond chance").format(head)
    if n > 1:
        lead = Markup("Of the {} that differ beyond chance, {} differs most").format(heads_of(n, study), head)
    largest = Markup("{}: its self-attention relative to even attention is {} here, {}.").format(
        lead, "higher" if effect.effect > 0 else "lower", effect_size(effect)
    )
    return said([largest, winner(comparison.winner, study)])


def effect_size(effect: EffectView) -> str:
    """Write an effect: shrunken first, then as measured, with its interval where there is one."""
    interval = ""
    if effect.effect_low is not None and effect.effect_high is not None:
        interval = f", 95 % interval {signed(effect.effect_low, 1)} to {signed(effect.effect_high, 1)}"
    return (
        f"Hedges' g {signed(effect.shrunken_effect, 1)} after shrinkage (measured {signed(effect.effect, 1)}{interval})"
    )


def intervals_and_tests(effects: Sequence[EffectView], study: StudyView) -> str:
    """Say why intervals and q disagree about 0; nothing where they agree."""
    narrow = any(not effect.significant and _excludes_zero(effect) for effect in effects)
    alone = f"Intervals are of one head alone, not adjusted for {heads_of(study.n_rows, study)}; q is."
    return " ".join(sentence for sentence in (_wide_intervals(effects), alone if narrow else "") if sentence)


def _wide_intervals(effects: Sequence[EffectView]) -> str:
    wide = [effect for effect in effects if effect.significant and _includes_zero(effect)]
    if not wide:
        return ""
    lead = "Some intervals include 0 although q < 0.05:"
    if any(effect.q_too_small for effect in wide):
        return (
            f"{lead} the test counts documents as independent, the interval counts the input rows that they come from; "
            "trust the interval."
        )
    return (
        f"{lead} the test compares documents of similar length, the interval also contains the variation between "
        "lengths."
    )


def _excludes_zero(effect: EffectView) -> bool:
    return effect.effect_low is not None and effect.effect_high is not None and not _includes_zero(effect)


def _includes_zero(effect: EffectView) -> bool:
    low, high = effect.effect_low, effect.effect_high
    return low is not None and high is not None and low <= 0 <= high


def cell_of_q(effect: EffectView) -> str:
    """Write q in a table; where the documents are too few for a single head to have q < 0.05, say so instead."""
    return "too few documents" if effect.too_few and not effect.significant else probability(effect.q)


def too_few_documents(comparison: ComparisonView, study: StudyView) -> str:
    """Say that documents are too few for a single head to differ beyond chance; nothing where there are enough."""
    if not comparison.compared or not comparison.effects[0].too_few:
        return ""
    first = comparison.effects[0]
    return (
        f"{count(first.n_inside)} against {plural(first.n_outside, 'document')} are too few for a single "
        f"{study.head_noun} to have q < {SIGNIFICANT:g}, however clearly it differs: documents of similar length can "
        "be permuted in too few ways."
    )


def detectable(comparison: ComparisonView) -> str:
    """Say which difference a comparison of this size can detect; nothing where it was not made, or q is too small."""
    if not comparison.compared or comparison.q_too_small:
        return ""
    if comparison.n_units is None or comparison.detectable_effect is None:
        return ""
    n_inside, n_outside = comparison.n_units
    return (
        f"With {count(n_inside)} against {plural(n_outside, comparison.unit)}, one test alone (p < 0.05) finds "
        f"a true difference of {comparison.detectable_effect:.1f} standard deviations in 80 % of samples. Smaller ones "
        f"are often missed, the more so among many tests."
    )


def false_discovery_rate(comparison: ComparisonView, study: StudyView) -> str:
    """Say what q is, and what was permuted."""
    over = "documents" if comparison.q_too_small else units(study)
    return f"q: false discovery rate of permutation tests over {over}."


def permutations(families: Sequence[FamilyView]) -> str:
    """Say how many permutations were made, and whether their number, not the data, sets the smallest q."""
    if not families:
        return ""
    numbers = sorted({family.n_permutations for family in families})
    if len(numbers) == 1:
        made = f"Each test has at most {plural(numbers[0], 'permutation')}."
    else:
        each = [f"{count(family.n_permutations)} ({_TESTED[family.tests]})" for family in families]
        made = f"Each test has at most {listed(each)} permutations."
    wanted = {_TESTED[one.tests]: count(one.n_wanted) for one in families if one.n_wanted is not None}
    if wanted:
        made += (
            f" A single difference in {listed(list(wanted))} cannot have q < {SIGNIFICANT:g}, however clear it is: "
            f"that takes {listed(list(wanted.values()))} permutations; several need fewer."
        )
    floors = [_TESTED[family.tests] for family in families if family.floor_sets_q]
    if not floors:
        return made
    return (
        f"{made} For {listed(floors)}, this number and not the data sets the smallest q: more permutations would lower "
        f"it."
    )


def dependent_documents(comparison: ComparisonView) -> str:
    """Warn that q is too small, because the test treats documents of one input row as independent."""
    if not comparison.q_too_small:
        return ""
    return (
        "Several documents come from one input row and fall into different groups here. The test treats them as "
        "independent, so every q on this page is too small."
    )


def words_of_class(words: Sequence[str] | None) -> Markup:
    """List the words that a class uses more, `none`, or `not compared`: a cell of the tables of classes."""
    if words is None:
        return Markup('<span class="subject">{}</span>').format("not compared")
    if not words:
        return Markup('<span class="subject">none</span>')
    return Markup(", ").join(token(word) for word in words)


def class_differences(view: DifferencesView, study: StudyView) -> Markup:
    """Say how many heads differ between classes."""
    if not view.n_compared:
        if study.task.many_labels:
            return Markup("Labels were not compared: a comparison needs two documents with a label and two without it.")
        return Markup(
            "Classes were not compared: a comparison needs two documents that are in a class and two that are not."
        )
    kind = "predicted" if view.grouping == "predicted" else "gold"
    between = Markup("between {} {} {} and the other documents, over {} ({})").format(
        "any" if view.winner is None else "at least one",
        kind,
        study.task.noun,
        plural(view.n_documents, "document"),
        permutation_test(q_too_small=view.q_too_small and view.winner is not None),
    )
    of = heads_of(view.n_heads, study)
    if view.winner is None:
        return Markup("None of {} differs beyond chance {}.").format(of, between)
    return Markup("{} of {} {} beyond chance {}.").format(
        count(view.n_heads_differing), of, "differs" if view.n_heads_differing == 1 else "differ", between
    )


def largest_class_difference(view: DifferencesView, study: StudyView, root: str) -> Markup:
    """Say which head differs most between a class and the other documents; nothing where none differs."""
    if view.winner is None:
        return Markup()
    effect = view.winner.effect
    largest = Markup("{} {}: its self-attention relative to even attention is {} in the {} of {}, {}.").format(
        "The one that differs is" if view.n_heads_differing == 1 else "The largest difference is that of",
        head_link(effect.head, study, root),
        "higher" if effect.effect > 0 else "lower",
        plural(effect.n_inside, "document"),
        class_name(effect.group),
        effect_size(effect),
    )
    return said([largest, winner(view.winner, study)])


def winner(view: WinnerView | None, study: StudyView) -> str:
    """Say in how many random halves of the documents, or input rows, the largest difference is the largest again."""
    if view is None:
        return ""
    over = "heads" if view.effect.grouping == "correct" else f"heads and {study.task.nouns}"
    return (
        f"In {count(view.n_won)} of {count(view.n_halves)} random halves of the {units(study)}, this is again the "
        f"largest difference of all {over}{another_could_be(view.n_won, view.n_halves)}."
    )


def words_differ(view: DifferencesView, study: StudyView) -> Markup:
    """Say how many words classes use differently; nothing where classes were not compared."""
    if not view.n_compared:
        return Markup()
    if not view.n_words:
        return escape(_no_word(view.support))
    of = f"{count(view.n_words)} words that are in at least {plural(view.support, 'document')}"
    test = permutation_test(q_too_small=view.q_too_small and view.n_words_differing > 0)
    if not view.n_words_differing:
        return Markup(
            "None of the {} is used more or less in one {} than in the other documents, beyond chance ({})."
        ).format(of, study.task.noun, test)
    is_are = "is" if view.n_words_differing == 1 else "are"
    return Markup(
        "{} of the {} {} used more or less in at least one {} than in the other documents, beyond chance ({})."
    ).format(count(view.n_words_differing), of, is_are, study.task.noun, test)


def listed_documents(n_shown: int, n_documents: int, n_with_page: int | None = None) -> str:
    """Say how many of a group's documents are listed; nothing where all are.

    Args:
        n_shown: Documents that are listed, all of which have a page.
        n_documents: Documents of the group.
        n_with_page: How many of these have a page; None for all.
    """
    of_all = plural(n_documents, "document")
    if n_with_page is None or n_with_page == n_documents:
        return f"{count(n_shown)} of {of_all}." if n_shown < n_documents else ""
    if not n_with_page:
        return f"None of {of_all} has a page."
    if n_shown == n_with_page:
        return f"The {count(n_shown)} with a page, of {of_all}."
    return f"{count(n_shown)} of the {count(n_with_page)} with a page, of {of_all}."


def confusion_matrix(study: StudyView) -> str:
    """Say what the confusion matrix counts, and what its numbers link to."""
    with_page = "" if study.shows_all else " that have a page"
    return (
        f"Number of documents by gold and predicted class, of {plural(study.n_labelled, 'document')} with a known gold "
        f"label. Each number links to its documents{with_page}."
    )


def confused_pairs(n_shown: int, study: StudyView) -> str:
    """Say which confusions are listed."""
    of = f"{plural(study.n_wrong, 'misclassified document')}, {plural(len(study.label_names), 'class', 'classes')}"
    return f"The {n_shown} most frequent pairs of gold and predicted class of {of}." if n_shown else ""
