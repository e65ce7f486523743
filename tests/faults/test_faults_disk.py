"""A full disk, and one that cannot be written: said in a line or two, nothing lost, nothing half-written."""

import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from finished_study import Call, FinishedStudy
from harm import count, small_disk

pytestmark = pytest.mark.slow

SIZE = 200_000_000


def said_by(study: FinishedStudy, call: Call) -> tuple[int | None, str]:
    process = study.call(call)
    said = process.communicate()[0]
    return process.returncode, said


def stages(study: FinishedStudy) -> list[Call]:
    """Return one call of each stage."""
    return list({call.stage: call for call in study.calls}.values())


def without_log(call: Call) -> Call:
    place = call.arguments.index("--log")
    return replace(call, arguments=call.arguments[:place] + call.arguments[place + 2 :])


def fill(place: Path) -> None:
    """Leave not a byte."""
    filler = place / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False)
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"\0"):
            pass


def test_each_stage_meets_a_full_disk(finished_study: FinishedStudy, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", SIZE):
        study = finished_study.copy(tmp_path / "disk")
        fill(tmp_path / "disk")
        before = study.results_now()
        calls = list(map(without_log, stages(study)))
        ends = [said_by(study, call) for call in calls]

        for call, (code, said) in zip(calls, ends, strict=True):
            assert code == 2, (call.stage, said)
            assert "No space left" in said or "too little disk" in said, (call.stage, said)
            assert "Traceback" not in said, (call.stage, said)
        assert study.results_now() == before == finished_study.undisturbed
        (tmp_path / "disk" / "filler").unlink()
        code, said = said_by(study, calls[0])
        assert code == 0, said
    count("a full disk", len(calls))


def test_each_stage_meets_a_folder_that_cannot_be_written(finished_study: FinishedStudy, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", SIZE):
        study = finished_study.copy(tmp_path / "disk")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        calls = [stages(study)[0], *map(without_log, stages(study))]
        ends = [said_by(study, call) for call in calls]

        for call, (code, said) in zip(calls, ends, strict=True):
            assert code == 2, (call.stage, said)
            assert "Read-only file system" in said, (call.stage, said)
            assert "Traceback" not in said, (call.stage, said)
        assert study.results_now() == finished_study.undisturbed
    count("a folder that cannot be written", len(calls))


def test_the_log_s_disk_is_full_and_the_stage_ends_all_the_same(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    call = stages(study)[0]
    place = call.arguments.index("--log") + 1
    log = study.folder / call.arguments[place]
    shutil.rmtree(log.parent)
    with small_disk(log.parent, 4096):
        fill(log.parent)
        code, said = said_by(study, call)

    assert code == 0, said
    assert "Traceback" not in said
    assert study.results_now() == finished_study.undisturbed
    count("a full disk under the log")
