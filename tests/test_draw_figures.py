"""The stage draw_figures: honest, legible, safe with any token, and the same bytes every time."""

import csv
import io
import itertools
import json
import logging
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from PIL import Image
from synthetic_attention import write_attention_shards, write_ledger

from attviz_pipeline.analysis import aggregate_dataset, aggregate_shard
from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.config import DrawFigures, FiguresSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.figures import FIGURES, draw_figures
from attviz_pipeline.figures.style import legible

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE_TOKENS = [
    "<script>alert(1)</script>",
    "]]><!--",
    "&amp;\"'",
    "$\\frac",
    "$x^2$",
    "%s{0}",
    "=HYPERLINK(1)",
    "\x07bell",
    "\u202eevil",
    "\u0301",
    "\u3164",
    "שלום",
    "你好",
    "👩‍👩‍👧",
    "w" * 10_000,
    "W" * 10_001,
    "-",
    ".",
]


def write_statistics(folder: Path, *, n_documents: int = 30, texts: list[str] | None = None) -> StatisticsPaths:
    shard = write_attention_shards(folder, n_documents=n_documents, n_shards=1, texts=texts)[0]
    ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
    aggregates, token_sums, head_sums = (folder / f"{name}.parquet" for name in ("aggregates", "tokens", "heads"))
    aggregate_shard(shard, aggregates, token_sums, head_sums)
    paths = StatisticsPaths.below(folder / "statistics")
    aggregate_dataset([shard], [token_sums], [head_sums], ledger, paths)
    return paths


def draw(
    statistics: StatisticsPaths, output: Path, *, seed: int = 13, **settings: int | bool
) -> dict[str, dict[str, Any]]:
    """Draw, and return the figures by name."""
    wanted = DrawFigures(seed=seed, figures=FiguresSettings.model_validate(settings))
    draw_figures(wanted, statistics.tokens, statistics.head_tokens, statistics.heads, output)
    return {figure["name"]: figure for figure in files.read_json(output / "figures.json", schemas.FIGURES)["figures"]}


def root_of(svg: Path) -> ET.Element:
    return ET.parse(svg).getroot()  # noqa: S314 - the stage has just written it


def texts_in(svg: Path) -> list[str]:
    return ["".join(element.itertext()) for element in root_of(svg).iter(f"{SVG}text")]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> StatisticsPaths:
    return write_statistics(tmp_path_factory.mktemp("statistics"))


@pytest.fixture(scope="module")
def folder(statistics: StatisticsPaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("figures") / "figures"
    draw(statistics, output)
    return output


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in json.loads((folder / "figures.json").read_text())["figures"]}


class TestEveryFigure:
    def test_all_kinds_and_all_heads_are_drawn(self, figures: dict[str, dict[str, Any]]) -> None:
        clouds = [f"word_cloud-L{layer:02d}-H{head:02d}" for layer in range(2) for head in range(3)]

        assert list(figures) == ["top_tokens", "head_means", "word_cloud", *clouds]
        assert {figure["kind"] for figure in figures.values()} == set(FIGURES)
        assert (figures["word_cloud-L01-H02"]["layer"], figures["word_cloud-L01-H02"]["head"]) == (1, 2)
        assert figures["word_cloud"]["layer"] is None

    def test_files_are_what_the_list_says(self, folder: Path, figures: dict[str, dict[str, Any]]) -> None:
        listed = {figure[suffix] for figure in figures.values() for suffix in ("svg", "png", "csv")}
        assert {path.name for path in folder.iterdir()} == listed | {"figures.json"}
        for figure in figures.values():
            assert root_of(folder / figure["svg"]).tag == f"{SVG}svg"
            with Image.open(folder / figure["png"]) as image:
                assert image.size == (figure["width"], figure["height"])
                assert not set(image.info) - {"dpi"}

    def test_words_tell_the_finding(self, statistics: StatisticsPaths, figures: dict[str, dict[str, Any]]) -> None:
        eligible = [
            row
            for row in files.read_table(statistics.tokens, schemas.TOKENS).to_pylist()
            if row["document_frequency"] >= 3 and not row["special"]
        ]
        strongest = eligible[0]

        for name in ("top_tokens", "word_cloud"):
            assert f"“{strongest['token']}” ({strongest['mean']:.3g})" in figures[name]["alt"]
            assert (
                f"of the {len(eligible)} non-special tokens that occur in at least 3 docu" in figures[name]["caption"]
            )
        assert "layer 1, head 2" in figures["word_cloud-L01-H02"]["alt"]

    def test_numbers_are_those_of_the_tables(self, statistics: StatisticsPaths, folder: Path) -> None:
        table = files.read_table(statistics.tokens, schemas.TOKENS).to_pylist()
        by_token = {row["token"]: row for row in table}

        rows = rows_of(folder / "top_tokens.csv")

        assert [int(row["rank"]) for row in rows] == list(range(1, 36))
        assert [float(row["mean"]) for row in rows] == sorted((float(row["mean"]) for row in rows), reverse=True)
        for row in rows:
            for name in ("count", "document_frequency", "mean", "std", "min", "max"):
                assert float(row[name]) == by_token[row["token"]][name]
        assert len(rows_of(folder / "head_means.csv")) == 6

    def test_text_is_text(self, folder: Path) -> None:
        tokens = [row["token"] for row in rows_of(folder / "top_tokens.csv")]

        texts = texts_in(folder / "top_tokens.svg")
        assert [text for text in texts if text in tokens] == tokens
        assert {"max", "docs", "n"} <= set(texts)
        assert "mean self-attention, % (log scale)" in texts_in(folder / "head_means.svg")


