"""The stage that extracts self-attention: its values, its order, its batches, its refusals."""

import json
import logging
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_extraction import TEXTS, eager_reading, extract, write_card, write_shard
from tiny_models import SPECIAL_TOKENS, WORDS, make_tiny_bert, make_tiny_tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    FNetConfig,
    FNetForSequenceClassification,
)

from attviz_pipeline import cli
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.background import one_ahead
from attviz_pipeline.attention.batching import batch_windows
from attviz_pipeline.attention.capture import AttentionReader, Batch
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.attention.rounding import round_mantissa
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.errors import ArtifactError, AttentionError, ResourceError
from attviz_pipeline.stages import ExtractAttention


def test_padded_batches_equal_the_diagonal_of_eager_attention(tmp_path: Path) -> None:
    rows = files.read_table(extract(tmp_path, TEXTS), attention_schemas.ATTENTION).to_pylist()

    assert [row["text"] for row in rows] == TEXTS
    for row in rows:
        diagonal, probabilities = eager_reading(tmp_path / "checkpoint", row["text"])
        found = np.asarray(row["self_attention"]).reshape(2, 4, len(row["tokens"]))
        np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
        np.testing.assert_allclose(row["probabilities"], probabilities, atol=1e-5)
        assert row["prediction"] == probabilities.argmax()


def test_batch_budget_does_not_change_the_numbers(tmp_path: Path) -> None:
    wide = files.read_table(extract(tmp_path, TEXTS), attention_schemas.ATTENTION)
    narrow = files.read_table(extract(tmp_path, TEXTS, tokens_per_batch=8), attention_schemas.ATTENTION)

    assert wide.column("id") == narrow.column("id")
    flat = [np.concatenate(table.column("self_attention").to_pylist()) for table in (wide, narrow)]
    np.testing.assert_allclose(*flat, atol=1e-5)


