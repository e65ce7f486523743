"""What the site says about other models that read the same documents.

A change or an effect is a finding only if q < 0.05. *Fine-tuning* is the subject of a sentence only where models of
several seeds agree; of two models, a sentence says that these two differ.
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from attviz_pipeline.formats import clip, count, decimal, percent, plural, probability, signed, significant
from attviz_pipeline.report import links
from attviz_pipeline.report.model_maps import ModelMaps
from attviz_pipeline.report.sentences.parts import Q_TOO_SMALL, class_name, head_link, listed, said
from attviz_pipeline.report.views.models import (
    ChangeView,
    ComparedView,
    FailedView,
    HeadValues,
    ModelResults,
    ModelView,
    ReplicationView,
    StepView,
    found_first,
)
from attviz_pipeline.report.views.profiles import ROLE_NAMES
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

N_NAMED = 3
LONGEST_NAME = 40
SCORES = {"macro_f1": "macro F1", "r2": "R\N{SUPERSCRIPT TWO}"}
CLEAR = f"q < {SIGNIFICANT:g}"
GEOMETRIC_MEAN = "self-attention relative to even attention (geometric mean)"
"""What is compared in a head: exp of the mean of ln(n a). The arithmetic mean of a head's other pages can differ."""


def score(model: ModelView) -> str:
    """Write the score of a model on the test split; a dash where there is none."""
    if model.score is None:
        return "\N{EN DASH}"
    return percent(model.score, 1) if model.score_name == "macro_f1" else signed(model.score)


def compared(results: ModelResults, study: StudyView) -> Markup:
    """Say which models read the same documents as the study's own; nothing if none did."""
    if not results.has_others:
        return Markup()
    own = results.models[0]
    others = []
    if results.pretrained:
        others.append("the same model before fine-tuning")
    if results.seeds:
        seeds = ", ".join(str(one.seed) for one in results.seeds)
        others.append(f"{plural(len(results.seeds), 'model')} fine-tuned with other seeds ({seeds})")
    if epochs := [one for one in results.models if one.kind == "epoch"]:
        others.append(f"this model after each of {plural(len(epochs), 'epoch')}")
    if named := [one for one in results.models if one.kind == "other"]:
        others.append(
            f"{plural(len(named), 'other model')} ({listed([clip(one.name, LONGEST_NAME) for one in named])})"
        )
    tuned = "" if own.seed is None else f", fine-tuned with seed {own.seed},"
    return Markup("<bdi>{}</bdi>{} and {} read the same {}.").format(
        study.model["source"], tuned, listed(others), plural(results.n_documents, "document")
    )


def failures(results: ModelResults, study: StudyView) -> Markup:
    """Say of each model that could not be compared why; in share-safe mode, only where, since messages may quote texts.

    Support: the markers of failed models, which `compare_models` lists.
    """
    hides = study.settings.redaction.mode != "none"
    found = []
    for one in results.failed:
        log = f"stage {one.stage} failed, and its log has the reason"
        why = log if hides or not one.reason else Markup("<bdi>{}</bdi>").format(one.reason.rstrip(".:"))
        found.append(Markup("The model {} could not be compared: {}.").format(of_model(one), why))
    if results.failed and not results.has_others:
        found.append(Markup("There is no other model to compare this one with."))
    return said(found)


def maps_of_models(maps: ModelMaps, results: ModelResults, study: StudyView, root: str) -> Markup:
    """Say on how many pages the token-to-token maps can be switched to other models, and what is left out."""
    if not maps.names:
        return Markup()
    by_name = {one.name: one for one in results.models}
    sentences = []
    if numbers := sorted({number for found in maps.shown.values() for number in found}):
        with_maps = Markup(
            'The pages of <a href="{}#maps=yes">{} with token-to-token maps</a> also have the maps of {}.'
        )
        models = the_models([by_name[maps.names[number - 1]] for number in numbers])
        where = root + links.DOCUMENTS
        sentences.append(with_maps.format(where, plural(len(maps.shown), "document"), models))
    if n_left_out := sum(map(len, maps.left_out.values())):
        left_out = Markup("{} of other models, of {}, {} left out: <code>maps.max_megabytes</code> is {}.")
        documents, are = plural(len(maps.left_out), "document"), "is" if n_left_out == 1 else "are"
        most = f"{study.settings.maps.max_megabytes:g}"
        sentences.append(left_out.format(plural(n_left_out, "map"), documents, are, most))
    return said(sentences)


