"""Every kind of figure, declared once, in the order in which the site shows them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.figures.assessment import read_assessment
from attviz_pipeline.figures.class_clouds import count_class_clouds, draw_class_clouds
from attviz_pipeline.figures.class_heads import draw_class_heads, draw_label_heads
from attviz_pipeline.figures.class_terms import draw_class_terms, draw_label_terms
from attviz_pipeline.figures.confidence_entropy import draw_confidence_entropy
from attviz_pipeline.figures.confusion import draw_confusion
from attviz_pipeline.figures.curves import draw_curves
from attviz_pipeline.figures.distributions import draw_log_distributions, draw_normal_quantiles
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.evidence_curves import draw_faithfulness, draw_head_ablation
from attviz_pipeline.figures.fuji_curves import draw_fuji_curves
from attviz_pipeline.figures.head_importance import draw_head_importance
from attviz_pipeline.figures.head_likeness import draw_head_likeness
from attviz_pipeline.figures.head_map import draw_head_maps
from attviz_pipeline.figures.head_means import draw_head_means
from attviz_pipeline.figures.head_names import HEADS, HeadNames
from attviz_pipeline.figures.head_profiles import draw_head_profiles
from attviz_pipeline.figures.label_errors import draw_co_occurrence, draw_label_errors
from attviz_pipeline.figures.label_reliability import draw_label_reliability
from attviz_pipeline.figures.likeness import MEASURES
from attviz_pipeline.figures.model_agreement import draw_model_agreement
from attviz_pipeline.figures.models import draw_effect_replications, draw_model_changes, draw_model_layers
from attviz_pipeline.figures.reliability import draw_reliability
from attviz_pipeline.figures.top_terms import draw_top_terms
from attviz_pipeline.figures.top_tokens import draw_top_tokens
from attviz_pipeline.figures.value_heads import draw_value_heads
from attviz_pipeline.figures.value_terms import draw_value_terms
from attviz_pipeline.figures.values import draw_error_entropy, draw_predicted_against_gold, draw_residuals
from attviz_pipeline.figures.word_cloud import count_heads, draw_clouds

N_MEASURES = len(MEASURES)


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure: its content and how to draw it.

    Args:
        draw: Draws the figures of this kind, in a fixed order.
        titles: What its figures are called, by the part of their names after the kind.
        formula: What its numbers are; a is the self-attention of an occurrence of a token in a head, n the number of
            tokens of its window.
        chapter: File in docs/statistics/ that explains it, without its ending; None where the caption is enough.
        tasks: The tasks that have it; None for all.
        needs_evidence: Whether it is drawn only where evidence was measured.
        needs_models: Whether it is drawn only where the study compares models.
        needs_matrices: Whether it shows attention to other tokens, which imported files do not have.
        names_words: Whether picture and alternative text show words of the documents.
        n: How many figures it usually has, for the progress bar.
        n_more: How many more it has, which its tables say.
    """

    draw: Callable[[Inputs], Iterator[Drawing]]
    titles: Mapping[str, str]
    formula: str
    chapter: str | None = None
    tasks: tuple[TaskName, ...] | None = None
    needs_evidence: bool = False
    needs_models: bool = False
    needs_matrices: bool = False
    names_words: bool = False
    n: int = 1
    n_more: Callable[[Inputs], int] | None = None

    def title(self, drawing: Drawing, names: HeadNames = HEADS) -> str:
        """What a figure of this kind is called on its page."""
        part = drawing.name.removeprefix(drawing.kind).removeprefix("-")
        if drawing.layer is not None and drawing.head is not None:
            return f"{self.titles['head']}, {names.of(drawing.layer, drawing.head)}"
        return (
            names.in_words(self.titles[part]) if drawing.group is None else f"{self.titles['group']}: {drawing.group}"
        )


def kinds_of(inputs: Inputs, kinds: Mapping[str, FigureKind]) -> dict[str, FigureKind]:
    """Return the kinds of figures that a study has: of its task and of its evidence, models and kind of attention.

    Raises:
        ArtifactError: The assessment is unusable.
    """
    task = read_assessment(inputs)["task"]
    fitting = {name: kind for name, kind in kinds.items() if kind.tasks is None or task in kind.tasks}
    return {
        name: kind
        for name, kind in fitting.items()
        if (inputs.evidence or not kind.needs_evidence)
        and (inputs.models or not kind.needs_models)
        and not (inputs.names.imported and kind.needs_matrices)
    }


