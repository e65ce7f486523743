"""What the site says of predictions and words of compared models, whatever their layout.

Agreement and correlations stand beside what chance, or parts of the own model, give. That a model is better or worse,
or that matched heads are alike, is said with q < 0.05 only.
"""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from attviz_pipeline.formats import count, difference, percent, plural, points, probability, signed, significant
from attviz_pipeline.report.sentences.models import CLEAR, of_model
from attviz_pipeline.report.sentences.parts import listed
from attviz_pipeline.report.views.model_predictions import AgreementView, Bounded, WordsView
from attviz_pipeline.report.views.models import ModelResults
from attviz_pipeline.report.views.study import StudyView

N_NAMED = 3
DASH = "\N{EN DASH}"
TESTS = {"mcnemar": "McNemar's exact test", "signs": "random signs of input rows"}


def agreement(results: ModelResults, study: StudyView) -> Markup:
    """Say for how many documents models predict the same as this one; of several, the range and the least."""
    found = list(results.predictions.agreements.values())
    if not found:
        return Markup("Predictions were not compared: no compared model has a trained classifier.")
    known = [one for one in found if _strength(one, study).value is not None]
    if not known:
        return Markup("Predicted values were not compared: a model predicts the same value for all documents.")
    known.sort(key=lambda one: _strength(one, study).value or 0.0)
    least, write = known[0], _how(study)
    strength, most = _strength(least, study), write(_strength(known[-1], study).value or 0.0)
    low, interval = write(strength.value or 0.0), _span(strength, write, ", 95 % interval {} to {}")
    over, model = plural(least.n_documents, "document"), of_model(results.named(least.other))
    several = (
        "" if len(known) == 1 else f" Of {plural(len(known), 'model')}, that is the lowest; the highest is {most}."
    )
    if not study.task.has_labels:
        return Markup(
            "Over {}, Spearman's correlation of the values that this model and that {} predict is {}{}.{}"
        ).format(over, model, low, interval, several)
    return Markup(
        "This model and that {} predict the same {} for {} of {}{}.{} Two models that predict each {} as often, but "
        "independently, agree on {}."
    ).format(model, _predicted(study), low, over, interval, several, _predicted(study), by_chance(results, least.other))


def better_or_worse(results: ModelResults, study: StudyView) -> Markup:
    """Say which models fit the gold values better or worse than this one, that none is shown to, or why not tested."""
    if not results.predictions.agreements:
        return Markup()
    tested = [one for one in results.predictions.agreements.values() if one.test is not None]
    what = measure(study)
    if not tested:
        return Markup("{} was not compared: no document has a gold {}.").format(what.capitalize(), study.task.noun)
    found = sorted((one for one in tested if one.is_found), key=lambda one: -abs(one.difference.value or 0.0))
    how = f"{CLEAR}, {TESTS[tested[0].test or '']}, {plural(tested[0].n_labelled, 'labelled document')}"
    if not found:
        of = f"that {of_model(results.named(tested[0].other))}" if len(tested) == 1 else f"any of {len(tested)} others"
        return Markup("{} is not shown to differ between this model and {} ({}).").format(what.capitalize(), of, how)
    named = [_better(one, results, study) for one in found[:N_NAMED]]
    which = "" if len(found) <= N_NAMED else f", most in {N_NAMED}"
    where = "the other model" if len(tested) == 1 else f"{count(len(found))} of {plural(len(tested), 'model')}"
    return Markup("In {}, {} differs from that of this model ({}){}: {}.").format(
        where, what, how, which, listed(named)
    )


def _better(one: AgreementView, results: ModelResults, study: StudyView) -> Markup:
    fits = [results.predictions.fits[name] for name in (one.other, results.models[0].name)]
    values = [of.accuracy.value if study.task.has_labels else of.mae.value for of in fits]
    write, unit = (percent, " points") if study.task.has_labels else (significant, "")
    theirs, mine = (DASH if value is None else write(value) for value in values)
    change, how = one.difference.negated, points if study.task.has_labels else difference
    interval = _span(change, how, ", 95 % interval {} to {}")
    return Markup("that {}, {} against {} here (difference {}{}{})").format(
        of_model(results.named(one.other)), theirs, mine, how(change.value or 0.0), unit, interval
    )


def words_alike(results: ModelResults, study: StudyView) -> Markup:
    """Say how alike models rank the words that they share, over all heads, beside halves of the heads of this model."""
    known = [one for one in results.predictions.words.values() if one.correlation is not None]
    if not known:
        return Markup("The order of {}s was not compared: fewer than three frequent ones are in both models.").format(
            _noun(study)
        )
    known.sort(key=lambda one: one.correlation or 0.0)
    named = known if len(known) <= N_NAMED else [known[0], known[-1]]
    parts = [
        Markup("{} with that {} ({})").format(
            signed(one.correlation or 0.0),
            of_model(results.named(one.name)),
            plural(one.n_terms, f"shared {_noun(study)}"),
        )
        for one in named
    ]
    which = "" if len(known) <= N_NAMED else f" (of {count(len(known))} models, the lowest and the highest)"
    halves = sorted(one.halves for one in known if one.halves is not None)
    beside = f"; random halves of the heads of this model give {_range(halves)}" if halves else ""
    return Markup(
        "In the order of {}s by self-attention relative to even attention (mean of ln(n a) over all heads), "
        "Spearman's correlation of this model is {}{}{}."
    ).format(_noun(study), listed(parts), which, beside)