def found_again(results: ModelResults, study: StudyView) -> Markup:
    """Say how many effects of this model the models of other seeds have, too."""
    if not results.seeds:
        return Markup()
    found = results.found
    what = f"{_effects(len(results.effects), study)}, over {plural(results.n_documents, 'document')}"
    if not found:
        return Markup("In this model, none of {}, has {}, so there is nothing to find again.").format(what, CLEAR)
    others, again = len(results.seeds), _found_again(found)
    everywhere = sum(one.n_found_again == others for one in found)
    nowhere = sum(one.n_found_again == 0 for one in found)
    if others == 1:
        return Markup("Of {}, {} {} {} in this model; that of the other seed has {} of these, too ({}).").format(
            what, count(len(found)), "has" if len(found) == 1 else "have", CLEAR, count(everywhere), again
        )
    return Markup("Of {}, {} {} {} in this model. Of these, {} found again in {} models of other seeds ({}){}.").format(
        what,
        count(len(found)),
        "has" if len(found) == 1 else "have",
        CLEAR,
        _are(everywhere),
        "both" if others == 2 else f"all {count(others)}",
        again,
        f", and {_are(nowhere)} in none" if nowhere else "",
    )


def largest_again(results: ModelResults, study: StudyView, root: str) -> Markup:
    """Say of the largest effect of this model what it is in the others, with both intervals."""
    if not results.found or not results.seeds:
        return Markup()
    largest = results.found[0]
    sentences = [
        Markup("The largest, {} for {} ({} = {}), is found again in {} of {}.").format(
            head_link(largest.head, study, root),
            class_name(largest.group),
            results.measure,
            signed(largest.effect or 0.0),
            count(largest.n_found_again),
            plural(largest.n_others, "other model"),
        ),
        _intervals(largest, results),
    ]
    if largest.pretrained_effect is not None:
        sentences.append(
            Markup("Before fine-tuning, {} is {}.").format(results.measure, signed(largest.pretrained_effect))
        )
    return said(sentences)


def effect_correlations(results: ModelResults, study: StudyView) -> str:
    """Say how alike all effects are in this model and in those of other seeds."""
    known = [one.effect_correlation for one in results.seeds if one.effect_correlation is not None]
    if not known:
        return ""
    low, high = signed(min(known)), signed(max(known))
    span = low if low == high else f"{low} to {high}"
    with_what = "the model of the other seed" if len(known) == 1 else f"each of {len(known)} models of other seeds"
    return (
        f"Over {_effects(len(results.effects), study)}, Pearson's correlation of this model with {with_what} is {span}."
        f"{_without_effects(results)}"
    )


def correlation_column(results: ModelResults, study: StudyView) -> str:
    """Explain the column of correlations of effects."""
    return (
        f"Correlation of effects: Pearson's correlation, over all effects of {study.task.nouns} in heads, with this "
        f"model.{_without_effects(results)}"
    )


def _without_effects(results: ModelResults) -> str:
    """Say what a correlation of effects is where this model has none beyond chance; empty where it has some."""
    if results.found:
        return ""
    return (
        f" No effect of this model has {CLEAR}: such a correlation can be high by chance differences alone, since all "
        "models read the same documents."
    )


