"""What vectors of self-attention are called in files for other tools, whoever writes them."""

from typing import Any

EVIDENCE_NAMES = {"gradient_x_input": "gradient x input", "leave_one_out": "fall without the token"}
"""Vectors that are no attention, by the name of their token score."""


def head_names(facts: dict[str, Any]) -> list[str]:
    """Name every head, in the order of the rows: as the imported file did, or by layer and head.

    Args:
        facts: Facts of an attention artifact.
    """
    n_heads = facts["n_heads"]
    n_rows = facts["n_layers"] * n_heads
    return facts.get("vector_names") or [f"L{row // n_heads} H{row % n_heads}" for row in range(n_rows)]


def layer_names(facts: dict[str, Any]) -> list[str]:
    """Name the mean of each layer's heads, in the order of the layers."""
    return [f"layer {layer} mean" for layer in range(facts["n_layers"])]


def attviz_name(name: str) -> int | str:
    """Return a name as AttViz's own files have it: a whole number is no string."""
    return int(name) if name.isascii() and name.isdecimal() and str(int(name)) == name else name
