"""What the pages say about heads: docs/statistics/sentences.md lists the rules.

A difference or a likeness is a finding only if q < 0.05. Not compared, nothing found and found are three different
sentences.
"""

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from attviz_pipeline.artifacts.profile_schemas import SHARES
from attviz_pipeline.formats import count, percent, plural, significant, told_apart
from attviz_pipeline.report.sentences import values
from attviz_pipeline.report.sentences.parts import (
    TEST,
    class_name,
    head_link,
    heads_of,
    listed,
    model_name,
    permutation_test,
    reason_of,
    said,
)
from attviz_pipeline.report.views.head_map import LikenessView
from attviz_pipeline.report.views.heads import EvennessView, HeadsView, HeadView, RelativeView, RelativeViews
from attviz_pipeline.report.views.likeness import NeighboursView
from attviz_pipeline.report.views.offsets import OffsetView
from attviz_pipeline.report.views.profiles import DelimitersView, ProfileView
from attviz_pipeline.report.views.separation import EffectView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_NAMED = 3
LEAST_TIMES_EVEN = 2
ROUGH_STRESS = 0.2
"""Stress above which a map is only a rough guide (Kruskal 1964)."""
_REASONS = {
    "named": "named in the configuration",
    "misclassified": "misclassified",
    "mistakes": "with mistakes",
    "large_error": "with a large error",
    "low_confidence": "with low confidence",
    "sample": "sampled at random",
}


def self_attention(head: HeadView, relative: RelativeView | None, study: StudyView) -> Markup:
    """Say how large a head's mean self-attention is, beside even attention."""
    mean = Markup("Over {} of text in {}, mean self-attention in {} is {} (standard deviation {}).").format(
        plural(head.count, "token"),
        plural(study.n_documents, "document"),
        model_name(study),
        significant(head.mean, 3),
        significant(head.std, 3),
    )
    return said([mean, _times_even(relative)])


def _times_even(relative: RelativeView | None) -> str:
    if relative is None:
        return ""
    interval = ""
    if relative.low is not None and relative.high is not None:
        interval = f" (95 % interval {significant(relative.low)} to {significant(relative.high)})"
    return (
        f"In the geometric mean over {plural(relative.n_documents, 'document')}, it is {significant(relative.times)} "
        f"times even attention, 1/n for n tokens{interval}."
    )


def even_attention(evenness: EvennessView, study: StudyView) -> str:
    """Say that a model attends nearly evenly: at least half of its heads do."""
    if not evenness.even or 2 * evenness.n_even < len(evenness.even):
        return ""
    of = heads_of(len(evenness.even), study)
    return (
        f"{count(evenness.n_even)} of {of} {'attends' if evenness.n_even == 1 else 'attend'} nearly evenly: "
        f"self-attention is typically within a factor of {evenness.within:g} of even attention, 1/n for n tokens "
        f"({plural(evenness.n_documents, 'document')}). Differences between such {study.head_noun}s are small."
    )


def even_head(evenness: EvennessView, row: int) -> str:
    """Say that a head attends nearly evenly; nothing if it does not, or where no document was compared."""
    if not evenness.even or not evenness.even[row]:
        return ""
    return (
        f"It attends nearly evenly: its self-attention is typically within a factor of {evenness.within:g} of even "
        f"attention, 1/n for n tokens ({plural(evenness.n_documents, 'document')})."
    )


def rank(place: int, n_heads: int) -> str:
    """Say which rank a head has by its mean; nothing of a single head."""
    return f"Rank {place} of {n_heads} by mean self-attention" if n_heads > 1 else ""


def extremes(view: HeadsView, study: StudyView, root: str) -> Markup:
    """Say which heads have the highest and the lowest mean self-attention."""
    strongest, weakest = view.strongest, view.weakest
    support = Markup("Over {} of text in {}, mean self-attention in {}").format(
        plural(strongest.count, "token"), plural(study.n_documents, "document"), model_name(study)
    )
    mean = significant(strongest.mean, 3)
    if study.n_rows == 1:
        return Markup("{} is {} in its only {}.").format(support, mean, study.head_noun)
    if mean == significant(weakest.mean, 3):
        return Markup("{} is {} in every {}.").format(support, mean, study.head_noun)
    ends = [
        Markup("{} in {} ({}{})").format(
            which, head_link(head, study, root), significant(head.mean, 3), _relative_to_even(view.relative, head)
        )
        for which, head in (("highest", strongest), ("lowest", weakest))
    ]
    return Markup("{} is {}.").format(support, listed(ends))


