"""The workflow where results are kept in a storage, as on a cluster without a shared disk: the same bytes."""

import shutil
from pathlib import Path

import pytest
import yaml
from tiny_workflow import content, planned, snakemake, write_study
from workflow_storage import is_log, local_copies, require_storage, stored

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def _storage() -> None:
    require_storage()


def write(folder: Path, **compare: object) -> None:
    """Write a small study of two shards that compares models."""
    folder.mkdir()
    path = write_study(folder, n_shards=2)
    study = yaml.safe_load(path.read_text(encoding="utf-8")) | {"compare": compare}
    study["training"] |= {"early_stopping_patience": None}  # which weights of epochs need
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")


def results(folder: Path) -> dict[str, bytes]:
    found = content(folder / "results" / "tiny")
    return {path: text for path, text in found.items() if not is_log(Path(path))}


def test_results_in_a_storage_are_those_of_an_ordinary_run(tmp_path: Path) -> None:
    here, there, store = tmp_path / "here", tmp_path / "there", tmp_path / "store"
    options = stored(tmp_path)
    write(here, pretrained=True)
    shutil.copytree(here, there)

    snakemake(here)
    log = snakemake(there, *options)

    assert f"The site: {store}/results/tiny/site" in log
    assert len(results(here)) > 100
    assert results(store) == results(here)
    assert not (there / "results").exists()
    assert local_copies(tmp_path) == []
    # What is there is not made again; changed settings and corpora rerun what reads them.
    assert planned(snakemake(there, "--dry-run", *options)) == set()
    changed = snakemake(there, "--dry-run", *options, "--config", "figures={dpi: 60}")
    assert planned(changed) == {"draw_word_clouds", "draw_figures", "render_site"}
    with (there / "news ünïcode.csv").open("a", encoding="utf-8") as corpus:
        corpus.write("one more,a text,world\n")
    assert "prepare_dataset" in planned(snakemake(there, "--dry-run", *options))


def test_weights_of_epochs_in_a_storage_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "study", checkpoints="every_epoch")
    said = snakemake(tmp_path / "study", "--dry-run", *stored(tmp_path), expect=2)
    assert "compare.checkpoints reads weights in results/tiny" in said
    assert "Traceback" not in said
