"""The stage draw_figures: honest, legible, safe with any token, and the same bytes every time."""

import csv
import io
import itertools
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pyarrow.parquet as pq
import pytest
from drawn_figures import PROVENANCE, TOKEN_FIGURES, assessment_of, draw, inputs_of, write_statistics
from PIL import Image
from slow_cases import rest_is_slow

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas, output_schemas, statistics_schemas
from attviz_pipeline.artifacts.checksums import require_unchanged
from attviz_pipeline.artifacts.layout import AssessmentPaths, StatisticsPaths
from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.errors import ArtifactError, ConfigError
from attviz_pipeline.figures.distributions import draw_log_distributions
from attviz_pipeline.figures.draw_figure import Shape, draw_figure
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.provenance import study_provenance
from attviz_pipeline.figures.ranking import rank_each_head
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.figures.style import legible
from attviz_pipeline.figures.word_cloud import draw_clouds
from attviz_pipeline.figures.wording import top_in_words
from attviz_pipeline.stages import DrawFigures

SINGLE_LABEL = {name for name, kind in FIGURES.items() if kind.tasks is None or "single_label" in kind.tasks}
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
    draw(statistics, output, kinds=FIGURES)
    return output


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in json.loads((folder / "figures.json").read_text())["figures"]}


class TestEveryFigure:
    def test_all_kinds_and_all_heads_are_drawn(self, figures: dict[str, dict[str, Any]]) -> None:
        clouds = [f"word_cloud-L{layer:02d}-H{head:02d}" for layer in range(2) for head in range(3)]

        by_class = [
            f"{kind}-{by}" for kind in ("class_heads", "class_terms") for by in ("gold", "predicted", "correct")
        ]
        spread = [f"log_distributions-{by}" for by in ("term", "class", "layer")]
        spread += ["normal_quantiles-term", "normal_quantiles-occurrence", "curves"]
        measures = ("fuji", "jensen_shannon")
        likeness = [f"{kind}-{measure}" for kind in ("head_likeness", "head_map") for measure in measures]
        predictions = ["confusion", "reliability", "confidence_entropy"]
        profiles = ["head_profiles-measures", "head_profiles-roles"]
        heads = ["head_means", *predictions, *likeness, "fuji_curves", *profiles]
        classes = [*by_class, *(f"class_cloud-{label:03d}" for label in range(3))]
        assert list(figures) == ["top_tokens", "top_terms", *heads, *spread, *classes, "word_cloud", *clouds]
        needs = {name for name, kind in FIGURES.items() if kind.needs_evidence or kind.needs_models}
        without_evidence = {name for name in SINGLE_LABEL if name not in needs}
        assert {figure["kind"] for figure in figures.values()} == without_evidence
        assert (figures["word_cloud-L01-H02"]["layer"], figures["word_cloud-L01-H02"]["head"]) == (1, 2)
        assert figures["word_cloud"]["layer"] is None

    def test_progress_counts_as_many_as_there_are(
        self, statistics: StatisticsPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            clouds = {name: FIGURES[name] for name in ("class_cloud", "word_cloud")}
            draw(statistics, tmp_path / "figures", kinds=clouds)
        assert any("10 of 10 figures" in message for message in caplog.messages), caplog.messages

    def test_files_are_what_the_list_says(self, folder: Path, figures: dict[str, dict[str, Any]]) -> None:
        listed = {figure[suffix] for figure in figures.values() for suffix in ("svg", "png", "csv", "parquet")}
        assert {path.name for path in folder.iterdir()} == listed | {"figures.json"}
        for figure in figures.values():
            assert root_of(folder / figure["svg"]).tag == f"{SVG}svg"
            with Image.open(folder / figure["png"]) as image:
                assert image.size == (figure["width"], figure["height"])
                assert not set(image.info) - {"dpi"}

    def test_words_tell_the_finding(self, statistics: StatisticsPaths, figures: dict[str, dict[str, Any]]) -> None:
        eligible = [
            row
            for row in files.read_table(statistics.tokens, statistics_schemas.TOKENS).to_pylist()
            if row["document_frequency"] >= 3 and not row["special"]
        ]
        strongest = eligible[0]

        for name in ("top_tokens", "word_cloud"):
            assert f"“{strongest['token']}” ({strongest['mean']:.3g})" in figures[name]["alt"]
            assert (
                f"of the {len(eligible)} non-special tokens that occur in at least 3 docu" in figures[name]["caption"]
            )
        assert "L1·H2" in figures["word_cloud-L01-H02"]["alt"]

    def test_numbers_are_those_of_the_tables(self, statistics: StatisticsPaths, folder: Path) -> None:
        table = files.read_table(statistics.tokens, statistics_schemas.TOKENS).to_pylist()
        by_token = {row["token"]: row for row in table}

        rows = rows_of(folder / "top_tokens.csv")

        assert [int(row["rank"]) for row in rows] == list(range(1, 36))
        assert [float(row["mean"]) for row in rows] == sorted((float(row["mean"]) for row in rows), reverse=True)
        for row in rows:
            for name in ("count", "document_frequency", "mean", "std", "min", "max"):
                assert float(row[name]) == by_token[row["token"]][name]
        assert len(rows_of(folder / "head_means.csv")) == 6

    def test_parquet_holds_the_same_numbers_and_where_they_come_from(
        self, folder: Path, figures: dict[str, dict[str, Any]]
    ) -> None:
        for figure in figures.values():
            table = pq.read_table(folder / figure["parquet"])
            assert [row | {} for row in rows_of(folder / figure["csv"])] == [
                {name: "" if value is None else str(value) for name, value in row.items()} for row in table.to_pylist()
            ]
            found = json.loads(table.schema.metadata[b"attviz.provenance"])
            assert found == {"figure": figure["name"], "formula": FIGURES[figure["kind"]].formula, **PROVENANCE}
        content = files.read_json(folder / "figures.json", output_schemas.FIGURES)
        kinds = {figure["kind"] for figure in figures.values()}
        assert (content["provenance"], set(content["formulas"])) == (PROVENANCE, kinds)

    def test_text_is_text(self, folder: Path) -> None:
        tokens = [row["token"] for row in rows_of(folder / "top_tokens.csv")]

        texts = texts_in(folder / "top_tokens.svg")
        assert [text for text in texts if text in tokens] == tokens
        assert {"max", "docs", "n"} <= set(texts)
        assert "mean self-attention, % (log scale)" in texts_in(folder / "head_means.svg")


class TestSameBytes:
    @pytest.mark.slow
    def test_drawn_twice(self, statistics: StatisticsPaths, folder: Path, tmp_path: Path) -> None:
        foreign: dict[Any, Any] = {
            "font.size": 20,
            "svg.fonttype": "path",
            "svg.hashsalt": None,
            "axes.grid": True,
            "text.usetex": True,
        }
        with mpl.rc_context(foreign):
            draw(statistics, tmp_path / "again", kinds=FIGURES)
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


def test_imported_vectors_have_the_names_of_the_pages(statistics: StatisticsPaths) -> None:
    inputs = inputs_of(statistics, DrawFigures(seed=1, figures=FiguresSettings(), imported=True))

    ranking = next(rank_each_head(inputs, 5))

    assert "in V0. Highest" in top_in_words("Word cloud", ranking, inputs)
    assert FIGURES["word_cloud"].title(next(draw_clouds(inputs)), inputs.names) == "Word cloud of all vectors"
    kinds = kinds_of(inputs, FIGURES).values()
    titles = [inputs.names.in_words(title) for kind in kinds for title in kind.titles.values()]
    assert "Mean self-attention of each vector" in titles
    assert not [title for title in titles if "head" in title.lower()]
    assert "head_profiles" not in kinds_of(inputs, FIGURES)
    assert [drawing.name for drawing in draw_log_distributions(inputs)][-1] == "log_distributions-class"


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

    @pytest.mark.slow
    def test_more_words_than_fit_are_left_out_and_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        texts = [" ".join(f"word-{number}-of-too-many" for number in range(700))]
        statistics = write_statistics(tmp_path, n_documents=3, texts=texts)

        figures = draw(statistics, tmp_path / "figures", n_cloud_words=700)

        n_drawn = len(texts_in(tmp_path / "figures" / "word_cloud.svg"))
        assert 50 < n_drawn < 700
        assert f"figure word_cloud has room for {n_drawn} of 700 words" in caplog.text
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

    @pytest.mark.slow
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

    def test_figures_drawn_before_are_listed_last_and_must_be_unchanged(
        self, statistics: StatisticsPaths, tmp_path: Path
    ) -> None:
        kinds, clouds = {"head_means": FIGURES["head_means"]}, tmp_path / "clouds"
        before = draw(statistics, clouds, kinds={"word_cloud": FIGURES["word_cloud"]})
        inputs = inputs_of(statistics, DrawFigures(seed=13, figures=FiguresSettings()))

        save_figures(kinds, inputs, PROVENANCE, tmp_path / "all", label="test", more=clouds)

        content = files.read_json(tmp_path / "all" / "figures.json", output_schemas.FIGURES)
        assert [figure["name"] for figure in content["figures"]] == ["head_means", *before]
        assert set(content["formulas"]) == {"head_means", "word_cloud"}
        for figure in content["figures"]:
            require_unchanged(tmp_path / "all", figure["sha256"])
        (clouds / "word_cloud.svg").write_text("<svg/>")
        with pytest.raises(ArtifactError, match=r"word_cloud\.svg.* is damaged"):
            save_figures(kinds, inputs, PROVENANCE, tmp_path / "all", label="test", more=clouds)

    def test_old_figures_stay_when_drawing_fails(self, statistics: StatisticsPaths, tmp_path: Path) -> None:
        draw(statistics, tmp_path / "figures")
        before = sorted(path.name for path in (tmp_path / "figures").iterdir())
        broken = tmp_path / "broken.parquet"
        broken.write_bytes(statistics.head_tokens.read_bytes()[:-50])

        settings = DrawFigures(seed=1, figures=FiguresSettings())
        inputs = replace(inputs_of(statistics, settings), head_tokens=broken)
        with pytest.raises(ArtifactError, match=r"broken\.parquet is damaged or truncated"):
            save_figures(TOKEN_FIGURES, inputs, PROVENANCE, tmp_path / "figures", label="test")

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


class TestPredictions:
    def test_numbers_are_those_of_the_assessment(self, statistics: StatisticsPaths, folder: Path) -> None:
        paths = assessment_of(statistics)
        points = files.read_table(paths.calibration, statistics_schemas.CALIBRATION).to_pylist()
        scores = files.read_json(paths.assessment, statistics_schemas.ASSESSMENT)["scores"]

        assert [float(row["accuracy"]) for row in rows_of(folder / "reliability.csv")] == [
            p["accuracy"] for p in points
        ]
        counts = [int(row["n_documents"]) for row in rows_of(folder / "confusion.csv")]
        assert counts == list(itertools.chain.from_iterable(scores["confusion"]))
        ece = scores["ece_equal_width"]["value"] * 100
        assert f"equal width, ECE {ece:.1f} points" in texts_in(folder / "reliability.svg")
        assert len(rows_of(folder / "confidence_entropy.csv")) == 30

    def test_captions_give_estimates_with_intervals(
        self, statistics: StatisticsPaths, figures: dict[str, dict[str, Any]]
    ) -> None:
        content = files.read_json(assessment_of(statistics).assessment, statistics_schemas.ASSESSMENT)
        found = content["confidence_and_entropy"][0]["spearman"]

        text = f"{found['value']:+.2f} (95 % interval {found['low']:+.2f} to {found['high']:+.2f})".replace("-", "−")
        assert text in figures["confidence_entropy"]["caption"]
        assert "in 95 % of simulations" in figures["reliability"]["caption"]
        assert "without intervals" in figures["reliability"]["caption"]
        assert content["scores"]["macro_f1"]["low"] is None
        n_least = min(map(sum, content["scores"]["confusion"]))
        too_few = f"without an interval: the smallest gold class has {n_least} documents, fewer than 50"
        assert too_few in figures["confusion"]["caption"]
        always = "always predicting one of the 3 equally frequent classes would give"
        assert figures["confusion"]["caption"].count(always) == 2

    def test_without_gold_labels_none_is_about_them(self, statistics: StatisticsPaths, tmp_path: Path) -> None:
        content = files.read_json(assessment_of(statistics).assessment, statistics_schemas.ASSESSMENT)
        rows = files.read_table(assessment_of(statistics).confidences, statistics_schemas.CONFIDENCES).to_pydict()
        paths = AssessmentPaths.below(tmp_path)
        files.write_json(paths.assessment, statistics_schemas.ASSESSMENT, content | {"scores": {}, "per_class": []})
        files.write_table(
            paths.calibration,
            statistics_schemas.CALIBRATION,
            {name: [] for name in statistics_schemas.CALIBRATION.arrow.names},
        )
        unknown = {"label": [None] * 30, "outcome": [None] * 30}
        files.write_table(paths.confidences, statistics_schemas.CONFIDENCES, rows | unknown)

        inputs = inputs_of(statistics, DrawFigures(seed=1, figures=FiguresSettings()))
        kinds = {kind: FIGURES[kind] for kind in ("confusion", "reliability", "confidence_entropy")}
        save_figures(kinds, replace(inputs, assessment=paths), PROVENANCE, tmp_path / "figures", label="test")

        listed = files.read_json(tmp_path / "figures" / "figures.json", output_schemas.FIGURES)["figures"]
        assert [figure["name"] for figure in listed] == ["confidence_entropy"]
        assert "gold" not in listed[0]["caption"] + listed[0]["alt"]
        assert "label" not in rows_of(tmp_path / "figures" / "confidence_entropy.csv")[0]
        texts = texts_in(tmp_path / "figures" / "confidence_entropy.svg")
        assert any("documents (30)" in text for text in texts)
        assert not any("classified" in text for text in texts)


class TestOneFigure:
    def draw_one(self, statistics: StatisticsPaths, name: str, output: Path, **shape: float) -> None:
        settings = DrawFigures(seed=13, figures=FiguresSettings())
        draw_figure(inputs_of(statistics, settings), name, Shape(**shape), output)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "name",
        rest_is_slow(
            ["top_tokens", "head_means", "reliability", "head_map-fuji", "class_heads-gold", "word_cloud-L01-H02"]
        ),
    )
    def test_has_the_width_and_the_font_size_that_were_asked_for(
        self, name: str, statistics: StatisticsPaths, tmp_path: Path
    ) -> None:
        size = {} if name.startswith("word_cloud") else {"font_size": 9.0}
        self.draw_one(statistics, name, tmp_path / "figure.svg", width_cm=12.7, **size)

        root = root_of(tmp_path / "figure.svg")
        assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(360, abs=0.01)
        if size:
            styles = [element.attrib.get("style", "") for element in root.iter(f"{SVG}text")]
            assert any("font: 9px" in found or "font-size: 9px" in found for found in styles)
            assert not any("font: 7px" in found for found in styles)

    @pytest.mark.slow
    def test_formats_and_their_bytes(self, statistics: StatisticsPaths, tmp_path: Path) -> None:
        for suffix in ("pdf", "png", "svg"):
            paths = [tmp_path / f"{number}.{suffix}" for number in (1, 2)]
            for path in paths:
                self.draw_one(statistics, "reliability", path, width_cm=8, font_size=8, dpi=100)
            assert paths[0].read_bytes() == paths[1].read_bytes()
        assert (tmp_path / "1.pdf").read_bytes().startswith(b"%PDF")
        with Image.open(tmp_path / "1.png") as image:
            assert image.width == pytest.approx(8 / 2.54 * 100, abs=1)

    @pytest.mark.parametrize(
        ("name", "output", "shape", "fault"),
        [
            ("reliabilty", "x.pdf", {}, "did you mean reliability?"),
            ("word_cloud-L09-H09", "x.pdf", {}, "did you mean word_cloud-L0"),
            ("reliability", "x.jpg", {}, "svg, pdf, png"),
            ("reliability", "x.pdf", {"font_size": 0.0}, "greater than 0"),
            ("word_cloud", "x.pdf", {"font_size": 8.0}, "give a width only"),
        ],
    )
    def test_what_cannot_be_drawn_is_told(  # noqa: PLR0913 - parameters of a case and fixtures
        self, name: str, output: str, shape: dict[str, float], fault: str, statistics: StatisticsPaths, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match=re.escape(fault)):
            self.draw_one(statistics, name, tmp_path / output, width_cm=8, **shape)
        assert not list(tmp_path.iterdir())


def test_provenance_names_corpus_and_model_but_no_folder_of_the_machine(tmp_path: Path) -> None:
    corpus = {"source": "/home/ann/secret/corpus.csv", "revision": None, "sha256": "ab", "label_names": ["x"]}
    model = {"source": "org/model", "revision": "1110a", "source_sha256": {"model.safetensors": "cd"}}
    files.write_json(tmp_path / "dataset.json", corpus_schemas.DATASET, corpus)
    files.write_json(tmp_path / "model.json", model_schemas.MODEL, model)

    found = study_provenance(tmp_path / "dataset.json", tmp_path / "model.json", 13, {"git commit": "ef"})

    assert found == {
        "dataset": {"source": "corpus.csv", "sha256": "ab"},
        "model": model,
        "seed": 13,
        "software": {"git commit": "ef"},
    }
