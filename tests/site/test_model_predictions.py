"""Predictions and words of compared models on the page Models, and every form of their sentences."""

# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_page import Page
from sentence_views import study_view, words
from synthetic_models import write_models
from synthetic_site import site_settings, write_site_inputs
from task_studies import write_task_study

from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import model_predictions as sentences
from attviz_pipeline.report.views.model_predictions import AgreementView, Bounded, WordsView
from attviz_pipeline.report.views.models import ModelResults, read_models
from attviz_pipeline.report.views.study import StudyView

HOSTILE = "<script>alert(1)</script>" + "x" * 60
STUDY = study_view()
DASH = "\N{EN DASH}"
NONE = Bounded(None, None, None)


def with_level(level: str) -> StudyView:
    settings = site_settings().study
    terms = settings.terms.model_copy(update={"level": level})
    return replace(STUDY, settings=settings.model_copy(update={"terms": terms}))


def of_task(task: str) -> StudyView:
    names = [] if task == "regression" else ["sport", "world"]
    return study_view(task=task, label_names=names)


def results_of(folder: Path, *kinds: str, score: str = "macro_f1") -> ModelResults:
    found = read_models(write_models(folder / "models", ["sport", "world"], kinds, score=score), STUDY)
    assert found is not None
    return found


def changed(results: ModelResults, name: str, **values: Any) -> ModelResults:
    agreements = dict(results.predictions.agreements)
    agreements[name] = replace(agreements[name], **values)
    return replace(results, predictions=replace(results.predictions, agreements=agreements))


def words_changed(results: ModelResults, **values: Any) -> ModelResults:
    found = {name: replace(one, **values) for name, one in results.predictions.words.items()}
    return replace(results, predictions=replace(results.predictions, words=found))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models")
    inputs = write_site_inputs(folder / "inputs", evidence=False)
    models = write_models(folder / "models", ["business", "sport"], ("pretrained", "seed", "other"))
    write_site(site_settings(), replace(inputs, models=models), folder / "site")
    return words(Page(folder / "site" / "models.html").text)


def has(page: str, expected: str) -> bool:
    """Whether a page has some words; the text of a table has no blanks between its cells."""
    return "".join(expected.split()) in "".join(page.split())


class TestSite:
    def test_models_are_compared_in_one_table(self, page: str) -> None:
        assert has(
            page, "Model macro F1, test split Same class as this model Correlation of words Correlation of effects"
        )
        assert has(page, "seed 14 87.0 % 90 % (80 % to > 99.9 %) +0.75 +0.60")
        assert has(page, f"before fine-tuning {DASH} {DASH} +0.35 +0.10")
        assert has(page, f"other 80 % 55 % (45 % to 65 %) +0.75 {DASH}")

    def test_predictions_have_their_accuracy_and_calibration(self, page: str) -> None:
        assert has(page, "Agreement by chance Accuracy Difference from this model, points Calibration error")
        assert has(page, "other 50 % (kappa +0.10) 50 % (40 % to 60 %) −40.0 (−50.0 to −30.0), q = 0.001")
        assert has(page, "0.12 (calibrated: 0.10)")

    def test_another_layout_has_matched_heads(self, page: str) -> None:
        assert has(page, "Models of another layout")
        assert (
            "Heads were matched one to one with those of the model called other, by 30 shared words: 4 pairs." in page
        )
        assert has(page, "L0·H0 L0·H3 +0.90")
        assert not has(page, "This model and other")

    def test_without_another_layout_there_is_no_such_part(self, tmp_path: Path) -> None:
        inputs = write_site_inputs(tmp_path / "inputs", evidence=False, models=True)
        write_site(site_settings(), inputs, tmp_path / "site")

        assert "another layout" not in Page(tmp_path / "site" / "models.html").text

    def test_regressions_correlate_values_and_compare_errors(self, tmp_path: Path) -> None:
        inputs = write_task_study(tmp_path, "regression", n_documents=30, full=False)
        models = write_models(tmp_path / "models", ["gold value"], score="r2")
        write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

        text = words(Page(tmp_path / "site" / "models.html").text)
        assert has(text, "R², test split Correlation of values Correlation of words")
        assert has(text, "Mean absolute error Difference from this model this model (seed 13) 0.10")
        assert not has(text, "kappa")
        assert not has(text, "Calibration error")


