"""How numbers and texts travel inside a page: quantised, compressed, and safe within a data block."""

import json
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE
from attviz_pipeline.artifacts.packing import pack

INT16_MAX = 32_767


def encode_attention(attention: NDArray[np.float32]) -> tuple[str, str]:
    """Code the self-attention of one document.

    Each head's median code is subtracted (modulo 256): heads differ in level, and codes near 0 compress better.

    Args:
        attention: [row, token], 0..1; rows are the heads of all layers.

    Returns:
        Packed code differences, [row, token], and packed medians, [row].
    """
    codes = ATTENTION_CODE.encode(attention)
    middle = codes.shape[1] // 2
    medians = np.partition(codes, middle, axis=1)[:, middle]
    return pack(codes - medians[:, None], repeats=False), pack(medians, repeats=False)


def encode_aggregates(aggregates: NDArray[np.floating[Any]]) -> str:
    """Code the aggregates of one document, and what full mode adds to them, [aggregate, token]."""
    return pack(AGGREGATE_CODE.encode(aggregates), repeats=False)


def encode_signed(numbers: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Code numbers of either sign, in steps of their largest absolute value / 32,767; little-endian int16, packed."""
    scale = float(np.abs(numbers).max(initial=0)) or 1.0
    return {"scale": scale, "codes": pack(np.rint(numbers / scale * INT16_MAX).astype("<i2"))}


def encode_offsets(starts: NDArray[np.int32], ends: NDArray[np.int32]) -> str:
    """Code token offsets as differences: gap to the token before, then length; little-endian int32 pairs."""
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return pack(np.stack([gaps, ends - starts], axis=1).astype("<i4"))


def script_json(content: object) -> Markup:
    """Write JSON that is safe inside a script element and as JavaScript source.

    A "<" could end the element; U+2028 and U+2029 once ended a line of JavaScript.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(text)  # noqa: S704 - made safe on the line above


def utf16_offsets(text: str, offsets: NDArray[np.int32]) -> NDArray[np.int32]:
    """Convert offsets in code points to offsets in UTF-16 units, which JavaScript counts."""
    if text.isascii():
        return offsets
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    wide = np.concatenate([[0], np.cumsum(points > 0xFFFF)])
    shifted: NDArray[np.int32] = (offsets + wide[offsets]).astype(np.int32)
    return shifted