FIGURES: Mapping[str, FigureKind] = {
    "top_tokens": FigureKind(
        draw_top_tokens,
        {"": "Tokens with the highest mean self-attention"},
        "mean of a over all occurrences of a token and all heads (Škrlj et al. 2021)",
        names_words=True,
    ),
    "top_terms": FigureKind(
        draw_top_terms,
        {"": "Terms with the highest self-attention relative to even attention"},
        "mean of ln(n a) over occurrences and heads, corrected for length and shrunken; 95 % posterior interval",
        chapter="tokens",
        names_words=True,
    ),
    "head_means": FigureKind(
        draw_head_means,
        {"": "Mean self-attention of each head"},
        "mean of a over all tokens of all documents, per head",
    ),
    "confusion": FigureKind(
        draw_confusion,
        {"": "Confusion matrix"},
        "documents by gold and predicted class",
        chapter="model",
        tasks=("single_label",),
    ),
    "reliability": FigureKind(
        draw_reliability,
        {"": "Reliability diagram"},
        "ECE = sum over bins k of n_k / n |accuracy_k - mean confidence_k|",
        chapter="model",
        tasks=("single_label",),
    ),
    "label_errors": FigureKind(
        draw_label_errors,
        {"": "Right and wrong decisions of each label"},
        "F1 = 2 found / (2 found + missed + wrongly predicted)",
        chapter="model",
        tasks=("multi_label",),
    ),
    "co_occurrence": FigureKind(
        draw_co_occurrence,
        {"": "Labels that occur together"},
        "documents with two labels / documents with the first of them",
        chapter="model",
        tasks=("multi_label",),
    ),
    "label_reliability": FigureKind(
        draw_label_reliability,
        {"": "Reliability diagrams of labels"},
        "ECE = sum over bins k of n_k / n |share with the label_k - mean probability_k|",
        chapter="model",
        tasks=("multi_label",),
    ),
    "predicted_against_gold": FigureKind(
        draw_predicted_against_gold,
        {"": "Predicted against gold value"},
        "R2 = 1 - sum (predicted - gold)^2 / sum (gold - mean gold)^2",
        chapter="model",
        tasks=("regression",),
    ),
    "residuals": FigureKind(
        draw_residuals,
        {"": "Errors by gold value"},
        "error = predicted - gold value",
        chapter="model",
        tasks=("regression",),
    ),
    "error_entropy": FigureKind(
        draw_error_entropy,
        {"": "Error and entropy of attention"},
        "a document's absolute error against the mean over its tokens of the aggregate entropy",
        chapter="model",
        tasks=("regression",),
    ),
    "confidence_entropy": FigureKind(
        draw_confidence_entropy,
        {"": "Confidence and entropy of attention"},
        "a document's confidence against the mean over its tokens of the aggregate entropy",
        chapter="model",
        tasks=("single_label", "multi_label"),
    ),
    "head_likeness": FigureKind(
        draw_head_likeness,
        {"fuji": "Similarity of heads: FUJI", "jensen_shannon": "Similarity of heads: Jensen-Shannon"},
        "FUJI area (Petković et al. 2020); Jensen-Shannon distance of the heads (Clark et al. 2019)",
        chapter="head-comparison",
        n=N_MEASURES,
    ),
    "head_map": FigureKind(
        draw_head_maps,
        {"fuji": "Map of heads: FUJI", "jensen_shannon": "Map of heads: Jensen-Shannon"},
        "multidimensional scaling of 1 - FUJI area, and of Jensen-Shannon distances",
        chapter="head-comparison",
        n=N_MEASURES,
    ),
    "fuji_curves": FigureKind(
        draw_fuji_curves,
        {"": "FUJI by length of the lists"},
        "FUJI(i) = 1 / |U| sum over f in U of min(1, s_1(f) / t_1, s_2(f) / t_2) (Petković et al. 2020)",
        chapter="head-comparison",
    ),
    "head_profiles": FigureKind(
        draw_head_profiles,
        {"measures": "Head profiles: measures", "roles": "Head profiles: roles"},
        "per query: entropy -sum a ln a, shares and distance of what it attends to (Clark et al. 2019)",
        chapter="head-profiles",
        needs_matrices=True,
        n=2,
    ),
    "log_distributions": FigureKind(
        draw_log_distributions,
        {
            "term": "Distribution of self-attention over terms",
            "class": "Distribution of self-attention by gold class",
            "label": "Distribution of self-attention by gold label",
            "layer": "Distribution of self-attention by layer",
        },
        "occurrences of terms by log10 of the max, mean and min of a over heads (Škrlj et al. 2021)",
        chapter="tokens",
        n=3,
    ),
    "normal_quantiles": FigureKind(
        draw_normal_quantiles,
        {"term": "Normal Q-Q plot of terms", "occurrence": "Normal Q-Q plot of occurrences"},
        "log10 of the max, mean and min of a against normal quantiles of the share below",
        chapter="tokens",
        n=2,
    ),
    "curves": FigureKind(
        draw_curves,
        {"": "Self-attention by position and by length"},
        "mean of a and of ln(n a) by place in the text and by length of the window",
        chapter="tokens",
    ),
    "faithfulness": FigureKind(
        draw_faithfulness,
        {"": "Predictions without the tokens that a score ranks highest"},
        "p of the predicted class or label set of the whole document minus p without, or with only, the highest-ranked "
        "tokens (DeYoung et al. 2020); in regression the absolute difference of the value",
        chapter="evidence",
        needs_evidence=True,
    ),
    "head_ablation": FigureKind(
        draw_head_ablation,
        {"": "Predictions without more and more heads"},
        "accuracy, exact match or mean absolute error with the least important heads switched off together (Michel et "
        "al. 2019)",
        chapter="evidence",
        needs_evidence=True,
    ),
    "head_importance": FigureKind(
        draw_head_importance,
        {"grid": "Importance of heads", "scatter": "Importance of heads: measured, by gradients, and self-attention"},
        "mean |change of ln p| of the predicted class or label set, or of the value, without the head; Spearman's rank "
        "correlation over heads",
        chapter="evidence",
        needs_evidence=True,
        n=2,
    ),
    "model_changes": FigureKind(
        draw_model_changes,
        {"": "Heads: this model and others compared"},
        "difference of means over input rows of ln(n a), paired; p from random signs; Benjamini-Hochberg q",
        chapter="models",
        needs_models=True,
    ),
    "effect_replications": FigureKind(
        draw_effect_replications,
        {"": "Effects in this model and in those of other seeds"},
        "Hedges' g, or Spearman's rho in regression, of gold classes or values in heads; means over seeds",
        chapter="models",
        needs_models=True,
    ),
    "model_layers": FigureKind(
        draw_model_layers,
        {"": "Self-attention and evenness of models by layer"},
        "means over heads and input rows of ln(n a) and of H / ln n",
        chapter="models",
        needs_models=True,
    ),
    "model_agreement": FigureKind(
        draw_model_agreement,
        {"": "Predictions: every two models compared"},
        "share of documents with the same predicted class or label set; in regression Spearman's correlation of values",
        chapter="models",
        needs_models=True,
    ),
    "class_heads": FigureKind(
        draw_class_heads,
        {
            "gold": "Heads: gold classes compared",
            "predicted": "Heads: predicted classes compared",
            "correct": "Heads: misclassified and correctly classified documents compared",
        },
        "Hedges' g of documents' mean ln(n a), group against rest; permutation p; Benjamini-Hochberg q",
        chapter="classes",
        tasks=("single_label",),
        n=3,
    ),
    "label_heads": FigureKind(
        draw_label_heads,
        {
            "gold": "Heads: gold labels compared",
            "predicted": "Heads: predicted labels compared",
            "correct": "Heads: documents with all labels right compared with others",
        },
        "Hedges' g of documents' mean ln(n a), with against without; permutation p; Benjamini-Hochberg q",
        chapter="classes",
        tasks=("multi_label",),
        n=3,
    ),
    "value_heads": FigureKind(
        draw_value_heads,
        {
            "gold": "Heads: correlation with the gold value",
            "predicted": "Heads: correlation with the predicted value",
            "error": "Heads: correlation with the absolute error",
        },
        "Spearman's rho of documents' mean ln(n a) with a value, given the length; permutation p; Benjamini-Hochberg q",
        chapter="classes",
        tasks=("regression",),
        n=3,
    ),
    "class_terms": FigureKind(
        draw_class_terms,
        {
            "gold": "Terms: gold classes compared",
            "predicted": "Terms: predicted classes compared",
            "correct": "Terms: misclassified and correctly classified documents compared",
        },
        "log-odds with an informative Dirichlet prior (Monroe et al. 2008), plain and weighted by n a",
        chapter="classes",
        tasks=("single_label",),
        names_words=True,
        n=3,
    ),
    "label_terms": FigureKind(
        draw_label_terms,
        {
            "gold": "Terms: gold labels compared",
            "predicted": "Terms: predicted labels compared",
            "correct": "Terms: documents with all labels right compared with others",
        },
        "log-odds with an informative Dirichlet prior (Monroe et al. 2008), plain and weighted by n a",
        chapter="classes",
        tasks=("multi_label",),
        names_words=True,
        n=3,
    ),
    "value_terms": FigureKind(
        draw_value_terms,
        {
            "gold": "Terms: correlation with the gold value",
            "predicted": "Terms: correlation with the predicted value",
            "error": "Terms: correlation with the absolute error",
        },
        "Spearman's rho of a term's share of a document, and of its mean ln(n a), with a value, given the length",
        chapter="classes",
        tasks=("regression",),
        names_words=True,
        n=3,
    ),
    "class_cloud": FigureKind(
        draw_class_clouds,
        {"group": "Word cloud of a class"},
        "exp of the mean of ln(n a) over a word's occurrences in documents of the class and all heads, corrected for "
        "length and shrunken",
        chapter="classes",
        tasks=("single_label", "multi_label"),
        names_words=True,
        n=0,
        n_more=count_class_clouds,
    ),
    "word_cloud": FigureKind(
        draw_clouds,
        {"": "Word cloud of all heads", "head": "Word cloud"},
        "mean of a over a token's occurrences in the head, or in all heads",
        names_words=True,
        n_more=count_heads,
    ),
}
