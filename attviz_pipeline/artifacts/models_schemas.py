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


MODELS = Schema(
    "models",
    2,
    "compare_models",
    "One row per model that read the study's documents, the study's own first. Facts: `n_documents`, `n_rows` (input "
    "rows), `n_layers`, `n_heads`",
    pa.schema(
        [
            MODEL_NAME,
            column(
                "kind",
                pa.string(),
                "own, pretrained (before fine-tuning), seed (fine-tuned with another seed), epoch (the own model after "
                "an earlier or later epoch), or other",
            ),
            column("seed", pa.int64(), "Seed of its fine-tuning; null unless `own` or `seed`", nullable=True),
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
        ]
    ),
)

MODEL_LAYERS = Schema(
    "model_layers",
    1,
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
    1,
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

ALL: tuple[Schema, ...] = (MODELS, MODEL_LAYERS, MODEL_HEADS, FINE_TUNED_HEADS, EFFECT_REPLICATIONS)