def _relative_to_even(relative: RelativeViews, head: HeadView) -> str:
    found = relative.get((head.layer, head.head))
    return f"; in the geometric mean over documents {significant(found.times)} times even attention" if found else ""


def most_varied(view: HeadsView, study: StudyView, root: str) -> Markup:
    """Say in which head self-attention varies most; nothing where there is one head, or no variation."""
    head = view.most_varied
    if study.n_rows == 1 or not head.std:
        return Markup()
    return Markup(
        "{} varies most between tokens: its standard deviation is {} times its mean, the largest such ratio of {}."
    ).format(head_link(head, study, root), significant(head.std / head.mean), heads_of(study.n_rows, study))


def role(profile: ProfileView) -> Markup:
    """Say which role a head has, and the rule that gives it."""
    share, even = percent(profile.least_share), percent(profile.least_evenness)
    value = percent(profile.value)
    if profile.role in SHARES:
        why = f"{value} of its attention goes there; a share of {share} or more defines the role"
    elif profile.role == "delimiter":
        why = (
            f"{value} of its attention goes to [CLS], [SEP] and punctuation together; {share} or more defines the role"
        )
    elif profile.role == "broad":
        why = f"evenness is {value}; a head without another role is broad from {even}"
    else:
        why = f"no share reaches {share}, and evenness is {value}, below {even}"
    over = plural(profile.n_documents, "document")
    return Markup("Role: <b>{}</b>, by means over {}. {}.").format(profile.role_name, over, why[:1].upper() + why[1:])


def profile_means(profile: ProfileView) -> str:
    """Say what the measures of a head are means of."""
    over = plural(profile.n_documents, "document")
    return (
        f"Each value is a mean over the tokens of a document, and then over {over}: a mean over all tokens, as at the "
        "top of this page, differs, since long documents count more there. 95 % intervals over input rows; thin "
        "strokes mark all heads."
    )


def head_not_compared(study: StudyView) -> str:
    """Say that a head was not compared with others."""
    return f"It was not compared with others: there are too few {study.head_noun}s, tokens or documents."


def compared(view: LikenessView | NeighboursView) -> str:
    """Say over how many tokens or documents heads are compared by a measure."""
    over = plural(view.n_units, view.text.unit)
    if view.text.unit == "token":
        return f"Over {over}, those in at least {plural(view.least, 'document')}."
    return f"Mean over {over}."


def nearest_head(view: NeighboursView, study: StudyView, root: str) -> Markup:
    """Say which other head is most similar by one measure, where any is more similar than chance."""
    if view.constant or not view.n_others:
        which = "it treats" if view.constant else "all others treat"
        return Markup("Its similarity to others was not tested: {} all tokens of a document nearly alike.").format(
            which
        )
    nearest = next((pair for pair in view.nearest if pair.beyond_chance), None)
    of = plural(view.n_others, f"other {study.head_noun}")
    if nearest is None or not view.n_beyond_chance:
        return Markup("{} is similar to that of none of {} beyond chance ({}).").format(view.text.subject, of, TEST)
    return Markup("{} is similar to that of {} of {} beyond chance ({}), most to that of {}.").format(
        view.text.subject, count(view.n_beyond_chance), of, TEST, head_link(nearest.other, study, root)
    )


def differences_of_head(effects: Sequence[EffectView]) -> Markup:
    """Say in which groups of documents a head differs from all other documents, or with which values it goes."""
    if effects and effects[0].measure == "rho":
        return Markup("{}").format(values.correlations_of_head(effects))
    if not effects:
        return Markup(
            "It was not compared between groups of documents: a comparison needs two documents inside a group and two "
            "outside it."
        )
    found = [effect for effect in effects if effect.significant]
    compared = plural(len(effects), "group")
    documents = plural(effects[0].n_inside + effects[0].n_outside, "document")
    if not found:
        any_of = f"any of {compared}" if len(effects) > 1 else "the only group that was compared"
        return Markup("It does not differ beyond chance between {} and the other documents ({} in all; {}).").format(
            any_of, documents, TEST
        )
    sides = []
    for how, mine in (("higher", [e for e in found if e.effect > 0]), ("lower", [e for e in found if e.effect <= 0])):
        if mine:
            names = [group_name(effect) for effect in mine[:N_NAMED]]
            if len(mine) > N_NAMED:
                names.append(Markup("{} more").format(count(len(mine) - N_NAMED)))
            sides.append(Markup("{} in {}").format(how, listed(names)))
    return Markup(
        "Beyond chance, its self-attention relative to even attention is {} than in the other documents "
        "({} compared, of {}; {})."
    ).format(listed(sides), compared, documents, _test_of(found))


