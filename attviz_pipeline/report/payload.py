"""How numbers and texts travel inside a page: quantised, compressed, and safe within a data block.

Self-attention spans many orders of magnitude, so it is coded on a logarithmic scale. With 256 codes over [1e-6, 1] a
shown value is off by at most 2.76 %; the aggregates have 65,536 codes over [1e-12, 1e3] and 0.03 %.
"""

import base64
import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

DEFLATE_LEVEL = 6


@dataclass(frozen=True)
class LogCode:
    """Unsigned codes of positive numbers: code 0 means "below `low`", the others are evenly spaced logarithms.

    Args:
        name: Name of the code in a payload's header.
        low: Value of code 1.
        high: Value of the last code.
        bits: 8 or 16.
    """

    name: str
    low: float
    high: float
    bits: int

    @property
    def n_steps(self) -> int:
        """Number of intervals between code 1 and the last code."""
        return int(2**self.bits - 2)

    @property
    def step(self) -> float:
        """Distance of two neighbouring codes, as a natural logarithm."""
        return math.log(self.high / self.low) / self.n_steps

    @property
    def relative_error(self) -> float:
        """Largest relative error of a decoded value within [low, high]."""
        return math.expm1(self.step / 2)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian unsigned integers."""
        return np.dtype(f"<u{self.bits // 8}")

    def encode(self, values: NDArray[np.floating[Any]]) -> NDArray[np.unsignedinteger[Any]]:
        """Return the nearest code of each value; what is out of range goes to the nearest end."""
        floor = self.low * math.exp(-self.step / 2)
        positions = np.log(np.maximum(values, floor, dtype=np.float64) / self.low) / self.step
        codes = np.where(values < floor, 0, 1 + np.clip(np.rint(positions), 0, self.n_steps))
        return codes.astype(self.dtype)

    def decode(self, codes: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.float64]:
        """Return the values; code 0 becomes 0."""
        values = self.low * np.exp((codes.astype(np.float64) - 1) * self.step)
        return np.where(codes == 0, 0.0, values)

    def header(self) -> dict[str, float | str]:
        """Describe the code to the page that decodes it."""
        return {"enc": self.name, "lo": self.low, "hi": self.high}


ATTENTION_CODE = LogCode("u8log6", 1e-6, 1.0, 8)
AGGREGATE_CODE = LogCode("u16log12", 1e-12, 1e3, 16)


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
    return pack(codes - medians[:, None]), pack(medians)


def encode_aggregates(aggregates: NDArray[np.float32]) -> str:
    """Code the aggregates of one document, [aggregate, token]."""
    return pack(AGGREGATE_CODE.encode(aggregates))


def encode_offsets(starts: NDArray[np.int32], ends: NDArray[np.int32]) -> str:
    """Code token offsets as differences: gap to the token before, then length; little-endian int32 pairs."""
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return pack(np.stack([gaps, ends - starts], axis=1).astype("<i4"))


def pack(array: NDArray[Any]) -> str:
    """Compress an array's bytes (raw deflate) and write them in base64."""
    compressor = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -15)
    compressed = compressor.compress(array.tobytes()) + compressor.flush()
    return base64.b64encode(compressed).decode("ascii")


def unpack(text: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Undo `pack`; the array comes back flat."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text), -15), dtype)


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
