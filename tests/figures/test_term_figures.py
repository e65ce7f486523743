"""Figures of terms, distributions and classes: what they say is what the tables say, also of hardly any input."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from slow_cases import rest_is_slow
from term_study import TermStudy, invented, written

from attviz_pipeline.config.settings import FiguresSettings
from attviz_pipeline.figures import style
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.stages import DrawFigures

KINDS = ("top_terms", "log_distributions", "normal_quantiles", "curves", "class_heads", "class_terms")


def inputs_of(study: TermStudy) -> Inputs:
    settings = DrawFigures(seed=13, figures=FiguresSettings(dpi=50, n_tokens=10))
    return replace(Inputs.below(study.folder / "statistics", settings), terms=study.output)


def drawn(study: TermStudy, *kinds: str) -> dict[str, Drawing]:
    return {drawing.name: drawing for kind in kinds or KINDS for drawing in FIGURES[kind].draw(inputs_of(study))}


def texts_in(drawing: Drawing) -> list[str]:
    root = ET.fromstring(drawing.svg)  # noqa: S314 - it has just been drawn
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    return invented(tmp_path_factory.mktemp("study"), level="word").measure().describe().compare()


@pytest.fixture(scope="module")
def figures(study: TermStudy) -> dict[str, Drawing]:
    return drawn(study)


def test_top_terms_are_those_of_the_table(study: TermStudy, figures: dict[str, Drawing]) -> None:
    rows = study.rows("terms")
    figure = figures["top_terms"]

    assert list(figure.columns["term"]) == [row["term"] for row in rows[:10]]
    assert [text for text in texts_in(figure) if text in figure.columns["term"]] == list(figure.columns["term"])
    first = rows[0]
    assert f"“{first['term']}” ({np.exp(first['shrunken_log_ratio']):.2g} times" in figure.alt
    assert f"10 of {len(rows)} words that occur in at least 3 documents" in figure.caption
    n_first = study.facts("terms")["n_replicates_first"]
    assert f"The first term is first in {n_first} of 100 bootstrap samples." in figure.caption


def test_class_figures_say_what_the_tables_say(study: TermStudy, figures: dict[str, Drawing]) -> None:
    rows = [row for row in study.rows("class_heads") if (row["grouping"], row["group"]) == ("gold", "tech")]
    assert f"tech: none of 6 heads differs (smallest q {min(row['q'] for row in rows):.2g})" in (
        figures["class_heads-gold"].alt
    )
    assert "None of the 18 differences of heads is beyond chance." in figures["class_heads-gold"].caption
    assert figures["class_terms-gold"].reason.startswith("Compared: documents of a gold class and all others. None of")


def test_captions_say_what_p_leaves_out(tmp_path: Path) -> None:
    documents = [(["a", "b"], np.array([[0.2 + number / 100, 0.1]])) for number in range(8)]
    labels, guesses = [0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]
    segments = [f"row {number // 2}" for number in range(8)]
    parted = written(tmp_path, documents, labels=labels, predictions=guesses, sources=segments)

    found = drawn(parted.measure().compare(), "class_heads", "class_terms")

    for name, drawing in found.items():
        assert ("as independent documents" in drawing.caption) == (not name.endswith("gold")), name


def test_distributions_keep_their_counts(study: TermStudy, figures: dict[str, Drawing]) -> None:
    rows = [row for row in study.rows("distributions") if row["layer"] is None and row["documents"] == "all"]
    counted = sum(sum(row["histogram"]) for row in rows)

    for name in ("log_distributions-class", "log_distributions-layer"):
        columns = figures[name].columns
        assert sum(columns["count"]) == counted * (1 if name.endswith("class") else 2)
        assert len({len(column) for column in columns.values()}) == 1


def test_the_papers_distribution_counts_terms(study: TermStudy, figures: dict[str, Drawing]) -> None:
    columns = figures["log_distributions-term"].columns

    n_terms = len(study.rows("terms"))
    for statistic in ("max", "mean", "min"):
        rows = zip(columns["statistic"], columns["count"], strict=True)
        assert sum(count for name, count in rows if name == statistic) == n_terms
    assert figures["normal_quantiles-term"].columns["self_attention"]


def test_no_label_is_markup(figures: dict[str, Drawing]) -> None:
    for name, figure in figures.items():
        assert not [text for text in texts_in(figure) if "$" in text or "\\" in text], name


def one_document(folder: Path) -> TermStudy:
    return written(folder, [(["a", "b"], np.array([[0.2, 0.3]]))])


def constant(folder: Path) -> TermStudy:
    documents = [(["a", "b"], np.full((1, 2), 0.25)) for _ in range(30)]
    return written(folder, documents, labels=[0, 1] * 15, predictions=[0, 1, 1] * 10)


def zero(folder: Path) -> TermStudy:
    return written(folder, [(["a", "b"], np.zeros((1, 2))) for _ in range(30)], labels=[0, 1] * 15)


def punctuation_only(folder: Path) -> TermStudy:
    return written(folder, [(["!", "?"], np.full((1, 2), 0.25)) for _ in range(4)], labels=[0, 1] * 2)


def unsupported(folder: Path) -> TermStudy:
    return written(folder, [([f"a{n}"], np.full((1, 1), 0.25)) for n in range(4)], min_document_frequency=2)


def hostile(folder: Path) -> TermStudy:
    words = ["<b>x</b>", "$x^2$", "%s{0}", "&amp;", "\u202eevil", "w" * 999, "你好"]
    rng = np.random.default_rng(1)
    documents = [(words, rng.uniform(0.1, 0.4, (2, len(words)))) for _ in range(6)]
    return written(folder, documents, labels=[0, 1] * 3, predictions=[0, 1, 1] * 2, level="word", punctuation=True)


@pytest.mark.parametrize("make", rest_is_slow([one_document, constant, zero, punctuation_only, unsupported, hostile]))
def test_hardly_any_input_still_gives_a_figure(tmp_path: Path, make: Callable[[Path], TermStudy]) -> None:
    figures = drawn(make(tmp_path).measure().describe().compare())

    # Documents without a term belong to no group, so nothing is drawn of groups.
    assert len(figures) == (8 if make is punctuation_only else 13)
    for figure in figures.values():
        assert figure.alt
        assert figure.caption
        assert "nan" not in " ".join(texts_in(figure)).lower()


def test_csv_of_an_empty_figure_has_its_header(tmp_path: Path) -> None:
    figures = drawn(one_document(tmp_path).measure().describe().compare(), "class_heads")

    figures["class_heads-gold"].save(tmp_path, {})
    (header,) = csv.reader((tmp_path / "class_heads-gold.csv").read_text(encoding="utf-8").splitlines())
    assert header[:4] == ["grouping", "group", "layer", "head"]


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.9, 3.4, ["1", "1.5", "2", "2.5", "3"]),
        (1e-8, 0.5, ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01"]),
        (1, 2000, ["1", "10", "100", "1,000"]),
    ],
)
def test_log_axes_have_few_round_ticks(low: float, high: float, labels: list[str]) -> None:
    ticks, written_beside = style.log_ticks(low, high)

    assert written_beside == labels
    assert all(low <= tick <= high for tick in ticks)
