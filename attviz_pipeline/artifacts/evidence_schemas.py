"""Formats of evidence: whether attention matters to the prediction."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import IDENTITY, Schema, column, list_of

_POSITION, _ID, _SOURCE, _, _LABEL = IDENTITY
_PREDICTION = column("prediction", pa.int32(), "Predicted class, index into the dataset's label names")
_DOCUMENT = [_POSITION, _ID, _SOURCE, _LABEL, _PREDICTION]

_LOG = "log probability, combined over the document's windows"
_KNOWN = "null if the gold class is unknown"
_GATES = "null if the heads have no gates"
_FINITE = "null if a gradient is NaN or infinite"


def _gradients(prefix: str, label: str, also_null: str) -> list[pa.Field]:
    return [
        column(
            f"{prefix}gradient_x_input",
            list_of(pa.float32()),
            f"Gradient of the {label} class's log probability at the token's embedding, before positions and "
            f"normalisation, times the embedding, summed over its components, [token]; {_FINITE}{also_null}",
            nullable=True,
        ),
        column(
            f"{prefix}gradient_norm",
            list_of(pa.float32()),
            "Norm of the same products, [token]",
            nullable=True,
        ),
        column(
            f"{prefix}head_gradients",
            list_of(pa.float32()),
            f"Gradient of the {label} class's log probability at a factor of the head's output, at 1, "
            f"[layer, head]; {_FINITE}, {_GATES}{also_null}",
            nullable=True,
        ),
    ]


GRADIENTS = Schema(
    "gradients",
    1,
    "compute_gradients",
    "One row per document of the sample `evidence.max_documents`, sorted by `position`. Facts: `n_layers`, `n_heads`, "
    "`model`, `device`, `gates`: why heads have no gates, or null; `n_not_finite`: documents with NaN or infinite "
    "gradients",
    pa.schema(
        [
            *_DOCUMENT,
            column("log_probability", pa.float64(), f"Predicted class: {_LOG}, nats"),
            column("gold_log_probability", pa.float64(), f"Gold class: {_LOG}, nats; {_KNOWN}", nullable=True),
            *_gradients("", "predicted", ""),
            *_gradients("gold_", "gold", f", or {_KNOWN.removeprefix('null ')}"),
        ]
    ),
)

_SHORT = "`n_too_short`: documents with fewer than two tokens of text, which are left out"
_REMOVAL = "`removal`: mask, delete or hide, how tokens were removed"

LEAVE_ONE_OUT = Schema(
    "leave_one_out",
    1,
    "leave_tokens_out",
    "One row per document of the sample `evidence.leave_one_out_documents`, sorted by `position`. "
    f"Facts: `model`, `device`, {_REMOVAL}; {_SHORT}",
    pa.schema(
        [
            *_DOCUMENT,
            column(
                "places", list_of(pa.int32()), "Places of the removed tokens among the document's tokens, [removed]"
            ),
            column("probabilities", list_of(pa.float64()), "Probabilities of the whole document, [class], 0..1"),
            column(
                "changes",
                list_of(pa.float32()),
                "Probabilities without the token minus those of the whole document, [removed, class], -1..1",
            ),
        ]
    ),
)

_SCORE = [
    column("score", pa.string(), "Name of the token score, as in `evidence.scores`, or random"),
    column("layer", pa.int32(), "Layer of `self_layers`, 0-based; else null", nullable=True),
]

DOCUMENT_FAITHFULNESS = Schema(
    "document_faithfulness",
    1,
    "measure_faithfulness",
    "One row per document of the sample `evidence.max_documents` and ranking of its tokens; sorted by `position`. "
    "Facts: `n_layers`, `model`, `device`, `fractions`, `random_rankings`, `unavailable`: names of the scores that "
    f"the study does not have, with reasons, {_REMOVAL}; {_SHORT}",
    pa.schema(
        [
            *_DOCUMENT,
            *_SCORE,
            column("draw", pa.int32(), "Number of the random ranking, 0-based; else null", nullable=True),
            column("n_text_tokens", pa.int32(), "Ranked tokens: those that are not special"),
            column("probability", pa.float64(), "Probability of the predicted class, 0..1"),
            column(
                "comprehensiveness",
                list_of(pa.float64()),
                "Fall of that probability when the highest-ranked tokens are removed, [fraction], -1..1",
            ),
            column(
                "sufficiency",
                list_of(pa.float64()),
                "Fall of that probability when all other tokens are removed, [fraction], -1..1",
            ),
            column(
                "tau",
                pa.float64(),
                "Kendall's tau-b with the fall without each token, -1..1; null outside the sample "
                "`evidence.leave_one_out_documents`, for leave_one_out itself, and if one of the two is constant",
                nullable=True,
            ),
        ]
    ),
)

ALL: tuple[Schema, ...] = (GRADIENTS, LEAVE_ONE_OUT, DOCUMENT_FAITHFULNESS)