class TestAgreement:
    def test_one_model_is_named_beside_chance(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained", "other")

        assert words(sentences.agreement(results, STUDY)) == (
            "This model and that called other predict the same class for 55 % of 24 documents, 95 % interval 45 % to "
            "65 %. Two models that predict each class as often, but independently, agree on 50 % (kappa +0.10)."
        )

    def test_of_several_the_least_is_named(self, tmp_path: Path) -> None:
        said = words(sentences.agreement(results_of(tmp_path, "seed"), STUDY))

        assert said.startswith("This model and that of seed 14 predict the same class for 90 %")
        assert "to > 99.9 %. Of 2 models, that is the lowest; the highest is 92 %. Two models that predict" in said

    def test_label_sets_and_values(self, tmp_path: Path) -> None:
        labels = words(sentences.agreement(results_of(tmp_path, "seed"), of_task("multi_label")))
        assert "predict the same label set for 90 %" in labels
        results = results_of(tmp_path / "values", "seed", score="r2")
        assert words(sentences.agreement(results, of_task("regression"))) == (
            "Over 24 documents, Spearman's correlation of the values that this model and that of seed 14 predict is "
            "+0.80, 95 % interval +0.70 to +0.90. Of 2 models, that is the lowest; the highest is +0.80."
        )

    def test_without_a_trained_classifier_nothing_is_compared(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained")

        assert words(sentences.agreement(results, STUDY)) == (
            "Predictions were not compared: no compared model has a trained classifier."
        )
        assert sentences.better_or_worse(results, STUDY) == ""

    def test_a_constant_prediction_has_no_correlation(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other", score="r2")

        said = sentences.agreement(changed(results, "other", values=NONE), of_task("regression"))
        assert said == "Predicted values were not compared: a model predicts the same value for all documents."

    def test_names_are_escaped_and_cut(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other")
        named = replace(results, models=[results.models[0], replace(results.models[1], name=HOSTILE)])
        found: AgreementView = replace(results.predictions.agreements["other"], other=HOSTILE)
        shared: WordsView = replace(results.predictions.words["other"], name=HOSTILE)
        fits = {**results.predictions.fits, HOSTILE: results.predictions.fits["other"]}
        hostile = replace(
            named,
            predictions=replace(results.predictions, fits=fits, agreements={HOSTILE: found}, words={HOSTILE: shared}),
        )

        for said in (
            sentences.agreement(hostile, STUDY),
            sentences.better_or_worse(hostile, STUDY),
            sentences.words_alike(hostile, STUDY),
            sentences.matched_heads(shared, hostile, STUDY),
        ):
            assert "&lt;script&gt;" in said
            assert "<script>" not in said
            assert "xxx…" in said
            assert "x" * 40 not in said


class TestBetterOrWorse:
    def test_found(self, tmp_path: Path) -> None:
        said = words(sentences.better_or_worse(results_of(tmp_path, "seed", "other"), STUDY))

        assert said == (
            "In 1 of 3 models, accuracy differs from that of this model (q < 0.05, McNemar's exact test, 20 labelled "
            "documents): that called other, 50 % against 90 % here (difference −40.0 points, 95 % interval −50.0 "
            "to −30.0)."
        )

    def test_nothing_found(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed")

        assert words(sentences.better_or_worse(results, STUDY)) == (
            "Accuracy is not shown to differ between this model and any of 2 others (q < 0.05, McNemar's exact test, "
            "20 labelled documents)."
        )

    def test_nothing_found_in_the_only_other_model(self, tmp_path: Path) -> None:
        results = changed(results_of(tmp_path, "other"), "other", q=0.3)

        said = words(sentences.better_or_worse(results, STUDY))
        assert said.startswith("Accuracy is not shown to differ between this model and that called other (q < 0.05, Mc")

    def test_not_compared(self, tmp_path: Path) -> None:
        results = changed(results_of(tmp_path, "other"), "other", test=None, q=None, difference=NONE)

        assert sentences.better_or_worse(results, STUDY) == "Accuracy was not compared: no document has a gold class."

    def test_values_have_errors(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other", score="r2")

        said = words(sentences.better_or_worse(results, of_task("regression")))
        assert said.startswith(
            "In the other model, mean absolute error differs from that of this model (q < 0.05, random"
        )
        assert "that called other, 0.50 against 0.10 here (difference +0.400, 95 % interval +0.300 to +0.500)" in said

    def test_many_models_are_not_all_named(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed", "other")
        for name in ("seed-14", "seed-15"):
            results = changed(results, name, q=0.01)
        four = replace(results.predictions.agreements["other"], other="seed-14")
        agreements = {**results.predictions.agreements, "again": four}
        many = replace(results, predictions=replace(results.predictions, agreements=agreements))

        said = words(sentences.better_or_worse(many, STUDY))
        assert "In 4 of 4 models" in said
        assert ", most in 3: that" in said


class TestWords:
    def test_the_correlation_stands_beside_halves_of_the_own_heads(self, tmp_path: Path) -> None:
        assert words(sentences.words_alike(results_of(tmp_path, "pretrained", "other"), STUDY)) == (
            "In the order of words by self-attention relative to even attention (mean of ln(n a) over all heads), "
            "Spearman's correlation of this model is "
            "+0.35 with that before fine-tuning (40 shared words) and +0.75 with that called other (30 shared words); "
            "random halves of the heads of this model give +0.85."
        )

    def test_of_many_models_the_lowest_and_the_highest_are_named(self, tmp_path: Path) -> None:
        said = words(sentences.words_alike(results_of(tmp_path, "pretrained", "seed", "other"), STUDY))

        assert "(of 4 models, the lowest and the highest)" in said
        assert said.count("shared words") == 2

    def test_too_few_shared_words(self, tmp_path: Path) -> None:
        results = words_changed(results_of(tmp_path, "other"), correlation=None, n_terms=2)

        assert words(sentences.words_alike(results, with_level("token"))) == (
            "The order of tokens was not compared: fewer than three frequent ones are in both models."
        )

    def test_one_head_has_no_halves(self, tmp_path: Path) -> None:
        results = words_changed(results_of(tmp_path, "other"), halves=None)

        assert "halves" not in sentences.words_alike(results, STUDY)

    def test_only_pieces_of_both_vocabularies_are_shared(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other")

        assert "share only pieces that are in both" in sentences.pieces_shared(results, with_level("token"))
        assert sentences.pieces_shared(results, STUDY) == ""
        assert sentences.pieces_shared(results_of(tmp_path / "seed", "seed"), with_level("token")) == ""


class TestMatchedHeads:
    def said(self, results: ModelResults) -> str:
        [one] = results.predictions.other_layouts
        return words(sentences.matched_heads(one, results, STUDY))

    def test_found(self, tmp_path: Path) -> None:
        assert self.said(results_of(tmp_path, "other")) == (
            "Heads were matched one to one with those of the model called other, by 30 shared words: 4 pairs. Their "
            "mean correlation is +0.70; the best matching after the words are permuted gives +0.20 on average and at "
            "most +0.30 in 95 % of permutations (q = 0.01)."
        )

    def test_nothing_found(self, tmp_path: Path) -> None:
        said = self.said(words_changed(results_of(tmp_path, "other"), matched=0.22, q=0.4))

        assert "Their mean correlation is not shown to be more than chance: +0.22; the best matching" in said
        assert said.endswith("(q = 0.4).")

    def test_not_matched(self, tmp_path: Path) -> None:
        results = words_changed(results_of(tmp_path, "other"), n_matched=0, matched=None, n_terms=1, q=None)

        assert self.said(results) == (
            "Heads were not matched with those of the model called other: that needs three frequent shared words, and "
            "there is 1."
        )

    def test_how_many_are_listed(self, tmp_path: Path) -> None:
        [one] = results_of(tmp_path, "other").predictions.other_layouts

        assert sentences.matches_shown(one) == ""
        assert sentences.matches_shown(replace(one, n_matched=12)) == "The 4 most alike of 12 pairs are listed."


class TestCells:
    def test_of_an_untrained_classifier_are_dashes(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained", "other")

        cells = [
            sentences.agrees(results, "pretrained", STUDY),
            sentences.by_chance(results, "pretrained"),
            sentences.differs(results, "pretrained", STUDY),
            sentences.calibration(results, "pretrained"),
            sentences.fit(results, "pretrained", STUDY),
            sentences.words_of(results, "own"),
        ]
        assert set(cells) == {DASH}

    def test_without_kappa_and_intervals(self, tmp_path: Path) -> None:
        results = changed(
            results_of(tmp_path, "other"), "other", kappa=None, by_chance=1.0, agreement=Bounded(1.0, None, None)
        )

        assert sentences.by_chance(results, "other") == "100 %"
        assert sentences.agrees(results, "other", STUDY) == "100 %"

    def test_differences_are_of_the_other_model_from_this_one(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other")

        assert sentences.differs(results, "other", STUDY) == (
            "\N{MINUS SIGN}40.0 (\N{MINUS SIGN}50.0 to \N{MINUS SIGN}30.0), q = 0.001"
        )
        assert sentences.measure(of_task("multi_label")) == "exact match"
