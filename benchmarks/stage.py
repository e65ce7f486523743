"""The whole stage: against AttViz's procedure, on disk, and as the documents grow."""

# ruff: noqa: INP001 - a folder of scripts

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from attviz_procedure import extract_like_attviz
from checkpoints import MAX_TOKENS, make_card, make_checkpoint
from pairing import Row, paired_ratio, run_alone, seconds, spread
from sizes import Sizes
from transformers import AutoModelForSequenceClassification

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, model_schemas
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.attention.precision import processor_has_bfloat16
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.stages import ExtractAttention
from attviz_pipeline.tasks.single_label import SingleLabel

ROWS_PER_GROUP = 1_024  # as shards are written
TOKENS_AT_ONCE = 1_024
BLOCK_SIZE = 32
N_LONGEST = 3 * BLOCK_SIZE  # as many as are on their way at once

Way = Callable[[], object]


def measure_stage(sizes: Sizes, texts: Sequence[str]) -> Iterator[Row]:
    """Measure the whole stage, loading the model included, against AttViz's procedure; and its bytes on disk.

    In seconds of all threads, which is what a user waits; and in CPU seconds of one thread, which leaves out that
    texts read one at a time mostly wait for the threads.
    """
    n_threads = torch.get_num_threads()
    for shape, n_segments in sizes.n_segments:
        with tempfile.TemporaryDirectory() as folder:
            place, chosen = Path(folder), spread(texts, n_segments)
            stage = prepare_stage(place, shape, texts, chosen)
            for threads, clock, unit in (
                (n_threads, time.perf_counter, f"second of {n_threads} threads"),
                (1, time.process_time, "CPU second of one thread"),
            ):
                torch.set_num_threads(threads)
                yield from _against_attviz(sizes, shape, place, chosen, stage, clock, unit)
            torch.set_num_threads(n_threads)
            for kept, label in (
                ({}, "as configured by default"),
                ({"mantissa_bits": 23}, "float32 whole"),
                ({"mantissa_bits": 12}, "12 bits of the mantissa"),
            ):
                prepare_stage(place, shape, texts, chosen, **kept)()
                yield _bytes_per_value(place, f"{shape}, {label}")


def _against_attviz(  # noqa: PLR0913 - what one pair of rows is about
    sizes: Sizes, shape: str, place: Path, texts: list[str], stage: Way, clock: Callable[[], float], unit: str
) -> Iterator[Row]:
    theirs = _attviz(place, texts)
    ratio = paired_ratio(theirs, stage, sizes.n_stage_pairs, clock)
    n_heads = make_card(shape)["n_layers"] * make_card(shape)["n_heads"]
    rates = [len(texts) / taken for taken in reversed(ratio.seconds)]
    detail = f"{len(texts)} segments, all {n_heads} heads: {rates[0]:.1f} against {rates[1]:.1f} segments per {unit}"
    name = f"{shape}, {unit.partition(' of ')[0]}s"
    yield Row(f"AttViz's procedure / whole stage, {name}", ">= 4", str(ratio), detail)
    products = _products_alone(place / "checkpoint", _n_tokens(place))
    bound = paired_ratio(theirs, products, sizes.n_stage_pairs, clock)
    detail = "what a stage would reach that did nothing but the products with the model's weights, 1,024 tokens at once"
    yield Row(f"AttViz's procedure / matrix products alone, {name}", "-", str(bound), detail)