def test_offsets_point_into_the_unchanged_text(tmp_path: Path) -> None:
    text = "The  COACH\tplayed 🏉 é, profit"
    row = files.read_table(extract(tmp_path, [text]), attention_schemas.ATTENTION).to_pylist()[0]

    spans = [text[start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]
    assert spans == ["", "The", "COACH", "play", "ed", "🏉", "é", ",", "profit", ""]
    assert row["tokens"][:5] == ["[CLS]", "the", "coach", "play", "##ed"]
    assert row["special"] == [True] + [False] * 8 + [True]


def test_words_run_through_all_windows_of_a_text(tmp_path: Path) -> None:
    text = "The players, " * 30 + "coach!"
    row = files.read_table(extract(tmp_path, [text]), attention_schemas.ATTENTION).to_pylist()[0]

    assert len(row["windows"]) > 1
    word = [0, 1, 1, 2]  # "the", "player" and "##s", ","
    expected = [3 * n + piece for n in range(30) for piece in word]
    assert row["words"] == [-1, *expected, 90, 91, -1]
    assert row["punctuation"] == [False, *[False, False, False, True] * 30, False, True, False]
    assert row["segments"] == [-1, *[0] * 122, -1]
    assert row["pair_start"] is None


def test_window_says_which_of_its_tokens_are_special_and_which_punctuation() -> None:
    encoder = DocumentEncoder(make_tiny_tokenizer(), AttentionSettings(window_overlap=2), 8)
    first, second = encoder.encode(["Profit, the bank. A goal!"])[0].windows

    assert first.special == [True] + [False] * 6 + [True]
    assert first.punctuation == [False, False, True, False, False, True, False, False]
    assert second.punctuation == [False, True, False, False, True, False]


def test_long_text_is_read_in_windows_and_every_token_kept_once(tmp_path: Path) -> None:
    text = " ".join(["match", "goal", "team", "bank"] * 50)
    output = extract(tmp_path, [text], window_overlap=10)
    row = files.read_table(output, attention_schemas.ATTENTION).to_pylist()[0]

    assert row["tokens"] == ["[CLS]", *text.split(), "[SEP]"]
    assert not row["truncated"]
    firsts = [window["first_token"] for window in row["windows"]]
    assert firsts == list(np.cumsum([0, *(window["n_tokens"] for window in row["windows"][:-1])]))
    assert sum(window["n_tokens"] for window in row["windows"]) == len(row["tokens"])
    assert all(window["n_model_tokens"] <= 64 for window in row["windows"])
    expected = np.mean([window["probabilities"] for window in row["windows"]], axis=0)
    np.testing.assert_allclose(row["probabilities"], expected, atol=1e-5)


def test_each_windows_values_are_those_of_the_window_alone(tmp_path: Path) -> None:
    words = ["match", "goal", "team", "bank", "film"] * 20
    row = files.read_table(
        extract(tmp_path, [" ".join(words)], window_overlap=10), attention_schemas.ATTENTION
    ).to_pylist()[0]
    second = row["windows"][1]

    # 62 words fit beside [CLS] and [SEP]; the second window starts 10 words before the first one's end.
    diagonal, _ = eager_reading(tmp_path / "checkpoint", " ".join(words[52:]))
    found = np.asarray(row["self_attention"]).reshape(2, 4, -1)[:, :, second["first_token"] :]
    np.testing.assert_allclose(found, diagonal[:, :, -second["n_tokens"] :], atol=1e-5, rtol=0)


def test_truncation_keeps_the_beginning_and_is_recorded(tmp_path: Path) -> None:
    text = " ".join(["match"] * 100)
    row = files.read_table(
        extract(tmp_path, [text, "goal"], long_texts="truncate"), attention_schemas.ATTENTION
    ).to_pylist()[0]

    assert row["truncated"]
    assert len(row["tokens"]) == 64
    assert len(row["windows"]) == 1


def test_outputs_in_another_order_are_mapped_to_the_datasets_classes(tmp_path: Path) -> None:
    straight = (
        files.read_table(extract(tmp_path, TEXTS), attention_schemas.ATTENTION).column("probabilities").to_pylist()
    )
    swapped = extract(tmp_path, TEXTS, card={"output_to_label": [1, 0]})

    assert files.read_table(swapped, attention_schemas.ATTENTION).column("probabilities").to_pylist() == [
        pair[::-1] for pair in straight
    ]


def test_empty_shard_gives_an_empty_table_with_the_same_columns(tmp_path: Path) -> None:
    output = extract(tmp_path, [])

    assert files.read_table(output, attention_schemas.ATTENTION).num_rows == 0
    assert files.read_facts(output, attention_schemas.ATTENTION)["n_heads"] == 4


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = extract(tmp_path, TEXTS).read_bytes()

    assert extract(tmp_path, TEXTS).read_bytes() == first


@given(
    lengths=st.lists(st.integers(2, 60), max_size=40),
    budget=st.integers(8, 300),
)
@settings(max_examples=100, deadline=None)
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    windows = [Window(0, [1] * length, [0] * length, 0, length) for length in lengths]
    batches = list(batch_windows(windows, budget))

    assert sorted(index for batch in batches for index in batch) == list(range(len(windows)))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
        assert min(lengths[index] for index in batch) >= 0.8 * longest


def test_card_that_promises_other_heads_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(AttentionError, match="returned attention of 2 layers x 4 heads, its card states 2 x 12"):
        extract(tmp_path, TEXTS, card={"n_heads": 12})

    assert {path.name for path in tmp_path.iterdir()} == {"shard.parquet", "checkpoint", "model.json"}


def test_overlap_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(AttentionError, match=r"window_overlap \(62\) must be smaller than the 62 tokens .* \(64\)"):
        DocumentEncoder(make_tiny_tokenizer(), AttentionSettings(window_overlap=62), 64)
    DocumentEncoder(make_tiny_tokenizer(), AttentionSettings(window_overlap=61), 64)


def test_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    stage = ExtractAttention(attention=AttentionSettings(device="cuda", window_overlap=8))
    shard = write_shard(tmp_path / "shard.parquet", TEXTS)
    checkpoint = make_tiny_bert(tmp_path / "checkpoint")

    with pytest.raises(ResourceError, match=r"attention\.device is `cuda`, but no GPU is visible: request one"):
        extract_attention(stage, shard, checkpoint, write_card(tmp_path / "model.json"), tmp_path / "attention.parquet")


@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=1),
    n_bits=st.integers(7, 23),
)
def test_rounding_stays_within_its_bound_and_drops_its_bits(values: list[float], n_bits: int) -> None:
    exact = np.asarray(values, np.float32)
    found = round_mantissa(exact, n_bits)

    normal = exact >= np.finfo(np.float32).tiny
    error = np.abs(found.astype(float) - exact)[normal]
    assert (error <= exact[normal].astype(float) * 2.0 ** -(n_bits + 1)).all()
    assert not (found.view(np.uint32) & np.uint32((1 << 23 - n_bits) - 1)).any()
    assert ((found >= 0) & (found <= 1)).all()
    if n_bits == 23:
        assert (found == exact).all()