def fine_tuning(results: ModelResults, study: StudyView, root: str) -> Markup:
    """Say which heads fine-tuning changes beyond the spread between seeds; or that seeds are missing to say so."""
    if results.pretrained is None:
        return Markup()
    if not results.fine_tuned:
        n_differing = len(found_first(results.pretrained.changes))
        return Markup(
            "These two checkpoints differ in {} in {} of {} heads ({}); whether fine-tuning with another seed changes "
            "the same heads was not measured."
        ).format(
            GEOMETRIC_MEAN, count(n_differing) if n_differing else "none", count(len(results.pretrained.changes)), CLEAR
        )
    n_models = len(results.seeds) + 1
    found = found_first(results.fine_tuned)
    of = f"{count(len(results.fine_tuned))} heads"
    over = f"over {n_models} seeds and {plural(results.n_rows, 'input row')}"
    if not found:
        return Markup(
            "For none of {} is fine-tuning shown to change {} beyond the spread between seeds ({}, {})."
        ).format(of, GEOMETRIC_MEAN, CLEAR, over)
    named = [Markup("{} ({})").format(head_link(one.head, study, root), _times(one)) for one in found[:N_NAMED]]
    return Markup("Fine-tuning changes {} in {} of {} beyond the spread between seeds ({}, {}), most in {}.").format(
        GEOMETRIC_MEAN, count(len(found)), of, CLEAR, over, listed(named)
    )


def in_short(results: ModelResults, study: StudyView, root: str) -> Markup:
    """Say what other seeds find again; without any, in how many heads the model before fine-tuning differs.

    Models that could not be compared are named.
    """
    if results.seeds or results.pretrained is None:
        found = found_again(results, study)
    else:
        found = changes(results.pretrained, results, study, root)
    return said([found, failures(results, study)])


def changes(view: ComparedView, results: ModelResults, study: StudyView, root: str) -> Markup:
    """Say in how many heads these two models differ in self-attention, by how much, and where most."""
    found = found_first(view.changes)
    of, over = f"{count(len(view.changes))} heads", plural(results.n_documents, "document")
    if not found:
        return Markup("Over {}, this model and that {} differ in {} in none of {} ({}).").format(
            over, of_model(view.model), GEOMETRIC_MEAN, of, CLEAR
        )
    n_higher = sum((one.value or 0.0) > 0 for one in found)
    return Markup(
        "Over {}, this model and that {} differ in {} in {} of {} ({}): it is higher here in {} and lower in {}. {}The "
        "largest difference is in {}: {}, 95 % interval {} to {}."
    ).format(
        over,
        of_model(view.model),
        GEOMETRIC_MEAN,
        count(len(found)),
        of,
        CLEAR,
        count(n_higher),
        count(len(found) - n_higher),
        _half(found),
        head_link(found[0].head, study, root),
        _times(found[0]),
        factor(found[0].low),
        factor(found[0].high),
    )


def _half(found: Sequence[ChangeView]) -> str:
    """Say what most differences are like, where there are several; the largest alone would mislead."""
    if len(found) < 2:
        return ""
    median = factor(statistics.median_high(abs(one.value or 0.0) for one in found))
    return f"Half of these differences are by a factor of at most {median}, up or down. "


def even_changes(view: ComparedView) -> str:
    """Say in how many heads these two models differ in how evenly self-attention is spread over words."""
    found = found_first(view.evenness)
    of = f"{count(len(view.evenness))} heads"
    if not found:
        return f"Evenness differs in none of {of}."
    n_higher = sum((one.value or 0.0) > 0 for one in found)
    return (
        f"Evenness differs in {count(len(found))} of {of}: it is higher here in {count(n_higher)} and lower in "
        f"{count(len(found) - n_higher)}."
    )


