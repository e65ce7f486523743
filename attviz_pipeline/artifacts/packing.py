"""Numbers as text within a script: their bytes, deflated and in base64."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFLATE_LEVEL = 6


def pack_planes(array: NDArray[Any]) -> str:
    """Pack numbers of two bytes as all their low bytes, then all their high bytes, which compress far better."""
    pairs = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, 2)
    return pack(np.ascontiguousarray(pairs.T))


def pack(array: NDArray[Any], *, repeats: bool = True) -> str:
    """Compress an array's bytes (raw deflate) and write them in base64.

    Args:
        array: Of any shape.
        repeats: Whether to look for sequences that repeat. Codes of attention have none to speak of: without the search
            they take a third of the time, and 1.5 % fewer bytes.
    """
    strategy = zlib.Z_DEFAULT_STRATEGY if repeats else zlib.Z_HUFFMAN_ONLY
    compressor = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -15, strategy=strategy)
    compressed = compressor.compress(array.tobytes()) + compressor.flush()
    return base64.b64encode(compressed).decode("ascii")


def unpack(text: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Undo `pack`; the array comes back flat."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text), -15), dtype)
