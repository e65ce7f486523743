"""Reading of documents one window at a time, whose attention matrices become maps."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.documents import encode_document, read_texts
from attviz_pipeline.attention.maps.reduction import MapObserver, Maps
from attviz_pipeline.attention.opening import open_model, open_reader, open_tokenizer, require_heads
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.config.settings import AttentionSettings, MapsSettings
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory

Row = dict[str, Any]


def with_texts(documents: Sequence[Row], shards: Sequence[Path]) -> list[Row]:
    """Return the documents, sorted by position, with their texts and what the shards say of them."""
    columns = ("position", "id", "n_tokens", "n_windows")
    table = pa.Table.from_pylist([{name: document[name] for name in columns} for document in documents])
    return read_texts(table, shards) if documents else []


class MapReader:
    """A classifier that is open for reading maps.

    Args:
        attention: How texts are read.
        maps: What a map contains.
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
    """

    def __init__(
        self, attention: AttentionSettings, maps: MapsSettings, checkpoint: Path, card: Mapping[str, Any]
    ) -> None:
        tokenizer = open_tokenizer(checkpoint)
        self._card = card
        self._encoder = DocumentEncoder(tokenizer, attention, card["max_tokens"])
        self._observer = MapObserver(maps)
        self._reader = open_reader(open_model(checkpoint, attention), tokenizer, attention, self._observer)

    def reads_alike(self, document: Row) -> bool:
        """Whether this model reads a document in as many tokens and windows as the study's own."""
        encoded = self._encoder.encode([document["text"]], [document["pair_start"]])[0]
        return (len(encoded.tokens), len(encoded.windows)) == (document["n_tokens"], document["n_windows"])

    def read(self, document: Row, *, vectors: bool) -> Iterator[tuple[Window, Maps]]:
        """Yield the windows of a document with their maps.

        Raises:
            AttentionError: The model returns no attention, or other layers or heads than its card states.
            ResourceError: Memory is too small.
        """
        self._observer.vectors = vectors
        for window in encode_document(self._encoder, document).windows:
            _read_alone(self._reader, window, self._card)
            yield window, self._observer.collect()


def _read_alone(reader: AttentionReader, window: Window, card: Mapping[str, Any]) -> None:
    try:
        batch = reader.launch([window])
        require_heads(batch, card)
        batch.readings()  # raises an error for NaN or infinite values
    except (RuntimeError, MemoryError) as fault:
        if is_out_of_memory(fault):
            raise too_long_for_memory(window.n_tokens) from None
        raise