def test_fewer_bits_are_kept_and_take_less_disk(tmp_path: Path) -> None:
    whole = extract(tmp_path, TEXTS * 20)
    n_bytes = whole.stat().st_size
    exact = np.concatenate(files.read_table(whole, attention_schemas.ATTENTION).column("self_attention").to_pylist())
    rounded = extract(tmp_path, TEXTS * 20, mantissa_bits=12)
    found = np.concatenate(files.read_table(rounded, attention_schemas.ATTENTION).column("self_attention").to_pylist())

    np.testing.assert_allclose(found, exact, rtol=2.0**-13, atol=0)
    assert (found != exact).mean() > 0.9
    assert rounded.stat().st_size < n_bytes


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_refused_on_a_processor_without_it(
    tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(ResourceError, match=rf"attention\.precision is `{precision}`, .* CPU"):
        extract(tmp_path, TEXTS, precision=precision)


def test_bfloat16_on_a_processor_with_it_is_close_to_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    exact = files.read_table(extract(tmp_path, TEXTS), attention_schemas.ATTENTION)
    path = extract(tmp_path, TEXTS, precision="bfloat16")
    halved = files.read_table(path, attention_schemas.ATTENTION)

    assert files.read_facts(path, attention_schemas.ATTENTION)["precision"] == "bfloat16"
    assert halved.column("tokens") == exact.column("tokens")
    one, other = (np.concatenate(table.column("self_attention").to_pylist()) for table in (exact, halved))
    np.testing.assert_allclose(other, one, rtol=0, atol=0.03)
    assert (one != other).mean() > 0.5


def fail_above(limit: int, fault: BaseException, batches: list[int]) -> Callable[..., Batch]:
    launch = AttentionReader.launch

    def launch_or_fail(reader: AttentionReader, windows: Sequence[Window]) -> Batch:
        batches.append(len(windows))
        if len(windows) > limit:
            raise fault
        return launch(reader, windows)

    return launch_or_fail


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_lack_of_memory_halves_the_batch_and_changes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: BaseException
) -> None:
    texts = [f"The {one} played the {other}." for one in ("bank", "team", "coach", "film") for other in WORDS[5:10]]
    whole = files.read_table(extract(tmp_path, texts, block_size=10), attention_schemas.ATTENTION)
    batches: list[int] = []
    monkeypatch.setattr(AttentionReader, "launch", fail_above(3, fault, batches))
    halved = files.read_table(extract(tmp_path, texts, block_size=10), attention_schemas.ATTENTION)

    assert batches[:7] == [10, 5, 2, 3, 5, 2, 3]
    assert max(batches[7:]) == 3  # the next block is not tried with what has failed before
    assert "out of memory on a batch of 10 inputs of up to 9 tokens: reading it in halves" in caplog.text
    assert whole.drop(["self_attention", "probabilities", "windows"]) == halved.drop(
        ["self_attention", "probabilities", "windows"]
    )
    flat = [np.concatenate(table.column("self_attention").to_pylist()) for table in (whole, halved)]
    np.testing.assert_allclose(*flat, atol=1e-5, rtol=0)


def test_input_too_long_for_the_memory_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AttentionReader, "launch", fail_above(0, MemoryError(), []))

    with pytest.raises(ResourceError, match=r"single input of \d+ tokens: lower model\.max_tokens, or use"):
        extract(tmp_path, TEXTS)
    assert {path.name for path in tmp_path.iterdir()} == {"shard.parquet", "checkpoint", "model.json"}


def test_other_faults_are_not_reported_as_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    monkeypatch.setattr(AttentionReader, "launch", fail_above(0, RuntimeError("device-side assert"), batches))

    with pytest.raises(RuntimeError, match="device-side assert"):
        extract(tmp_path, TEXTS)
    assert len(batches) == 1


def test_failed_write_ends_the_reading_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files.TableWriter.write_table

    def refuse(writer: files.TableWriter, table: pa.Table) -> None:
        if "self_attention" in table.column_names:
            raise OSError(28, "No space left on device")
        write(writer, table)

    monkeypatch.setattr(files.TableWriter, "write_table", refuse)

    with pytest.raises(OSError, match="No space left on device"):
        extract(tmp_path, TEXTS)
    assert {path.name for path in tmp_path.iterdir()} == {"shard.parquet", "checkpoint", "model.json"}


def spoil_word(checkpoint: Path, value: float) -> None:
    """Damage what one word is embedded as: texts without it are read well."""
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[len(SPECIAL_TOKENS) + WORDS.index("film")] = value
    model.save_pretrained(checkpoint)