def too_few_documents(effects: Sequence[EffectView], study: StudyView) -> Markup:
    """Name groups with too few documents for a single head to differ beyond chance; nothing without such groups."""
    few = [effect for effect in effects if effect.too_few and not effect.significant]
    if not few:
        return Markup()
    names = [
        Markup("{} ({} against {})").format(group_name(effect), count(effect.n_inside), count(effect.n_outside))
        for effect in few[:N_NAMED]
    ]
    if len(few) > N_NAMED:
        names.append(Markup("{} more").format(count(len(few) - N_NAMED)))
    return Markup("Too few documents for a single {} to have {}, however clearly it differs: {}.").format(
        study.head_noun, f"q < {SIGNIFICANT:g}", listed(names)
    )


def _test_of(found: Sequence[EffectView]) -> Markup:
    """Name the test behind differences, and of which of them q is too small."""
    doubtful = [effect for effect in found if effect.q_too_small]
    if len(doubtful) == len(found) or not doubtful:
        return Markup("{}").format(permutation_test(q_too_small=bool(doubtful)))
    names = [group_name(effect) for effect in doubtful[:N_NAMED]]
    if len(doubtful) > N_NAMED:
        names.append(Markup("{} more").format(count(len(doubtful) - N_NAMED)))
    return Markup("{}; documents of one input row count as independent for {}, so this q is too small").format(
        TEST, listed(names)
    )


def group_name(effect: EffectView) -> Markup:
    """Name a group of documents."""
    if effect.grouping == "correct":
        return Markup("{}").format("misclassified documents" if effect.group == "wrong" else "documents with mistakes")
    if effect.measure == "rho":
        return Markup("{}").format(effect.group)
    predicted = "predicted " if effect.grouping == "predicted" else ""
    return Markup("{}{}").format(predicted, class_name(effect.group))


def not_compared(study: StudyView) -> str:
    """Say that heads were not compared with each other."""
    noun = study.head_noun
    return f"{noun.capitalize()}s were not compared with each other: there are too few {noun}s, tokens or documents."


def similar_pairs(likeness: LikenessView, study: StudyView) -> str:
    """Say how many pairs of heads are more similar than chance, and how many heads were not tested."""
    constant = ""
    if likeness.n_constant:
        verb = "treats" if likeness.n_constant == 1 else "treat"
        constant = f"{heads_of(likeness.n_constant, study)} {verb} all tokens of a document nearly alike and"
        constant += " was not tested." if likeness.n_constant == 1 else " were not tested."
    return said([_tested_pairs(likeness, study), constant])


def _tested_pairs(likeness: LikenessView, study: StudyView) -> str:
    if not likeness.n_pairs:
        return ""
    of = f"{plural(likeness.n_pairs, 'pair')} of {study.head_noun}s"
    if not likeness.n_beyond_chance:
        return f"None of {of} is more similar than chance ({TEST})."
    verb = "is" if likeness.n_beyond_chance == 1 else "are"
    return f"{count(likeness.n_beyond_chance)} of {of} {verb} more similar than chance ({TEST})."


def pair_permutations(likeness: LikenessView) -> str:
    """Say how many permutations pairs were tested with, and whether more could find more."""
    if not likeness.n_pairs:
        return ""
    made = f"Each pair was tested with {plural(likeness.n_permutations, 'permutation')}"
    tail = ""
    if likeness.n_tail_pairs:
        tail = f"; p of {plural(likeness.n_tail_pairs, 'pair')} is from a curve fitted to the most extreme of them"
    floor = " For some pairs this number, not the data, sets q: more permutations could find more pairs."
    return f"{made}{tail}.{floor if likeness.floor_sets_q else ''}"


def head_groups(likeness: LikenessView, study: StudyView) -> str:
    """Say how many groups of heads there are beyond chance, or that there are none, or that none were looked for."""
    noun, chance = study.head_noun, likeness.silhouette_by_chance
    if likeness.outcome == "not_compared" or chance is None:
        return f"The {noun}s were not grouped: fewer than four vary within documents."
    found, at_most = told_apart(likeness.silhouette, chance)
    beside = (
        f"a mean silhouette of {found}; 95 % of clouds without groups have at most {at_most} (1: clearly separated "
        "groups, 0: no groups)"
    )
    if likeness.outcome == "nothing_found":
        return f"No groups of {noun}s are beyond chance: the best grouping has {beside}."
    return f"There are {count(likeness.n_groups)} groups of {noun}s beyond chance, with {beside}."


