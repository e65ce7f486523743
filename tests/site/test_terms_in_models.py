"""The words of the page of tokens in other models: their table, and every form of their sentences."""

from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from sentence_views import study_view, words
from synthetic_models import write_models
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import model_terms as sentences
from attviz_pipeline.report.views.model_terms import ModelTermsView, model_terms_view
from attviz_pipeline.report.views.models import read_models


def view_of(folder: Path, *kinds: str) -> ModelTermsView:
    paths = write_models(folder / "models", ["sport", "world"], kinds)
    found = model_terms_view(read_models(paths, study_view()), paths)
    assert found is not None
    return found


def test_the_page_of_tokens_has_the_first_words_of_every_model(tmp_path: Path) -> None:
    inputs = write_site_inputs(tmp_path / "inputs", evidence=False)
    models = write_models(tmp_path / "models", ["business", "sport"], ("pretrained", "seed"))

    write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

    page = "".join(words(Page(tmp_path / "site" / "tokens.html").text).split())
    assert "thismodel(seed13)beforefine-tuningseed14seed15MeanoverseedsLowest\N{EN DASH}highest" in page
    # exp(1 - 2/40), the second here and the 21st in the others; exp(1 - 21/40).
    assert "term-012.6rank21.6rank211.6rank211.6rank211.91.6\N{EN DASH}2.6" in page


def test_a_study_of_one_model_has_no_such_section(tmp_path: Path) -> None:
    inputs = write_site_inputs(tmp_path / "inputs", evidence=False)

    write_site(site_settings(), inputs, tmp_path / "site")

    assert "In other models" not in words(Page(tmp_path / "site" / "tokens.html").text)
    paths = write_models(tmp_path / "models", ["sport", "world"], ())
    assert model_terms_view(read_models(paths, study_view()), paths) is None


def test_epochs_have_no_column(tmp_path: Path) -> None:
    assert [one.kind for one in view_of(tmp_path, "pretrained", "epoch").models] == ["own", "pretrained"]


def test_shared_words_stand_beside_random_orders(tmp_path: Path) -> None:
    found = view_of(tmp_path, "pretrained", "seed")

    # Of term-00 to term-09, the other models rank the even ones among their first ten.
    assert words(sentences.top_shared(found, "word")) == (
        "Of the 10 words with the highest self-attention relative to even attention in this model, 5 are among the 10 "
        "highest of the model before fine-tuning, 5 are among the 10 highest of the model of seed 14 and 5 are among "
        "the 10 highest of the model of seed 15 (of 40 words that both rank; two random orders share 2.5 on average)."
    )


def test_models_with_other_words_are_compared_over_those_that_both_have(tmp_path: Path) -> None:
    found = view_of(tmp_path, "pretrained", "other")

    said = words(sentences.top_shared(found, "word"))
    assert "before fine-tuning (of 40 words that both rank; two random orders share 2.5 on average)" in said
    assert "called other (of 30 words that both rank; two random orders share 3.3 on average)" in said
    missing = next(row for row in found.rows if row.term == "term-24")
    assert missing.values[2] is not None
    assert view_of(tmp_path / "alone", "other").rows[0].over_seeds is None


def test_one_shared_word_is_singular_and_few_words_are_not_compared(tmp_path: Path) -> None:
    found = view_of(tmp_path, "pretrained")

    [shared] = found.shared
    one = replace(found, shared=[replace(shared, terms=["<b>"])])
    assert "1 (<b>) is among the 10 highest" in words(sentences.top_shared(one, "word"))
    assert "<b>" not in sentences.top_shared(one, "word")
    assert sentences.top_shared(replace(found, shared=[]), "token") == (
        "The highest tokens of models were not compared: fewer than 20 are in this and another model."
    )


@pytest.mark.parametrize(("kinds", "said"), [(("pretrained",), False), (("seed",), True)])
def test_the_columns_are_explained(tmp_path: Path, kinds: tuple[str, ...], *, said: bool) -> None:
    found = view_of(tmp_path, *kinds)

    assert sentences.columns(found, "word").startswith("The first 25 of 40 words. Self-attention in multiples")
    assert ("geometric mean over 3 models fine-tuned" in sentences.columns(found, "word")) == said
    few = replace(found, rows=found.rows[:3], n_terms=3)
    assert sentences.columns(few, "word").startswith("All words. ")
