"""The maps of a window as columns of schema `maps`: coded, flat, with vectors only where these explain the matrices."""

from typing import Any

import numpy as np
from torch import Tensor

from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.attention.maps.reduction import Maps

MOST_ERROR = 0.05  # vectors that miss a matrix by more do not explain it
VECTORS = ("queries", "keys", "scale", "vectors_error")


def map_columns(maps: Maps) -> dict[str, Any]:
    """Return the columns that come from the matrices; those of vectors are None if `vectors_fault` finds one."""
    columns = {
        "thumbnails": _codes(maps["thumbnails"]),
        "entry_keys": maps["entry_keys"].numpy().astype(np.uint16).ravel(),
        "entry_values": _codes(maps["entry_values"]),
        "rest": _codes(maps["rest"]),
        "offset_sums": maps["offset_sums"].numpy().astype(np.float32).ravel(),
        "keys_before": maps["keys_before"].amax(dim=-1).tolist(),
        "keys_after": maps["keys_after"].amax(dim=-1).tolist(),
    }
    if vectors_fault(maps):
        return columns | dict.fromkeys(VECTORS)
    return columns | {
        "queries": maps["queries"].numpy().ravel(),
        "keys": maps["keys"].numpy().ravel(),
        "scale": maps["scale"].amax(dim=-1).numpy(),
        "vectors_error": maps["vectors_error"].amax(dim=-1).numpy(),
    }


def vectors_fault(maps: Maps) -> str:
    """Say why there are no vectors that explain the matrices; empty if there are."""
    if "queries" not in maps:
        return "the model does not show vectors that its attention is the softmax of"
    error = float(maps["vectors_error"].max())
    # NaN, which vectors too large for half precision lead to, is no number below the bound.
    return "" if error <= MOST_ERROR else f"what they make of the attention is off by up to {error:.2g}"


def _codes(values: Tensor) -> Any:  # noqa: ANN401 - bytes of any shape, made flat
    return ATTENTION_CODE.encode(values.numpy()).ravel()
