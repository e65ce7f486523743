"""Damaged files of every kind: noticed, named, and rebuilt by what the message advises."""

import re
import shutil
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from finished_study import FinishedStudy
from harm import chance, count

from attviz_pipeline.artifacts import all_schemas, files, model_schemas, output_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.errors import ArtifactError

pytestmark = pytest.mark.slow


def kinds(study: FinishedStudy) -> dict[Schema, Path]:
    """Return one artifact of each kind that the study has made."""
    found: dict[Schema, Path] = {}
    by_name = {schema.identifier: schema for schema in all_schemas.ALL}
    for path in sorted(study.results.rglob("*")):
        if path.suffix == ".parquet" and not {"figures", "word_clouds"} & {*path.parts}:
            name = pq.read_schema(path).metadata[files.SCHEMA_KEY].decode()
        elif path.suffix == ".json" and '"schema": "attviz/' in path.read_text(encoding="utf-8")[:30]:
            name = re.findall(r"attviz/\w+/\d+", path.read_text(encoding="utf-8"))[0]
        else:
            continue
        found.setdefault(by_name[name], path)
    return found


def read(path: Path, schema: Schema) -> object:
    return files.read_table(path, schema) if path.suffix == ".parquet" else files.read_json(path, schema)


def damaged_copies(path: Path, folder: Path) -> list[Path]:
    """Make copies with one bit flipped anywhere, and copies that end early."""
    content, moments = path.read_bytes(), chance(path.name)
    copies = []
    for number in range(20):
        harmed = bytearray(content)
        if number % 2:
            del harmed[moments.randrange(len(content)) :]
        else:
            harmed[moments.randrange(len(content))] ^= 1 << moments.randrange(8)
        copies.append(folder / f"{number}-{path.name}")
        copies[-1].write_bytes(harmed)
    return copies


def test_damage_to_each_kind_of_artifact_is_noticed(finished_study: FinishedStudy, tmp_path: Path) -> None:
    found = kinds(finished_study)
    unmade = {schema.name for schema in set(all_schemas.ALL) - set(found)}
    of_models = {one.name for one in fields(ModelsPaths)}
    # Made on request only, and where models are compared.
    assert unmade == {"exported_tokens", "failed_model"} | of_models

    for schema, path in found.items():
        read(path, schema)
        for copy in damaged_copies(path, tmp_path):
            with pytest.raises(ArtifactError, match=r"is damaged or truncated: ") as caught:
                read(copy, schema)
            assert str(copy) in str(caught.value)
            assert "run the workflow again" in str(caught.value)
    count("a flipped bit or an early end in an artifact of each kind", 20 * len(found))


def test_damage_to_the_model_and_to_figures_is_noticed(finished_study: FinishedStudy, tmp_path: Path) -> None:
    figures = files.read_json(finished_study.results / "figures" / "figures.json", output_schemas.FIGURES)["figures"]
    model = files.read_json(finished_study.results / "model" / "model.json", model_schemas.MODEL)["sha256"]
    folders = {"figures": figures[0]["sha256"], "model/checkpoint": model}

    n_cases = 0
    for name, digests in folders.items():
        folder = tmp_path / Path(name).name
        shutil.copytree(finished_study.results / name, folder)
        require_unchanged(folder, digests)
        for file in digests:
            undamaged = (folder / file).read_bytes()
            for copy in damaged_copies(folder / file, tmp_path):
                copy.replace(folder / file)
                with pytest.raises(ArtifactError, match="is damaged: its checksum"):
                    require_unchanged(folder, {file: digests[file]})
                n_cases += 1
            (folder / file).write_bytes(undamaged)
    count("a flipped bit or an early end in a file of the model or a figure", n_cases)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_damaged_files_are_named_and_deleting_them_rebuilds_all(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    results = study.results
    flip(results / "attention" / "00000-of-00002.parquet")
    flip(results / "model" / "checkpoint" / "model.safetensors")
    for made_of_them in ("attention/00001-of-00002.parquet", "aggregates/00000-of-00002.parquet"):
        (results / made_of_them).unlink()
    for made_of_them in ("statistics", "maps", "figures", "site"):
        shutil.rmtree(results / made_of_them)

    said = study.run("--rerun-triggers", "mtime", expect=1)
    (table,) = set(re.findall(r"(\S+) is damaged or truncated: its bytes do not match its checksum", said))
    assert "Delete it and run the workflow again" in said
    (study.folder / table).unlink()
    assert "model.safetensors is damaged: its checksum is not the one that was noted when it was written" in said
    (folder,) = set(re.findall(r"Delete (\S*checkpoint) and run the workflow again", said))
    shutil.rmtree(study.folder / folder)
    assert "Traceback" not in said

    study.run_calls(study.planned_calls())
    assert study.results_now() == finished_study.undisturbed
    count("damaged files rebuilt by the remedy that the message names", 2)


NEEDED = {
    "gradients": "document_faithfulness",
    "document_ablations": "head_importance",
    "cumulative_ablations": "ablation_curves",
}
"""Tables of evidence that others are made of, and one of these."""


def test_damaged_evidence_is_named_and_deleting_it_rebuilds_all(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    evidence = study.results / "evidence"
    for name, made_of_it in NEEDED.items():
        flip(evidence / f"{name}.parquet")
        (evidence / f"{made_of_it}.parquet").unlink()
    for made_of_them in ("figures", "site"):
        shutil.rmtree(study.results / made_of_them)

    said = study.run("--rerun-triggers", "mtime", expect=1)
    damaged = set(re.findall(r"(\S+) is damaged or truncated: its bytes do not match its checksum", said))
    assert "results/tiny/evidence/gradients.parquet" in damaged
    assert damaged <= {f"results/tiny/evidence/{name}.parquet" for name in NEEDED}
    assert said.count("Delete it and run the workflow again") >= len(damaged)
    assert "Traceback" not in said
    for name in NEEDED:
        (evidence / f"{name}.parquet").unlink(missing_ok=True)  # a job that failed has removed its own

    study.run_calls(study.planned_calls())
    assert study.results_now() == finished_study.undisturbed
    count("damaged tables of evidence rebuilt by the remedy that the message names", len(NEEDED))
