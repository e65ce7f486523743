"""Self-attention mode and full mode against a plain forward pass."""

# ruff: noqa: INP001 - a folder of scripts

import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from checkpoints import CLS, SEP, SHAPES
from pairing import Row, paired_ratio, run_alone
from sizes import Sizes
from transformers import BertConfig, BertForSequenceClassification

from attviz_pipeline.attention.capture import IMPLEMENTATION, AttentionReader
from attviz_pipeline.attention.full_statistics import FullStatistics
from attviz_pipeline.attention.windows import Window


def window_of(n_tokens: int) -> Window:
    """Return an input of so many tokens, with punctuation, between [CLS] and [SEP]."""
    token_ids = [CLS, *range(1000, 998 + n_tokens), SEP]
    special = [True, *[False] * (n_tokens - 2), True]
    punctuation = [place % 8 == 4 for place in range(n_tokens)]
    return Window(0, token_ids, [0] * n_tokens, 0, n_tokens, special, punctuation)


class Ways:
    """One model, read in several ways."""

    def __init__(self, shape: str, lengths: Sequence[int], device: str = "cpu", precision: str = "float32") -> None:
        torch.manual_seed(0)
        self._model = BertForSequenceClassification(BertConfig(**SHAPES[shape])).eval().to(device)
        self._windows = [window_of(n) for n in lengths]
        model, tokenizer = self._model, SimpleNamespace(cls_token_id=CLS, sep_token_id=SEP)
        self._full = FullStatistics(model, tokenizer)
        facts: dict[str, Any] = {"pad_token_id": 0, "left_padded": False, "typed": True, "precision": precision}
        dtype = getattr(torch, precision)
        self._autocast = torch.autocast(device, dtype, enabled=dtype != torch.float32)
        self._reader = AttentionReader(model, **facts)
        self._full_reader = AttentionReader(model, **facts, observer=self._full)

    def self_attention(self) -> None:
        """Read logits and self-attention."""
        self._model.set_attn_implementation(IMPLEMENTATION)
        self._reader.read(self._windows)

    def full(self) -> None:
        """Read logits, self-attention and all that full mode adds."""
        self._model.set_attn_implementation(IMPLEMENTATION)
        self._full_reader.read(self._windows)
        self._full.readings()

    def plain(self) -> None:
        """Only classify, as fast as transformers does: with `sdpa`, and without a mask where all lengths are equal."""
        self._model.set_attn_implementation("sdpa")
        with torch.inference_mode(), self._autocast:
            self._model(**self._reader.inputs(self._windows)).logits.float().cpu()

    def matrices(self) -> None:
        """Classify and hold all matrices."""
        self._model.set_attn_implementation("eager")
        with torch.inference_mode(), self._autocast:
            self._model(**self._reader.inputs(self._windows), output_attentions=True)


def measure_forward(sizes: Sizes) -> Iterator[Row]:
    """Self-attention mode and full mode over a plain forward pass, with batches of equal and of mixed lengths.

    In CPU seconds of one thread, which other work on the machine hardly touches; and in seconds of all threads.
    """
    n_threads = torch.get_num_threads()
    equal = {f"{n} tokens": [n] * (sizes.tokens_per_batch // n) for n in sizes.lengths}
    longest = max(sizes.lengths)
    mixed = [longest - index * longest // 8 for index in range(max(2, sizes.tokens_per_batch // longest))]
    torch.set_num_threads(1)
    for mode in ("self_attention", "full"):
        for name, lengths in (equal | {f"{min(mixed)} to {longest} tokens, padded": mixed}).items():
            yield _forward_row(sizes, mode, f"{name}, CPU seconds of one thread", lengths, time.process_time)
    torch.set_num_threads(n_threads)
    for mode in ("self_attention", "full"):
        for n in sizes.wall_lengths:
            name = f"{n} tokens, seconds of {n_threads} threads"
            yield _forward_row(sizes, mode, name, equal[f"{n} tokens"], time.perf_counter)


def _forward_row(sizes: Sizes, mode: str, name: str, lengths: Sequence[int], clock: Callable[[], float]) -> Row:
    ways = Ways(sizes.shape, lengths)
    ratio = paired_ratio(getattr(ways, mode), ways.plain, sizes.n_pairs, clock)
    detail = f"{len(lengths)} inputs: {ratio.seconds[0]:.3f} s against {ratio.seconds[1]:.3f} s"
    label, bar = {"self_attention": ("self-attention mode", "<= 1.05"), "full": ("full mode", _full_bar(max(lengths)))}[
        mode
    ]
    return Row(f"{label} / plain SDPA forward, {sizes.shape}, {name}", bar, str(ratio), detail)


def _full_bar(n_tokens: int) -> str:
    return "<= 1.15" if n_tokens <= 128 else "<= 1.45" if n_tokens == 512 else "-"


def measure_peak(sizes: Sizes) -> Iterator[Row]:
    """Peak memory of a process that reads one batch each way."""
    n_inputs, n_tokens = sizes.peak_batch
    ways = ("self_attention", "full", "plain", "matrices")
    peak = {way: run_alone("read_once", sizes.shape, n_inputs, n_tokens, way)["peak_mb"] for way in ways}
    name = f"{sizes.shape}, {n_inputs} x {n_tokens}"
    for way, label, bar in (
        ("self_attention", "self-attention mode", "<= 1.10"),
        ("full", "full mode", "-"),
        ("matrices", "`output_attentions=True`", "-"),
    ):
        detail = f"{peak[way]:,.0f} MB against {peak['plain']:,.0f} MB"
        yield Row(f"peak memory of {label} / plain forward, {name}", bar, f"{peak[way] / peak['plain']:.2f}", detail)


def read_once(shape: str, n_inputs: str, n_tokens: str, way: str) -> dict[str, float]:
    """Read one batch, in a process of its own."""
    getattr(Ways(shape, [int(n_tokens)] * int(n_inputs)), way)()
    return {}