class TestSameBytes:
    def test_drawn_twice(self, statistics: StatisticsPaths, folder: Path, tmp_path: Path) -> None:
        foreign: dict[Any, Any] = {
            "font.size": 20,
            "svg.fonttype": "path",
            "svg.hashsalt": None,
            "axes.grid": True,
            "text.usetex": True,
        }
        with mpl.rc_context(foreign):
            draw(statistics, tmp_path / "again")
            assert mpl.rcParams["font.size"] == foreign["font.size"]

        for path in folder.iterdir():
            assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name

    def test_nothing_dates_or_places_a_figure(self, folder: Path) -> None:
        content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))

        assert b"dc:date" not in content
        assert str(folder).encode() not in content

    def test_another_seed_moves_words_only(self, statistics: StatisticsPaths, folder: Path, tmp_path: Path) -> None:
        draw(statistics, tmp_path / "other", seed=14)

        assert (tmp_path / "other" / "word_cloud.svg").read_bytes() != (folder / "word_cloud.svg").read_bytes()
        for name in ("word_cloud.csv", "top_tokens.svg", "top_tokens.png"):
            assert (tmp_path / "other" / name).read_bytes() == (folder / name).read_bytes()


class TestWordCloud:
    def test_font_size_follows_the_mean(self, folder: Path) -> None:
        means = {row["token"]: float(row["mean"]) for row in rows_of(folder / "word_cloud-L00-H01.csv")}
        words = list(root_of(folder / "word_cloud-L00-H01.svg").iter(f"{SVG}text"))

        sizes = {str(word.text): int(word.attrib["font-size"]) for word in words}
        assert set(sizes) == set(means)
        strongest = max(means, key=means.__getitem__)
        for token, size in sizes.items():
            assert size == pytest.approx(max(sizes[strongest] * means[token] / means[strongest], 13), abs=1)

    def test_words_keep_apart_and_inside(self, folder: Path) -> None:
        boxes = []
        for word in root_of(folder / "word_cloud.svg").iter(f"{SVG}text"):
            x, y, length = (float(word.attrib[name]) for name in ("x", "y", "textLength"))
            # The height that letters without ascender or descender have in this font.
            boxes.append((x, y - 0.5 * float(word.attrib["font-size"]), x + length, y))

        assert all(x0 >= -2 and y0 >= 0 and x1 <= 642 and y1 <= 400 for x0, y0, x1, y1 in boxes)
        for one, other in itertools.combinations(boxes, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]

    def test_more_words_than_fit_are_left_out_and_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        texts = [" ".join(f"word-{number}-of-too-many" for number in range(700))]
        statistics = write_statistics(tmp_path, n_documents=3, texts=texts)

        figures = draw(statistics, tmp_path / "figures", n_cloud_words=700)

        n_drawn = len(texts_in(tmp_path / "figures" / "word_cloud.svg"))
        assert 50 < n_drawn < 700
        assert f"figure word_cloud has room for {n_drawn} of 700 tokens" in caplog.text
        assert f"The {n_drawn} tokens" in figures["word_cloud"]["caption"]


