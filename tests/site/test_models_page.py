"""The page Models, and what other pages say of models that read the same documents."""

from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from sentence_views import study_view, words
from synthetic_attention import LABEL_NAMES
from synthetic_models import write_models
from synthetic_site import site_settings, write_site_inputs
from task_studies import write_task_study

from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import ModelKind, ModelSettings
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import models as sentences
from attviz_pipeline.report.views.models import (
    ChangeView,
    ModelResults,
    ModelsPageView,
    ReplicationView,
    models_page_view,
    read_models,
)
from attviz_pipeline.report.views.study import HeadRef

HOSTILE = "<script>alert(1)</script>"
STUDY = study_view()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    inputs = write_site_inputs(tmp_path_factory.mktemp("inputs"), evidence=False, models=True)
    folder = tmp_path_factory.mktemp("every") / "models"
    every = write_models(folder, LABEL_NAMES, ("pretrained", "seed", "epoch"))
    return replace(inputs, models=every)


@pytest.fixture(scope="module")
def site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "site"
    write_site(site_settings(), inputs, folder)
    return folder


def results_of(folder: Path, *kinds: str, labels: tuple[str, ...] = ("sport", "world")) -> ModelResults:
    found = read_models(write_models(folder / "models", labels, kinds), STUDY)
    assert found is not None
    return found


def page_of(folder: Path, *kinds: str) -> ModelsPageView:
    return page_of_tables(write_models(folder / "models", ("sport", "world"), kinds))


def page_of_tables(paths: ModelsPaths) -> ModelsPageView:
    found = read_models(paths, STUDY)
    assert found is not None
    return models_page_view(found, paths)


class TestSite:
    def test_the_page_names_all_models_and_what_was_found(self, site: Path) -> None:
        text = Page(site / "models.html").text

        assert "before fine-tuning" in text
        assert "2 models fine-tuned with other seeds (14, 15) and this model after each of 2 epochs read" in text
        assert f"Fine-tuning changes {sentences.GEOMETRIC_MEAN} in 1 of 6 heads beyond the spread between seeds" in text
        assert "mean self-attention" not in text
        assert "2 of 2" in text
        assert "these have q < 0.05: 2 before fine-tuning, 2 after epoch 1 and 2 after epoch 2" in text
        assert text.count("this model and that") == 5

    def test_pages_of_heads_and_classes_say_what_is_found_again(self, site: Path) -> None:
        of_head = Page(site / "heads" / "L00-H00.html").text
        of_class = Page(site / "classes" / "000.html").text

        assert "Found again (same sign and q < 0.05), of 2 models of other seeds: business in 2" in of_head
        assert "Found again (same sign and q < 0.05), of 2 models of other seeds: L0·H0 in 2 and L0·H1 in 0." in (
            of_class
        )
        assert "Found again" not in Page(site / "heads" / "L01-H00.html").text
        assert "In 3 models fine-tuned with different seeds" in of_head
        assert "Mean g of 3 models" in of_class

    def test_the_start_page_leads_to_it(self, site: Path) -> None:
        start = Page(site / "index.html")

        assert "3 are found again in both models of other seeds" in start.text
        assert "models.html" in (site / "index.html").read_text(encoding="utf-8")

    def test_a_regression_has_correlations_with_its_value(self, tmp_path: Path) -> None:
        inputs = write_task_study(tmp_path, "regression", n_documents=30, full=False)
        models = write_models(tmp_path / "models", ["gold value"], score="r2")
        write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

        text = words(Page(tmp_path / "site" / "models.html").text)
        assert "R², test split" in text
        assert "Of 6 correlations of the gold value with heads, over 24 documents, 2 have q < 0.05" in text
        assert "for gold value (\N{GREEK SMALL LETTER RHO} = +1.50)" in text
        assert "gold value in 2" in words(Page(tmp_path / "site" / "heads" / "L00-H00.html").text)

    def test_a_study_of_one_model_has_no_such_page(self, inputs: SiteInputs, tmp_path: Path) -> None:
        write_site(site_settings(), replace(inputs, models=None), tmp_path / "site")

        assert not (tmp_path / "site" / "models.html").exists()
        assert "models.html" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


