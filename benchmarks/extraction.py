"""Measure the extraction engine against a plain forward pass and against AttViz's procedure; write README.md.

    python benchmarks/extraction.py --corpus corpus.csv

Runs of two ways alternate on the same inputs, and the median of their ratios counts: what else the machine does
touches both. Peak memory is that of a process of its own. Weights are random: only shapes matter for time and memory.
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import csv
import json
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import torch
import transformers
from attviz_procedure import extract_like_attviz
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.attention import extract_attention
from attviz_pipeline.attention.capture import IMPLEMENTATION, AttentionReader
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config import AttentionSettings, ExtractAttention

HERE = Path(__file__).resolve().parent
MAX_TOKENS = 512
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SHAPES: dict[str, dict[str, int]] = {
    "BERT-base": {},
    "MiniLM-L6": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64},
}

logger = logging.getLogger("benchmarks")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    shape: str
    lengths: tuple[int, ...]
    wall_lengths: tuple[int, ...]
    tokens_per_batch: int
    n_pairs: int
    peak_batch: tuple[int, int]
    n_segments: tuple[tuple[str, int], ...]
    n_stage_pairs: int
    growth: tuple[int, ...]


FULL = Sizes(
    "BERT-base", (32, 64, 128, 256, 512), (128, 512), 1024, 11, (16, 512), (("MiniLM-L6", 100), ("BERT-base", 24)), 3,
    (1_000, 10_000, 100_000),
)  # fmt: skip
QUICK = Sizes("tiny", (32, 64), (64,), 256, 2, (2, 64), (("tiny", 20),), 1, (100, 200))


class Row(NamedTuple):
    """One line of the table."""

    what: str
    bar: str
    measured: str
    detail: str


class Ratio(NamedTuple):
    """Time of one way over another: median and range of the pairs' ratios, and each way's median seconds."""

    middle: float
    least: float
    most: float
    seconds: tuple[float, float]

    def __str__(self) -> str:
        """Return the median with its range."""
        return f"{self.middle:.3f} ({self.least:.3f} to {self.most:.3f})"


def paired_ratio(
    one: Callable[[], object],
    other: Callable[[], object],
    n_pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """Run two ways in turn, the first one first in every second pair, after one run of each that does not count."""
    one(), other()
    pairs = []
    for index in range(n_pairs):
        ways = (one, other) if index % 2 == 0 else (other, one)
        taken = [_seconds(way, clock) for way in ways]
        pairs.append(tuple(taken if index % 2 == 0 else reversed(taken)))
    ratios = [first / second for first, second in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios), (median(p[0] for p in pairs), median(p[1] for p in pairs)))


def _seconds(way: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    way()
    return clock() - start


class BothWays:
    """One model, read with and without its self-attention."""

    def __init__(self, shape: str, lengths: Sequence[int]) -> None:
        torch.manual_seed(0)
        self._model = BertForSequenceClassification(BertConfig(**SHAPES[shape]))
        self._windows = [Window(0, list(range(1000, 1000 + n)), [0] * n, 0, n) for n in lengths]
        self._reader = AttentionReader(self._model, pad_token_id=0, left_padded=False, typed=True, precision="float32")

    def self_attention(self) -> None:
        """Read logits and self-attention."""
        self._model.set_attn_implementation(IMPLEMENTATION)
        self._reader.read(self._windows)

    def plain(self) -> None:
        """Only classify, as fast as transformers does: with `sdpa`, and without a mask where all lengths are equal."""
        self._model.set_attn_implementation("sdpa")
        longest = max(window.n_tokens for window in self._windows)
        with torch.inference_mode():
            self._model(**self._reader._inputs(self._windows, longest)).logits.float().cpu()  # noqa: SLF001

    def matrices(self) -> None:
        """Classify and hold all matrices."""
        self._model.set_attn_implementation("eager")
        longest = max(window.n_tokens for window in self._windows)
        with torch.inference_mode():
            self._model(**self._reader._inputs(self._windows, longest), output_attentions=True)  # noqa: SLF001


def measure_forward(sizes: Sizes) -> Iterator[Row]:
    """Self-attention mode over a plain forward pass, with batches of equal and of mixed lengths.

    In CPU seconds of one thread, which other work on the machine hardly touches; and in seconds of all threads.
    """
    n_threads = torch.get_num_threads()
    equal = {f"{n} tokens": [n] * (sizes.tokens_per_batch // n) for n in sizes.lengths}
    longest = max(sizes.lengths)
    mixed = [longest - index * longest // 8 for index in range(max(2, sizes.tokens_per_batch // longest))]
    torch.set_num_threads(1)
    for name, lengths in (equal | {f"{min(mixed)} to {longest} tokens, padded": mixed}).items():
        yield _forward_row(sizes, f"{name}, CPU seconds of one thread", lengths, time.process_time)
    torch.set_num_threads(n_threads)
    for n in sizes.wall_lengths:
        name = f"{n} tokens, seconds of {n_threads} threads"
        yield _forward_row(sizes, name, equal[f"{n} tokens"], time.perf_counter)


def _forward_row(sizes: Sizes, name: str, lengths: Sequence[int], clock: Callable[[], float]) -> Row:
    ways = BothWays(sizes.shape, lengths)
    ratio = paired_ratio(ways.self_attention, ways.plain, sizes.n_pairs, clock)
    detail = f"{len(lengths)} inputs: {ratio.seconds[0]:.3f} s against {ratio.seconds[1]:.3f} s"
    return Row(f"self-attention mode / plain SDPA forward, {sizes.shape}, {name}", "<= 1.05", str(ratio), detail)


def measure_peak(sizes: Sizes) -> Iterator[Row]:
    """Peak memory of a process that reads one batch each way."""
    n_inputs, n_tokens = sizes.peak_batch
    ways = ("self_attention", "plain", "matrices")
    peak = {way: _alone("read_once", sizes.shape, n_inputs, n_tokens, way)["peak_mb"] for way in ways}
    name = f"{sizes.shape}, {n_inputs} x {n_tokens}"
    for way, bar in (("self_attention", "<= 1.10"), ("matrices", "-")):
        detail = f"{peak[way]:,.0f} MB against {peak['plain']:,.0f} MB"
        label = {"self_attention": "self-attention mode", "matrices": "`output_attentions=True`"}[way]
        yield Row(f"peak memory of {label} / plain forward, {name}", bar, f"{peak[way] / peak['plain']:.2f}", detail)


def read_once(shape: str, n_inputs: str, n_tokens: str, way: str) -> dict[str, float]:
    """Read one batch, in a process of its own."""
    getattr(BothWays(shape, [int(n_tokens)] * int(n_inputs)), way)()
    return {}


def measure_stage(sizes: Sizes, texts: Sequence[str]) -> Iterator[Row]:
    """Measure the whole stage, loading the model included, against AttViz's procedure; and its bytes on disk.

    In CPU seconds of one thread: with several threads, texts read one at a time mostly wait for the threads.
    """
    torch.set_num_threads(1)
    for shape, n_segments in sizes.n_segments:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            chosen = [texts[index * len(texts) // n_segments] for index in range(min(n_segments, len(texts)))]
            stage = prepare_stage(place, shape, texts, chosen)
            theirs = place / "attviz.json"
            ratio = paired_ratio(
                lambda: extract_like_attviz(place / "checkpoint", chosen, theirs, MAX_TOKENS),  # noqa: B023
                stage,
                sizes.n_stage_pairs,
                time.process_time,
            )
            n_heads = _card(shape)["n_layers"] * _card(shape)["n_heads"]
            detail = (
                f"{len(chosen)} segments, all {n_heads} heads: {len(chosen) / ratio.seconds[1]:.1f} against "
                f"{len(chosen) / ratio.seconds[0]:.1f} segments per CPU second"
            )
            yield Row(f"AttViz's procedure / whole stage, {shape}", ">= 4", str(ratio), detail)
            yield _bytes_per_value(place / "attention.parquet", theirs, f"{shape}, float32")
            prepare_stage(place, shape, texts, chosen, mantissa_bits=12)()
            yield _bytes_per_value(place / "attention.parquet", theirs, f"{shape}, 12 bits of the mantissa")


def _bytes_per_value(ours: Path, theirs: Path, name: str) -> Row:
    metadata = pq.ParquetFile(ours).metadata
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(metadata.num_columns)]
    values = [column for column in columns if column.path_in_schema.startswith("self_attention")]
    n_values = sum(column.num_values for column in values)
    bare = sum(column.total_compressed_size for column in values) / n_values
    segments = json.loads(theirs.read_text(encoding="utf-8"))
    n_theirs = sum(len(v["vectors"]) for s in segments for part in s["sets"] for v in part["attention_vectors"])
    whole, json_bytes = ours.stat().st_size / n_values, theirs.stat().st_size / n_theirs
    detail = f"whole file {whole:.2f}; AttViz's JSON {json_bytes:.1f}"
    return Row(f"bytes on disk per value, {name}", "<= 2.5", f"{bare:.2f}", detail)


def measure_growth(sizes: Sizes) -> Iterator[Row]:
    """Time and memory of the whole stage as short documents grow in number, loading the model included."""
    found = {n: _extract_short_texts(n) for n in sizes.growth}
    least = found[sizes.growth[0]]
    for n_documents, one in found.items():
        rate = n_documents / one["seconds"]
        measured = f"{1e6 / rate:.0f} us per document, {one['peak_mb']:,.0f} MB"
        grown = one["peak_mb"] / least["peak_mb"]
        detail = f"{rate:,.0f} documents per CPU second; memory x {grown:.2f}"
        yield Row(f"whole stage, tiny model, {n_documents:,} short texts", "linear, flat", measured, detail)


def _extract_short_texts(n_documents: int) -> dict[str, float]:
    words = ["the", "market", "match", "coach", "played", "music", "film", "profit", "growth", "goal", "team"]
    texts = [" ".join(words[(i * k) % len(words)] for k in range(3, 8 + i % 8)) for i in range(n_documents)]
    with tempfile.TemporaryDirectory() as folder:
        prepare_stage(Path(folder), "tiny", words, texts)
        return _alone("run_stage", folder)


def run_stage(folder: str) -> dict[str, float]:
    """Run the whole stage on what was prepared, in a process of its own, and count its CPU seconds."""
    torch.set_num_threads(1)
    return {"seconds": _seconds(_stage(Path(folder)), time.process_time)}


def prepare_stage(
    place: Path, shape: str, corpus: Sequence[str], texts: Sequence[str], mantissa_bits: int = 23
) -> Callable[[], None]:
    """Write model, card and shard, and return the stage, ready to run."""
    make_checkpoint(place / "checkpoint", shape, corpus)
    files.write_json(place / "model.json", schemas.MODEL, _card(shape))
    in_order = sorted(texts, key=len)
    columns = {
        "position": range(len(texts)),
        "id": [str(index) for index in range(len(texts))],
        "source_id": [str(index) for index in range(len(texts))],
        "split": ["test"] * len(texts),
        "label": [0] * len(texts),
        "text": in_order,
        "block": [index // 32 for index in range(len(texts))],
    }
    files.write_table(place / "shard.parquet", schemas.SHARD, columns, {"label_names": ["a", "b"]})
    return _stage(place, mantissa_bits)


def _stage(place: Path, mantissa_bits: int = 23) -> Callable[[], None]:
    settings = ExtractAttention(attention=AttentionSettings(device="cpu", mantissa_bits=mantissa_bits))
    paths = [place / name for name in ("shard.parquet", "checkpoint", "model.json", "attention.parquet")]
    return lambda: extract_attention(settings, *paths)


def make_checkpoint(folder: Path, shape: str, corpus: Sequence[str]) -> None:
    """Write a randomly initialised BERT with a WordPiece vocabulary of the corpus."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=30_522, special_tokens=SPECIAL_TOKENS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name[1:-1].lower()}_token": name for name in SPECIAL_TOKENS}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(**SHAPES[shape])).save_pretrained(folder)


