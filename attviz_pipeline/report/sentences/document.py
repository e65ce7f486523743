"""What the page of one document says."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from attviz_pipeline.formats import count, literal, percent, plural, significant
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.sentences.study import documents_with_maps, documents_with_vectors, kept_whole
from attviz_pipeline.report.tiers import Tiers
from attviz_pipeline.report.views.study import StudyView

N_NAMED = 3
MOST_PINS = "eight"


@dataclass(frozen=True)
class Ranked:
    """What is ranked by mean self-attention in a document: its tokens, or the heads.

    Args:
        names: The first of them.
        highest: Largest mean.
        lowest: Smallest mean.
        n: How many there are.
    """

    names: Sequence[Markup]
    highest: float
    lowest: float
    n: int

    @property
    def alike(self) -> bool:
        """Whether the numbers, as they are written, are all the same."""
        return significant(self.highest, 3) == significant(self.lowest, 3)


def heading(prediction: str, confidence: float, n_classes: int) -> Markup:
    """Name the prediction with its probability."""
    name = parts.class_name(literal(prediction))
    if n_classes == 1:
        return Markup("Predicted {}, the only class").format(name)
    return Markup("Predicted {} with {}").format(name, percent(confidence))


def runner_up(gold: str | None, prediction: str, second: str | None, margin: float, *, labelled: bool) -> Markup:
    """Compare the prediction with the gold label and with the second class.

    Args:
        gold: Gold class, None if unknown.
        prediction: Predicted class.
        second: Second class, None if there is one class.
        margin: Probability of the prediction minus that of the second class.
        labelled: Whether any document of the study has a gold label.
    """
    if gold == second and second is not None:
        return Markup("The gold label, {}, {}.").format(parts.class_name(literal(second)), _place(margin))
    behind = Markup("{} {}").format(parts.class_name(literal(second)), _place(margin)) if second is not None else ""
    if gold is None:
        known = Markup("This document has no gold label") if labelled else ""
    elif gold == prediction:
        known = Markup("The gold label is the same")
    else:
        known = Markup("The gold label is {}").format(parts.class_name(literal(gold)))
    sentence = Markup("; ").join(part for part in (known, behind) if part)
    return Markup("{}.").format(sentence) if sentence else Markup()


def _place(margin: float) -> str:
    points = margin * 100
    if points == 0:
        return "is equally probable"
    return f"is second, {f'{points:.1f}' if points >= 0.05 else 'less than 0.1'} percentage points lower"


def strongest_tokens(tokens: Ranked, study: StudyView, even: float | None) -> Markup:
    """Name the tokens with the highest mean self-attention over heads, beside what even attention gives.

    Args:
        tokens: The tokens but special and unknown ones.
        study: Facts of the study.
        even: Share of each token under even attention, None where it differs between tokens or is not known.
    """
    if not tokens.n:
        return Markup("It has no tokens other than special and unknown ones, which are not ranked.")
    heads = Markup("over {}").format(_all(study))
    beside = f"; even attention: {significant(even, 3)}" if even is not None else ""
    value = f"{significant(tokens.highest, 3)}{beside}"
    if tokens.n == 1:
        sentence = Markup("Its only token other than special and unknown ones, {}, has the mean self-attention {} {}.")
        return sentence.format(tokens.names[0], heads, f"({value})")
    if tokens.alike:
        sentence = Markup(
            "All {} tokens other than special and unknown ones have the same mean self-attention {} ({})."
        )
        return sentence.format(count(tokens.n), heads, value)
    # A token can occur several times; its name is written once.
    next_ones = [name for name in dict.fromkeys(tokens.names[1:N_NAMED]) if name != tokens.names[0]]
    is_repeated = len(next_ones) < N_NAMED - 1
    others: Markup | str = ""
    if tokens.n >= N_NAMED and next_ones:
        others = Markup(", then {}{}").format("among others " if is_repeated else "", parts.listed(next_ones))
    sentence = Markup(
        "Of its {} tokens other than special and unknown ones, {} has the highest mean self-attention {} ({}){}."
    )
    return sentence.format(count(tokens.n), tokens.names[0], heads, value, others)


def _all(study: StudyView) -> Markup:
    noun = "vector" if study.imported else "head"
    rows = f"{'its' if study.imported else 'the'} one {noun}" if study.n_rows == 1 else f"all {study.n_rows} {noun}s"
    return Markup("{}").format(rows) if study.imported else Markup("{} of {}").format(rows, parts.model_name(study))


def strongest_head(heads: Ranked, study: StudyView, usual: Markup | None) -> Markup:
    """Name the head with the highest mean self-attention here, and over all documents; empty where heads are alike.

    Args:
        heads: All heads of the model; `names` has links to them.
        study: Facts of the study.
        usual: The head with the highest mean over all documents, None if there is only this document.
    """
    if heads.n < 2 or heads.alike:
        return Markup()
    first = heads.names[0]
    noun = "vector" if study.imported else "head"
    if usual is None:
        over_all: str | Markup = ""
    elif usual == first:
        over_all = ", as over all documents"
    else:
        over_all = Markup("; over all documents it is {}").format(usual)
    sentence = Markup("The {} with the highest mean here is {} ({}){}.")
    return sentence.format(noun, first, significant(heads.highest, 3), over_all)


def left_to_right() -> str:
    """Say why the first token stands out in a model in which tokens attend only to what precedes them."""
    return (
        "The first token attends only to itself, as in models that read from left to right: there, early tokens have "
        "few others to attend to, so means of different positions are not comparable."
    )


def windows(n_windows: int) -> str:
    """Say how a text that is longer than the model's input was read."""
    return (
        f"This text is longer than the model's input. It was read in {n_windows} overlapping windows. Dashed "
        "lines mark where the values change from one window to the next; the probabilities are means over the windows."
    )


