"""What the site says about evidence of models that read the same documents.

A score of tokens beats random order in a model only if q < 0.05 there. Models of other seeds are counted, or without
any all compared models that have evidence. Not measured, nothing found, and found are three sentences.
"""

from collections.abc import Sequence

from markupsafe import Markup

from attviz_pipeline.formats import count, percent, plural, signed, significant
from attviz_pipeline.report.sentences.parts import head_link, listed
from attviz_pipeline.report.views.model_evidence import ImportanceView, ModelEvidence, ScoreView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

_CLEAR = f"q < {SIGNIFICANT:g}"
_MORE = "tokens on which the prediction depends more than on random ones"
N_NAMED = 3


def scores_agree(evidence: ModelEvidence) -> str:
    """Say for how many scores removal changes the prediction more than random removal in this model, and in others."""
    if not evidence.models:
        why = "no compared model has a trained classifier" if evidence.is_enabled else "evidence.enabled is false"
        return f"Whether the evidence agrees between models was not measured: {why}."
    both = [one for one in evidence.scores if evidence.own.name in one.cells and _measured_in(one, evidence)]
    if not both:
        return "No score of tokens was compared with random tokens in this model and in another."
    here = [one for one in both if one.beats_random(evidence.own)]
    elsewhere = [one for one in both if one not in here and one.beaten_in(evidence.peers)]
    over = f"Over {_documents(both)}, on average over {_shares(evidence)} of the tokens,"
    of = plural(len(both), "score")
    if not here and not elsewhere:
        return f"{over} none of {of} is shown to point at {_MORE}, in this model or in {_peers(evidence)} ({_CLEAR})."
    if not here:
        first = f"{over} none of {of} is shown to point at {_MORE} in this model ({_CLEAR})."
    else:
        first = f"{over} {count(len(here))} of {of} {_point(len(here))} at {_MORE} in this model ({_CLEAR})."
        first += f" Of these, {_again(here, evidence)}."
    return f"{first} {_only_elsewhere(elsewhere, evidence)}".strip()


def score_in_models(evidence: ModelEvidence | None, score: str, layer: int | None) -> str:
    """Say for one score in how many other models it beats random order; nothing where it was not measured there.

    Args:
        evidence: Of the models; None where the study compares none.
        score: Name of the score.
        layer: Its layer, or None.
    """
    found = evidence.of_score(score, layer) if evidence is not None and evidence.models else None
    if evidence is None or found is None or evidence.own.name not in found.cells or not _measured_in(found, evidence):
        return ""
    n, is_here = len(found.beaten_in(evidence.peers)), found.beats_random(evidence.own)
    models = _of(n, len(evidence.peers), evidence)
    what = (
        f"on the tokens with the highest {found.title} more than on random ones, on average over {_shares(evidence)} "
        f"of the tokens of {_documents([found])} ({_CLEAR} in each model)"
    )
    if not n:
        here = "it is" if is_here else "it is not, either"
        return f"In {models} is the prediction shown to depend {what}; in this model, {here}."
    return f"In {models}, the prediction depends {what}; in this model, {'too' if is_here else 'that is not shown'}."


def same_head(evidence: ModelEvidence, study: StudyView, root: str) -> Markup:
    """Say in how many other models the most important head of this model is the most important one, too."""
    if not evidence.models:
        return Markup()
    own, heads = evidence.importance[0], evidence.compared_heads
    if own.top is None:
        return Markup("No head of this model was switched off, so the importance of heads is not compared.")
    if not heads:
        return Markup(
            "The importance of heads is not compared: in no other model of the same layout were heads switched off."
        )
    ranks = sorted(one.rank_of_own_top or 0 for one in heads)
    n_same, others = ranks.count(1), [rank for rank in ranks if rank > 1]
    there = ""
    if others:
        span = str(others[0]) if others[0] == others[-1] else f"{others[0]} to {others[-1]}"
        where = "there" if not n_same else "in the other" if len(others) == 1 else "in the others"
        there = f"; {where}, its rank is {span} of {plural(study.n_layers * study.n_heads, 'head')}"
    return Markup(
        "{}, without which the prediction of this model changes most over {}, is the most important head in {}{}{}."
    ).format(
        head_link(own.top, study, root),
        plural(own.n_documents, "document"),
        _of(n_same, len(heads), evidence),
        ", too" if n_same else "",
        there,
    )


