"""How the engine gets on with a device: its budget, its queue, its loss."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from tiny_extraction import TEXTS, extract

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.background import one_behind
from attviz_pipeline.attention.batching import BUDGETS, calibrate
from attviz_pipeline.attention.capture import AttentionReader, Batch
from attviz_pipeline.attention.opening import device_name
from attviz_pipeline.attention.windows import Window

LENGTHS = (5, 64, 500)  # the middle one is what is read


def windows() -> list[Window]:
    return [Window(0, [7] * length, [0] * length, 0, length) for length in LENGTHS]


class Device:
    """Reads in a time that falls per token up to a batch of `enough` tokens, and holds `memory` tokens at most."""

    def __init__(self, enough: int, memory: int, fault: Exception | None = None) -> None:
        self.now = 0.0
        self.read_tokens: list[int] = []
        self._enough, self._memory = enough, memory
        self._fault = fault or torch.OutOfMemoryError("CUDA out of memory")

    def read(self, batch: Sequence[Window]) -> None:
        n_tokens = sum(window.n_tokens for window in batch)
        if n_tokens > self._memory:
            raise self._fault
        self.read_tokens.append(n_tokens)
        self.now += max(n_tokens, self._enough) / 1000


@pytest.mark.parametrize(("enough", "expected"), [(1, 512), (4096, 4096), (10**9, BUDGETS[-1])])
def test_calibration_takes_the_smallest_budget_that_is_fast(
    enough: int, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    device = Device(enough, memory=10**9)

    assert calibrate(device.read, windows(), clock=lambda: device.now) == expected
    assert all(n_tokens % 64 == 0 for n_tokens in device.read_tokens)
    assert f"calibrated on inputs of 64 tokens: attention.tokens_per_batch is {expected}" in caplog.text


@pytest.mark.parametrize(("length", "expected"), [(511, 4096), (600, 4096), (1500, 8192), (3000, 8192)])
def test_calibration_goes_on_from_a_budget_that_takes_no_more_inputs(length: int, expected: int) -> None:
    device = Device(3500, memory=10**9)
    sample = [Window(0, [7] * length, [0] * length, 0, length)]

    assert calibrate(device.read, sample, clock=lambda: device.now) == expected


def test_calibration_stays_within_the_memory() -> None:
    device = Device(10**9, memory=3000)

    assert calibrate(device.read, windows(), clock=lambda: device.now) == 2048
    assert max(device.read_tokens) <= 3000


def test_calibration_takes_no_other_fault_for_lack_of_memory() -> None:
    device = Device(1, memory=0, fault=RuntimeError("shape mismatch"))

    with pytest.raises(RuntimeError, match="shape mismatch"):
        calibrate(device.read, windows(), clock=lambda: device.now)


def test_calibrated_run_gives_the_same_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fixed = files.read_table(extract(tmp_path, TEXTS), attention_schemas.ATTENTION)
    calibrated = files.read_table(extract(tmp_path, TEXTS, tokens_per_batch="auto"), attention_schemas.ATTENTION)

    assert "calibrated on inputs of" in caplog.text
    assert fixed.column("tokens") == calibrated.column("tokens")
    for one, other in zip(*(table.column("self_attention").to_pylist() for table in (fixed, calibrated)), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_one_behind_yields_an_item_when_the_next_one_is_made() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            yield number

    assert [(item, made[-1]) for item in one_behind(numbers())] == [(0, 1), (1, 2), (2, 3), (3, 3)]
    assert list(one_behind([])) == []


def test_a_block_is_launched_before_the_one_before_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def noted(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            events.append(name)
            return method(*arguments)

        return call

    monkeypatch.setattr(AttentionReader, "launch", noted("launch", AttentionReader.launch))
    monkeypatch.setattr(Batch, "readings", noted("wait", Batch.readings))
    extract(tmp_path, ["goal", "team", "match"], block_size=1)

    assert events == ["launch", "launch", "wait", "launch", "wait", "wait"]


def test_batch_that_a_gpu_still_copies_is_waited_for_before_it_is_read() -> None:
    logits, attention = torch.full((1, 2), torch.nan), torch.full((3, 1, 4, 5), torch.nan)

    class Event:
        def synchronize(self) -> None:
            logits.fill_(1)
            attention.fill_(0.5)

    [reading] = Batch(logits, attention, [slice(0, 5)], Event()).readings()

    assert (reading.logits == 1).all()
    assert (reading.self_attention == 0.5).all()


@pytest.mark.parametrize("where", ["launch", "readings"])
def test_gpu_that_disappears_in_mid_run_ends_it_and_earlier_results_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = extract(tmp_path, TEXTS[:2]).read_bytes()
    owner = AttentionReader if where == "launch" else Batch
    method, calls = getattr(owner, where), []

    def fail_the_third_time(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise RuntimeError("CUDA error: unspecified launch failure\nCompile with `TORCH_USE_CUDA_DSA`")
        return method(*arguments)

    monkeypatch.setattr(owner, where, fail_the_third_time)
    with pytest.raises(RuntimeError, match="CUDA error: unspecified launch failure"):
        extract(tmp_path, TEXTS)
    assert len(calls) == 3
    assert (tmp_path / "attention.parquet").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "shard.parquet",
        "checkpoint",
        "model.json",
        "attention.parquet",
    }


def test_device_and_precision_are_kept_with_the_attention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = files.read_facts(extract(tmp_path, TEXTS), attention_schemas.ATTENTION)
    assert (facts["device"], facts["precision"]) == ("cpu", "float32")

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert device_name(torch.device("cuda", 1)) == "cuda: GPU 1"