def pieces_shared(results: ModelResults, study: StudyView) -> str:
    """Say, where terms are tokens, which of them models with different tokenizers share."""
    if _noun(study) != "token" or not results.predictions.other_layouts:
        return ""
    return "Terms are tokens: models with different tokenizers share only pieces that are in both vocabularies."


def matched_heads(words: WordsView, results: ModelResults, study: StudyView) -> Markup:
    """Say whether heads of another layout, matched one to one, are more alike than chance, or why none was matched."""
    model, noun = of_model(results.named(words.name)), f"shared {_noun(study)}"
    if not words.n_matched or words.matched is None or words.by_chance is None or words.by_chance_high is None:
        return Markup(
            "Heads were not matched with those of the model {}: that needs three frequent {}s, and there {}."
        ).format(model, noun, "is 1" if words.n_terms == 1 else f"are {count(words.n_terms)}")
    matching = Markup("Heads were matched one to one with those of the model {}, by {}: {}.").format(
        model, plural(words.n_terms, noun), plural(words.n_matched, "pair")
    )
    chance = f"{signed(words.by_chance)} on average and at most {signed(words.by_chance_high)} in 95 % of permutations"
    q = probability(1.0 if words.q is None else words.q)
    found = "is" if words.is_found else "is not shown to be more than chance:"
    return Markup(
        "{} Their mean correlation {} {}; the best matching after the {}s are permuted gives {} (q = {})."
    ).format(matching, found, signed(words.matched), _noun(study), chance, q)


def matches_shown(words: WordsView) -> str:
    """Say how many of the matched pairs are listed; empty if all are."""
    shown = len(words.matches)
    return (
        ""
        if shown == words.n_matched
        else f"The {shown} most alike of {plural(words.n_matched or 0, 'pair')} are listed."
    )


def measure(study: StudyView) -> str:
    """Name what is compared with the gold values."""
    if not study.task.has_labels:
        return "mean absolute error"
    return "exact match" if study.task.many_labels else "accuracy"


def fit(results: ModelResults, name: str, study: StudyView) -> str:
    """Write the accuracy or mean absolute error of a model with its interval; a dash where there is none."""
    found = results.predictions.fits[name]
    return _cell(found.accuracy, percent) if study.task.has_labels else _cell(found.mae, significant)


def agrees(results: ModelResults, name: str, study: StudyView) -> str:
    """Write the agreement, or the correlation of values, with this model and its interval; a dash without."""
    found = results.predictions.agreements.get(name)
    return DASH if found is None else _cell(_strength(found, study), _how(study))


def by_chance(results: ModelResults, name: str) -> str:
    """Write the agreement that chance gives, and Cohen's kappa; a dash where there is none."""
    found = results.predictions.agreements.get(name)
    if found is None or found.by_chance is None:
        return DASH
    return percent(found.by_chance) + (f" (kappa {signed(found.kappa)})" if found.kappa is not None else "")


def differs(results: ModelResults, name: str, study: StudyView) -> str:
    """Write the accuracy (points) or mean absolute error of a model minus that of this one, with interval and q."""
    found = results.predictions.agreements.get(name)
    if found is None or found.difference.value is None or found.q is None:
        return DASH
    change = _cell(found.difference.negated, points if study.task.has_labels else difference)
    return f"{change}, q = {probability(found.q)}"


def calibration(results: ModelResults, name: str) -> str:
    """Write the calibration error of a model, and that of a calibrated one; a dash where there is none."""
    found = results.predictions.fits[name]
    if found.ece is None or found.ece_by_chance is None:
        return DASH
    return f"{significant(found.ece)} (calibrated: {significant(found.ece_by_chance)})"


def words_of(results: ModelResults, name: str) -> str:
    """Write the correlation of words with this model; a dash where there is none."""
    found = results.predictions.words.get(name)
    return DASH if found is None or found.correlation is None else signed(found.correlation)


def _strength(one: AgreementView, study: StudyView) -> Bounded:
    return one.agreement if study.task.has_labels else one.values


def _how(study: StudyView) -> Callable[[float], str]:
    return percent if study.task.has_labels else signed


def _cell(found: Bounded, write: Callable[[float], str]) -> str:
    if found.value is None:
        return DASH
    return write(found.value) + _span(found, write, " ({} to {})")


def _span(found: Bounded, write: Callable[[float], str], form: str) -> str:
    return "" if found.low is None or found.high is None else form.format(write(found.low), write(found.high))


def _predicted(study: StudyView) -> str:
    return "label set" if study.task.many_labels else study.task.noun


def _noun(study: StudyView) -> str:
    return "token" if study.settings.terms.level == "token" else "word"


def _range(values: Sequence[float]) -> str:
    low, high = signed(values[0]), signed(values[-1])
    return low if low == high else f"{low} to {high}"
