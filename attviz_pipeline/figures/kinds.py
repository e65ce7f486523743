"""Every kind of figure, declared once, in the order in which the site shows them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from attviz_pipeline.figures.class_heads import draw_class_heads
from attviz_pipeline.figures.class_terms import draw_class_terms
from attviz_pipeline.figures.confidence_entropy import draw_confidence_entropy
from attviz_pipeline.figures.confusion import draw_confusion
from attviz_pipeline.figures.curves import draw_curves
from attviz_pipeline.figures.distributions import draw_log_distributions, draw_normal_quantiles
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.fuji_curves import draw_fuji_curves
from attviz_pipeline.figures.head_likeness import draw_head_likeness
from attviz_pipeline.figures.head_map import draw_head_maps
from attviz_pipeline.figures.head_means import draw_head_means
from attviz_pipeline.figures.head_profiles import draw_head_profiles
from attviz_pipeline.figures.likeness import MEASURES
from attviz_pipeline.figures.reliability import draw_reliability
from attviz_pipeline.figures.top_terms import draw_top_terms
from attviz_pipeline.figures.top_tokens import draw_top_tokens
from attviz_pipeline.figures.word_cloud import draw_word_clouds

N_MEASURES = len(MEASURES)


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure: its content and how to draw it.

    Args:
        draw: Draws the figures of this kind, in a fixed order.
        formula: What its numbers are; a is the self-attention of an occurrence of a token in a head, n the number of
            tokens of its window.
        chapter: File in docs/statistics/ that explains it, without its ending; None where the caption is enough.
        names_words: Whether picture and alternative text show words of the documents.
        n: How many figures it usually has, for the progress bar.
        n_per_head: How many more it has for each head.
    """

    draw: Callable[[Inputs], Iterator[Drawing]]
    formula: str
    chapter: str | None = None
    names_words: bool = False
    n: int = 1
    n_per_head: int = 0


FIGURES: Mapping[str, FigureKind] = {
    "top_tokens": FigureKind(
        draw_top_tokens, "mean of a over all occurrences of a token and all heads (Škrlj et al. 2021)", names_words=True
    ),
    "top_terms": FigureKind(
        draw_top_terms,
        "mean of ln(n a) over occurrences and heads, corrected for length and shrunken; 95 % posterior interval",
        chapter="tokens",
        names_words=True,
    ),
    "head_means": FigureKind(draw_head_means, "mean of a over all tokens of all documents, per head"),
    "confusion": FigureKind(draw_confusion, "documents by gold and predicted class", chapter="model"),
    "reliability": FigureKind(
        draw_reliability, "ECE = sum over bins k of n_k / n |accuracy_k - mean confidence_k|", chapter="model"
    ),
    "confidence_entropy": FigureKind(
        draw_confidence_entropy,
        "a document's confidence against the mean over its tokens of the aggregate entropy",
        chapter="model",
    ),
    "head_likeness": FigureKind(
        draw_head_likeness,
        "FUJI area (Petković et al. 2020); Jensen-Shannon distance of the heads (Clark et al. 2019)",
        chapter="head-comparison",
        n=N_MEASURES,
    ),
    "head_map": FigureKind(
        draw_head_maps,
        "multidimensional scaling of 1 - FUJI area, and of Jensen-Shannon distances",
        chapter="head-comparison",
        n=N_MEASURES,
    ),
    "fuji_curves": FigureKind(
        draw_fuji_curves,
        "FUJI(i) = 1 / |U| sum over f in U of min(1, s_1(f) / t_1, s_2(f) / t_2) (Petković et al. 2020)",
        chapter="head-comparison",
    ),
    "head_profiles": FigureKind(
        draw_head_profiles,
        "per query: entropy -sum a ln a, shares and distance of what it attends to (Clark et al. 2019)",
        chapter="head-profiles",
        n=2,
    ),
    "log_distributions": FigureKind(
        draw_log_distributions,
        "occurrences of terms by log10 of the max, mean and min of a over heads (Škrlj et al. 2021)",
        chapter="tokens",
        n=3,
    ),
    "normal_quantiles": FigureKind(
        draw_normal_quantiles,
        "log10 of the max, mean and min of a against normal quantiles of the share below",
        chapter="tokens",
        n=2,
    ),
    "curves": FigureKind(
        draw_curves, "mean of a and of ln(n a) by place in the text and by length of the window", chapter="tokens"
    ),
    "class_heads": FigureKind(
        draw_class_heads,
        "Hedges' g of documents' mean ln(n a), group against rest; permutation p; Benjamini-Hochberg q",
        chapter="classes",
        n=3,
    ),
    "class_terms": FigureKind(
        draw_class_terms,
        "log-odds with an informative Dirichlet prior (Monroe et al. 2008), plain and weighted by n a",
        chapter="classes",
        names_words=True,
        n=3,
    ),
    "word_cloud": FigureKind(
        draw_word_clouds,
        "mean of a over a token's occurrences in the head, or in all heads",
        names_words=True,
        n_per_head=1,
    ),
}