def _card(shape: str) -> dict[str, Any]:
    config = BertConfig(**SHAPES[shape])
    return {
        "n_layers": config.num_hidden_layers,
        "n_heads": config.num_attention_heads,
        "max_tokens": MAX_TOKENS,
        "output_to_label": [0, 1],
        "sha256": {},
    }


def _alone(function: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--alone", function, *map(str, arguments)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - itself
    return dict(json.loads(finished.stdout))


def read_segments(corpus: Path) -> list[str]:
    """Read the column `text` of a CSV file, paragraph by paragraph."""
    csv.field_size_limit(10_000_000)
    with corpus.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return [part.strip() for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]


def write_readme(path: Path, rows: Sequence[Row], command: str) -> None:
    """Write the page with the table."""
    lines = [f"| {row.what} | {row.bar} | {row.measured} | {row.detail} |" for row in rows]
    template = (HERE / "README.template.md").read_text(encoding="utf-8")
    facts = {
        "MACHINE": f"{_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB memory, no GPU",
        "VERSIONS": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {torch.get_num_threads()} threads",
        "DATE": f"{datetime.now(UTC):%Y-%m-%d}",
        "COMMAND": command,
        "TABLE": "\n".join(["| what | bar | measured | detail |", "|---|---|---|---|", *lines]),
    }
    for name, value in facts.items():
        template = template.replace(f"{{{name}}}", value)
    files.write_text(path, template)


def _processor() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return names[0] if names else platform.processor()


def _peak_mb() -> float:
    # Not getrusage: its peak is handed on from the parent process.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def main() -> None:
    """Measure everything, or one thing alone for a parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=HERE.parent / "examples" / "news.csv", help="CSV with `text`")
    parser.add_argument("--readme", type=Path, default=HERE / "README.md", help="where the table goes")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument("--alone", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        name, *arguments = options.alone
        found = {"read_once": read_once, "run_stage": run_stage}[name](*arguments)
        sys.stdout.write(json.dumps(found | {"peak_mb": _peak_mb()}))
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("attviz_pipeline").setLevel(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    sizes, texts = QUICK if options.quick else FULL, read_segments(options.corpus)
    rows = []
    for part in (measure_forward(sizes), measure_peak(sizes), measure_stage(sizes, texts), measure_growth(sizes)):
        for row in part:
            logger.info(" | ".join(row))
            rows.append(row)
    write_readme(options.readme, rows, f"python benchmarks/extraction.py --corpus {options.corpus.name}")


if __name__ == "__main__":
    main()
