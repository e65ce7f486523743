"""One GPU per process without a scheduler: processes at once never share one, and a killed one frees its own."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attviz_pipeline import devices

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import os, sys, time
from attviz_pipeline.devices import reserved_gpu
with reserved_gpu(1):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.readline()
"""
COUNTER = """
import os, time
from pathlib import Path
from attviz_pipeline.devices import reserved_gpu
with reserved_gpu(1):
    mark = Path(os.environ["MARKS"], os.environ["CUDA_VISIBLE_DEVICES"])
    mark.touch(exist_ok=False)  # fails where two processes hold one GPU
    time.sleep(0.1)
    mark.unlink()
"""


@pytest.fixture(autouse=True)
def _three_gpus_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setattr(devices, "SECONDS_BETWEEN_TRIES", 0.05)


class Holder:
    """A process that reserves a GPU and holds it until it is stopped."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", HOLDER]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def gpu(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold() -> Callable[[], Holder]:
    return Holder


def test_processes_at_once_get_a_gpu_each_and_a_killed_one_frees_its_own(hold: Callable[[], Holder]) -> None:
    holders = [hold() for _ in range(3)]
    try:
        taken = [holder.gpu() for holder in holders]
        assert sorted(taken) == ["0", "1", "2"]

        fourth = hold()
        holders.append(fourth)
        time.sleep(0.3)
        assert fourth.process.poll() is None
        holders[1].kill()
        assert fourth.gpu() == taken[1]
    finally:
        for holder in holders:
            holder.kill()


def test_twelve_processes_take_turns_on_three_gpus(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    environment = os.environ | {"MARKS": str(marks)}
    command = [sys.executable, "-c", COUNTER]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(12)]

    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert not list(marks.iterdir())


def test_gpus_are_found_by_nvidia_smi_and_the_choice_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho GPU-aa\necho GPU-bb\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    caplog.set_level(logging.INFO)

    with devices.reserved_gpu(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-aa"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "reserved GPU GPU-aa, one of 2" in caplog.text


def test_machine_without_gpus_warns_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    with devices.reserved_gpu(1):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "a GPU was requested, but nvidia-smi lists none" in caplog.text


def test_nothing_changes_without_a_request() -> None:
    with devices.reserved_gpu(0):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,2"


@pytest.mark.parametrize("given", ["2", "", None])
def test_nothing_changes_inside_slurm_where_it_gave_one_gpu_or_none(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)

    with devices.reserved_gpu(1):
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == given
    assert not list(tmp_path.rglob("*.lock"))


def test_processes_of_one_slurm_job_share_out_its_gpus_and_keep_out_of_other_jobs(
    hold: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    holders = []
    try:
        for job in ("17", "18"):
            monkeypatch.setenv("SLURM_JOB_ID", job)
            mine = [hold(), hold()]
            holders += mine
            assert sorted(holder.gpu() for holder in mine) == ["0", "1"]
    finally:
        for holder in holders:
            holder.kill()
