"""Finished studies of the same documents side by side: what is compared, and what is refused."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from finished_study import FinishedStudy
from html_page import Page
from sentence_views import words
from tiny_workflow import content

from attviz_pipeline.artifacts import files, model_schemas, output_schemas, statistics_schemas
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.compare_studies import compare_studies
from attviz_pipeline.errors import ConfigError


def refusal(site: Path, *folders: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        compare_studies(folders, site)
    return str(refused.value)


class TestFolders:
    def test_every_problem_is_named_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "site").mkdir()

        said = refusal(tmp_path / "site", tmp_path / "empty", tmp_path / "none", tmp_path / "." / "none")

        assert f"{tmp_path / 'site'} " in said
        assert "exists, and is no site that compare-studies wrote" in said
        assert "is given more than once" in said
        assert len(re.findall("is no finished study: .*study.json does not exist", said)) == 2
        assert {path.name for path in tmp_path.rglob("*")} == {"empty", "site"}

    def test_one_study_is_too_few(self, tmp_path: Path) -> None:
        assert "is the only study: give at least two" in refusal(tmp_path / "site", tmp_path / "none")

    def test_a_site_in_a_folder_of_a_study_is_refused(self, tmp_path: Path) -> None:
        said = refusal(tmp_path / "a" / "both", tmp_path / "a", tmp_path / "b")

        assert "is in a folder of a study, which is left as it is" in said


def change_json(path: Path, schema: Schema, changes: Mapping[str, Any]) -> None:
    files.write_json(path, schema, {**files.read_json(path, schema), **changes})


def change_index(results: Path, **columns: list[Any]) -> None:
    """Write other values into the first rows of the index of documents."""
    path = results / "statistics" / "document_index.parquet"
    table = files.read_table(path, statistics_schemas.DOCUMENT_INDEX)
    facts = files.read_facts(path, statistics_schemas.DOCUMENT_INDEX)
    changed = table.to_pydict()
    for name, values in columns.items():
        changed[name][: len(values)] = values
    files.write_table(path, statistics_schemas.DOCUMENT_INDEX, changed, facts)


@pytest.fixture
def two(finished_study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two finished studies, the second a copy of the first."""
    study = finished_study.copy(tmp_path / "study")
    monkeypatch.chdir(study.folder)
    copy = study.folder / "results" / "copy"
    shutil.copytree(study.results, copy)
    settings = files.read_json(copy / "study.json", output_schemas.STUDY)["settings"] | {"name": "copy"}
    change_json(copy / "study.json", output_schemas.STUDY, {"settings": settings})
    return Path("results", "tiny"), Path("results", "copy")


@pytest.mark.slow
class TestDifferences:
    def test_of_documents(self, two: tuple[Path, Path]) -> None:
        change_index(two[1], id=["one", "two"])

        assert "has other documents: 2 ids only there, 2 ids only in results/tiny" in refusal(Path("both"), *two)
        assert not Path("both").exists()

    def test_of_splits_and_texts(self, two: tuple[Path, Path]) -> None:
        change_index(two[1], split=["train"], text=["another", "text"])

        said = refusal(Path("both"), *two)
        assert "has 1 document in another place or split: give both the same seed, dataset and documents" in said
        assert "has 2 documents with another text" in said
        assert "gold value" not in said

    def test_of_classes(self, two: tuple[Path, Path]) -> None:
        change_json(two[1] / "model" / "metrics.json", model_schemas.METRICS, {"label_names": ["cats", "dogs"]})

        assert "has the classes cats, dogs; results/tiny has " in refusal(Path("both"), *two)

    def test_of_the_task(self, two: tuple[Path, Path]) -> None:
        change_json(two[1] / "model" / "metrics.json", model_schemas.METRICS, {"task": "multi_label"})

        assert "has the task multi_label, results/tiny has single_label" in refusal(Path("both"), *two)

    def test_of_share_safe_mode_and_of_studies_that_lack_files(self, two: tuple[Path, Path]) -> None:
        settings = files.read_json(two[1] / "study.json", output_schemas.STUDY)["settings"]
        redacted = {"settings": settings | {"redaction": {"mode": "shape"}}}
        change_json(two[1] / "study.json", output_schemas.STUDY, redacted)
        third = Path("results", "third")
        shutil.copytree(two[0], third)
        (third / "model" / "model.json").unlink()

        said = refusal(Path("both"), *two, third)
        assert "results/third/model/model.json does not exist" in said
        assert "results/copy/redacted/00000-of-00002.parquet does not exist" in said

        shutil.copytree(two[1] / "attention", two[1] / "redacted")
        said = refusal(Path("both"), *two)
        assert "results/copy  is share-safe, and the first study is not" in said
        assert "results/tiny  is not share-safe, but the first study is" in refusal(Path("both"), *reversed(two))


@pytest.mark.slow
def test_two_studies_are_compared_and_stay_as_they_are(
    finished_study: FinishedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished_study.copy(tmp_path / "study")
    second = ("name=second", "training={epochs: 2}", "documents={n_shards: 1}", "evidence={enabled: false}")
    study.run("--config", *second)
    results = study.folder / "results"
    shutil.copytree(results / "second", results / "elsewhere" / "second")
    before = content(results)
    monkeypatch.chdir(study.folder)

    folders = ["results/tiny", "results/second", "results/elsewhere/second"]
    process = study.python("-m", "attviz_pipeline", "compare-studies", *folders, "--site", "both")
    said = process.communicate(timeout=600)[0]

    assert process.returncode == 0, said
    assert "both/index.html" in said
    assert content(results) == before
    assert {path.name for path in study.folder.iterdir() if "partial" in path.name} == set()
    page = words(Page(Path("both", "models.html")).text)
    assert "and 2 other models (second and second-2) read the same" in page
    assert "This model and second" in page
    assert "this model and that called second-2 differ in self-attention relative to even attention" in page
    assert "could not be compared" not in page
    assert "Models" in Page(Path("both", "index.html")).text
    assert "compared studies" in Page(Path("both", "about.html")).text
    facts = files.read_json(Path("both", "run.json"), output_schemas.RUN)
    assert facts["compared_studies"] == ["second", "second-2"]
    figures = json.loads(Path("both", "figures", "figures.json").read_text(encoding="utf-8"))["figures"]
    changes = next(one for one in figures if one["kind"] == "model_changes")
    assert "second: " in changes["alt"]

    compare_studies([Path(folder) for folder in folders[:2]], Path("both"))
    assert files.read_json(Path("both", "run.json"), output_schemas.RUN)["compared_studies"] == ["second"]
    assert "exists, and is no site that compare-studies wrote" in refusal(
        Path("results", "tiny", "..", "..", "study.yaml"), *map(Path, folders[:2])
    )
