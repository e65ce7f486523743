"""What the maps of a few documents take in a site, measured before documents are selected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.map_scripts import MAP_COLUMNS, VECTOR_COLUMNS, map_payload, vector_payloads
from attviz_pipeline.attention.maps.columns import map_columns
from attviz_pipeline.attention.maps.reading import MapReader, Row
from attviz_pipeline.attention.maps.size import Measured
from attviz_pipeline.config.settings import MapsSettings

N_MEASURED = 5
AROUND = 40
"""Bytes of a script around its content."""


def of_all_lengths(documents: Sequence[Row]) -> list[Row]:
    """Return a few documents, from the shortest to the longest, in equal steps of their rank."""
    ordered = sorted(documents, key=lambda document: (document["n_tokens"], document["position"]))
    n = min(N_MEASURED, len(ordered))
    places = [round(i * (len(ordered) - 1) / max(1, n - 1)) for i in range(n)]
    return [ordered[place] for place in places]


def measure(reader: MapReader, texts: Sequence[Row], settings: MapsSettings, card: Mapping[str, Any]) -> list[Measured]:
    """Pack the maps of some documents as a site does, and return the bytes of each window.

    Args:
        reader: The classifier.
        texts: Documents with their texts.
        settings: What a map contains.
        card: Facts of the classifier (schema `model`).
    """
    facts = {
        "n_layers": card["n_layers"],
        "n_heads": card["n_heads"],
        "thumbnail_size": settings.thumbnail_size,
        "entries_per_row": settings.entries_per_row,
        "code": ATTENTION_CODE.header(),
    }
    return [found for document in texts for found in _windows(reader, document, facts, vectors=settings.vectors > 0)]


def _windows(reader: MapReader, document: Row, facts: Mapping[str, Any], *, vectors: bool) -> Iterator[Measured]:
    for window, maps in reader.read(document, vectors=vectors):
        columns = map_columns(maps)
        n_bytes = _script_bytes(map_payload({name: columns[name] for name in MAP_COLUMNS}, window.n_tokens, facts))
        there = columns["scale"] is not None
        layers = vector_payloads({n: columns[n] for n in VECTOR_COLUMNS}, window.n_tokens, facts) if there else ()
        yield Measured(window.n_tokens, n_bytes, sum(_script_bytes(layer) for layer in layers))


def _script_bytes(content: Mapping[str, Any]) -> int:
    return len(json.dumps(content, separators=(",", ":"))) + AROUND
