"""The stage draw_word_clouds: clouds over all heads and of each, which draw_figures puts beside its own figures."""

from pathlib import Path
from typing import Any

import pytest
from drawn_figures import write_statistics

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas, output_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.figures.draw_figures import draw_figures
from attviz_pipeline.figures.draw_word_clouds import draw_word_clouds
from attviz_pipeline.stages import DrawFigures

SETTINGS = DrawFigures(seed=13, figures=FiguresSettings(n_cloud_words=5, dpi=50), imported=False)
CLOUDS = ["word_cloud", *(f"word_cloud-L{layer:02d}-H{head:02d}" for layer in range(2) for head in range(3))]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("drawn")
    places = {
        "dataset_card": folder / "dataset.json",
        "model_card": folder / "model.json",
        "statistics": write_statistics(folder / "statistics").tokens.parent,
        "word_clouds": folder / "clouds",
    }
    files.write_json(places["dataset_card"], corpus_schemas.DATASET, {"source": "news.csv"})
    files.write_json(places["model_card"], model_schemas.MODEL, {"source": "some/bert"})
    draw_word_clouds(SETTINGS, **places)
    return places


def listed(folder: Path) -> list[dict[str, Any]]:
    figures: list[dict[str, Any]] = files.read_json(folder / "figures.json", output_schemas.FIGURES)["figures"]
    return figures


def test_there_is_a_cloud_over_all_heads_and_one_of_each(drawn: dict[str, Path]) -> None:
    assert [figure["name"] for figure in listed(drawn["word_clouds"])] == CLOUDS


@pytest.mark.slow
def test_all_other_figures_stand_before_them_with_unchanged_files(drawn: dict[str, Path], tmp_path: Path) -> None:
    draw_figures(SETTINGS, **drawn, figures=tmp_path / "figures")

    figures = listed(tmp_path / "figures")
    names = [figure["name"] for figure in figures]
    assert names[: -len(CLOUDS)][0] == "top_tokens"
    assert names[-len(CLOUDS) :] == CLOUDS
    for figure in figures:
        require_unchanged(tmp_path / "figures", figure["sha256"])


def test_damaged_statistics_leave_no_folder(drawn: dict[str, Path], tmp_path: Path) -> None:
    broken = {**drawn, "statistics": tmp_path, "word_clouds": tmp_path / "clouds"}
    for table in drawn["statistics"].iterdir():
        (tmp_path / table.name).write_bytes(table.read_bytes()[:-50])

    with pytest.raises(ArtifactError, match="is damaged or truncated"):
        draw_word_clouds(SETTINGS, **broken)
    assert not (tmp_path / "clouds").exists()