def importance_agrees(evidence: ModelEvidence, study: StudyView) -> str:
    """Say in how many other models the importance of heads is ordered as in this one, beside what chance gives."""
    heads = evidence.compared_heads
    if not heads:
        return ""
    found = [one for one in heads if _is_alike(one, evidence.by_chance)]
    own, n_heads = evidence.importance[0], study.n_layers * study.n_heads
    values = _span([one.correlation for one in heads])
    chance = "" if evidence.by_chance is None else f"; 95 % of random orders reach at most {evidence.by_chance:.2f}"
    where, what = f"In {_of(len(found), len(heads), evidence)}", "the importance of heads"
    alike = f"{where}, {what} is" if found else f"{where} is {what} shown to be"
    sentence = (
        f"{alike} ordered as in this model beyond chance: over {plural(n_heads, 'head')} and the same "
        f"{plural(own.n_documents, 'document')}, Spearman's correlation is {values}{chance}."
    )
    apart = [one.other_documents for one in heads if one.other_documents is not None]
    if not apart or own.other_documents is None:
        return sentence
    return (
        f"{sentence} If the other model has one half of the documents and this model the other half, it is "
        f"{_span(apart)}; of this model with itself, {signed(own.other_documents)}."
    )


def counted(evidence: ModelEvidence) -> str:
    """Name the models that sentences and tables count, for the head of a column."""
    return "other seeds" if evidence.peers[0].kind == "seed" else "other models"


def models_with(score: ScoreView, evidence: ModelEvidence) -> str:
    """Write in how many of the counted models that have a score it beats random order."""
    there = [one for one in evidence.peers if one.name in score.cells]
    return f"{len(score.beaten_in(there))} of {len(there)}" if there else "\N{EN DASH}"


def importance(one: ImportanceView, study: StudyView) -> str:
    """Write the importance of a model's most important head with its unit; a dash where there is none."""
    if one.top_importance is None:
        return "\N{EN DASH}"
    return study.task.scale.with_log_unit(significant(one.top_importance, 3))


def _again(here: Sequence[ScoreView], evidence: ModelEvidence) -> str:
    """Say of the scores that were found in this model in which others they are found, too."""
    everywhere = [one for one in here if len(one.beaten_in(evidence.peers)) == len(evidence.peers)]
    nowhere = [one for one in here if not one.beaten_in(evidence.peers)]
    n_peers = len(evidence.peers)
    every = _peers(evidence, "both" if n_peers == 2 else f"all {n_peers}")
    sentence = f"{count(len(everywhere)) if everywhere else 'none'} {_does(len(everywhere))} so in {every}"
    if nowhere and n_peers > 1:
        sentence += f", and {count(len(nowhere))} in none of them{_named(nowhere)}"
    return sentence


def _only_elsewhere(found: Sequence[ScoreView], evidence: ModelEvidence) -> str:
    if not found:
        return ""
    where = f"in {_peers(evidence)}" if len(evidence.peers) == 1 else f"in at least one of {_peers(evidence)}"
    return f"{plural(len(found), 'other score')} {_does(len(found))} so {where}{_named(found)}, and not in this model."


def _named(scores: Sequence[ScoreView]) -> str:
    return f" ({listed([one.title for one in scores])})" if len(scores) <= N_NAMED else ""


def _is_alike(one: ImportanceView, by_chance: float | None) -> bool:
    if one.correlation is None or one.low is None or by_chance is None:
        return False
    return one.low > 0 and one.correlation > by_chance


def _measured_in(score: ScoreView, evidence: ModelEvidence) -> bool:
    return any(one.name in score.cells for one in evidence.peers)


def _peers(evidence: ModelEvidence, several: str = "") -> str:
    """Name the models that are counted, several of them by their number or other words."""
    peers = evidence.peers
    several = several or str(len(peers))
    if peers[0].kind == "seed":
        return f"the model of seed {peers[0].seed}" if len(peers) == 1 else f"{several} models of other seeds"
    return "the other model" if len(peers) == 1 else f"{several} other models"


def _of(n: int, total: int, evidence: ModelEvidence) -> str:
    """Count some of the models that are counted."""
    noun = "of another seed" if total == 1 else "of other seeds"
    models = f"{plural(total, 'model')} {noun}" if evidence.peers[0].kind == "seed" else plural(total, "other model")
    return f"{count(n) if n else 'none'} of {models}"


def _documents(scores: Sequence[ScoreView]) -> str:
    numbers = sorted({cell.n_documents for one in scores for cell in one.cells.values()})
    if len(numbers) == 1:
        return f"the same {plural(numbers[0], 'document')}"
    return f"the same {count(numbers[0])} to {plural(numbers[-1], 'document')}"


def _shares(evidence: ModelEvidence) -> str:
    return listed([percent(one) for one in evidence.fractions])


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    low, high = signed(min(known)), signed(max(known))
    return low if low == high else f"{low} to {high}"


def _point(n: int) -> str:
    return "points" if n == 1 else "point"


def _does(n: int) -> str:
    return "does" if n == 1 else "do"
