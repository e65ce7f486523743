"""Reducing attention matrices to what a page shows of them: pictures, strongest entries, and what explains them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attviz_pipeline.attention.maps.offsets import offset_sums
from attviz_pipeline.attention.whole import MatrixPart
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import MapsSettings

Maps = dict[str, Tensor]
"""The maps of some heads, each [head, ...]; of a whole window, each [layer, head, ...].

thumbnails      Picture of the matrix, [query cell, key cell], 0..1; rows sum to what the matrix's do.
entry_keys      Strongest keys of each query, [query, entry].
entry_values    Attention to them, [query, entry], 0..1.
rest            Attention to all other keys, [query], 0..1.
offset_sums     Attention between tokens of text, summed by how far the key lies from the query, [bin].
keys_before     Farthest that a query attends back, tokens; the same for all heads reduced together.
keys_after      Farthest that a query attends ahead, tokens.
queries         Query vectors, [token, size], float16. This and what follows is missing where the model shows none.
keys            Key vectors, [token, size], float16.
scale           Factor of the scores.
vectors_error   Largest difference between the matrix and what these vectors make of it.
"""


class MapObserver:
    """Reduces the matrices of one window; nothing of a layer but its maps outlives it.

    Args:
        settings: What a map keeps.
    """

    def __init__(self, settings: MapsSettings) -> None:
        self._settings = settings
        self._window: Window | None = None
        self._layers: list[list[Maps]] = []

    def begin(self, windows: Sequence[Window]) -> None:
        """Forget the window before."""
        if len(windows) != 1:
            raise ValueError(f"maps are made of one window at a time, got {len(windows)}")
        self._window, self._layers = windows[0], []

    def see(self, part: MatrixPart) -> None:
        """Reduce some heads of one layer."""
        if part.heads.start == 0:
            self._layers.append([])
        if self._window is None:
            raise ValueError("a batch begins before its matrices are seen")
        self._layers[-1].append(reduce_heads(part, self._window, self._settings))

    def collect(self) -> Maps:
        """Return the maps of the whole window, in the computer's own memory."""
        parts = [part for layer in self._layers for part in layer]
        names = [name for name in parts[0] if all(name in part for part in parts)]
        return {
            name: torch.stack([torch.cat([part[name] for part in layer]) for layer in self._layers]).cpu()
            for name in names
        }


def reduce_heads(part: MatrixPart, window: Window, settings: MapsSettings) -> Maps:
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
    if not settings.vectors or part.query is None or part.key is None or part.scale is None:
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
    """Shrink matrices so that their patterns stay visible.

    A cell holds what its queries, on average, give to all of its keys together. So the rows of a thumbnail sum to what
    those of the matrix do, and a diagonal, an offset or a stripe stays as bright as it is, whatever the length of the
    text; a mean over both axes would dim them by the width of a cell, and a maximum would brighten the noise between
    them. Where cells and tokens do not align, tokens are shared out, or even attention would show stripes.

    Args:
        matrix: [head, query, key]; rows sum to 1, or less where an attention sink takes some.
        most_cells: Cells a side; matrices with fewer tokens come back as they are.

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
    """Find the strongest keys of each query, strongest first, of equal ones the first.

    Args:
        matrix: [head, query, key], float32, not negative.
        most_entries: Entries per query; fewer where there are fewer keys.

    Returns:
        Keys and their values, [head, query, entry].
    """
    n_keys = matrix.shape[-1]
    # The bits of floats that are not negative sort as the floats do; with the key below them no two are equal, so that
    # no device can order them in its own way.
    places = torch.arange(n_keys - 1, -1, -1, device=matrix.device)
    ranks = matrix.contiguous().view(torch.int32).long() * n_keys + places
    keys = n_keys - 1 - ranks.topk(min(most_entries, n_keys)).values % n_keys
    return keys, matrix.gather(-1, keys)


def softmaxed_scores(queries: Tensor, keys: Tensor, scale: float, before: int, after: int) -> Tensor:
    """Make the rows of attention that vectors explain.

    Args:
        queries: [head, token, size].
        keys: As `queries`.
        scale: Factor of the scores.
        before: How far a query sees back, tokens.
        after: How far it sees ahead.

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
    # What a mask hides is exactly 0, whichever way the model says so.
    seen = (matrix > 0).any(dim=0).to(torch.uint8)
    places = torch.arange(len(seen), device=matrix.device)
    first, last = seen.argmax(dim=-1), len(seen) - 1 - seen.flip(-1).argmax(dim=-1)
    return int((places - first).max()), int((last - places).max())
