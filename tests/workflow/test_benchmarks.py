"""The benchmark runs to its end and fills its table, and stages note their costs; what is measured is not asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_benchmark_fills_its_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    command = [sys.executable, ROOT / "benchmarks" / "extraction.py", "--quick", "--readme", readme]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr

    page = readme.read_text(encoding="utf-8")
    assert page.startswith((ROOT / "benchmarks" / "README.template.md").read_text(encoding="utf-8").split("{")[0])
    assert "{" not in page
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row[0].split(",")[0].removeprefix("| ") for row in rows] == [
        *["self-attention mode / plain SDPA forward"] * 3,
        *["full mode / plain SDPA forward"] * 3,
        "self-attention mode / plain SDPA forward",
        "full mode / plain SDPA forward",
        "peak memory of self-attention mode / plain forward",
        "peak memory of full mode / plain forward",
        "peak memory of `output_attentions=True` / plain forward",
        *["AttViz's procedure / whole stage", "AttViz's procedure / matrix products alone"] * 2,
        *["bytes on disk per value"] * 3,
        "whole stage / plain SDPA passes over the same batches",
        "its reading alone / plain SDPA passes over the same batches",
        "AttViz's procedure / whole stage in bfloat16",
        "whole stage in bfloat16 / in float32",
        *["whole stage"] * 3,
    ]


@pytest.mark.slow
@pytest.mark.browser
def test_the_index_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "site_index.py", "--folder", tmp_path / "index"]
    finished = subprocess.run(
        [*command, "--n-documents", "300", "--repeats", "1"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert finished.returncode == 0, finished.stderr
    assert "usable" in finished.stdout


def test_a_stage_notes_what_it_took(tmp_path: Path) -> None:
    notes = tmp_path / "costs.jsonl"
    folder = ROOT / "benchmarks" / "noting"
    command = ["-m", "attviz_pipeline", "check-config", "--config", str(ROOT / "config" / "config.yaml")]
    subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}", "ATTVIZ_COSTS": str(notes)},
        stdout=subprocess.DEVNULL,
        check=True,
    )

    (line,) = notes.read_text(encoding="utf-8").splitlines()
    noted, (seconds, cpu_seconds, peak_mb) = json.loads(line)
    assert noted == command
    assert 0 < seconds < 60
    assert 0 < cpu_seconds < 60
    assert 20 < peak_mb < 1000
