"""Coding positive numbers of many orders of magnitude in few bits: evenly spaced logarithms.

With 256 codes over [1e-6, 1] a value is off by at most 2.76 %; with 65,536 codes over [1e-12, 1e3] by 0.03 %.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LogCode:
    """Unsigned codes of positive numbers: code 0 means "below `low`", the others are evenly spaced logarithms.

    Args:
        name: Name of the code where it is described to a reader.
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
        """Describe the code to whoever decodes it."""
        return {"enc": self.name, "lo": self.low, "hi": self.high}


ATTENTION_CODE = LogCode("u8log6", 1e-6, 1.0, 8)
AGGREGATE_CODE = LogCode("u16log12", 1e-12, 1e3, 16)