def terms_alike(view: ComparedView) -> str:
    """Say whether heads at one place rank words alike in both models, beside what other heads of this model give."""
    same = [value for value in view.term_correlations if value is not None]
    others = [value for value in view.other_heads if value is not None]
    if not same or not others:
        return "The order of words by self-attention was not compared: there are too few frequent words or heads."
    return (
        f"The ranks of {plural(view.n_terms, 'frequent word')} by self-attention in a head of this model and in the "
        f"same head {of_model(view.model)} have a median correlation of {signed(statistics.median(same))} over "
        f"{plural(len(same), 'head')} (Spearman); in a head and other heads of this model, "
        f"{signed(statistics.median(others))}."
    )


def roles_changed(view: ComparedView) -> str:
    """Say in how many heads the role differs between the two models; empty without full mode."""
    roles = view.roles
    if not roles:
        return ""
    of = f"{plural(len(roles), 'head')} (roles follow from thresholds; this is no test)"
    changed = Counter((theirs, mine) for mine, theirs in roles if mine != theirs)
    if not changed:
        return f"Both models give the same role to each of {of}."
    most, n = changed.most_common(1)[0]
    theirs, mine = (ROLE_NAMES.get(role, role) for role in most)
    return (
        f"The role differs in {count(changed.total())} of {of}, most often {theirs} {of_model(view.model)} and "
        f"{mine} in this model ({count(n)})."
    )


def along_training(steps: Sequence[StepView], results: ModelResults, study: StudyView) -> str:
    """Say how many effects there are after each epoch; empty without epochs."""
    if not steps:
        return ""
    found = [sum(step.n_found) for step in steps]
    what = f"{_effects(len(results.effects), study)}, over {plural(results.n_documents, 'document')}"
    if not any(found):
        return f"Of {what}, none has {CLEAR} {_step(steps[0].model)}, or after any later epoch."
    each = [f"{count(n)} {_step(step.model)}" for n, step in zip(found, steps, strict=True)]
    return f"Of {what}, these have {CLEAR}: {listed(each)}."


def of_epochs(steps: Sequence[StepView]) -> str:
    """Say what the epochs are: of one run of fine-tuning; empty without epochs."""
    n = sum(step.model.kind == "epoch" for step in steps)
    if not n:
        return ""
    what = "the epoch" if n == 1 else f"the {count(n)} epochs"
    return f"These are {what} of one run, with one seed: with another seed, an epoch can differ."


def _step(model: ModelView) -> str:
    return "before fine-tuning" if model.kind == "pretrained" else f"after epoch {model.epoch}"


def of_models(values: Sequence[tuple[ModelView, HeadValues]]) -> str:
    """Say between what a head's mean of ln(n a) varies over models that were fine-tuned alike; empty with one."""
    tuned = [
        value.log_ratio for model, value in values if model.kind in {"own", "seed"} and value.log_ratio is not None
    ]
    if len(tuned) < 2:
        return ""
    return (
        f"In {len(tuned)} models fine-tuned with different seeds, the mean of ln(n a) of this head is "
        f"{signed(min(tuned))} to {signed(max(tuned))}, with a standard deviation of "
        f"{decimal(statistics.stdev(tuned))}."
    )


def again_in_head(found: Sequence[ReplicationView]) -> Markup:
    """Say in how many models of other seeds each effect of a head is found again."""
    if not found or not found[0].n_others:
        return Markup()
    named = [Markup("{} in {}").format(class_name(one.group), count(one.n_found_again)) for one in found[:N_NAMED]]
    return _again(named, found)


def again_in_group(found: Sequence[ReplicationView], study: StudyView, root: str) -> Markup:
    """Say in how many models of other seeds each effect of a class, label or value is found again."""
    if not found or not found[0].n_others:
        return Markup()
    named = [
        Markup("{} in {}").format(head_link(one.head, study, root), count(one.n_found_again)) for one in found[:N_NAMED]
    ]
    return _again(named, found)


def _again(named: Sequence[Markup], found: Sequence[ReplicationView]) -> Markup:
    n, n_others = len(found), found[0].n_others
    which = "" if n <= len(named) else f" (the largest {len(named)} of {count(n)})"
    return Markup("Found again ({}), of {}{}: {}.").format(
        _found_again(found),
        f"{plural(n_others, 'model')} of {'another seed' if n_others == 1 else 'other seeds'}",
        which,
        listed(named),
    )


