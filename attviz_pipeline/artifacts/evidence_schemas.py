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

ALL: tuple[Schema, ...] = (GRADIENTS,)