class TestSentences:
    def test_a_loaded_model_has_no_seed_of_fine_tuning(self, tmp_path: Path) -> None:
        loaded = STUDY.settings.model_copy(update={"model": ModelSettings(source="some/bert", mode="load")})
        view = replace(STUDY, settings=loaded)
        results = read_models(write_models(tmp_path / "models", ("sport", "world"), ("seed",)), view)

        assert results is not None
        assert results.models[0].title == "this model"
        assert words(sentences.compared(results, view)).startswith("some/bert and 2 models")
        assert words(sentences.compared(results_of(tmp_path / "tuned", "seed"), STUDY)).startswith(
            "some/bert, fine-tuned with seed 13, and 2 models"
        )

    def test_captions_name_each_kind_of_model(self, tmp_path: Path) -> None:
        one = results_of(tmp_path, "seed").models[1]
        kinds: dict[ModelKind, str] = {
            "pretrained": "before",
            "seed": "in seed 14",
            "epoch": "after epoch 2",
            "other": "in mine",
        }

        found = {kind: sentences.where_in(replace(one, kind=kind, epoch=2, name="mine")) for kind in kinds}
        assert found == kinds

    def test_two_checkpoints_are_not_called_fine_tuning(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained")

        said = words(sentences.fine_tuning(results, STUDY, ""))
        assert said.startswith(
            f"These two checkpoints differ in {sentences.GEOMETRIC_MEAN} in 2 of 6 heads (q < 0.05);"
        )
        assert "Fine-tuning changes" not in said
        assert sentences.found_again(results, STUDY) == ""
        assert f"differ in {sentences.GEOMETRIC_MEAN} in 2 of 6 heads" in sentences.in_short(results, STUDY, "")
        assert sentences.largest_again(results, STUDY, "") == ""
        assert sentences.layer_band(results) == ""

    def test_what_is_within_the_spread_of_seeds_is_not_called_fine_tuning(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained", "seed")
        within = replace(results, fine_tuned=[replace(one, q=0.3) for one in results.fine_tuned])

        said = words(sentences.fine_tuning(within, STUDY, ""))
        assert said.startswith("For none of 6 heads is fine-tuning shown to change")
        assert "over 3 seeds and 24 input rows" in said

    def test_seeds_alone_say_nothing_of_fine_tuning(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed")

        assert sentences.fine_tuning(results, STUDY, "") == ""
        assert "Before fine-tuning" not in words(sentences.largest_again(results, STUDY, ""))

    def test_effects_found_again(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained", "seed")

        assert words(sentences.found_again(results, STUDY)) == (
            "Of 12 effects of 2 classes in heads, over 24 documents, 4 have q < 0.05 in this model. Of these, "
            "2 are found again in both "
            "models of other seeds (same sign and q < 0.05), and 2 are in none."
        )
        largest = words(sentences.largest_again(results, STUDY, ""))
        assert largest.startswith("The largest, L0·H0 for sport (g = +1.50), is found again in 2 of 2 other models.")
        assert "of this model's input rows alone, +1.10 to +1.90" in largest
        assert "with the model as a source of variation, too, +0.30 to +2.10, around a mean of +1.20 over 3" in largest
        assert largest.endswith("Before fine-tuning, g is +0.20.")

    def test_q_is_too_small_where_documents_depend_on_each_other(self, tmp_path: Path) -> None:
        models = write_models(tmp_path / "models", ("sport", "world"), ("seed",))
        found = "same sign and q < 0.05; documents of one input row count as independent, so q is too small)"
        dependent, own = (read_models(models, STUDY, q_too_small=small) for small in (True, False))
        assert dependent is not None
        assert own is not None

        for results, there in ((dependent, True), (own, False)):
            assert (found in words(sentences.found_again(results, STUDY))) == there
            assert (found in words(sentences.again_in_head(results.found_in_head(0, 3)))) == there
            assert (found in words(sentences.again_in_group(results.found_in_group("sport"), STUDY, ""))) == there

    def test_without_an_effect_there_is_nothing_to_find_again(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed")
        none = replace(results, effects=[replace(one, q=0.5) for one in results.effects])

        assert "so there is nothing to find again" in words(sentences.found_again(none, STUDY))
        assert sentences.largest_again(none, STUDY, "") == ""

    def test_correlations_of_effects_say_if_there_is_no_effect(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed")
        none = replace(results, effects=[replace(one, q=0.5) for one in results.effects])

        for said in (sentences.effect_correlations, sentences.correlation_column):
            assert "No effect of this model has q < 0.05: such a correlation can be high by chance" in said(none, STUDY)
            assert "No effect" not in said(results, STUDY)

    def test_one_other_seed(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed")
        one = replace(results, models=results.models[:2])

        assert words(sentences.found_again(one, STUDY)).startswith("Of 12 effects of 2 classes in heads, over 24")
        assert "that of the other seed has" in words(sentences.found_again(one, STUDY))
        assert sentences.effect_correlations(one, STUDY) == (
            "Over 12 effects of 2 classes in heads, Pearson's correlation of this model with the model of the other "
            "seed is +0.60."
        )

    def test_changes_are_factors_with_intervals(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained")
        [view] = results.compared

        assert words(sentences.changes(view, results, STUDY, "")) == (
            "Over 24 documents, this model and that before fine-tuning differ in self-attention relative to even "
            "attention (geometric mean) in 2 of 6 heads (q < 0.05): it is higher here in 2 and lower in 0. Half "
            "of these differences are by a factor of at most 1.82, up or down. The largest difference is in L1·H2: "
            "1.82 times, 95 % interval 1.65 to 2.01."
        )
        one = replace(view, changes=[replace(one, q=0.5 if one.head.head == 1 else one.q) for one in view.changes])
        assert "Half of" not in words(sentences.changes(one, results, STUDY, ""))
        none = replace(view, changes=[replace(one, q=0.5) for one in view.changes])
        assert "in none of 6 heads" in words(sentences.changes(none, results, STUDY, ""))
        assert sentences.even_changes(view) == "Evenness differs in none of 6 heads."
        assert "median correlation of +0.80 over 6 heads (Spearman); in a head and other heads" in (
            sentences.terms_alike(view)
        )
        assert "was not compared" in sentences.terms_alike(replace(view, term_correlations=[None] * 6))

    def test_roles_are_counted_without_a_test(self, tmp_path: Path) -> None:
        [view] = results_of(tmp_path, "pretrained").compared

        assert sentences.roles_changed(view) == (
            "The role differs in 1 of 6 heads (roles follow from thresholds; this is no test), most often previous "
            "token before fine-tuning and mixed in this model (1)."
        )
        same = replace(view, heads=[(own, own) for own, _ in view.heads])
        assert sentences.roles_changed(same).startswith("Both models give the same role to each of 6 heads")
        unknown = replace(view, heads=[(own._replace(role=None), own._replace(role=None)) for own, _ in view.heads])
        assert sentences.roles_changed(unknown) == ""

    def test_effects_are_counted_after_each_epoch(self, tmp_path: Path) -> None:
        page = page_of(tmp_path, "pretrained", "epoch")

        assert [step.model.name for step in page.steps] == ["pretrained", "epoch-1", "epoch-2"]
        assert sentences.along_training(page.steps, page.results, STUDY) == (
            "Of 12 effects of 2 classes in heads, over 24 documents, these have q < 0.05: 2 before fine-tuning, 2 "
            "after epoch 1 and 2 after epoch 2."
        )
        assert "the 2 epochs of one run" in sentences.of_epochs(page.steps)
        none = [replace(step, n_found=[0, 0]) for step in page.steps]
        assert "none has q < 0.05 before fine-tuning, or after any later epoch" in (
            sentences.along_training(none, page.results, STUDY)
        )

    def test_without_epochs_nothing_is_said_of_them(self, tmp_path: Path) -> None:
        page = page_of(tmp_path, "pretrained", "seed")

        assert page.steps == []
        assert sentences.along_training(page.steps, page.results, STUDY) == sentences.of_epochs(page.steps) == ""

    def test_a_head_varies_over_models_of_several_seeds(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "pretrained", "seed")

        values = results.values_of_head(5)
        assert [model.kind for model, _ in values] == ["own", "pretrained", "seed", "seed"]
        assert sentences.of_models(values) == (
            "In 3 models fine-tuned with different seeds, the mean of ln(n a) of this head is 0.00 to +0.60, with a "
            "standard deviation of 0.35."
        )
        assert sentences.of_models(values[:2]) == ""

    def test_a_factor_is_one_only_without_a_change(self) -> None:
        assert [sentences.factor(value, found=False) for value in (0.000068, -0.001, 0.7)] == ["1.00", "1.00", "2.01"]
        assert [sentences.factor(value) for value in (0.0, 0.001, -0.001, 0.7, 3.0, None)] == [
            "1.00",
            "1.0010",
            "0.99900",
            "2.01",
            "20.1",
            "\N{EN DASH}",
        ]

    def test_a_head_without_a_document_has_no_change(self) -> None:
        head = HeadRef(0, 0, "heads/L00-H00.html")

        assert sentences.cell(ChangeView(head, None, None, None, None)) == "no document"
        assert sentences.cell(ChangeView(head, 0.0, None, None, 1.0)) == "1.00 times, q = 1"
        assert sentences.cell(ChangeView(head, 0.001, None, None, 0.5)) == "1.00 times, q = 0.5"
        assert sentences.cell(ChangeView(head, 0.001, None, None, 0.01)) == "1.0010 times, q = 0.01"

    def test_models_are_named_by_how_they_were_made(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed", "other")
        own, seed, *_, other = results.models
        epoch = replace(seed, kind="epoch", seed=None, epoch=2)
        named = replace(other, name="a" * 64)

        assert [sentences.of_model(one) for one in (seed, epoch, other)] == [
            "of seed 14",
            "after epoch 2",
            "called other",
        ]
        assert sentences.of_model(named) == f"called {'a' * 39}…"
        assert (own.title, replace(own, seed=None).title) == ("this model (seed 13)", "this model")

    def test_a_finished_model_was_fine_tuned_with_no_seed_of_the_study(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "other")
        loaded = replace(results, models=[replace(results.models[0], seed=None), results.models[1]])

        assert words(sentences.compared(results, STUDY)).startswith("some/bert, fine-tuned with seed 13, and 1 other")
        assert words(sentences.compared(loaded, STUDY)) == (
            "some/bert and 1 other model (other) read the same 24 documents."
        )

    def test_the_band_is_of_models_of_different_seeds_only(self, tmp_path: Path) -> None:
        for kinds, has_band in ((("seed",), True), (("other",), False)):
            paths = write_models(tmp_path / kinds[0], ["sport", "world"], kinds)
            for _, chart in page_of_tables(paths).charts:
                assert (chart.band is not None) == has_band
                # The other model has one layer more.
                assert [tick.label for tick in chart.x_ticks] == ["0", "1"]

    def test_names_of_classes_are_escaped(self, tmp_path: Path) -> None:
        results = results_of(tmp_path, "seed", labels=(HOSTILE, "world"))
        found: list[ReplicationView] = results.found

        for sentence in (
            sentences.largest_again(results, STUDY, ""),
            sentences.again_in_head([one for one in found if one.group == HOSTILE]),
        ):
            assert HOSTILE not in sentence
            assert "&lt;script&gt;" in sentence