def _found_again(found: Sequence[ReplicationView]) -> str:
    """Say what an effect that is found again has, and if q treats documents of one input row as independent."""
    again = f"same sign and {CLEAR}"
    return f"{again}; {Q_TOO_SMALL}" if any(one.q_too_small for one in found) else again


def effects_shown(results: ModelResults, n_shown: int) -> str:
    """Say how many of the effects that this model has are listed; empty if all are."""
    return "" if n_shown == len(results.found) else f"The largest {n_shown} of {count(len(results.found))} are listed."


def layer_band(results: ModelResults) -> str:
    """Say what the band of the charts by layer is."""
    n = len(results.seeds) + 1
    return f"The band spans {n} models fine-tuned with different seeds." if n > 1 else ""


def cell(change: ChangeView) -> str:
    """Write a change in the grid of heads: as a factor, with its q."""
    if change.value is None:
        return "no document"
    q = "" if change.q is None else f", q = {probability(change.q)}"
    return f"{_times(change)}{q}"


def _intervals(one: ReplicationView, results: ModelResults) -> Markup:
    parts = []
    if one.effect_low is not None and one.effect_high is not None:
        parts.append(f"of this model's input rows alone, {signed(one.effect_low)} to {signed(one.effect_high)}")
    if one.mean_effect_low is not None and one.mean_effect_high is not None:
        parts.append(
            f"with the model as a source of variation, too, {signed(one.mean_effect_low)} to "
            f"{signed(one.mean_effect_high)}, around a mean of {signed(one.mean_effect or 0.0)} over "
            f"{len(results.seeds) + 1} models"
        )
    return Markup("95 % intervals: {}.").format("; ".join(parts)) if parts else Markup()


def _effects(n: int, study: StudyView) -> str:
    groups = len(study.label_names) if study.task.has_labels else 0
    if not groups:
        return f"{plural(n, 'correlation')} of the gold value with heads"
    return f"{plural(n, 'effect')} of {plural(groups, study.task.noun, study.task.nouns)} in heads"


def _are(n: int) -> str:
    return f"{count(n)} is" if n == 1 else f"{count(n)} are"


def of_model(model: ModelView | FailedView) -> str:
    """Name a model after `this model and that` or `the model`: of seed 14, called distil."""
    places = {
        "pretrained": "before fine-tuning",
        "seed": f"of seed {model.seed}",
        "epoch": f"after epoch {model.epoch}",
    }
    return places.get(model.kind, f"called {clip(model.name, LONGEST_NAME)}")


def the_models(models: Sequence[ModelView]) -> Markup:
    """Name other models as an object: the model before fine-tuning; the models of seed 14 and of seed 15."""
    noun = "model" if len(models) == 1 else "models"
    return Markup("the {} {}").format(noun, listed([of_model(one) for one in models]))


def where_in(model: ModelView) -> str:
    """Name another model in the caption of a table: before, after epoch 2, in seed 14, in its name."""
    return {"pretrained": "before", "epoch": model.title}.get(model.kind, f"in {model.title}")


def _times(change: ChangeView) -> str:
    return f"{factor(change.value, found=change.is_found)} times"


def factor(change: float | None, *, found: bool = True) -> str:
    """Write what a difference of ln(n a) multiplies by; a dash for none.

    Args:
        change: The difference, nats.
        found: Whether it is beyond chance. Then it is not written as 1 unless it is 0; otherwise it has two decimals.
    """
    if change is None:
        return "\N{EN DASH}"
    away = abs(math.expm1(change))
    if change > 0 and math.exp(change) >= 10:
        return significant(math.exp(change), 3)
    decimals = 2 if away >= 0.01 or not away or not found else 1 - math.floor(math.log10(away))
    return f"{math.exp(change):.{decimals}f}"
