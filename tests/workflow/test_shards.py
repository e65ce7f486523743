"""Shards: their names, the pattern that stands for all of them, and thousands of them in one workflow."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_workflow import ROOT

from attviz_pipeline.shards import every_shard, expand_shards, shard_names

MANY = 2_000
MOST_CPU_SECONDS = 120
"""Four times what is promised of a workflow of so many shards, because machines of tests are slow and busy."""
LONGEST_ARGUMENT = 131_072
"""Bytes of one argument of a program on Linux (MAX_ARG_STRLEN): a rule's whole command is one, that of its shell."""


def test_the_pattern_stands_for_every_shard() -> None:
    pattern = Path("attention", f"{every_shard(3)}.parquet")

    assert list(expand_shards([pattern])) == [Path("attention", f"{name}.parquet") for name in shard_names(3)]
    assert shard_names(3) == ["00000-of-00003", "00001-of-00003", "00002-of-00003"]


@pytest.mark.parametrize("name", ["00000-of-00002.parquet", "*.parquet", "*-of-2", "measures"])
def test_other_paths_stay_as_they_are(name: str) -> None:
    assert list(expand_shards([Path("folder", name)])) == [Path("folder", name)]


def test_a_folder_may_be_named_like_the_pattern() -> None:
    path = Path(every_shard(2), "00000-of-00002.parquet")

    assert list(expand_shards([path])) == [path]


@pytest.mark.slow
def test_thousands_of_shards_make_a_workflow_whose_commands_are_short(tmp_path: Path) -> None:
    study = {
        "name": "many",
        "dataset": {"source": "texts.csv"},
        "documents": {"n_shards": MANY},
        "model": {"source": "bert", "mode": "load"},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (tmp_path / "texts.csv").write_text("text,label\na,b\n", encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        [*command, "--cores", "1", "--dry-run", "--printshellcmds"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert re.search(rf"^extract_attention +{MANY}$", finished.stdout, flags=re.MULTILINE)
    assert used.ru_utime - before.ru_utime < MOST_CPU_SECONDS
    commands = [line for line in finished.stdout.splitlines() if " -m attviz_pipeline " in line]
    assert len(commands) > 3 * MANY
    assert max(len(line.encode()) for line in commands) < LONGEST_ARGUMENT // 10