def hide_attention(checkpoint: Path) -> None:
    config = FNetConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, intermediate_size=48)
    FNetForSequenceClassification(config).save_pretrained(checkpoint)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (partial(spoil_word, value=float("nan")), "the model returned NaN or infinite values"),
        (partial(spoil_word, value=float("inf")), "the model returned NaN or infinite values"),
        (hide_attention, "FNetForSequenceClassification returns no attention"),
    ],
    ids=["NaN", "infinity", "no attention"],
)
def test_model_that_fails_in_mid_run_is_reported_and_earlier_results_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None], message: str
) -> None:
    attention = extract(tmp_path, TEXTS[:2])
    before = attention.read_bytes()
    write_shard(tmp_path / "shard.parquet", TEXTS)
    harm(tmp_path / "checkpoint")
    paths = {name: tmp_path / name for name in ("shard.parquet", "checkpoint", "model.json", "attention.parquet")}
    options = zip(("--shard", "--checkpoint", "--card", "--attention"), map(str, paths.values()), strict=True)
    settings = json.dumps({"attention": {"device": "cpu", "window_overlap": 8}})
    code = cli.main(["extract-attention", "--settings", settings, *chain.from_iterable(options)])

    assert code == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert line.startswith(f"ERROR: {message}")
    assert attention.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == set(paths)


def test_progress_shows_documents_and_tokens_per_second(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    extract(tmp_path, TEXTS)

    assert re.search(r"extract_attention shard: 5 of 5 documents, [\d.,]+/s, [\d,]+ tokens/s, 0 s left", caplog.text)


KERNELS_OF_MANY_SHAPES = """
import torch
from attviz_pipeline.attention.freeing import keep_few_kernels
keep_few_kernels()
for n in [*range(1, 41), 40, *range(1, 41)]:
    torch.nn.functional.gelu(torch.zeros(n, 64))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("variables", "n_made"), [({}, 80), ({"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}, 40)])
def test_kernels_of_the_last_shapes_alone_are_kept_unless_asked_for_more(
    variables: dict[str, str], n_made: int
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN")}
    said = subprocess.run(
        [sys.executable, "-c", KERNELS_OF_MANY_SHAPES],
        env=environment | {"ONEDNN_VERBOSE": "profile_create"} | variables,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    if "eltwise_gelu" not in said:
        pytest.skip("torch computes GELU without oneDNN on this processor")
    assert said.count("create:cache_miss,cpu,eltwise") == n_made


FAULTS_OF_TENSORS = """
import resource
import torch
from attviz_pipeline.attention.freeing import reuse_memory
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(1 << 24)
before = faults()
for _ in range(20):
    torch.ones(1 << 24)
print(faults() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.35"), reason="the C library does not keep so large tensors")
def test_memory_of_freed_tensors_is_reused() -> None:
    usual, reused = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS_OF_TENSORS.format(first=first)], text=True))
        for first in ("", "reuse_memory()")
    )
    assert usual > 5 * reused


def test_one_ahead_keeps_the_order_and_makes_one_item_while_another_is_used() -> None:
    made: list[int] = []
    items = one_ahead(made.append(number) or number for number in range(5))

    assert next(items) == 0
    time.sleep(0.1)
    assert made == [0, 1]
    assert list(items) == [1, 2, 3, 4]


def test_one_ahead_raises_what_failed_in_its_place() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise AttentionError("broken")

    items = one_ahead(numbers())

    assert next(items) == 1
    with pytest.raises(AttentionError, match="broken"):
        next(items)


def test_one_ahead_leaves_no_thread_behind_when_its_caller_stops() -> None:
    before = threading.active_count()
    items = one_ahead(iter(range(5)))
    next(items)
    items.close()

    assert threading.active_count() == before


def test_too_little_disk_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: type("Usage", (), {"free": 10}))

    with pytest.raises(ResourceError, match=r"too little disk for the attention of this shard: .* 0 MB are free"):
        extract(tmp_path, TEXTS * 100)


def test_truncated_shard_is_refused(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard.parquet", TEXTS)
    shard.write_bytes(shard.read_bytes()[:-20])
    stage = ExtractAttention(attention=AttentionSettings())

    with pytest.raises(ArtifactError, match=r"shard\.parquet is damaged or truncated"):
        extract_attention(stage, shard, tmp_path, write_card(tmp_path / "model.json"), tmp_path / "attention.parquet")


def test_card_of_another_version_is_refused(tmp_path: Path) -> None:
    card = tmp_path / "model.json"
    card.write_text(json.dumps({"schema": "attviz/model/99"}))

    with pytest.raises(ArtifactError, match=r"is attviz/model/99; this version reads attviz/model/2"):
        extract_attention(
            ExtractAttention(attention=AttentionSettings()), tmp_path, tmp_path, card, tmp_path / "attention.parquet"
        )
