"""Faults between stages: a shard that fails, two runs at once, changed settings, wrong clocks, a moved checkout."""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from finished_study import AGGREGATES, C_LOCALE, SHARDS, FinishedStudy
from harm import count, wait_for
from tiny_workflow import planned

from attviz_pipeline.config.study import Study
from attviz_pipeline.stages import STAGES

pytestmark = pytest.mark.slow

YEAR = 365.25 * 24 * 3600


@pytest.fixture
def study(finished_study: FinishedStudy, tmp_path: Path) -> FinishedStudy:
    """A finished study that has lost its attention."""
    copy = finished_study.copy(tmp_path / "study")
    shutil.rmtree(copy.results / "attention")
    shutil.rmtree(copy.results / "aggregates")
    return copy


def same_shards(study: FinishedStudy) -> bool:
    return study.results_now() == study.undisturbed


def test_others_finish_when_a_shard_fails_and_only_it_runs_again(study: FinishedStudy) -> None:
    failing = f"case $* in *extract-attention*--attention*{SHARDS[1]}*) exit 1;; esac"
    study.before_stages(failing)
    study.run(*AGGREGATES, expect=1)
    assert [path.name for path in (study.results / "attention").iterdir()] == [f"{SHARDS[0]}.parquet"]
    assert (study.results / "aggregates" / f"{SHARDS[0]}.parquet").is_file()

    study.before_stages()
    said = study.run(*AGGREGATES)
    assert said.count("extract-attention") == 0 or SHARDS[0] not in said
    assert same_shards(study)
    count("a shard that fails")


def test_a_second_run_in_the_folder_is_locked_out(study: FinishedStudy) -> None:
    study.before_stages("sleep 1")
    first = study.snakemake(*AGGREGATES)
    wait_for(lambda: list((study.folder / ".snakemake" / "locks").glob("*")), first)
    said = study.run(*AGGREGATES, expect=1)

    assert "Directory cannot be locked" in said
    assert "no other Snakemake process is trying to create the same files" in said
    said = first.communicate(timeout=300)[0]
    assert first.returncode == 0, said
    assert same_shards(study)
    count("two runs in one folder")