class TestHardInput:
    def test_hostile_tokens_are_shown_as_text(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        statistics = write_statistics(tmp_path, n_documents=4, texts=[" ".join(HOSTILE_TOKENS)])

        draw(statistics, tmp_path / "figures")

        for name in ("top_tokens", "word_cloud", "word_cloud-L01-H02"):
            svg = tmp_path / "figures" / f"{name}.svg"
            assert {element.tag for element in root_of(svg).iter()}.isdisjoint({f"{SVG}script", "script"})
            texts = set(texts_in(svg))
            assert {"<script>alert(1)<…", "]]><!--", "&amp;\"'", "$\\frac", "$x^2$"} <= texts
            assert {"\\x07bell", "\\u202eevil", "w" * 17 + "…"} <= texts
            raw = {row["token"] for row in rows_of(tmp_path / "figures" / f"{name}.csv")}
            assert raw == set(" ".join(HOSTILE_TOKENS).split())
        assert "tokens have characters that the font of the PNG figures lacks" in caplog.text

    def test_long_tokens_that_look_alike_are_one_word(self, tmp_path: Path) -> None:
        statistics = write_statistics(tmp_path, n_documents=3, texts=["x" * 50 + " " + "x" * 60 + " y"])

        draw(statistics, tmp_path / "figures")

        assert sorted(texts_in(tmp_path / "figures" / "word_cloud.svg")) == ["x" * 17 + "…", "y"]
        assert len(rows_of(tmp_path / "figures" / "word_cloud.csv")) == 3

    def test_no_token_with_enough_support(
        self, statistics: StatisticsPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)

        figures = draw(statistics, tmp_path / "figures", min_document_frequency=1000)

        sentence = "No non-special token occurs in at least 1000 documents."
        for name in ("top_tokens", "word_cloud", "word_cloud-L00-H00"):
            assert texts_in(tmp_path / "figures" / f"{name}.svg") == [sentence]
            assert figures[name]["alt"] == figures[name]["caption"] == sentence
            assert rows_of(tmp_path / "figures" / f"{name}.csv") == []
            assert f"figure {name} is empty: {sentence}" in caplog.text

    def test_special_tokens_are_ranked_where_asked_for(self, statistics: StatisticsPaths, tmp_path: Path) -> None:
        draw(statistics, tmp_path / "with", special_tokens=True, n_tokens=500)
        draw(statistics, tmp_path / "without", n_tokens=500)

        tokens = {
            name: {row["token"] for row in rows_of(tmp_path / name / "top_tokens.csv")} for name in ("with", "without")
        }
        assert tokens["with"] - tokens["without"] == {"[CLS]", "[SEP]"}

    @pytest.mark.parametrize("dpi", [50, 300])
    def test_resolution(self, statistics: StatisticsPaths, tmp_path: Path, dpi: int) -> None:
        figures = draw(statistics, tmp_path / "figures", dpi=dpi, n_tokens=1, n_cloud_words=1)

        assert figures["top_tokens"]["width"] == 3.5 * dpi
        with Image.open(tmp_path / "figures" / "top_tokens.png") as image:
            assert image.width == 3.5 * dpi

    def test_old_figures_stay_when_drawing_fails(self, statistics: StatisticsPaths, tmp_path: Path) -> None:
        draw(statistics, tmp_path / "figures")
        before = sorted(path.name for path in (tmp_path / "figures").iterdir())
        broken = tmp_path / "broken.parquet"
        broken.write_bytes(statistics.head_tokens.read_bytes()[:-50])

        settings = DrawFigures(seed=1, figures=FiguresSettings())
        with pytest.raises(ArtifactError, match=r"broken\.parquet is damaged or truncated"):
            draw_figures(settings, statistics.tokens, broken, statistics.heads, tmp_path / "figures")

        assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.parquet", "figures"]


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("##ing", "##ing"),
        ("Ġthe", "Ġthe"),
        (" ", "␣"),
        ("\n", "\\n"),
        ("\u200b", "\\u200b"),
        ("a" * 18, "a" * 18),
        ("a" * 19, "a" * 17 + "…"),
    ],
)
def test_tokens_are_legible(token: str, shown: str) -> None:
    assert legible(token) == shown
