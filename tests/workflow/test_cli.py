"""The command line: what a user's mistake looks like, and that names agree everywhere."""

import errno
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path

import pyarrow as pa
import pytest

from attviz_pipeline import cli
from attviz_pipeline.stages import STAGES, Stage

ROOT = Path(__file__).resolve().parents[2]
PREPARE = ["prepare-dataset", "--documents", "d.parquet", "--ledger", "l.parquet", "--card", "c.json"]


@pytest.fixture(autouse=True)
def _logging_left_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attviz_pipeline", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@cache
def commands() -> list[str]:
    listing = run("--help").stdout
    return re.findall(r"^    ([a-z]+(?:-[a-z]+)*)", listing, flags=re.MULTILINE)


def test_users_mistake_is_reported_without_a_traceback_and_logged(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: x\ndatset: {}\nmodel: {source: m}\n")
    finished = run(*PREPARE, "--config", "study.yaml", "--log", "logs/job.log")

    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert "study.yaml has 2 problems:" in finished.stderr
    assert "did you mean `dataset`?" in finished.stderr
    assert "did you mean `dataset`?" in (tmp_path / "logs" / "job.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"study.yaml", "logs"}


def fail_with(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    def prepare_dataset(**_arguments: object) -> None:
        raise fault

    monkeypatch.setattr(import_module(STAGES["prepare_dataset"].module), "prepare_dataset", prepare_dataset)
    code = cli.main([*PREPARE, "--config", str(ROOT / "config" / "config.yaml"), "--log", "job.log"])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_disk_that_cannot_be_written_is_a_message(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = fail_with(OSError(number, "the reason", "results/x"), monkeypatch, capsys)

    assert code == 2
    assert "cannot write results/x: the reason." in message
    assert "Traceback" not in message


CUDA_LACKS_MEMORY = (
    "CUDA out of memory. Tried to allocate 20.00 MiB",
    "CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory",
)


@pytest.mark.parametrize(
    "fault", [pa.ArrowMemoryError("malloc of size 1 failed"), *map(RuntimeError, CUDA_LACKS_MEMORY)], ids=str
)
def test_out_of_memory_is_a_message(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = fail_with(fault, monkeypatch, capsys)

    assert code == 2
    assert "out of memory" in message
    assert "documents.n_shards" in message
    assert "training.batch_size" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    "reason",
    [
        "CUDA error: unspecified launch failure",
        "CUDA error: all CUDA-capable devices are busy or unavailable",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    ],
)
def test_failed_gpu_is_a_message(
    reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = fail_with(RuntimeError(f"{reason}\nCompile with `TORCH_USE_CUDA_DSA`"), monkeypatch, capsys)

    assert code == 2
    assert f"the GPU failed: {reason}\nFinished results are kept." in message
    assert "Traceback" not in message


def test_log_that_cannot_be_opened_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("a file where a folder is wanted")

    code = cli.main(["check-config", "--config", str(ROOT / "config" / "config.yaml"), "--log", "log/job.log"])
    message = capsys.readouterr().err
    assert code == 2
    assert "cannot write log" in message
    assert "Traceback" not in message


def test_interruption_is_a_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = fail_with(KeyboardInterrupt(), monkeypatch, capsys)

    assert code == 130
    assert "interrupted; nothing half-written was kept" in message


@pytest.mark.parametrize("fault", [ZeroDivisionError("a bug"), RuntimeError("a bug")])
def test_bug_is_logged_with_its_traceback(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = fail_with(fault, monkeypatch, capsys)

    assert code == 1
    assert f"{type(fault).__name__}: a bug" in (tmp_path / "job.log").read_text()


def test_settings_and_config_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (PREPARE, [*PREPARE, "--config", "a", "--settings", "{}"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_check_config_says_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "--config", str(ROOT / "config" / "config.yaml")]) == 0
    assert "study `news` is valid" in capsys.readouterr().out


@cache
def rules() -> dict[str, str]:
    """Source of each rule by its name."""
    text = "".join(f"{path.read_text(encoding='utf-8')}\n" for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    return dict(re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", text, flags=re.MULTILINE | re.DOTALL))


@cache
def names_of_tests() -> set[str]:
    return {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_rule_is_a_declared_stage() -> None:
    assert sorted(rules()) == sorted(STAGES)


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_stage_has_one_name_everywhere(stage: Stage) -> None:
    rule = rules()[stage.name]

    assert stage.command in commands()
    assert callable(getattr(import_module(stage.module), stage.name))
    assert f"logs/{stage.name}" in rule
    assert f'stage_code("{stage.name}")' in rule
    assert f'command("{stage.name}")' in rule
    assert f"test_{stage.name}" in names_of_tests()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_rule_opens_with_what_its_stage_does(stage: Stage) -> None:
    assert rules()[stage.name].lstrip().startswith(f'"{stage.summary}"\n')


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_stage_takes_what_its_command_is_given(stage: Stage) -> None:
    parameters = set(signature(getattr(import_module(stage.module), stage.name)).parameters)
    given = {given.name for given in (*stage.arguments, *stage.options)} | ({"settings"} if stage.settings else set())

    assert given == parameters


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands():
        with pytest.raises(SystemExit) as finished:
            cli.main([command, "--help"])
        assert finished.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 5


def test_readme_names_every_stage() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert not [rule for rule in rules() if rule not in readme]


def test_waiting_threads_leave_their_core_to_other_jobs() -> None:
    """With two threads on cores that other jobs use, too, fine-tuning otherwise takes three times the CPU seconds."""
    study = ROOT / "config" / "config.yaml"
    code = f"from attviz_pipeline.cli import main; main(['check-config', '--config', {str(study)!r}]); import torch"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment | {"OMP_DISPLAY_ENV": "true"}, check=True, capture_output=True
    ).stderr
    if b"OMP_WAIT_POLICY" not in shown:
        pytest.skip("torch uses another library for its threads")
    assert b"OMP_WAIT_POLICY = 'PASSIVE'" in shown