def test_settings_changed_in_mid_run_take_effect_in_the_next(study: FinishedStudy) -> None:
    run = study.snakemake(*AGGREGATES)
    wait_for((study.results / "attention").is_dir, run)
    settings = yaml.safe_load((study.folder / "study.yaml").read_text(encoding="utf-8"))
    settings["attention"]["mantissa_bits"] = 12
    (study.folder / "study.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    said = run.communicate(timeout=300)[0]

    assert run.returncode == 0, said
    assert same_shards(study)
    again = planned(study.run("--dry-run"))
    assert {"extract_attention", "aggregate_shard", "render_site"} <= again
    assert not again & {"prepare_dataset", "shard_documents", "prepare_model"}
    count("settings changed in mid-run")


def date_files(study: FinishedStudy, moment: float) -> None:
    for name in ("shards", "model"):
        for path in (study.results / name).rglob("*"):
            os.utime(path, (moment, moment))


def test_clock_that_jumped_forward_changes_nothing(study: FinishedStudy) -> None:
    date_files(study, 10 * YEAR)
    study.run(*AGGREGATES)

    assert same_shards(study)
    assert "Nothing to be done" in study.run("--dry-run", *AGGREGATES)
    count("a clock that jumps forward")


def test_clock_that_jumped_back_is_named(study: FinishedStudy) -> None:
    date_files(study, time.time() + YEAR)
    said = study.run(*AGGREGATES, expect=1)
    assert "This could indicate a clock skew problem" in said
    assert not list((study.results / "attention").glob("*.parquet"))

    date_files(study, time.time())
    study.run(*AGGREGATES)
    assert same_shards(study)
    count("a clock that jumps back")


def test_a_moved_checkout_has_nothing_to_do(finished_study: FinishedStudy, tmp_path: Path) -> None:
    moved = finished_study.copy(tmp_path / "elsewhere" / "ж ü")

    assert "Nothing to be done" in moved.run("--dry-run")
    count("a moved checkout and study")


def test_a_python_without_utf_8_mode_is_refused(finished_study: FinishedStudy) -> None:
    no_utf8 = C_LOCALE | {"PYTHONUTF8": "0"}
    said = finished_study.run("--dry-run", expect=2, **no_utf8)
    process = finished_study.python("-m", "attviz_pipeline", *finished_study.calls[0].arguments, **no_utf8)
    stage_said = process.communicate(timeout=60)[0]

    for message in (said, stage_said):
        assert "names of files are read as ascii here, not as UTF-8: set PYTHONUTF8=1" in message
        assert "Traceback" not in message
    assert process.returncode == 2
    assert finished_study.results_now() == finished_study.undisturbed
    count("locale C, with UTF-8 mode disabled in Python", 2)


CHANGES = [
    "seed=14",
    "task=single_label",
    "dataset={max_characters: 100000}",
    "documents={max_documents: 40}",
    "model={max_tokens: 64}",
    "training={epochs: 2}",
    "attention={mantissa_bits: 12}",
    "aggregates={definition: attviz}",
    "assessment={n_bins: 10}",
    "terms={special_tokens: true}",
    "inference={max_documents: 1000}",
    "bootstrap={n_replicates: 200}",
    "classes={n_permutations: 50}",
    "comparison={n_permutations: 50}",
    "maps={entries_per_row: 8}",
    "figures={dpi: 60}",
    "report={title: Another}",
    "site={max_megabytes: 100}",
    "resources={memory_mb: 5000}",
]


def rules_after(study: FinishedStudy) -> dict[str, set[str]]:
    """Return the rules that need what each rule makes, near or far."""
    graph = study.run("--forceall", "--rulegraph")
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    next_rules: dict[str, set[str]] = {name: set() for name in names.values()}
    for before, after in re.findall(r"(\d+) -> (\d+)", graph):
        next_rules[names[before]].add(names[after])

    def all_after(name: str) -> set[str]:
        return {name}.union(*(all_after(after) for after in next_rules[name]))

    return {name: all_after(name) - {"all"} for name in next_rules}


def test_a_changed_setting_reruns_what_reads_it_and_what_follows(finished_study: FinishedStudy) -> None:
    after = rules_after(finished_study)
    sections = [change.partition("=")[0] for change in CHANGES]
    assert set(Study.model_fields) - set(sections) == {"name", "compare", "evidence", "redaction", "export", "publish"}

    with ThreadPoolExecutor(2) as pool:
        listings = list(pool.map(lambda change: finished_study.run("--dry-run", "--config", change), CHANGES))
    for section, listing in zip(sections, listings, strict=True):
        readers = {
            name for name, stage in STAGES.items() if stage.settings and section in stage.settings.model_fields
        } & set(after)
        expected = {"render_site"}.union(*(after[name] for name in readers))
        assert planned(listing) == expected, section
    count("a changed setting", len(CHANGES))


OUT_OF_MEMORY = """
import importlib, resource, sys
from pathlib import Path
from attviz_pipeline import cli
importlib.import_module(sys.argv[1])
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(cli.main(sys.argv[3:]))
"""
OF_LITTLE_MEMORY = ("aggregate_shard", "aggregate_dataset", "render_site")


def test_out_of_memory_is_reported_in_a_line(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    calls = {call.stage.replace("-", "_"): call for call in study.calls}
    for stage in OF_LITTLE_MEMORY:
        process = study.python("-c", OUT_OF_MEMORY, STAGES[stage].module, "1000000", *calls[stage].arguments)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 2, (stage, said)
        assert "out of memory" in said, (stage, said)
        assert "Traceback" not in said, (stage, said)
    assert study.results_now() == finished_study.undisturbed
    count("out of memory", len(OF_LITTLE_MEMORY))
