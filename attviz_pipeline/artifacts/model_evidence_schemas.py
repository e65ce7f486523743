"""File formats of the evidence of models that read the same documents, side by side."""

import pyarrow as pa

from attviz_pipeline.artifacts.models_schemas import MODEL_NAME
from attviz_pipeline.artifacts.schema import Schema, column

_EMPTY = "empty unless the study has `evidence.enabled` and compares a model whose classifier is trained"
_COUNTS = [
    column("n_documents", pa.int64(), "Documents of the sample, the same in every model"),
    column("n_sources", pa.int64(), "Their input rows"),
]

MODEL_IMPORTANCE = Schema(
    "model_importance",
    1,
    "compare_models",
    "One row per model with evidence, the study's own first: how important its heads are when they are switched off "
    f"(`measured` in `head_importance`), beside the own model's; {_EMPTY}. Facts: `by_chance`: the size of the "
    "correlation that 95 % of random orders of the own model's heads do not exceed, or null; `n_resamples`, "
    "`n_halvings`, `seed`; those of the task as in `head_importance`",
    pa.schema(
        [
            MODEL_NAME,
            column("n_documents", pa.int64(), "Documents in which its heads were switched off; 0 if they cannot be"),
            column("n_sources", pa.int64(), "Their input rows"),
            column("top_layer", pa.int32(), "Layer of its most important head, 0-based; null without", nullable=True),
            column("top_head", pa.int32(), "Number of that head in its layer, 0-based; null without", nullable=True),
            column(
                "top_importance",
                pa.float64(),
                "Importance of that head: mean absolute change of what was predicted, in nats or the value's unit",
                nullable=True,
            ),
            column(
                "rank_of_own_top",
                pa.int32(),
                "Rank in this model of the own model's most important head, 1 for the most important; null in "
                "another layout",
                nullable=True,
            ),
            column(
                "correlation",
                pa.float64(),
                "Spearman's correlation over heads with the importance in the own model, on the same documents, -1..1; "
                "null for the own model, and in another layout",
                nullable=True,
            ),
            column(
                "correlation_low",
                pa.float64(),
                "Lower bound of its normal 95 % interval: bootstrap over input rows; null with fewer than two",
                nullable=True,
            ),
            column("correlation_high", pa.float64(), "Upper bound of that interval", nullable=True),
            column(
                "other_documents",
                pa.float64(),
                "The same on other documents: mean, over random halves of the input rows, of the correlation of this "
                "model on one half with the own model on the other half. In the row of the own model, what the same "
                "model gives; null with fewer than two input rows",
                nullable=True,
            ),
        ]
    ),
)

MODEL_FAITHFULNESS = Schema(
    "model_faithfulness",
    1,
    "compare_models",
    "One row per model with evidence, measure and token score, random order left out: the rows of each model's table "
    f"`faithfulness` over all documents, as means over all fractions; {_EMPTY}. Facts: `fractions`",
    pa.schema(
        [
            MODEL_NAME,
            column("score", pa.string(), "Name of the token score, as in `evidence.scores`"),
            column("layer", pa.int32(), "Layer of `self_layers`, 0-based; else null", nullable=True),
            column("measure", pa.string(), "comprehensiveness or sufficiency"),
            column("removal", pa.string(), "How this model's tokens were removed: mask, delete or hide"),
            *_COUNTS,
            column("mean", pa.float64(), "Mean over documents, in parts of 1 or the value's unit"),
            column("floor", pa.float64(), "Mean of random order over the same documents", nullable=True),
            column("difference", pa.float64(), "Mean minus that of random order", nullable=True),
            column(
                "difference_low",
                pa.float64(),
                "Lower 95 % bound of `difference`: Student's t over input rows; null with fewer than two",
                nullable=True,
            ),
            column("difference_high", pa.float64(), "Upper 95 % bound", nullable=True),
            column("difference_q", pa.float64(), "q over the scores of this model and measure", nullable=True),
        ]
    ),
)

ALL: tuple[Schema, ...] = (MODEL_IMPORTANCE, MODEL_FAITHFULNESS)
