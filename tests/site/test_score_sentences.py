"""What the pages say about scores, training and associations holds, and is said with what it must be compared with."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_page import Page
from markupsafe import Markup
from sentence_views import study_view
from synthetic_site import site_settings

from attviz_pipeline.artifacts import files, model_schemas, statistics_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.study import Study
from attviz_pipeline.formats import percent, probability
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import scores
from attviz_pipeline.report.views.study import read_study_view
from attviz_pipeline.report.views.training import training_view
from attviz_pipeline.stages import RenderSite

HISTORY = [
    {"epoch": n, "train_loss": train, "validation_loss": loss, "macro_f1": f1, "accuracy": f1}
    for n, (train, loss, f1) in enumerate([(1.6, 1.5, 0.55), (0.7, 0.57, 0.928), (0.22, 0.29, 0.926)], start=1)
]


def estimate(value: float, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def study_of(**sections: dict[str, object]) -> Study:
    study = {"name": "s", "dataset": {"source": "news.csv"}, "model": {"source": "folder", "max_tokens": 128}}
    return parse_study(study | sections, "test")


def training(best: int, by: str, *, stopped_early: bool = False) -> dict[str, Any]:
    return {
        "splits": {"validation": {"n": 55}},
        "history": HISTORY,
        "best_epoch": best,
        "best_epoch_by": by,
        "stopped_early": stopped_early,
    }


INTERVAL = "The 95 % interval of the accuracy,"


def assessment(largest: float, ties: int, accuracy: dict[str, float | None]) -> dict[str, Any]:
    baseline = {"label": "b<c", "n_classes_as_large": ties, "accuracy": largest, "macro_f1": 0.12}
    return {"label_names": ["a", "b<c", "d"], "scores": {"majority_baseline": baseline, "accuracy": accuracy}}


def plain(text: Markup | str | None) -> str:
    assert text is not None
    return text.striptags() if isinstance(text, Markup) else text


def test_accuracy_is_said_with_its_interval_macro_f1_and_support() -> None:
    said = scores.accuracy(estimate(1, 0.935, 1), estimate(1), 55)
    assert said == "95 % interval 94 % to 100 % · macro F1 100 % · 55 documents"
    assert "(81 % to 91 %)" in scores.accuracy(estimate(0.9), estimate(0.87, 0.812, 0.911), 55)
    assert scores.accuracy(estimate(1), estimate(1), 1) == "macro F1 100 % · 1 document"


def test_one_prediction_for_all_documents_is_said() -> None:
    said = scores.predictions([0, 40, 0], ["a", "b<c", "d"])
    assert plain(said) == (
        "The model predicts b<c for each of the 40 documents: documents cannot be compared by prediction."
    )
    assert "b&lt;c" in str(said)
    assert "for the only document" in plain(scores.predictions([1, 0], ["a", "b"]))
    assert "one class only" in plain(scores.predictions([7], ["a"]))
    assert scores.one_prediction(None, 40) == ""


def test_classes_that_are_never_predicted_are_named() -> None:
    said = plain(scores.predictions([0, 40, 0, 2], ["a", "b", "c", "d"]))
    assert said == "The model predicts 2 of 4 classes for these 42 documents, and never a or c."
    many = plain(scores.predictions([1, 1, *[0] * 8], [f"c{n}" for n in range(10)]))
    assert many.endswith("never c2, c3, c4, c5, c6 or 3 more.")
    assert scores.predictions([1, 1], ["a", "b"]) is None


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.84, 0.88), f"{INTERVAL} 84 % to 88 %, lies above this."),
        ((0.70, 0.80), f"{INTERVAL} 70 % to 80 %, includes this: the model is not shown to be better."),
        ((0.735, 0.80), f"{INTERVAL} 74 % to 80 %, includes this: the model is not shown to be better."),
        ((0.60, 0.70), f"{INTERVAL} 60 % to 70 %, lies below this."),
        ((None, None), "The accuracy has no interval to compare this with."),
    ],
)
def test_accuracy_is_compared_with_the_largest_class(interval: tuple[float, float], verdict: str) -> None:
    said = plain(scores.baseline(assessment(0.735, 1, estimate(0.75, *interval))))
    assert said == (
        "Always predicting b<c, the largest class of these documents, would have an accuracy of 74 % and a macro F1 of "
        f"12 %. {verdict}"
    )


def test_an_interval_near_the_largest_class_has_the_decimals_that_tell_them_apart() -> None:
    """Of the hate-speech comments: 87 % would seem to lie within 87 % to 90 %."""
    near = plain(scores.baseline(assessment(0.8688, 1, estimate(0.884, 0.8716, 0.8956))))
    assert "an accuracy of 86.9 % and a macro F1 of 12 %" in near
    assert near.endswith(f"{INTERVAL} 87.2 % to 89.6 %, lies above this.")

    nearer = plain(scores.baseline(assessment(0.87131, 1, estimate(0.884, 0.87142, 0.8956))))
    assert "of 87.13 %" in nearer
    assert nearer.endswith(" 87.14 % to 89.56 %, lies above this.")


def test_no_class_is_called_the_largest_among_equals() -> None:
    found = estimate(0.9, 0.8, 0.95)
    assert plain(scores.baseline(assessment(1 / 3, 3, found))).startswith("All 3 classes are equally frequent. Always")
    assert plain(scores.baseline(assessment(0.4, 2, found))).startswith(
        "Always predicting one of the 2 largest classes"
    )
    assert plain(scores.baseline(assessment(1, 1, found))).startswith("All documents with a gold label are b<c. Always")
    assert scores.baseline({"scores": {}, "label_names": ["a"]}) is None


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (estimate(-0.25, -0.31, -0.14), "The model is underconfident on these documents."),
        (estimate(0.25, 0.14, 0.31), "The model is overconfident on these documents."),
        (estimate(0.02, -0.01, 0.05), "Neither over- nor underconfidence is shown."),
        (estimate(0.10, 0.01, 0.20), "Neither over- nor underconfidence is shown."),  # as large by chance
        (estimate(0.14, -0.01, 0.20), "Neither over- nor underconfidence is shown."),  # unlike chance, but uncertain
    ],
)
def test_overconfidence_is_found_only_beyond_its_interval_and_beyond_chance(
    found: dict[str, float | None], verdict: str
) -> None:
    said = scores.overconfidence(found, {"low": -0.12, "high": 0.13}, 55)
    assert said is not None
    assert "over 55 documents" in said
    assert "it is between −12.0 and +13.0 points in 95 % of simulations." in said
    assert said.endswith(verdict)


def test_overconfidence_without_an_interval_has_no_verdict() -> None:
    said = scores.overconfidence(estimate(-0.3), {"low": -0.1, "high": 0.1}, 4)
    assert said is not None
    assert said.startswith("Mean confidence minus accuracy, over 4 documents: −30.0 points, without an interval.")
    assert "underconfiden" not in said


def test_documents_of_the_training_are_warned_of() -> None:
    said = scores.seen_in_training({"train": 160, "validation": 1, "test": 55}, 216)
    assert said is not None
    assert said.startswith(
        "Of the 216 analysed documents, 160 are of the split the model was trained on (train) and 1 is of the split "
        "that chose its best epoch (validation): "
    )
    assert scores.seen_in_training({"test": 55}, 55) is None
    assert scores.repeated_texts(0) is None
    assert "1 text of the corpus occurs" in str(scores.repeated_texts(1))


def test_the_test_split_is_named_only_where_it_means_something_else() -> None:
    cut = {"n": 987, "n_truncated": 40}
    assert scores.why_test_differs({"n": 987, "n_truncated": 0}, {"test": 987}, study_of()) is None
    assert "40 texts are cut after 128 tokens" in str(scores.why_test_differs(cut, {"test": 987}, study_of()))
    both_cut = study_of(attention={"long_texts": "truncate"})
    assert scores.why_test_differs(cut, {"test": 987}, both_cut) is None
    assert "a sample of them" in str(scores.why_test_differs(cut, {"test": 500}, study_of()))
    paragraphs = study_of(documents={"segments": "paragraph"})
    assert "the analysed paragraphs" in str(scores.why_test_differs(cut, {"test": 987}, paragraphs))
    assert "the analysed documents" in str(scores.why_test_differs(cut, {"train": 987}, study_of()))


def test_texts_that_were_cut_are_not_called_whole() -> None:
    paragraphs, splits = study_of(documents={"segments": "paragraph"}), {"test": 1963}
    rest = "computed before the analysed paragraphs were selected"
    assert scores.why_test_differs({"n": 443, "n_truncated": 390}, splits, paragraphs) == (
        f"of all 443 texts of the split, 390 of them cut after 128 tokens, {rest}"
    )
    assert scores.why_test_differs({"n": 443, "n_truncated": 443}, splits, paragraphs) == (
        f"of all 443 texts of the split, all cut after 128 tokens, {rest}"
    )
    assert scores.why_test_differs({"n": 443, "n_truncated": 0}, splits, paragraphs) == (
        f"of all 443 whole texts of the split, {rest}"
    )
    cut = training(3, "validation_loss") | {"splits": {"validation": {"n": 55, "n_truncated": 50}}}
    assert "(0.290 over 55 texts, 50 of them cut after 128 tokens)" in scores.chosen_epoch(cut, study_of())


def test_the_kept_epoch_is_said_with_its_reason() -> None:
    by_loss = scores.chosen_epoch(training(3, "validation_loss"), study_of(training={"epochs": 3}))
    assert by_loss.startswith("Epoch 3 is kept: of 3 epochs that ran, it has the lowest validation loss (0.290 over 55")
    assert "was still falling in the last epoch" in by_loss
    assert "Training stopped" not in by_loss
    assert "equally probable" not in by_loss
    beside = scores.chosen_epoch(
        training(3, "validation_loss", stopped_early=True), study_of(training={"epochs": 6}), 5
    )
    assert "5 classes that are equally probable for every text have a loss of 1.609." in beside
    assert "since the validation loss no longer fell." in beside

    by_f1 = scores.chosen_epoch(training(2, "macro_f1", stopped_early=True), study_of(training={"epochs": 6}))
    assert "highest validation macro F1 (92.8 % over 55 texts)" in by_f1
    assert "Training stopped after 3 of 6 epochs, since the validation macro F1 no longer rose." in by_f1
    assert "The validation loss is lowest in epoch 3 (0.290 against 0.570)" in by_f1
    assert "still falling" not in by_f1


@pytest.mark.parametrize(
    ("spearman", "at_equal_length", "verdict"),
    [
        (estimate(-0.1, -0.2, -0.01), estimate(-0.7, -0.8, -0.6), "The two are associated at equal length;"),
        (estimate(-0.5, -0.6, -0.4), estimate(0.0, -0.1, 0.1), "The association can be an effect of length:"),
        (estimate(0.0, -0.1, 0.1), estimate(0.0, -0.1, 0.1), "Both intervals include 0: no association is shown."),
        (estimate(-0.5, -0.6, -0.4), None, "so it can be an effect of length alone."),
        (None, None, "No correlation of confidence with attention was estimated"),
    ],
)
def test_an_association_is_found_only_at_equal_length(
    spearman: dict[str, float | None] | None, at_equal_length: dict[str, float | None] | None, verdict: str
) -> None:
    said = scores.association(55, spearman, at_equal_length)
    assert verdict in said
    assert "55 documents" in said


def test_heads_not_compared_without_difference_and_with_one_are_told_apart() -> None:
    study = study_view()
    assert "7 misclassified documents and the 48 correctly classified ones could not be" in scores.heads_that_differ(
        None, 0, study
    )
    assert "none of 72 heads differs beyond chance" in scores.heads_that_differ(0, 72, study)
    assert "1 of 72 heads differs beyond chance (permutation" in scores.heads_that_differ(1, 72, study)
    assert scores.heads_that_differ(1, 72, study, q_too_small=True).endswith(
        "q < 0.05; documents of one input row count as independent, so q is too small)."
    )


# The pages


def text_of(site: Path, page: str) -> str:
    return " ".join(Page(site / page).text.split())


def test_baseline_stands_on_the_pages_of_scores(inputs: SiteInputs, site: Path) -> None:
    found = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)
    said = plain(scores.baseline(found))
    for page in (links.START, links.CLASSES, links.ABOUT):
        assert said in text_of(site, page), page
    row = next(row for row in found["per_class"] if row["precision_low"] is not None)
    value, low, high = (percent(row[f"precision{end}"]) for end in ("", "_low", "_high"))
    interval = f"{value} {low} to {high}"
    assert interval in text_of(site, links.CLASSES)


@pytest.fixture(scope="module")
def leaky_site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of documents that the model was trained on, and that it gives one class."""
    folder = tmp_path_factory.mktemp("leaky")
    assessed = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)
    n = assessed["n_documents"]
    assessed |= {"splits": {"train": n}, "predictions": {"counts": [0, n, 0]}}
    files.write_json(folder / "assessment.json", statistics_schemas.ASSESSMENT, assessed)
    test = {"n": 40, "n_truncated": 0, "accuracy": 0.875, "macro_f1": 0.861}
    metrics = training(3, "validation_loss") | {"splits": {"validation": {"n": 55}, "test": test}}
    files.write_json(folder / "metrics.json", model_schemas.METRICS, metrics)
    changed = replace(inputs.assessment, assessment=folder / "assessment.json")
    settings = site_settings().study
    settings = settings.model_copy(update={"training": settings.training.model_copy(update={"epochs": 3})})
    write_site(
        RenderSite(study=settings),
        replace(inputs, assessment=changed, metrics=folder / "metrics.json"),
        folder / "site",
    )
    return folder / "site"


