"""Reduce attention matrices to the content of a page: thumbnails, strongest entries, query and key vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attviz_pipeline.attention.maps.offsets import offset_sums
from attviz_pipeline.attention.observed_matrices import MatrixPart
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import MapsSettings

Maps = dict[str, Tensor]
"""The maps of some heads, each [head, ...]; of a whole window, each [layer, head, ...].

thumbnails      Reduced matrix, [query cell, key cell], 0..1; its rows have the same sums as those of the matrix.
entry_keys      Strongest keys of each query, [query, entry].
entry_values    Attention to them, [query, entry], 0..1.
rest            Attention to all other keys, [query], 0..1.
offset_sums     Attention between tokens of text, summed by the offset from query to key, [bin].
keys_before     Farthest that a query attends back, in tokens; the same for all heads reduced together.
keys_after      Farthest that a query attends ahead, in tokens.
queries         Query vectors, [token, size], float16. This and the following are missing if the model exposes none.
keys            Key vectors, [token, size], float16.
scale           Factor of the scores.
vectors_error   Largest difference between the matrix and the attention computed from these vectors.
"""


class MapObserver:
    """Reduces the matrices of one window, and keeps only the maps.

    Args:
        settings: What a map contains.

    Attributes:
        vectors: Whether query and key vectors are kept, too; may be changed between windows.
    """

    def __init__(self, settings: MapsSettings) -> None:
        self.vectors = True
        self._settings = settings
        self._window: Window | None = None
        self._layers: list[list[Maps]] = []

    def begin(self, windows: Sequence[Window]) -> None:
        """Prepare for a window."""
        if len(windows) != 1:
            raise ValueError(f"maps are made of one window at a time, got {len(windows)}")
        self._window, self._layers = windows[0], []

    def see(self, part: MatrixPart) -> None:
        """Reduce some heads of one layer."""
        if part.heads.start == 0:
            self._layers.append([])
        if self._window is None:
            raise ValueError("a batch begins before its matrices are seen")
        self._layers[-1].append(reduce_heads(part, self._window, self._settings, vectors=self.vectors))

    def collect(self) -> Maps:
        """Return the maps of the whole window, in host memory."""
        parts = [part for layer in self._layers for part in layer]
        names = [name for name in parts[0] if all(name in part for part in parts)]
        return {
            name: torch.stack([torch.cat([part[name] for part in layer]) for layer in self._layers]).cpu()
            for name in names
        }


def reduce_heads(part: MatrixPart, window: Window, settings: MapsSettings, *, vectors: bool) -> Maps:
    """Reduce some heads of the only window of a batch."""
    matrix = part.matrix[0]
    entry_keys, entry_values = strongest_keys(matrix, settings.entries_per_row)
    before, after = _reach(matrix)
    maps = {
        "thumbnails": thumbnail(matrix, settings.thumbnail_size),
        "entry_keys": entry_keys,
        "entry_values": entry_values,
        "rest": (matrix.sum(dim=-1) - entry_values.sum(dim=-1)).clamp(min=0),
        "offset_sums": offset_sums(matrix, window),
        "keys_before": torch.full((len(matrix),), before),
        "keys_after": torch.full((len(matrix),), after),
    }
    if not vectors or part.query is None or part.key is None or part.scale is None:
        return maps
    queries, keys = part.query[0].half(), part.key[0].half()
    error = (softmaxed_scores(queries, keys, part.scale, before, after) - matrix).abs().amax(dim=(-2, -1))
    return maps | {
        "queries": queries,
        "keys": keys,
        "scale": torch.full_like(error, part.scale),
        "vectors_error": error,
    }


def thumbnail(matrix: Tensor, most_cells: int) -> Tensor:
    """Reduce matrices so that their patterns stay visible.

    A cell is the mean over its queries of the sum over its keys. So the rows of a thumbnail have the same sums as those
    of the matrix, and the brightness of a diagonal or a stripe does not depend on the length of the text. A mean over
    both axes would dim them by the width of a cell, and a maximum would amplify the noise between them. If cells and
    tokens do not align, tokens are divided between cells; otherwise uniform attention would show stripes.

    Args:
        matrix: [head, query, key]; rows sum to 1, or less with an attention sink.
        most_cells: Maximum number of cells per side; matrices with fewer tokens are returned unchanged.

    Returns:
        [head, query cell, key cell].
    """
    n_tokens = matrix.shape[-1]
    n_cells = min(most_cells, n_tokens)
    starts = torch.arange(n_cells, device=matrix.device, dtype=torch.float64)[:, None] * (n_tokens / n_cells)
    tokens = torch.arange(n_tokens, device=matrix.device, dtype=torch.float64)
    stops = torch.minimum(starts + n_tokens / n_cells, tokens + 1)
    shares = (stops - torch.maximum(starts, tokens)).clamp(min=0).to(matrix.dtype)
    return shares @ matrix @ shares.mT * (n_cells / n_tokens)


def strongest_keys(matrix: Tensor, most_entries: int) -> tuple[Tensor, Tensor]:
    """Find the strongest keys of each query, in descending order; the first key wins ties.

    Args:
        matrix: [head, query, key], float32, not negative.
        most_entries: Number of entries per query; fewer if there are fewer keys.

    Returns:
        Keys and their values, [head, query, entry].
    """
    n_keys = matrix.shape[-1]
    # The bits of non-negative floats sort like the floats. Appending the key makes all ranks different, so the order is
    # the same on every device.
    places = torch.arange(n_keys - 1, -1, -1, device=matrix.device)
    ranks = matrix.contiguous().view(torch.int32).long() * n_keys + places
    keys = n_keys - 1 - ranks.topk(min(most_entries, n_keys)).values % n_keys
    return keys, matrix.gather(-1, keys)


def softmaxed_scores(queries: Tensor, keys: Tensor, scale: float, before: int, after: int) -> Tensor:
    """Compute attention from query and key vectors.

    Args:
        queries: [head, token, size].
        keys: As `queries`.
        scale: Factor of the scores.
        before: How far a query sees back, in tokens.
        after: How far a query sees ahead, in tokens.

    Returns:
        [head, query, key], float32.

    Source: Vaswani et al. 2017, eq. 1.
    """
    scores = (queries.float() * scale) @ keys.float().mT
    if min(before, after) < scores.shape[-1] - 1:
        seen = torch.ones_like(scores[0], dtype=torch.bool).tril(after).triu(-before)
        scores.masked_fill_(~seen, -torch.inf)
    return scores.softmax(dim=-1)


def _reach(matrix: Tensor) -> tuple[int, int]:
    # Masked entries are exactly 0, whatever mask the model uses.
    seen = (matrix > 0).any(dim=0).to(torch.uint8)
    places = torch.arange(len(seen), device=matrix.device)
    first, last = seen.argmax(dim=-1), len(seen) - 1 - seen.flip(-1).argmax(dim=-1)
    return int((places - first).max()), int((last - places).max())
