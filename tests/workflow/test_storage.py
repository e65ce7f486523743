"""The workflow where results are kept in a storage, as on a cluster without a shared disk: the same bytes."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
import yaml
from tiny_workflow import content, planned, snakemake, write_study

PLUGIN = "snakemake_storage_plugin_fs"


@pytest.fixture(scope="module")
def _plugin() -> None:
    if importlib.util.find_spec(PLUGIN) is None or shutil.which("rsync") is None:
        reason = f"{PLUGIN} or rsync is not installed (extra `storage`, tests/support/provide_slurm.sh)"
        if os.environ.get("ATTVIZ_REQUIRE_SLURM") == "1":
            pytest.fail(f"{reason}, and ATTVIZ_REQUIRE_SLURM=1 asks for it")
        pytest.skip(reason)


def write(folder: Path, **compare: object) -> None:
    """Write a small study of two shards that compares models."""
    folder.mkdir()
    path = write_study(folder, n_shards=2)
    study = yaml.safe_load(path.read_text(encoding="utf-8")) | {"compare": compare}
    study["training"] |= {"early_stopping_patience": None}  # which weights of epochs need
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")


def stored(folder: Path) -> tuple[str, ...]:
    """Return the options of docs/cluster.md, for a storage and local copies beside the folder of the study."""
    return (
        *("--default-storage-provider", "fs", "--default-storage-prefix", str(folder.with_name("store"))),
        *("--local-storage-prefix", str(folder.with_name("copies"))),
        *("--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache"),
    )


def results(folder: Path) -> dict[str, bytes]:
    found = content(folder / "results" / "tiny")
    return {path: text for path, text in found.items() if not is_log(Path(path))}


def is_log(path: Path) -> bool:
    return not {"logs", "benchmarks"}.isdisjoint(path.parts)


@pytest.mark.slow
@pytest.mark.usefixtures("_plugin")
def test_results_in_a_storage_are_those_of_an_ordinary_run(tmp_path: Path) -> None:
    here, there, store = tmp_path / "here", tmp_path / "there", tmp_path / "store"
    write(here, pretrained=True)
    shutil.copytree(here, there)

    snakemake(here)
    log = snakemake(there, *stored(there))

    assert f"The site: {store}/results/tiny/site" in log
    assert len(results(here)) > 100
    assert results(store) == results(here)
    assert not (there / "results").exists()
    copies = [path for path in (tmp_path / "copies").rglob("*") if path.is_file()]
    assert [path for path in copies if not is_log(path)] == []
    # What is there is not made again, and a changed setting reruns what reads it.
    assert planned(snakemake(there, "--dry-run", *stored(there))) == set()
    changed = snakemake(there, "--dry-run", *stored(there), "--config", "figures={dpi: 60}")
    assert planned(changed) == {"draw_word_clouds", "draw_figures", "render_site"}


@pytest.mark.slow
@pytest.mark.usefixtures("_plugin")
def test_weights_of_epochs_in_a_storage_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "study", checkpoints="every_epoch")
    said = snakemake(tmp_path / "study", "--dry-run", *stored(tmp_path / "study"), expect=2)
    assert "compare.checkpoints reads weights in results/tiny" in said
    assert "Traceback" not in said