def map_of_heads(likeness: LikenessView, noun: str) -> str:
    """Say how well the map shows distances between heads."""
    rough = likeness.stress > ROUGH_STRESS
    guide = f", above {ROUGH_STRESS:g} only a rough guide" if rough else ""
    return (
        f"Distances on the map approximate distances between {noun}s, with stress {likeness.stress:.2f} (0 is "
        f"exact{guide}). Each point links to its {noun}."
    )


def listed_pairs(likeness: LikenessView) -> str:
    """Name the table of pairs: how many of how many it shows."""
    n, of = len(likeness.pairs), plural(likeness.n_pairs, "pair")
    return f"The {count(n)} most similar of {of}, as a table" if n < likeness.n_pairs else f"{of}, as a table"


def strongest_distance(view: OffsetView) -> Markup:
    """Say at which distance attention exceeds even attention most, where it is at least twice even attention."""
    strongest = view.strongest
    if strongest is None or strongest.times_even < LEAST_TIMES_EVEN:
        return Markup(
            "At every distance that at least half of the {} have, mean attention is less than {} times even attention."
        ).format(plural(view.n_documents, "document"), LEAST_TIMES_EVEN)
    return Markup(
        "Attention exceeds even attention most at “{}”: {} on average over {}, {} times even attention."
    ).format(
        strongest.words,
        significant(strongest.mean),
        plural(strongest.n_documents, "document"),
        significant(strongest.times_even),
    )


def mapped_documents(n_documents: int, study: StudyView) -> str:
    """Name the documents behind a mean over maps, and the reasons for which documents with maps were selected.

    Args:
        n_documents: Documents in the mean: all with maps, or fewer, because some have one token.
        study: Facts of the study.
    """
    reasons = Counter(reason_of(reason, study) for reason in study.map_reasons.values())
    n = reasons.total()
    some = f"{count(n_documents)} of " if n_documents < n else ""
    if n == study.n_documents:
        return f"{some}all {plural(n, 'document')}" if n > 1 else "the only document"
    parts = [f"{count(reasons[reason])} {words}" for reason, words in _REASONS.items() if reasons[reason]]
    chosen = "a random sample" if set(reasons) == {"sample"} else "not a random sample"
    return f"{some}the {plural(n, 'document')} with token-to-token maps ({chosen} of the corpus: {listed(parts)})"


def active_documents(n_shown: int, study: StudyView) -> str:
    """Say which documents of a head are listed, and what length alone does."""
    documents = plural(study.n_documents, "document")
    of = documents if study.shows_all else f"the {count(study.n_with_page)} with a page, of {documents}"
    return (
        f"{count(n_shown)} of {of}, by mean self-attention without special tokens. "
        f"Each text is shown around the token with the highest self-attention in this head. Short texts have an "
        f"advantage: under even attention, each of n tokens gets 1/n."
    )


def delimiters(view: DelimitersView, study: StudyView) -> str:
    """Say how much attention goes to [CLS], [SEP] and punctuation, beside even attention; or why that is not known."""
    if view.every is None:
        why = (
            "no document has a token of text"
            if view.mode == "full"
            else f"attention.mode is {view.mode}, which records no attention to other tokens"
        )
        return f"How much attention goes to [CLS], [SEP] and punctuation was not measured: {why}."
    shares = [percent(row.together) for row in view.layers]
    beside = "" if view.even is None else f"; even attention would give {percent(view.even.together)}"
    sentence = (
        f"Over {plural(view.n_documents, 'document')} and all {heads_of(study.n_rows, study)}, tokens of text give "
        f"{percent(view.every.together)} of their attention to {listed(_targets(view))}{beside}."
    )
    if len(set(shares)) == 1:
        return sentence
    together = [row.together for row in view.layers]
    ends = (percent(max(together)), percent(min(together)))
    most, least = ([str(layer) for layer, share in enumerate(shares) if share == end] for end in ends)
    return f"{sentence} It is most in {_layers(most)} ({ends[0]}) and least in {_layers(least)} ({ends[1]})."


def _layers(numbers: Sequence[str]) -> str:
    return f"{'layer' if len(numbers) == 1 else 'layers'} {listed(numbers)}"


def _targets(view: DelimitersView) -> list[str]:
    """Name the kinds of tokens that the documents have; all where that is not known."""
    names = {"on_cls": "[CLS]", "on_sep": "[SEP]", "on_punctuation": "punctuation"}
    there = view.even.shares if view.even else dict.fromkeys(names, 1.0)
    return [name for key, name in names.items() if there[key]] or list(names.values())
