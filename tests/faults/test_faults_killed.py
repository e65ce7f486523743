"""Whatever is killed, at whatever moment: nothing half-written is left, and the end is the same to the byte."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from finished_study import AGGREGATES, C_LOCALE, N_SHARDS, SHARDS, Call, FinishedStudy
from harm import KILLS_OF_A_STAGE, KILLS_OF_THE_WORKFLOW, chance, count, kill, wait_for

from attviz_pipeline.artifacts import files, models_schemas

pytestmark = pytest.mark.slow


def partial_files(study: FinishedStudy) -> set[Path]:
    """Return what is being written; unlike `rglob`, `os.walk` tolerates that a folder is renamed meanwhile."""
    walk = os.walk(study.results)
    return {
        Path(place, name) for place, folders, files in walk for name in folders + files if name.endswith(".partial")
    }


def is_whole(study: FinishedStudy) -> bool:
    """Whether every file that has its name has all its bytes."""
    found = study.results_now()
    return all(study.undisturbed.get(name) == found[name] for name in found if ".partial" not in name)


def is_frame_of_ours(line: str) -> bool:
    """Whether a line of a traceback names this package's code."""
    return line.lstrip().startswith('File "') and "attviz_pipeline" in line


def seconds_of(study: FinishedStudy, call: Call) -> float:
    """Let a stage run to its end and return how long that took."""
    start = time.monotonic()
    study.run_calls([call])
    return time.monotonic() - start


def kill_stage(study: FinishedStudy, number: int, call: Call) -> int:
    """Kill a stage at random moments, every third time while it writes; then let it end."""
    seconds, n_kills = seconds_of(study, call), 0
    for attempt in range(KILLS_OF_A_STAGE):
        moments = chance(number, call.stage, attempt)
        left = partial_files(study)
        process = study.call(call)
        if attempt % 3 == 0:
            wait_for(lambda left=left: partial_files(study) - left, process)
            time.sleep(moments.uniform(0, 0.03))
        else:
            time.sleep(moments.uniform(0.1, 0.8) * seconds)
        n_kills += kill(process)
        assert is_whole(study), (call.stage, attempt)
    study.run_calls([call])
    return n_kills


def test_each_stage_is_killed_again_and_again(finished_study: FinishedStudy, tmp_path: Path) -> None:
    stages = list(enumerate(finished_study.calls))
    assert len({call.stage for _, call in stages}) >= 15

    def kill_and_finish(stage: tuple[int, Call]) -> int:
        number, call = stage
        copy = finished_study.copy(tmp_path / str(number))
        n_kills = kill_stage(copy, number, call)
        assert copy.results_now() == finished_study.undisturbed, call.stage
        return n_kills

    with ThreadPoolExecutor(2) as pool:
        n_kills = sum(pool.map(kill_and_finish, stages))
    assert n_kills >= KILLS_OF_A_STAGE * len(stages) * 0.8
    count("SIGKILL of one stage, at a random moment or while it writes", n_kills)


def test_the_workflow_is_killed_until_it_is_done_in_locale_c(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "störfälle ж", finished=False)
    n_kills = 0
    for attempt in range(KILLS_OF_THE_WORKFLOW):
        process = study.snakemake("--rerun-incomplete", **C_LOCALE)
        time.sleep(chance("workflow", attempt).uniform(2, 10))
        n_kills += kill(process)
        assert is_whole(study)
        study.run("--unlock", **C_LOCALE)

    study.run("--rerun-incomplete", **C_LOCALE)
    assert study.results_now() == finished_study.undisturbed
    assert n_kills > KILLS_OF_THE_WORKFLOW / 3
    count("SIGKILL of Snakemake and all its jobs, in locale C", n_kills)


def test_the_workflow_is_killed_in_mid_extraction(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    for stage in ("attention", "aggregates"):
        shutil.rmtree(study.results / stage)
    process = study.snakemake(*AGGREGATES)
    wait_for(lambda: partial_files(study), process)
    assert kill(process)
    assert len(list((study.results / "attention").glob("*.parquet"))) < N_SHARDS

    study.run("--unlock")
    study.run("--rerun-incomplete", *AGGREGATES)
    assert study.results_now() == finished_study.undisturbed
    count("SIGKILL of Snakemake and all its jobs, in mid-extraction")


def test_a_killed_job_of_a_compared_model_is_all_that_runs_again(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    compared = ("--config", "compare={seeds: [14, 15]}")
    comparison = ("--", "results/tiny/models/models.parquet")
    attention = "results/tiny/models/seed-14/attention"
    study.before_stages(
        f'case "$*" in *extract-attention*--attention*{attention}/{SHARDS[0]}*)',
        'command python "$@" &',
        f"until compgen -G '{attention}/.{SHARDS[0]}.*.partial' > /dev/null; do sleep 0.01; kill -0 $! || exit 1; done",
        "kill -KILL $!; wait $!; exit $?;;",
        "esac",
    )
    study.run(*compared, *comparison, expect=1)

    of_14, of_15 = (study.results / "models" / f"seed-{seed}" for seed in (14, 15))
    assert (of_15 / "statistics" / "class_heads.parquet").is_file()
    assert (of_14 / "attention" / f"{SHARDS[1]}.parquet").is_file()
    assert [path.name.count(".partial") for path in (of_14 / "attention").iterdir() if SHARDS[0] in path.name] == [1]
    assert not (study.results / "models" / "models.parquet").exists()

    study.before_stages()
    said = study.run("--rerun-incomplete", *compared, *comparison)
    outputs = [line.split(": ", 1)[1] for line in said.splitlines() if line.startswith("    output: ")]
    of_models = [line for line in outputs if not line.startswith("results/tiny/models/models.parquet")]
    again = {path for line in of_models for path in line.split(", ")}
    root = "results/tiny/models/seed-14"
    assert all(path.startswith(f"{root}/") for path in again)
    # What its killed job wrote, and what is made of it; not its classifier, nor the other shard.
    assert {f"{root}/attention/{SHARDS[0]}.parquet", f"{root}/statistics/class_heads.parquet"} <= again
    assert again.isdisjoint({f"{root}/model/checkpoint", f"{root}/attention/{SHARDS[1]}.parquet"})
    models = files.read_table(study.results / "models" / "models.parquet", models_schemas.MODELS)
    assert models["model"].to_pylist() == ["own", "seed-14", "seed-15"]
    assert not partial_files(study)
    assert finished_study.undisturbed.items() <= study.results_now().items()
    count("SIGKILL of a job of a compared model")


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(finished_study: FinishedStudy, tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and hand that on
    study = finished_study.copy(tmp_path / "study", finished=False)
    process = study.snakemake()
    wait_for((study.results / "shards").is_dir, process)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=300)[0]  # running jobs may end first

    assert process.returncode != 0
    # Snakemake shows a traceback of its own where the signal meets its event loop at work; a stage shows none.
    logs = [path.read_text(encoding="utf-8") for path in (study.results / "logs").rglob("*.log")]
    assert not [line for text in (said, *logs) for line in text.splitlines() if is_frame_of_ours(line)]
    assert not partial_files(study)
    study.run(*AGGREGATES)  # all that was under way, and more
    assert is_whole(study)
    assert all((study.results / "aggregates" / f"{shard}.parquet").is_file() for shard in SHARDS)
    count("Ctrl-C")
