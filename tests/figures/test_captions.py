"""What captions and alternative texts say where numbers are few, alike, or within chance."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from attviz_pipeline.figures import (
    class_heads,
    class_terms,
    confidence_entropy,
    confusion,
    curves,
    distributions,
    head_map,
    head_means,
    reliability,
    style,
)
from attviz_pipeline.figures import likeness as likenesses
from attviz_pipeline.figures.head_names import HeadNames
from attviz_pipeline.figures.kinds import FIGURES
from attviz_pipeline.figures.likeness import MEASURES, Likeness


@pytest.mark.parametrize(
    ("q", "sentence"),
    [
        ([[0.01, 0.2]], "a: 1 of 2 heads differs (q < 0.05), most L0·H0 (g = +0.50)"),
        ([[0.01, 0.02]], "a: 2 of 2 heads differ (q < 0.05), most L0·H1 (g = −0.90)"),
        ([[0.3, 0.2]], "a: none of 2 heads differs (smallest q 0.2)"),
    ],
)
def test_heads_that_differ_are_described_only_beyond_chance(q: list[list[float]], sentence: str) -> None:
    maps = {"a": {"effect": np.array([[0.5, -0.9]]), "q": np.array(q), "n_inside": np.array([[5, 5]])}}

    assert class_heads.in_words(maps) == f"Heat maps of effect sizes, layers by heads. {sentence}."


def test_the_most_frequent_confusion_is_named_with_its_ties() -> None:
    names = ["a", "b"]

    assert confusion._alt(names, np.diag([5, 3])).endswith("8 of 8 documents are correctly classified.")
    assert confusion._alt(names, np.array([[5, 2], [1, 3]])).endswith("2 documents of “a” predicted as “b”.")
    assert confusion._alt(names, np.array([[5, 2], [2, 3]])).endswith("“b”, and as many in 1 more cell.")
    assert confusion._alt(["a"], np.array([[5]])).startswith("Confusion matrix of 1 class:")


def test_heads_with_one_mean_are_not_ranked() -> None:
    alike, single = np.full((2, 2), 0.01), np.array([[0.1, 0.2]])

    assert head_means._alt(alike) == "Heat map of 2 layers by 2 heads. Mean self-attention: 0.01 in every head."
    assert head_means._alt(single).endswith("lowest: L0·H0 (0.1).")
    assert head_means._alt(np.array([[0.3]])) == "Heat map of 1 layer by 1 head. Mean self-attention: 0.3."
    assert "Averaged over heads, layer 1 has the highest mean" in head_means._alt(np.array([[0.1, 0.2], [0.3, 0.4]]))


def estimate(low: float | None, high: float | None) -> dict[str, Any]:
    numbers = {"value": 0.2, "low": low, "high": high}
    return {"documents": "all", "n_documents": 1234, "spearman": numbers, "spearman_at_equal_length": numbers}


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (-0.1, 0.4, "(95 % interval −0.10 to +0.40); this interval contains 0."),
        (0.1, 0.4, "(95 % interval +0.10 to +0.40); this interval does not contain 0."),
        (None, None, "+0.20. Intervals"),
    ],
)
def test_a_correlation_says_whether_its_interval_contains_0(
    low: float | None, high: float | None, sentence: str
) -> None:
    found = [estimate(low, high)]
    assessment = {"task": "single_label", "confidence_and_entropy": found, "aggregates": "paper", "scores": {}}
    few = {"gold label unknown": (np.arange(59.0), np.arange(59.0))}

    caption = confidence_entropy._caption(assessment, few)

    assert sentence in caption
    assert "over 1,234 documents" in caption
    assert "Lines join" not in caption
    many = {"gold label unknown": (np.arange(60.0), np.arange(60.0))}
    assert "Lines join" in confidence_entropy._caption(assessment, many)
    assert "all documents (1,234) +0.20" in confidence_entropy._alt(assessment, 59)


def test_the_reliability_diagram_counts_its_bins() -> None:
    binning = ["equal_width", "equal_width", "equal_mass"]
    columns = {"binning": binning, "lower": [0.4, 0.8, 0.4], "upper": [0.6, 1.0, 1.0]}
    numbers = {"n_documents": [3, 7, 10], "mean_confidence": [0.5, 0.9, 0.8], "accuracy": [0.5, 1.0, 0.9]}
    scores = {"overconfidence": {"value": -0.1, "low": -0.2, "high": 0.1}}

    sentence = reliability._alt(pa.table(columns | numbers), scores)

    assert sentence.startswith("Reliability diagram of 10 documents in 2 bins of equal width. Mean confidence minus")
    assert "accuracy, points: −10.0 (95 % interval −20.0 to +10.0)." in sentence
    assert "confidence 80 % to 100 % with 7 documents, mean confidence 90 %, accuracy 100 %" in sentence


def test_both_calibration_errors_stand_beside_those_of_a_calibrated_model() -> None:
    scores = {
        "ece_equal_width": {"value": 0.016},
        "ece_equal_mass": {"value": 0.1},
        "ece_of_a_calibrated_model": {"equal_width": {"quantile_95": 0.072}, "equal_mass": {"quantile_95": 0.11}},
        "overconfidence": {"value": 0.016, "low": -0.062, "high": 0.075},
        "overconfidence_of_a_calibrated_model": {"low": -0.072, "high": 0.072},
    }

    sentence = reliability._caption(scores)

    assert "1.6 points with bins of equal width and 10.0 points of equal mass" in sentence
    assert "with the same confidences, they are below 7.2 points and 11.0 points in 95 % of simulations." in sentence
    assert "points: +1.6 (95 % interval −6.2 to +7.5); for a calibrated model between −7.2 and +7.2 in 95 %" in sentence


def test_what_lies_below_the_axis_is_given_where_something_does() -> None:
    assert not distributions._not_shown(0)
    assert "less than 0.1 % of a curve" in distributions._not_shown(1e-5)
    assert "up to 6.7 % of a curve" in distributions._not_shown(0.067)


def curve(axis: str, first: list[int], ratio: list[float]) -> dict[str, list[Any]]:
    n = len(first)
    return {"axis": [axis] * n, "layer": [None] * n, "first": first, "log_ratio": np.log(ratio).tolist()}


def test_curves_are_described_from_their_first_position() -> None:
    schema = pa.schema(
        [("axis", pa.string()), ("layer", pa.int32()), ("first", pa.int32()), ("log_ratio", pa.float64())]
    )
    parts = [curve("position", [0, 128], [2.0, 1.5]), curve("length", [64], [1.25])]

    sentence = curves._alt(pa.concat_tables(pa.table(part, schema=schema) for part in parts))

    assert sentence.endswith(
        "over all heads by position: 2 times even attention at 1, 1.5 times at 129; by number of tokens in the window: "
        "1.2 times even attention at 64."
    )


@pytest.mark.parametrize(
    ("q", "value", "sentence"),
    [
        ([0.01, 0.01], [0.9, 0.9], "All of the 2 pairs are more similar than chance (q < 0.05). None are less similar"),
        ([0.01, 0.2], [0.9, 0.1], "50 % of the 2 pairs are more similar than chance (q < 0.05). 50 % are less similar"),
        ([0.9, 0.2], [0.5, 0.5], "None of the 2 pairs are more similar than chance (q < 0.05). None are less similar"),
    ],
)
def test_shares_of_pairs_stand_beside_chance(q: list[float], value: list[float], sentence: str) -> None:
    pairs = pa.table({"value": value, "null_low": [0.4, 0.4], "null_high": [0.6, 0.6], "q": q})
    likeness = Likeness(MEASURES[0], {"constant_heads": []}, pairs, pa.table({"head": [0, 1]}))

    assert (
        likeness.compared_with_chance
        == f"{sentence} than in 97.5 % of the permutations; by chance alone, 2.5 % would be."
    )


def test_a_share_is_never_rounded_to_all_or_none() -> None:
    one = np.arange(1000) == 0

    assert likenesses._share(one) == "1"
    assert likenesses._share(~one) == "999"


def test_titles_say_what_every_figure_shows() -> None:
    titles = [title for kind in FIGURES.values() for title in kind.titles.values()]

    assert len(set(titles)) == len(titles)
    assert {"class", "label"} <= FIGURES["log_distributions"].titles.keys()  # a study has one of the two
    assert len(titles) - 1 == sum(kind.n + (1 if kind.n_more else 0) for kind in FIGURES.values())


FACTS: dict[str, Any] = {
    "permuted": {"gold": "rows", "correct": "documents"},
    "families": [
        {"grouping": by, "tests": tests, "floor_sets_q": floor, "n_tests": n, "n_permutations": 99, "n_wanted": wanted}
        for by, tests, floor, n, wanted in [
            ("gold", "heads", True, 6, None),
            ("gold", "attention", False, 3, None),
            ("gold", "use", False, 4, None),
            ("correct", "attention", False, 3, 1280),
            ("correct", "use", False, 4, 960),
        ]
    ],
    "not_compared": [
        "gold a: 0 of 0 documents; two inside and two outside are needed",
        "correct wrong: 1 of 9 documents; two inside and two outside are needed",
    ],
    "n_permutations": 999,
}


def test_not_compared_nothing_found_and_found_are_three_sentences() -> None:
    small = class_heads.not_compared(class_heads.GROUPINGS["correct"])

    assert small.startswith("Not compared: misclassified and correctly classified documents. Two documents inside")
    # Without gold labels nothing is said of them.
    assert class_heads.is_unlabelled(FACTS, "gold")
    assert not class_heads.is_unlabelled(FACTS, "correct")
    assert not class_heads.is_unlabelled(FACTS, "predicted")
    assert class_heads.found_by_test(0, 18, "of heads") == " None of the 18 differences of heads is beyond chance."
    assert class_heads.found_by_test(1, 18, "of heads") == " 1 of the 18 differences of heads is beyond chance."
    assert class_heads.found_by_test(2, 1800, "of heads") == " 2 of the 1,800 differences of heads are beyond chance."


def test_limits_of_the_permutations_are_told() -> None:
    assert class_heads.limits_of_test(FACTS, "gold", "heads").endswith("more permutations would lower it.")
    assert not class_heads.limits_of_test(FACTS, "gold", "use", "attention")
    sentence = class_heads.limits_of_test(FACTS, "correct", "use", "attention")
    assert "as independent documents" in sentence
    assert sentence.endswith(
        " A single difference in self-attention or in use cannot have q < 0.05, however clear it is: that takes 1,280 "
        "(99 were made) and 960 (99 were made) permutations; several need fewer."
    )


def test_two_groups_that_mirror_each_other_count_once() -> None:
    rows = pa.table({"q": [0.01, 0.2, 0.01, 0.2]})

    assert class_heads.counts(rows, "q", {"n_tests": 2}) == (1, 2)
    assert class_heads.counts(rows, "q", {"n_tests": 4, "n_permutations": 299, "n_wanted": None}) == (2, 4)
    assert class_heads.counts(rows.slice(0, 0), "q", {"n_tests": 0}) == (0, 0)


def test_misclassified_documents_are_named_as_on_the_pages() -> None:
    assert class_heads.group_name("correct", "wrong") == "misclassified"
    assert class_heads.group_name("gold", "wrong") == "wrong"


def test_shapes_are_explained_only_where_there_are_groups() -> None:
    groups = {"stress": 0.1, "silhouette": 0.2, "silhouette_by_chance": {"mean": 0.1, "quantile_95": 0.15}}
    sentence = {}
    for outcome in ("found", "nothing_found"):
        facts = {"groups": {**groups, "outcome": outcome}, "n_tokens": 9, "min_document_frequency": 2}
        heads = pa.table({"cluster": [0, 0, 1, 1]})
        sentence[outcome] = head_map._caption(Likeness(MEASURES[0], facts, heads.slice(0, 0), heads))

    assert "Shapes mark the groups" in sentence["found"]
    assert "Shapes" not in sentence["nothing_found"]
    assert "by 10 % (stress)" in sentence["found"]


def terms(**columns: list[Any]) -> pa.Table:
    n = len(columns["term"])
    zeros = {"attention_log_odds_z": [0.0] * n, "effect": [0.5] * n, "n_inside": [3] * n}
    nulls = {name: pa.array([None] * n, pa.float64()) for name in ("q", "use_q")}
    return pa.table({"group": ["a"] * n, **zeros, **nulls, **columns})


def test_only_terms_that_differ_beyond_chance_are_drawn() -> None:
    rows = terms(
        term=["more", "chance", "attended", "less", "none"],
        log_odds_z=[4.0, 3.0, 1.0, -5.0, -6.0],
        use_q=[0.01, 0.2, 0.9, 0.01, None],
        q=[0.3, 0.2, 0.04, None, None],
    )

    shown, n_left_out = class_terms._top(rows)

    assert (shown["a"]["term"], n_left_out) == (["more", "attended"], 0)
    assert class_terms._alt(shown) == (
        "Dot plot of the terms in which groups differ beyond chance. a: “more” (used more, z = +4.0), “attended” "
        "(higher self-attention, g = +0.50)."
    )
    caption = class_terms._caption("gold", class_heads.GROUPINGS["gold"], rows, FACTS, 2)
    assert "2 of the 4 differences in use are beyond chance." in caption
    assert "1 of the 3 differences in self-attention is beyond chance." in caption
    assert "2 more are in the CSV" in caption
    assert "permutation tests with up to 99 permutations" in caption
    class_terms._plot(shown)


def test_no_term_beyond_chance_is_a_sentence_of_its_own() -> None:
    rows = terms(term=["a", "b", "a", "b"], log_odds_z=[3.0, 2.0] * 2, use_q=[0.2, 0.3] * 2, q=[None, 0.2, None, None])
    shown, _ = class_terms._top(rows)

    what = class_heads.GROUPINGS["gold"]
    sentence = class_terms._reason_empty(FACTS, "gold", what, rows, compared=True)
    assert not shown
    assert sentence.startswith(
        "Compared: documents of a gold class and all others. None of 2 terms tested in use differs beyond chance, "
        "and none of 1 tested in self-attention (q < 0.05)."
    )
    assert class_heads.no_term_found(rows.slice(2), "differs") == (
        "None of 2 terms tested in use differs beyond chance; no term could be tested in self-attention"
    )
    less = terms(term=["a", "b"], log_odds_z=[-3.0, 2.0], use_q=[0.04, 0.3], q=[None, 0.2])
    assert not class_terms._top(less)[0]
    assert class_terms._reason_empty(FACTS, "gold", what, less, compared=True).startswith(
        "Compared: documents of a gold class and all others. 1 of 2 terms tested in use differs beyond chance, and is "
        "used less in a group than in the other documents; the figure shows terms that a group uses more, and none of "
        "1 tested in self-attention differs (q < 0.05)."
    )
    no_term = class_terms._reason_empty(FACTS, "gold", what, rows.slice(0, 0), compared=True)
    assert no_term.startswith("Not compared: no term")
    assert class_terms._reason_empty(FACTS, "gold", what, rows, compared=False) == class_heads.not_compared(what)


@pytest.mark.parametrize("words", [1, 12, 60])
def test_a_reason_for_nothing_to_draw_is_not_cut_off(words: int) -> None:
    with style.house_style():
        figure = style.sentence(" ".join(["Wednesday's"] * words))
        figure.draw_without_rendering()
        (text,) = figure.texts
        drawn, page = text.get_window_extent(), figure.bbox
    assert page.x0 <= drawn.x0 < drawn.x1 <= page.x1
    assert page.y0 <= drawn.y0 < drawn.y1 <= page.y1


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([[40, 9], [30, 40]], "the smallest gold class has 49 documents, fewer than 50"),
        ([[59, 1], [0, 60]], "1 document is misclassified, fewer than 5"),
        ([[2, 58], [58, 2]], "4 documents are correctly classified, fewer than 5"),
        ([[40, 20], [20, 40]], "its documents come from too few input rows"),
    ],
)
def test_a_missing_interval_of_macro_f1_has_one_reason(counts: list[list[int]], why: str) -> None:
    assert confusion._why_no_interval({"confusion": counts}) == why


def test_vectors_of_an_imported_file_are_named_as_on_the_pages() -> None:
    vectors, effect = HeadNames(imported=True), np.array([[0.5, -0.9]])
    maps = {"a": {"effect": effect, "q": np.array([[0.3, 0.01]]), "n_inside": np.array([[5, 5]])}}
    figure = class_heads.plot(maps, names=vectors)

    described = class_heads.in_words(maps, names=vectors)
    assert described.startswith(
        "Heat maps of effect sizes, by vector. a: 1 of 2 vectors differs (q < 0.05), most V1 (g"
    )
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["V0", "V1"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [""]
    assert head_means._alt(np.array([[0.1, 0.2]]), vectors).startswith("Heat map of 2 vectors. Highest mean")


def test_values_have_the_colours_of_the_pages() -> None:
    palette = Path("templates/assets/js/core/palette.js").read_text(encoding="utf-8")

    assert f"light: {json.dumps(style.VALUE_COLOURS)}" in palette
