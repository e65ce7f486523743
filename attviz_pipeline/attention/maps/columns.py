"""The maps of a window as columns of schema `maps`: encoded, flat, with vectors only if these explain the matrices."""

from typing import Any

import numpy as np
from torch import Tensor

from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.attention.maps.reduction import Maps

MOST_ERROR = 0.05  # vectors with a larger error do not explain the matrix
VECTORS = ("queries", "keys", "scale", "vectors_error")


def map_columns(maps: Maps) -> dict[str, Any]:
    """Return the columns of a window's maps; those of vectors are None if `vectors_fault` returns a reason."""
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
    """Return why no vectors explain the matrices; empty if there are such vectors."""
    if "queries" not in maps:
        return "the model does not expose vectors whose softmaxed scores are its attention"
    error = float(maps["vectors_error"].max())
    # Vectors too large for half precision give NaN, for which the comparison is false.
    return "" if error <= MOST_ERROR else f"the attention computed from them differs by up to {error:.2g}"


def _codes(values: Tensor) -> Any:  # noqa: ANN401 - bytes of any shape, made flat
    return ATTENTION_CODE.encode(values.numpy()).ravel()