def measure_bfloat16(sizes: Sizes, texts: Sequence[str]) -> Iterator[Row]:
    """Measure the whole stage in bfloat16 against AttViz's procedure and the stage in float32, in CPU seconds.

    Where the processor has no instructions for bfloat16, the rows say so.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for shape, n_segments in sizes.n_segments:
        with tempfile.TemporaryDirectory() as folder:
            place, chosen = Path(folder), spread(texts, n_segments)
            exact, theirs = prepare_stage(place, shape, texts, chosen), _attviz(place, chosen)
            lower = stage_with(place, AttentionSettings(device="cpu", precision="bfloat16"))
            for what, bar, one, other in (
                ("AttViz's procedure / whole stage in bfloat16", ">= 4", theirs, lower),
                ("whole stage in bfloat16 / in float32", "-", lower, exact),
            ):
                measured, detail = "not measured", "this processor has no instructions for bfloat16"
                if processor_has_bfloat16():
                    ratio = paired_ratio(one, other, sizes.n_stage_pairs, time.process_time)
                    measured = str(ratio)
                    detail = f"{len(chosen)} segments: {ratio.seconds[0]:.2f} s against {ratio.seconds[1]:.2f} s"
                yield Row(f"{what}, {shape}, CPU seconds", bar, measured, detail)
    torch.set_num_threads(n_threads)


def _attviz(place: Path, texts: Sequence[str]) -> Way:
    return lambda: extract_like_attviz(place / "checkpoint", texts, place / "attviz.json", MAX_TOKENS)


def _products_alone(checkpoint: Path, n_tokens: int) -> Way:
    """Multiply random states with each weight matrix of the layers, once for each token."""
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    weights = [part.weight.detach() for part in model.base_model.encoder.modules() if isinstance(part, torch.nn.Linear)]
    states = {weight.shape[1]: torch.rand(TOKENS_AT_ONCE, weight.shape[1]) for weight in weights}

    def multiply() -> None:
        with torch.inference_mode():
            for first in range(0, n_tokens, TOKENS_AT_ONCE):
                for weight in weights:
                    torch.nn.functional.linear(states[weight.shape[1]][: n_tokens - first], weight)

    return multiply


def _n_tokens(place: Path) -> int:
    tokens = files.read_table(place / "attention.parquet", attention_schemas.ATTENTION, ["tokens"])
    return sum(len(document) for document in tokens.column("tokens"))


def _bytes_per_value(place: Path, name: str) -> Row:
    ours, theirs = place / "attention.parquet", place / "attviz.json"
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
    """Time and memory of the whole stage as short documents grow in number, beyond what a single one takes."""
    single = _extract_short_texts(1)
    found = {n: _extract_short_texts(n) for n in sizes.growth}
    least = found[sizes.growth[0]]["peak_mb"]
    for n_documents, one in found.items():
        each = (one["seconds"] - single["seconds"]) / n_documents
        measured = f"{1e6 * each:.0f} us per document, {one['peak_mb']:,.0f} MB"
        detail = (
            f"{1 / each:,.0f} documents per CPU second, behind {single['seconds']:.1f} s to start; "
            f"memory x {one['peak_mb'] / least:.2f}"
        )
        yield Row(f"whole stage, tiny model, {n_documents:,} short texts", "linear, flat", measured, detail)


def _extract_short_texts(n_documents: int) -> dict[str, float]:
    words = ["the", "market", "match", "coach", "played", "music", "film", "profit", "growth", "goal", "team"]
    texts = [" ".join(words[(i * k) % len(words)] for k in range(3, 8 + i % 8)) for i in range(n_documents)]
    return _extract_alone("tiny", words, texts, 1)


def measure_corpora(sizes: Sizes, corpora: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """Time and memory of the whole stage on many texts of real corpora, in equal parts.

    Memory follows the longest texts, which are read together, so the tenth that it is compared with has them too: what
    is left is what grows with the number of texts.
    """
    n_each = sizes.n_texts // len(corpora)
    texts = [text for corpus in corpora.values() for text in spread(corpus, n_each)]
    shape, names = sizes.n_segments[0][0], " and ".join(corpora)
    parts = (_tenth(texts), texts)
    some, all_ = (_extract_alone(shape, texts, part, 1) for part in parts)
    memory = all_["peak_mb"] / some["peak_mb"]
    per_character = all_["seconds"] / some["seconds"] * sum(map(len, parts[0])) / sum(map(len, parts[1]))
    measured = f"{len(texts) / all_['seconds']:.0f} texts per CPU second, {all_['peak_mb']:,.0f} MB"
    detail = f"memory x {memory:.2f}, time per character x {per_character:.2f} of a tenth's, the longest among them"
    yield Row(f"whole stage, {shape}, {len(texts):,} texts of {names}", "runs to its end, flat", measured, detail)


def _tenth(texts: Sequence[str]) -> list[str]:
    in_order = sorted(texts, key=len, reverse=True)
    longest = in_order[: min(N_LONGEST, len(texts) // 10)]
    return longest + spread(in_order[len(longest) :], len(texts) // 10 - len(longest))


def _extract_alone(shape: str, corpus: Sequence[str], texts: Sequence[str], n_threads: int = 0) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        prepare_stage(Path(folder), shape, corpus, texts)
        return run_alone("run_stage", folder, n_threads)


def run_stage(folder: str, n_threads: str) -> dict[str, float]:
    """Run the whole stage on what was prepared, in a process of its own.

    With one thread its CPU seconds count, which other work hardly touches; with 0, all threads and what a user waits.
    """
    if n_threads != "0":
        torch.set_num_threads(int(n_threads))
    return {
        "seconds": seconds(
            stage_with(Path(folder), AttentionSettings(device="cpu")),
            time.process_time if n_threads == "1" else time.perf_counter,
        )
    }


def prepare_stage(
    place: Path,
    shape: str,
    corpus: Sequence[str],
    texts: Sequence[str],
    **attention: Any,  # noqa: ANN401 - settings of the section
) -> Way:
    """Write model, card and shard, and return the stage, ready to run."""
    write_model(place, shape, corpus)
    write_shard(place, texts)
    return stage_with(place, AttentionSettings(device="cpu", **attention))


def write_model(place: Path, shape: str, corpus: Sequence[str], max_tokens: int = MAX_TOKENS) -> None:
    """Write a model with a vocabulary of the corpus, and its card."""
    make_checkpoint(place / "checkpoint", shape, corpus)
    files.write_json(place / "model.json", model_schemas.MODEL, make_card(shape) | {"max_tokens": max_tokens})


def write_shard(place: Path, texts: Sequence[str]) -> None:
    """Write a shard of texts, the shortest first."""
    in_order = sorted(texts, key=len)
    columns = {
        "position": range(len(texts)),
        "id": [str(index) for index in range(len(texts))],
        "source_id": [str(index) for index in range(len(texts))],
        "split": ["test"] * len(texts),
        "label": [0] * len(texts),
        "text": in_order,
        "pair_start": [None] * len(texts),
        "block": [index // BLOCK_SIZE for index in range(len(texts))],
    }
    table, facts = corpus_schemas.SHARD.table(columns), SingleLabel(("a", "b")).facts
    with files.TableWriter(place / "shard.parquet", corpus_schemas.SHARD, facts) as writer:
        for first in range(0, len(texts), ROWS_PER_GROUP):
            writer.write_table(table.slice(first, ROWS_PER_GROUP))


def stage_with(place: Path, attention: AttentionSettings) -> Way:
    """Return the stage with settings, ready to run on what was prepared."""
    settings = ExtractAttention(attention=attention)
    paths = [place / name for name in ("shard.parquet", "checkpoint", "model.json", "attention.parquet")]
    return lambda: extract_attention(settings, *paths)
