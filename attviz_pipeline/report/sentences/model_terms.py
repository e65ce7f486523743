"""What the site says of the terms with the highest self-attention in several models."""

from markupsafe import Markup

from attviz_pipeline.formats import count, significant
from attviz_pipeline.report.sentences.models import of_model
from attviz_pipeline.report.sentences.parts import listed, token
from attviz_pipeline.report.views.model_terms import LEAST_TERMS, N_TOP, ModelTermsView, TopShared

N_NAMED = 3


def top_shared(found: ModelTermsView, noun: str) -> Markup:
    """Say how many of the highest terms of this model are among the highest of others, beside random orders."""
    if not found.shared:
        return Markup(
            "The highest {}s of models were not compared: fewer than {} are in this and another model."
        ).format(noun, LEAST_TERMS)
    same = len({one.n_terms for one in found.shared}) == 1
    parts = [
        Markup("{}{} {} among the {} highest of the model {}{}").format(
            count(len(one.terms)),
            _names(one),
            "is" if len(one.terms) == 1 else "are",
            N_TOP,
            of_model(one.model),
            "" if same else f" ({_beside(one, noun)})",
        )
        for one in found.shared
    ]
    beside = f" ({_beside(found.shared[0], noun)})" if same else ""
    return Markup(
        "Of the {} {}s with the highest self-attention relative to even attention in this model, {}{}."
    ).format(N_TOP, noun, listed(parts), beside)


def _names(one: TopShared) -> Markup:
    """Name the shared terms where they are few."""
    few = 0 < len(one.terms) <= N_NAMED
    return Markup(" ({})").format(Markup(", ").join(map(token, one.terms))) if few else Markup()


def _beside(one: TopShared, noun: str) -> str:
    shared = f"{significant(one.by_chance)} on average"
    return f"of {count(one.n_terms)} {noun}s that both rank; two random orders share {shared}"


def columns(found: ModelTermsView, noun: str) -> str:
    """Explain the table of terms in several models."""
    alike = sum(one.kind in {"own", "seed"} for one in found.models)
    seeds = (
        f" The last columns have the geometric mean over {alike} models fine-tuned with different seeds, and the range."
        if alike > 1
        else ""
    )
    rows = f"The first {len(found.rows)} of {count(found.n_terms)}" if found.n_terms > len(found.rows) else "All"
    return (
        f"{rows} {noun}s. Self-attention in multiples of even attention (geometric mean, corrected for length; "
        f"{noun}s in few documents are drawn towards the average one), and the place among all {noun}s of the model; a "
        "dash where the model does not rank it. "
        f"Neighbouring places often differ by less than the intervals of their values.{seeds}"
    )
