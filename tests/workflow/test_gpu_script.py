"""The script for a machine with a GPU: every step runs on the CPU, finds faults, and says what a machine lacks."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from attviz_pipeline.attention import diagonal

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PRECISIONS = ("float32", "bfloat16", "float16")
MASKS = (
    *("no mask", "padding", "padding and a local window", "a mask of each head"),
    *("numbers added to the scores of each head", "causal", "keys that two heads share"),
)
CHECKS = [
    *[f"{precision}: fused kernel passes its own check" for precision in PRECISIONS],
    *[f"{precision}, {mask}: output and self-attention" for precision in PRECISIONS for mask in MASKS],
    *[f"{precision}, tiny, 512 tokens: self-attention" for precision in PRECISIONS],
    "float32, every architecture: self-attention",
    "float32, every architecture, full mode: attention received",
    *[f"{precision}, Bert, ModernBert, GPT2: self-attention" for precision in PRECISIONS[1:]],
    "batches in a queue against batches one by one",
    "a job extracts a shard",
    "its values against those of the CPU",
    "a killed job leaves nothing half-written",
    "the same job again after the kill",
    "a GPU that is lost (simulated) ends the job, and earlier results stay",
    "a batch that does not fit into memory is read in halves",
]
MEASUREMENTS = [
    *[f"self-attention mode / plain forward, tiny, {n} tokens, {name}" for name in PRECISIONS for n in (128, 512)],
    *[f"whole stage / plain forward, tiny, {n} tokens, {name}" for name in PRECISIONS for n in (128, 512)],
    *[
        row
        for name in PRECISIONS
        for row in (
            f"corpus as long as BBC news, whole stage, {name}",
            f"its model alone: share of the chip's limit, {name}",
        )
    ],
    "AttViz's way / whole stage, per token, float32",
    "BertViz's way / whole stage, per token, float32",
    "fine-tuning, tiny, 2 steps of 16 texts of up to 512 tokens",
    *[f"full mode / plain forward, tiny, {n} tokens, {name}" for name in PRECISIONS for n in (128, 512)],
    "GPU memory of self-attention mode / plain forward, tiny, 512 tokens",
    "GPU memory of full mode / plain forward, tiny, 512 tokens",
    "GPU memory of `output_attentions=True` / plain forward, tiny, 512 tokens",
]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["env", f"PYTHON={sys.executable}", *(f"{name}={value}" for name, value in environment.items())]
    command += [str(BENCHMARKS / "gpu.sh"), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The script's modules; they are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("gpu", "gpu_parts", "gpu_check")
    modules: dict[str, ModuleType] = {name: import_module(name) for name in names}
    return SimpleNamespace(**modules)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "expected"), [("check", CHECKS), ("measure", MEASUREMENTS)])
def test_dry_run_fills_every_row_of_the_page(command: str, expected: list[str], tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    finished = run(command, "--dry-run", "--page", page, "--seconds", 600)
    assert finished.returncode == 0, finished.stdout + finished.stderr

    text = page.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == expected
    assert not [row for row in rows if len(row) != 4 or row[2] in {"", "not run"} or "failed" in row[2]]
    assert "no GPU: a dry run with a tiny model, whose numbers mean nothing" in text
    assert text.count("Not yet run on a GPU.") == 1
    assert not re.search(r"\{[A-Z]", text)


def test_machine_without_a_gpu_is_told_so() -> None:
    finished = run("check", CUDA_VISIBLE_DEVICES="-1")

    assert finished.returncode == 2
    assert finished.stderr.startswith(f"no CUDA device is visible to torch {torch.__version__} (built for CUDA ")
    assert "CUDA_VISIBLE_DEVICES=-1" in finished.stderr


def test_too_little_memory_of_a_gpu_is_told(benchmark: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2_500_000_000, 16_000_000_000))

    assert benchmark.gpu._lacking_gpu("measure") == "the GPU has 2.5 GB of free memory, and `measure` needs 10 GB."


def test_missing_and_old_packages_are_named(benchmark: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert benchmark.gpu.lacking() == ""
    monkeypatch.setitem(benchmark.gpu.PACKAGES, "not_there", "not-there")
    assert "lacks not-there. On a machine with network, run\n    pip install --target extra" in benchmark.gpu.lacking()
    monkeypatch.delitem(benchmark.gpu.PACKAGES, "not_there")
    monkeypatch.setitem(benchmark.gpu.LEAST, "torch", "99.10")
    assert benchmark.gpu.lacking() == f"torch {torch.__version__} is too old: 99.10 or newer is needed."


def test_part_that_fails_or_comes_too_late_is_a_row(benchmark: SimpleNamespace) -> None:
    def fail() -> tuple[str, str]:
        raise RuntimeError("CUDA error: a | b\nmore")

    part, parts = benchmark.gpu_parts.Part("what", "<= 1", fail), benchmark.gpu_parts
    assert list(parts.run_parts([part], parts.Clock(60))) == [
        ("what", "<= 1", "**failed**", "RuntimeError: CUDA error: a / b more")
    ]
    assert list(parts.run_parts([part], parts.Clock(0))) == [("what", "<= 1", "not run", "the 0 seconds were over")]
    with pytest.raises(parts.Missed, match="nan"):
        parts.within(float("nan"), 1, "")


def test_masks_notice_a_kernel_that_errs(benchmark: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def err(inputs: diagonal.AttentionInputs) -> tuple[torch.Tensor, torch.Tensor]:
        output, log_sum = diagonal._cpu_kernel(inputs)
        return output, log_sum + 1e-3

    masks = benchmark.gpu_check.MASKS
    assert benchmark.gpu_check._masked("cpu", "float32", masks["causal"])
    monkeypatch.setattr(diagonal, "checked_kernel", lambda *_: err)
    for make in masks.values():
        with pytest.raises(benchmark.gpu_parts.Missed):
            benchmark.gpu_check._masked("cpu", "float32", make)


def test_texts_are_as_long_as_bbc_news(benchmark: SimpleNamespace) -> None:  # noqa: ARG001 - puts the folder on the path
    texts = import_module("gpu_texts").invented_texts(500)
    lengths = sorted(len(text.split()) for text in texts)

    assert texts == import_module("gpu_texts").invented_texts(500)
    assert 300 < lengths[250] < 365
    assert lengths[0] >= 89
    assert lengths[-1] <= 4432


def test_page_of_the_repository_follows_its_template(benchmark: SimpleNamespace, tmp_path: Path) -> None:
    page = BENCHMARKS / "gpu.md"
    again = tmp_path / "gpu.md"
    benchmark.gpu._write_page(again, benchmark.gpu._sections(page))

    assert again.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
