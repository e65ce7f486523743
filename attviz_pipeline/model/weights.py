"""The weight files of a model that transformers loads."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
OTHER_WEIGHTS = {".safetensors", ".h5", ".msgpack", ".onnx", ".gguf", ".ot"}
PICKLE_REFUSED = (
    "weights are there only as pickle, and reading a pickle can run any code: refused; convert them on an isolated "
    "machine: AutoModelForSequenceClassification.from_pretrained(...).save_pretrained(...) writes safetensors"
)
WEIGHTS_MISSING = "missing; weights are read from safetensors files only, because reading a pickle can run any code"


def first_weight_file(names: Collection[str], config: dict[str, Any]) -> str | None:
    """Return the file that transformers reads first: weights, or the index of their shards; None if there is neither.

    Args:
        names: All files of the model's folder or repository.
        config: Content of config.json, which may name the file itself.
    """
    named = config.get("transformers_weights")
    if isinstance(named, str):
        return named
    return next((name for name in (WEIGHTS, INDEX) if name in names), None)


def weight_files(folder: Path) -> list[Path]:
    """List the weight files that transformers loads: one, or the shards that the index lists.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, RecursionError: The index is damaged.
    """
    first = first_weight_file([file.name for file in folder.iterdir()], read_config(folder))
    if first is None or not first.endswith(".index.json"):
        return [folder / first] if first else []
    index = json.loads((folder / first).read_text(encoding="utf-8"))
    return [folder / name for name in sorted(set(index["weight_map"].values()))]


def read_config(folder: Path) -> dict[str, Any]:
    """Return the content of config.json, empty if it is damaged."""
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def missing_weights(names: Collection[str]) -> tuple[str, str]:
    """Return the name of a missing or pickled weight file, and a description of the problem."""
    pickles = sorted(name for name in names if Path(name).suffix in PICKLES)
    others = sorted(name for name in names if Path(name).suffix in OTHER_WEIGHTS)
    if pickles and not any(name.endswith(".safetensors") for name in others):
        return pickles[0], PICKLE_REFUSED
    there = f"; there are {', '.join((others + pickles)[:10])}" if others or pickles else ""
    return WEIGHTS, WEIGHTS_MISSING + there
