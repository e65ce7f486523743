"""Parts of sentences that several pages use: names that come from the corpus, links to heads, and lists."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from markupsafe import Markup

from attviz_pipeline.formats import clip, literal, plural
from attviz_pipeline.report.views.separation import EffectView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT

LONGEST_TOKEN = 40
TEST = f"permutation test, q\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}{SIGNIFICANT:g}"

Q_TOO_SMALL = "documents of one input row count as independent, so q is too small"


class Head(Protocol):
    """Any view of a head."""

    @property
    def layer(self) -> int:
        """Layer, 0-based."""

    @property
    def head(self) -> int:
        """Head, 0-based."""

    @property
    def page(self) -> str:
        """Address of its page."""


def head_link(head: Head, study: StudyView, root: str) -> Markup:
    """Link to a head by its short name."""
    name = study.head_name(head.layer, head.head)
    return Markup('<a class="head-name" href="{}{}">{}</a>').format(root, head.page, name)


def token(text: str) -> Markup:
    """Show a token or a word of the corpus, cut where it is very long."""
    return Markup('<bdi class="token">{}</bdi>').format(literal(clip(text, LONGEST_TOKEN)))


def class_name(name: str) -> Markup:
    """Show the name of a class."""
    return Markup('<bdi class="class-name">{}</bdi>').format(name)


def model_name(study: StudyView) -> Markup:
    """Show the name of the model; one that this study fine-tuned is not the one that has the name."""
    tuned = "the fine-tuned " if study.settings.fine_tunes else ""
    return Markup("{}<bdi>{}</bdi>").format(tuned, study.model["source"])


def model_as_used(study: StudyView) -> Markup:
    """Show the name of the model, and say if this study fine-tuned it."""
    tuned = ", fine-tuned for this study" if study.settings.fine_tunes else ""
    return Markup("<bdi>{}</bdi>{}").format(study.model["source"], tuned)


def reason_of(reason: str, study: StudyView) -> str:
    """Name why a document has maps: one whose labels are not all right is not misclassified, it can be partly right."""
    return "mistakes" if reason == "misclassified" and study.task.many_labels else reason


def heads_of(number: int, study: StudyView) -> str:
    """Count heads, or vectors where the file does not say that they are heads."""
    return plural(number, "vector" if study.imported else "head")


def permutation_test(*, q_too_small: bool) -> str:
    """Name the test behind a finding, and say if it treats documents of one input row as independent."""
    return f"{TEST}; {Q_TOO_SMALL}" if q_too_small else TEST


def first_of(effects: Sequence[EffectView]) -> str:
    """Say by what a table of effects chooses its rows: by q only where some effect is beyond chance."""
    if any(effect.significant for effect in effects):
        return "the smallest q"
    return f"the largest |{effect_symbol(effects)}|, none beyond chance"


def effect_symbol(effects: Sequence[EffectView]) -> str:
    """Name what effects are: Hedges' g, or a rank correlation."""
    return "\u03c1" if effects and effects[0].measure == "rho" else "g"


def units(study: StudyView) -> str:
    """Name what is independent: input rows, or documents where each is a row of its own."""
    return "input rows" if study.shares_rows else "documents"


def from_rows(n_documents: int, n_sources: int) -> str:
    """Say in brackets from how many input rows documents come; empty where each is a row of its own."""
    return f" (from {plural(n_sources, 'input row')})" if n_sources < n_documents else ""


def listed(parts: Sequence[str]) -> Markup:
    """List words: one; one and two; one, two and three."""
    *first, last = parts
    return Markup(" and ").join([Markup(", ").join(first), last]) if first else Markup("{}").format(last)


def alternatives(parts: Sequence[str]) -> Markup:
    """List words of which one is meant: one; one or two; one, two or three."""
    *first, last = parts
    return Markup(" or ").join([Markup(", ").join(first), last]) if first else Markup("{}").format(last)


def said(sentences: Iterable[str]) -> Markup:
    """Put sentences one after the other, without those that are empty."""
    return Markup(" ").join(sentence for sentence in sentences if sentence)


def another_could_be(n_won: int, n_halves: int) -> str:
    """End the sentence of a largest effect that is the largest again in less than half of the random halves."""
    return ", so another could be the largest" if 2 * n_won < n_halves else ""