def truncated() -> str:
    """Say that a text was cut."""
    return "This text is longer than the model's input and was truncated: the grey part was not read."


def no_map(study: StudyView) -> Markup:
    """Say why a document has no token-to-token map."""
    if study.map_reasons:
        sentence = Markup("This document has no token-to-token map, because maps are large. {} {} {}")
        return sentence.format(documents_with_maps(study), documents_with_vectors(study), _ADDED_BY_ID)
    if study.imported:
        return Markup("Imported attention has no token-to-token maps: its format contains self-attention only.")
    if study.settings.redaction.mode != "none":
        return Markup("Words are redacted in this site, and token-to-token maps would show them.")
    return Markup(
        "No document of this study has a token-to-token map: <code>maps.max_documents</code> or "
        "<code>maps.max_megabytes</code> is too small. {}"
    ).format(_ADDED_BY_ID)


_ADDED_BY_ID = Markup(
    "To add the maps of a document by its id: <code>snakemake --configfile study.yaml --config "
    "'maps={documents: [\"id\"]}'</code>. It comes first; raise <code>maps.max_megabytes</code> to keep the others."
)


def maps_left_out(models: Markup, study: StudyView) -> Markup:
    """Say of which other models, named, this page has no token-to-token maps, since they do not fit."""
    sentence = Markup("This page has no maps of {}: <code>maps.max_megabytes</code> is {}.")
    return sentence.format(models, f"{study.settings.maps.max_megabytes:g}")


def layers_only(tiers: Tiers, study: StudyView) -> Markup:
    """Say why a page shows the means of layers, and which pages show every head."""
    sentence = Markup(
        "To keep the site small, this page shows the mean of each layer's heads, not single heads. {} of {} have "
        "every head: {}. A larger <code>site.max_megabytes</code> allows more."
    )
    documents = plural(tiers.n_pages, "document") + ("" if tiers.with_page is None else " with a page")
    return sentence.format(count(tiers.n_full), documents, kept_whole(study))


def grid_of_heads(study: StudyView, n_pinned: int, *, lite: bool) -> str:
    """Say what the cells of the grid are, and how many rows are pinned at first."""
    if lite:
        cells = "One cell per layer: the mean of its heads."
    else:
        cells = "One cell per vector of the file." if study.imported else "Rows are layers, columns are heads."
    n_rows = study.n_layers if lite else study.n_rows
    if n_rows <= n_pinned:
        first = "At first, all are pinned." if n_rows > 1 else "At first, it is pinned."
    else:
        first = f"At first, the {n_pinned} with the largest standard deviation over tokens are pinned."
    return f"{cells} Click to pin up to {MOST_PINS}. {first}"
