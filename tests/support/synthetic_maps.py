"""Token-to-token maps of invented documents: real softmaxes of random vectors, reduced as the artifact wants them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline.artifacts import attention_schemas, files, map_schemas
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.offsets import OFFSET_BINS

HEAD_SIZE = 8
ENTRIES_PER_ROW = 8
THUMBNAIL_SIZE = 16
WITHOUT_VECTORS = 5
BORDERS = ("[CLS]", "[SEP]")


def matrices(  # noqa: PLR0913 - the window, the shape, the model
    position: int, window: int, n_tokens: int, n_layers: int, n_heads: int, model: str = ""
) -> dict[str, NDArray[Any]]:
    """Query and key vectors [layer, head, token, size], and the matrices [layer, head, query, key] that they make.

    Those of another model than the study's own differ by a little noise.
    """
    random = np.random.default_rng([position, window])
    vectors = random.normal(0, 1.5, (2, n_layers, n_heads, n_tokens, HEAD_SIZE))
    if model:
        vectors += np.random.default_rng([position, window, *model.encode()]).normal(0, 0.4, vectors.shape)
    queries, keys = vectors.astype(np.float16)
    scores = np.einsum("lhqs,lhks->lhqk", queries.astype(np.float64), keys.astype(np.float64)) * scale()
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return {"queries": queries, "keys": keys, "attention": weights / weights.sum(axis=-1, keepdims=True)}


def scale() -> float:
    return float(HEAD_SIZE**-0.5)


def write_maps(path: Path, attention: Sequence[Path], positions: Collection[int], model: str = "") -> Path:
    """Write the maps of some documents of attention shards; later windows begin with a [CLS] of their own.

    Args:
        path: File to write.
        attention: Shards of the study's own model.
        positions: Of the documents.
        model: Name of another model, whose maps are without vectors.
    """
    facts = files.read_facts(attention[0], attention_schemas.ATTENTION)
    shape = (facts["n_layers"], facts["n_heads"])
    rows = [row for shard in attention for row in files.read_table(shard, attention_schemas.ATTENTION).to_pylist()]
    chosen = sorted((row for row in rows if row["position"] in positions), key=lambda row: row["position"])
    names = {"n_layers": shape[0], "n_heads": shape[1], "thumbnail_size": THUMBNAIL_SIZE}
    table = {**names, "entries_per_row": ENTRIES_PER_ROW, "code": ATTENTION_CODE.header(), "model": {}}
    with files.TableWriter(path, map_schemas.MAPS, table) as writer:
        for row in chosen:
            for number in range(len(row["windows"])):
                writer.write({name: [value] for name, value in _window(row, number, shape, model).items()})
    return path


def _window(row: dict[str, Any], number: int, shape: tuple[int, int], model: str) -> dict[str, Any]:
    kept = row["windows"][number]
    first, stop = kept["first_token"], kept["first_token"] + kept["n_tokens"]
    before = [] if number == 0 else [BORDERS[0]]
    after = [] if number == len(row["windows"]) - 1 else [BORDERS[1]]
    tokens = [*before, *row["tokens"][first:stop], *after]
    edges = [0] * len(before), [0] * len(after)
    made = matrices(row["position"], number, len(tokens), *shape, model)
    return {
        "position": row["position"],
        "id": row["id"],
        "window": number,
        "first_kept": len(before),
        "n_kept": kept["n_tokens"],
        "tokens": tokens,
        "token_ids": [*edges[0], *row["token_ids"][first:stop], *edges[1]],
        "starts": [*edges[0], *row["starts"][first:stop], *edges[1]],
        "ends": [*edges[0], *row["ends"][first:stop], *edges[1]],
        "special": [token in BORDERS for token in tokens],
        **_reduced(made["attention"]),
        **_by_offset(made["attention"], [token in BORDERS for token in tokens], kept["n_tokens"], len(before)),
        **({} if model or row["position"] == WITHOUT_VECTORS else _vectors(made, shape[0])),
        "keys_before": [len(tokens) - 1] * shape[0],
        "keys_after": [len(tokens) - 1] * shape[0],
    }


def _reduced(attention: NDArray[np.float64]) -> dict[str, Any]:
    n_tokens = attention.shape[-1]
    n_cells, n_entries = min(THUMBNAIL_SIZE, n_tokens), min(ENTRIES_PER_ROW, n_tokens)
    keys = np.argsort(-attention, axis=-1, kind="stable")[..., :n_entries]
    values = np.take_along_axis(attention, keys, axis=-1)
    cell = np.arange(n_tokens) * n_cells // n_tokens
    pooling = (cell[None] == np.arange(n_cells)[:, None]).astype(float)
    pictures = (pooling / pooling.sum(axis=1, keepdims=True)) @ attention @ pooling.T
    return {
        "thumbnails": ATTENTION_CODE.encode(pictures).ravel(),
        "entry_keys": keys.astype(np.uint16).ravel(),
        "entry_values": ATTENTION_CODE.encode(values).ravel(),
        "rest": ATTENTION_CODE.encode(np.maximum(0, 1 - values.sum(axis=-1))).ravel(),
    }


def _by_offset(attention: NDArray[np.float64], special: Sequence[bool], n_kept: int, first_kept: int) -> dict[str, Any]:
    text = ~np.array(special)
    kept = text & (np.arange(len(text)) - first_kept >= 0) & (np.arange(len(text)) - first_kept < n_kept)
    offset = np.arange(len(text)) - np.arange(len(text))[:, None]
    pairs = [(offset >= first) & (offset <= last) & kept[:, None] & text for first, last in OFFSET_BINS]
    sums = np.stack([(attention * among).sum(axis=(-2, -1)) for among in pairs], axis=-1)
    return {"offset_sums": sums.astype(np.float32).ravel(), "offset_pairs": [int(among.sum()) for among in pairs]}


def _vectors(made: dict[str, NDArray[Any]], n_layers: int) -> dict[str, Any]:
    vectors = {name: made[name].ravel() for name in ("queries", "keys")}
    return vectors | {"scale": [scale()] * n_layers, "vectors_error": [0.0] * n_layers}
