"""File formats of the comparison of models that read the same documents."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import Schema, column

MODEL_NAME = column(
    "model",
    pa.string(),
    "Name of the model: `own`, `pretrained`, `seed-` and its seed, `epoch-` and its number, or as in `compare.models`",
)
_HEAD = [
    column("layer", pa.int32(), "Layer, 0-based"),
    column("head", pa.int32(), "Head, 0-based"),
]
_LOG_RATIO = "mean over input rows of a document's mean ln(n a)"
_EVENNESS = "mean over input rows of a document's H / ln n, 0..1"
_UNITS = "Input rows are the units: a row's value is the mean over its documents"


def _bounds(name: str, how: str) -> list[pa.Field]:
    return [
        column(f"{name}_{end}", pa.float64(), f"{bound} bound of its 95 % interval: {how}", nullable=True)
        for end, bound in (("low", "Lower"), ("high", "Upper"))
    ]


def _estimated(name: str, what: str, how: str) -> list[pa.Field]:
    return [column(name, pa.float64(), what, nullable=True), *_bounds(name, how)]


_UNDEFINED = "null for an untrained classifier, without labelled documents"

MODELS = Schema(
    "models",
    4,
    "compare_models",
    "One row per model that read the study's documents, the study's own first. Facts: `n_documents` (those that are "
    "compared), `n_sampled` (the same), `n_analysed` (all), `n_rows` (input rows), `n_layers`, `n_heads`; `failed`: of "
    "each model that could not be compared `model`, `kind`, `seed`, "
    "`epoch`, the `stage` that failed, and its `reason`",
    pa.schema(
        [
            MODEL_NAME,
            column(
                "kind",
                pa.string(),
                "own, pretrained (before fine-tuning), seed (fine-tuned with another seed), epoch (the own model after "
                "an earlier or later epoch), or other",
            ),
            column(
                "seed",
                pa.int64(),
                "Seed of its fine-tuning; null unless `own` or `seed`, and where the study loads a finished model",
                nullable=True,
            ),
            column("epoch", pa.int32(), "Number of the epoch, from 1; null unless `epoch`", nullable=True),
            column("source", pa.string(), "Hub id or folder from which the model came"),
            column(
                "has_own_layout",
                pa.bool_(),
                "Whether it has the layers, heads, tokens and terms of the own model, so that heads are compared",
            ),
            column("score", pa.string(), "Score of the task: macro_f1 or r2"),
            column(
                "test",
                pa.float64(),
                "That score on split test; null without one, and for `pretrained`, whose classifier is untrained",
                nullable=True,
            ),
            column(
                "effect_correlation",
                pa.float64(),
                "Pearson's correlation, over all effects of gold classes or values in heads, with those of the own "
                "model; null without effects, or in another layout",
                nullable=True,
            ),
            *_estimated(
                "accuracy",
                "Share of the labelled analysed documents that are classified correctly, in multi_label with exactly "
                f"the gold labels; {_UNDEFINED}, and in regression",
                "Wilson, n divided by the design effect of documents of one input row",
            ),
            *_estimated(
                "mae",
                f"Mean absolute error over the same documents; {_UNDEFINED}, and in classification",
                "bootstrap over input rows, with 50 or more of them",
            ),
            column(
                "ece",
                pa.float64(),
                "Expected calibration error over the same documents, bins of equal width, 0..1, as in `assessment`; in "
                f"multi_label the mean over labels; {_UNDEFINED}, and in regression",
                nullable=True,
            ),
            column("ece_by_chance", pa.float64(), "Mean `ece` of a perfectly calibrated model", nullable=True),
        ]
    ),
)

MODEL_LAYERS = Schema(
    "model_layers",
    2,
    "compare_models",
    f"One row per model and layer: means over its heads, as the models of the table `models`. {_UNITS}",
    pa.schema(
        [
            MODEL_NAME,
            _HEAD[0],
            column("log_ratio", pa.float64(), f"Self-attention: {_LOG_RATIO}", nullable=True),
            *_bounds("log_ratio", "input rows"),
            column("evenness", pa.float64(), f"Evenness: {_EVENNESS}", nullable=True),
            *_bounds("evenness", "input rows"),
            column(
                "attention_evenness",
                pa.float64(),
                "Entropy of a token's attention to all tokens over ln n, 0..1, mean over documents and heads; null "
                "without full mode",
                nullable=True,
            ),
            column("n_effects", pa.int64(), "Effects of gold classes or values in the heads of the layer"),
            column("n_effects_found", pa.int64(), "Those with q < 0.05"),
            column(
                "mean_effect_size", pa.float64(), "Mean of their absolute values, g or rho; null without", nullable=True
            ),
        ]
    ),
)


def _change(name: str, what: str, how: str) -> list[pa.Field]:
    return [
        column(f"{name}_change", pa.float64(), what, nullable=True),
        *_bounds(f"{name}_change", how),
    ]


_FLIPS = "Two-sided p of a change of 0: the signs of the input rows' changes are flipped at random"

MODEL_HEADS = Schema(
    "model_heads",
    2,
    "compare_models",
    f"One row per compared model and head: the study's own model minus the compared one, on the same documents. "
    f"{_UNITS}. The same document has the same length in both models, so length cancels in changes of ln(n a). "
    "Facts: `n_layers`, `n_heads`, `n_rows`, `n_flips` (random signs of a test), `seed`",
    pa.schema(
        [
            MODEL_NAME,
            *_HEAD,
            column("own_log_ratio", pa.float64(), f"Own model: {_LOG_RATIO}", nullable=True),
            column("log_ratio", pa.float64(), f"Compared model: {_LOG_RATIO}", nullable=True),
            *_change("log_ratio", "`own_log_ratio` minus `log_ratio`", "input rows, paired"),
            column("log_ratio_p", pa.float64(), _FLIPS, nullable=True),
            column(
                "log_ratio_q",
                pa.float64(),
                "False discovery rate of `log_ratio_p` over all heads and both quantities of the compared model",
                nullable=True,
            ),
            column("own_evenness", pa.float64(), f"Own model: {_EVENNESS}", nullable=True),
            column("evenness", pa.float64(), f"Compared model: {_EVENNESS}", nullable=True),
            *_change("evenness", "`own_evenness` minus `evenness`", "input rows, paired"),
            column("evenness_p", pa.float64(), _FLIPS, nullable=True),
            column("evenness_q", pa.float64(), "As `log_ratio_q`", nullable=True),
            column(
                "own_role", pa.string(), "Own model: role as in `head_profiles`; null without full mode", nullable=True
            ),
            column("role", pa.string(), "Compared model: the same", nullable=True),
            column("n_terms", pa.int64(), "Supported terms, without special tokens, in the next two columns"),
            column(
                "term_correlation",
                pa.float64(),
                "Spearman's rank correlation of the terms' `corrected_log_ratio` in this head of the two models, "
                "-1..1; null with fewer than three terms, or if all have one value",
                nullable=True,
            ),
            column(
                "other_heads_correlation",
                pa.float64(),
                "What other heads give: the median of the same correlation of this head with each other head of the "
                "own model",
                nullable=True,
            ),
        ]
    ),
)

_WITH_MODELS = "input rows and models, crossed; null with one model"

FINE_TUNED_HEADS = Schema(
    "fine_tuned_heads",
    1,
    "compare_models",
    "One row per head, if the study compares with the pretrained model and has at least two fine-tuned models, its own "
    f"and one of another seed; else empty. Changes are fine-tuned minus pretrained. {_UNITS}, and models are units, "
    "too: what differs from seed to seed is in the interval. Facts: `n_models`, `n_rows`",
    pa.schema(
        [
            *_HEAD,
            *_change("log_ratio", "Change of the mean of ln(n a), mean over the fine-tuned models", _WITH_MODELS),
            column("log_ratio_spread", pa.float64(), "Standard deviation of it over the models", nullable=True),
            column("log_ratio_p", pa.float64(), "Two-sided p of a mean change of 0 by the same t", nullable=True),
            column(
                "log_ratio_q",
                pa.float64(),
                "False discovery rate of it and `evenness_p`, over all heads",
                nullable=True,
            ),
            *_change("evenness", "Change of the mean evenness, mean over the fine-tuned models", _WITH_MODELS),
            column("evenness_spread", pa.float64(), "Standard deviation of it over the models", nullable=True),
            column("evenness_p", pa.float64(), "As `log_ratio_p`", nullable=True),
            column("evenness_q", pa.float64(), "As `log_ratio_q`", nullable=True),
        ]
    ),
)

EFFECT_REPLICATIONS = Schema(
    "effect_replications",
    1,
    "compare_models",
    "One row per effect of `class_heads` with gold classes, labels or values, in the same order: whether models that "
    "were fine-tuned with other seeds have it, too. All models read the same documents",
    pa.schema(
        [
            column("grouping", pa.string(), "gold"),
            column("group", pa.string(), "As in `class_heads`"),
            *_HEAD,
            column("effect", pa.float64(), "Effect in the own model, g or rho as in `class_heads`", nullable=True),
            column("effect_low", pa.float64(), "Lower bound of its interval, of input rows only", nullable=True),
            column("effect_high", pa.float64(), "Upper bound of that interval", nullable=True),
            column("q", pa.float64(), "Its q in the own model", nullable=True),
            column("n_others", pa.int32(), "Models fine-tuned with other seeds"),
            column("n_found_again", pa.int32(), "Those in which it has the same sign and q < 0.05"),
            column("mean_effect", pa.float64(), "Mean effect over all fine-tuned models", nullable=True),
            column("spread", pa.float64(), "Standard deviation of the effect over them; null with one", nullable=True),
            *_bounds("mean_effect", _WITH_MODELS),
            column("pretrained_effect", pa.float64(), "Effect before fine-tuning, if compared", nullable=True),
        ]
    ),
)

_REGRESSION = "null in regression"
MODEL_PREDICTIONS = Schema(
    "model_predictions",
    1,
    "compare_models",
    "One row per pair of models with a trained classifier, those of the study's own model first: whether they predict "
    "the same for the same documents. Differences and their tests are in the rows of the own model only. Fact: `seed`",
    pa.schema(
        [
            MODEL_NAME,
            column("other", pa.string(), "Name of the other model of the pair"),
            column("n_documents", pa.int64(), "Documents that both models read"),
            *_estimated(
                "agreement",
                f"Share of the documents for which both predict the same class, or the same label set; {_REGRESSION}",
                "Wilson, n divided by the design effect of documents of one input row",
            ),
            column(
                "agreement_by_chance",
                pa.float64(),
                "Agreement of two models that predict each class or label set as often as these, but independently; "
                f"{_REGRESSION}",
                nullable=True,
            ),
            column(
                "kappa",
                pa.float64(),
                "Cohen's kappa: (agreement - by chance) / (1 - by chance), at most 1; null if chance gives 1, and in "
                "regression",
                nullable=True,
            ),
            *_estimated(
                "value_correlation",
                "Spearman's correlation of the predicted values, -1..1; null in classification, or if a model predicts "
                "one value only",
                "bootstrap over input rows, of pairs with the own model and with 50 rows or more",
            ),
            column("n_labelled", pa.int64(), "Labelled documents; null in rows of other pairs", nullable=True),
            *_estimated(
                "difference",
                "Accuracy of `model` minus that of `other` over the labelled documents (exact match in multi_label, "
                "mean absolute error in regression)",
                "input rows, paired",
            ),
            column(
                "n_only_model_right", pa.int64(), f"Documents that only `model` has right; {_REGRESSION}", nullable=True
            ),
            column(
                "n_only_other_right", pa.int64(), f"Documents that only `other` has right; {_REGRESSION}", nullable=True
            ),
            column(
                "test",
                pa.string(),
                "Test of `difference`: mcnemar (exact), or signs (random signs of input rows), in regression and where "
                "an input row has several documents",
                nullable=True,
            ),
            column("p", pa.float64(), "Its two-sided p", nullable=True),
            column("q", pa.float64(), "False discovery rate of `p` over the compared models", nullable=True),
        ]
    ),
)

MODEL_WORDS = Schema(
    "model_words",
    1,
    "compare_models",
    "One row per compared model: whether it attends to the same terms as the own model. Terms are those that both "
    "have, frequent enough, and no special tokens. Facts: `n_halves`, `n_permutations`, `seed`",
    pa.schema(
        [
            MODEL_NAME,
            column("n_terms", pa.int64(), "Terms that both models have"),
            column(
                "correlation",
                pa.float64(),
                "Spearman's correlation over these terms of `corrected_log_ratio`, averaged over all heads of each "
                "model; null with fewer than three terms. No interval: terms share documents",
                nullable=True,
            ),
            column(
                "halves_correlation",
                pa.float64(),
                "What the own model's heads give: the median of the same correlation between random halves of them; "
                "null with one head",
                nullable=True,
            ),
            column("n_matched", pa.int64(), "Matched pairs of heads; null in the own layout", nullable=True),
            column("matched_mean", pa.float64(), "Mean `correlation` of `matched_heads`", nullable=True),
            column(
                "matched_by_chance",
                pa.float64(),
                "Mean of it over permutations of the compared model's terms, each with its own best matching",
                nullable=True,
            ),
            column("matched_by_chance_high", pa.float64(), "95th percentile over them", nullable=True),
            column("matched_p", pa.float64(), "One-sided p of `matched_mean` from them", nullable=True),
            column("matched_q", pa.float64(), "False discovery rate of it over models of other layouts", nullable=True),
        ]
    ),
)

MODEL_TERMS = Schema(
    "model_terms",
    1,
    "compare_models",
    "One row per model, the own first, and term that the own model ranks, too; sorted by model and `rank`. The values "
    "are those of each model's `terms`, without special tokens",
    pa.schema(
        [
            MODEL_NAME,
            column("term", pa.string(), "The token, word or lower-cased word"),
            column("rank", pa.int64(), "Place of the term among all terms of the model; 1 is the highest"),
            column("shrunken_log_ratio", pa.float64(), "Mean of ln(n a), corrected for length and shrunken"),
            column("shrunken_log_ratio_low", pa.float64(), "Lower bound of its 95 % interval", nullable=True),
            column("shrunken_log_ratio_high", pa.float64(), "Upper bound of its 95 % interval", nullable=True),
        ]
    ),
)

MATCHED_HEADS = Schema(
    "matched_heads",
    1,
    "compare_models",
    "One row per matched pair of heads of the own model and one of another layout: the one-to-one matching with the "
    "largest sum of correlations. The model with more heads has unmatched ones",
    pa.schema(
        [
            MODEL_NAME,
            *_HEAD,
            column("other_layer", pa.int32(), "Layer of the compared model, 0-based"),
            column("other_head", pa.int32(), "Head of the compared model, 0-based"),
            column(
                "correlation",
                pa.float64(),
                "Spearman's correlation of the shared terms' `corrected_log_ratio` in these two heads, -1..1",
            ),
        ]
    ),
)

FAILED_MODEL = Schema(
    "failed_model",
    1,
    "the stages of a compared model",
    "Why a compared model has no results: the `stage` that failed, and its `reason`. It is in place of each file that "
    "the model's stages would have written, under the same name; in a folder it is `failed.json`",
)

ALL: tuple[Schema, ...] = (
    *(MODELS, MODEL_LAYERS, MODEL_HEADS, FINE_TUNED_HEADS, EFFECT_REPLICATIONS),
    *(MODEL_PREDICTIONS, MODEL_WORDS, MODEL_TERMS, MATCHED_HEADS, FAILED_MODEL),
)