def test_what_makes_scores_doubtful_stands_before_them(leaky_site: Path) -> None:
    for page in (links.START, links.ABOUT):
        text = text_of(leaky_site, page)
        one, trained, score = (
            text.index(part)
            for part in ("for each of the 24 documents", "the model was trained on", "Accuracy, analysed")
        )
        assert one < score
        assert trained < score
        assert "Accuracy, test split" in text


def test_about_page_shows_the_training(leaky_site: Path, inputs: SiteInputs) -> None:
    text = text_of(leaky_site, links.ABOUT)
    assert "Epoch 3 is kept" in text
    assert re.search(r"3, kept\s?0\.2200\s?0\.2900\s?92\.6 %\s?92\.6 %", text)
    drawn = {values: name for _, name, values in Page(leaky_site / links.ABOUT).attributes if name == "d"}
    # Losses of 1.6 and 0 lie at the edges of a picture that is 140 high.
    assert "M70.0 0.0L210.0 78.8L350.0 120.8" in drawn
    study = read_study_view(site_settings().study, inputs)
    assert training_view(study) is not None
    assert training_view(replace(study, metrics={"splits": {}})) is None


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0463, "0.046"),
        (0.04996, "0.04996"),
        (0.05, "0.05"),
        (0.0512, "0.05"),
        (0.3, "0.3"),
        (1.0, "1"),
        (4e-6, "4e−6"),
    ],
)
def test_a_p_or_q_stays_on_its_side_of_the_level(p: float, written: str) -> None:
    assert probability(p) == written


def test_a_model_that_reaches_only_the_baseline_is_said_to() -> None:
    found: dict[str, Any] = {
        "accuracy": {"value": 0.2, "low": 0.14, "high": 0.28},
        "macro_f1": {"value": 1 / 15, "low": None, "high": None},
        "majority_baseline": {"label": "a", "accuracy": 0.2, "macro_f1": 1 / 15, "n_classes_as_large": 5},
    }
    names = list("abcde")
    said = scores.baseline({"scores": found, "label_names": names})

    assert said is not None
    assert said.endswith("The model reaches exactly this.")
    better = found | {"accuracy": {"value": 0.25, "low": 0.14, "high": 0.4}}
    assert "is not shown to be better" in str(scores.baseline({"scores": better, "label_names": names}))


def test_a_p_below_1_is_never_written_as_1() -> None:
    assert [probability(p) for p in (1.0, 0.97, 0.996, 0.9996)] == ["1", "0.97", "0.996", "0.9996"]
