"""Evidence of models side by side: the sections of the pages Models and Evidence, and each form of each sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from sentence_views import study_view, words
from synthetic_models import write_models
from synthetic_site import site_settings, write_site_inputs
from task_studies import write_task_study

from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import model_evidence as sentences
from attviz_pipeline.report.views.model_evidence import ModelEvidence, read_model_evidence
from attviz_pipeline.report.views.models import read_models

STUDY = study_view()
NO_EVIDENCE = "Whether the evidence agrees between models was not measured: "


def evidence_of(folder: Path, *kinds: str, evidence: bool = True) -> ModelEvidence:
    paths = write_models(folder / "models", ["sport", "world"], kinds or ("pretrained", "seed"), evidence=evidence)
    found = read_model_evidence(paths, read_models(paths, STUDY), STUDY)
    assert found is not None
    return found


def one_seed(evidence: ModelEvidence) -> ModelEvidence:
    """Only the own model and seed 14."""
    return replace(evidence, models=evidence.models[:2], importance=evidence.importance[:2])


def none_found(evidence: ModelEvidence, *models: str) -> ModelEvidence:
    """The same where no score is beyond chance in some models."""
    scores = [
        replace(one, cells={name: replace(cell, q=0.5) if name in models else cell for name, cell in one.cells.items()})
        for one in evidence.scores
    ]
    return replace(evidence, scores=scores)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> SiteInputs:
    return write_site_inputs(tmp_path_factory.mktemp("inputs"), evidence=True, models=True)


@pytest.fixture(scope="module")
def site(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "site"
    write_site(site_settings(), inputs, folder)
    return folder


class TestSite:
    def test_the_page_of_models_has_scores_and_heads_of_each_model(self, site: Path) -> None:
        text = words(Page(site / "models.html").text)

        assert "Does the evidence agree? Over the same 8 to 16 documents" in text
        assert "mean self-attention over heads+20.0+20.0+1.01 of 2" in text
        assert "gradient x input+20.0+20.0+20.02 of 2" in text
        assert "leaving out one token+20.0+1.0+1.00 of 2" in text
        # With only these tokens, less is better.
        assert "mean self-attention over heads\N{MINUS SIGN}20.0\N{MINUS SIGN}20.0\N{MINUS SIGN}1.01 of 2" in text
        assert "this model (seed 13)16L0·H00.500 nats1" in text
        assert "seed 1516L0·H10.500 nats4+0.30+0.20 to +0.40+0.25" in text

    def test_the_page_of_evidence_leads_there(self, site: Path) -> None:
        text = words(Page(site / "evidence.html").text)

        assert (
            "In 1 of 2 models of other seeds, the prediction depends on the tokens with the highest mean "
            "self-attention over heads more than on random ones, on average over 10 % and 50 % of the tokens of the "
            "same 16 documents (q < 0.05 in each model); in this model, too."
        ) in text
        assert 'href="models.html#evidence"' in (site / "evidence.html").read_text(encoding="utf-8")

    def test_models_without_evidence_say_why(self, inputs: SiteInputs, tmp_path: Path) -> None:
        models = write_models(tmp_path / "models", ["business", "sport"], ("pretrained",))
        write_site(site_settings(), replace(inputs, models=models, evidence=None), tmp_path / "site")

        text = words(Page(tmp_path / "site" / "models.html").text)
        assert f"{NO_EVIDENCE}evidence.enabled is false." in text
        assert "Heads switched off" not in text

    def test_a_study_of_one_model_says_nothing_of_others(self, inputs: SiteInputs, tmp_path: Path) -> None:
        write_site(site_settings(), replace(inputs, models=None), tmp_path / "site")

        assert "models of other seeds" not in Page(tmp_path / "site" / "evidence.html").text

    def test_a_regression_has_differences_in_its_unit(self, tmp_path: Path) -> None:
        inputs = write_task_study(tmp_path, "regression", n_documents=30, full=False)
        models = write_models(tmp_path / "models", ["gold value"], score="r2", evidence=True)
        write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

        text = words(Page(tmp_path / "site" / "models.html").text)
        assert "gradient x input+0.200+0.200+0.2002 of 2" in text
        assert "this model (seed 13)16L0·H00.5001" in text


class TestScores:
    def test_found_in_this_model_and_in_others(self, tmp_path: Path) -> None:
        assert sentences.scores_agree(evidence_of(tmp_path)) == (
            "Over the same 8 to 16 documents, on average over 10 % and 50 % of the tokens, 3 of 4 scores point at "
            "tokens on which the prediction depends more than on random ones in this model (q < 0.05). Of these, 1 "
            "does so in both models of other seeds, and 1 in none of them (leaving out one token). 1 other score does "
            "so in at least one of 2 models of other seeds (norm of gradient x input), and not in this model."
        )

    def test_one_other_seed(self, tmp_path: Path) -> None:
        assert sentences.scores_agree(one_seed(evidence_of(tmp_path))).endswith(
            "in this model (q < 0.05). Of these, 2 do so in the model of seed 14."
        )

    def test_found_in_no_model(self, tmp_path: Path) -> None:
        nothing = none_found(evidence_of(tmp_path), "own", "seed-14", "seed-15")

        assert sentences.scores_agree(nothing).endswith(
            "none of 4 scores is shown to point at tokens on which the prediction depends more than on random ones, in "
            "this model or in 2 models of other seeds (q < 0.05)."
        )
        assert sentences.score_in_models(nothing, "self_mean", None).startswith(
            "In none of 2 models of other seeds is the prediction shown to depend on the tokens with the highest mean "
        )
        assert sentences.score_in_models(nothing, "self_mean", None).endswith("; in this model, it is not, either.")

    def test_found_only_in_others_or_only_here(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)
        others = none_found(evidence, "own")

        said = sentences.scores_agree(others)
        assert "none of 4 scores is shown to point" in said
        assert "3 other scores do so in at least one of 2 models of other seeds" in said
        assert sentences.score_in_models(others, "self_mean", None).endswith("; in this model, that is not shown.")
        here = none_found(evidence, "seed-14", "seed-15")
        assert "Of these, none do so in both models of other seeds, and 3 in none of them" in sentences.scores_agree(
            here
        )
        assert sentences.score_in_models(here, "self_mean", None).endswith("; in this model, it is.")

    def test_less_than_random_is_not_found(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)
        less = replace(
            evidence.scores[0], cells={n: replace(c, value=-0.2) for n, c in evidence.scores[0].cells.items()}
        )

        assert not less.beats_random(evidence.own)
        assert sentences.models_with(less, evidence) == "0 of 2"
        assert evidence.sufficiency[0].beats_random(evidence.own)

    def test_not_measured_says_why(self, tmp_path: Path) -> None:
        nothing = evidence_of(tmp_path, evidence=False)

        assert sentences.scores_agree(nothing) == f"{NO_EVIDENCE}evidence.enabled is false."
        assert sentences.scores_agree(replace(nothing, is_enabled=True)) == (
            f"{NO_EVIDENCE}no compared model has a trained classifier."
        )
        assert sentences.score_in_models(nothing, "self_mean", None) == ""
        assert sentences.score_in_models(None, "self_mean", None) == ""
        assert sentences.same_head(nothing, STUDY, "") == ""
        assert sentences.importance_agrees(nothing, STUDY) == ""

    def test_a_score_that_only_this_model_has_is_not_compared(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)
        alone = replace(evidence.scores[0], cells={"own": evidence.scores[0].cells["own"]})
        lonely = replace(evidence, scores=[alone])

        assert sentences.scores_agree(lonely) == (
            "No score of tokens was compared with random tokens in this model and in another."
        )
        assert sentences.score_in_models(lonely, "self_mean", None) == ""
        assert sentences.models_with(alone, lonely) == "\N{EN DASH}"

    def test_without_other_seeds_all_other_models_are_counted(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)
        renamed = [evidence.models[0], *(replace(one, kind="other", seed=None) for one in evidence.models[1:])]

        said = sentences.scores_agree(replace(evidence, models=renamed))
        assert "Of these, 1 does so in both other models, and 1 in none of them" in said
        assert sentences.counted(replace(evidence, models=renamed)) == "other models"
        assert sentences.counted(evidence) == "other seeds"


class TestHeads:
    def test_the_most_important_head_in_other_models(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)

        assert words(sentences.same_head(evidence, STUDY, "")) == (
            "L0·H0, without which the prediction of this model changes most over 16 documents, is the most important "
            "head in 1 of 2 models of other seeds, too; in the other, its rank is 4 of 6 heads."
        )
        assert words(sentences.same_head(one_seed(evidence), STUDY, "")).endswith(
            "in 1 of 1 model of another seed, too."
        )
        other = [evidence.importance[0], *(replace(one, rank_of_own_top=3) for one in evidence.importance[1:])]
        assert words(sentences.same_head(replace(evidence, importance=other), STUDY, "")).endswith(
            "is the most important head in none of 2 models of other seeds; there, its rank is 3 of 6 heads."
        )

    def test_heads_that_were_not_switched_off_are_not_compared(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)
        unknown = [replace(one, top=None, correlation=None) for one in evidence.importance]

        assert words(sentences.same_head(replace(evidence, importance=unknown), STUDY, "")).startswith(
            "No head of this model was switched off"
        )
        others = replace(evidence, importance=[evidence.importance[0], *unknown[1:]])
        assert "in no other model of the same layout were heads" in words(sentences.same_head(others, STUDY, ""))
        assert sentences.importance_agrees(others, STUDY) == ""

    def test_the_order_is_alike_only_beyond_chance(self, tmp_path: Path) -> None:
        evidence = evidence_of(tmp_path)

        assert sentences.importance_agrees(evidence, STUDY) == (
            "In 1 of 2 models of other seeds, the importance of heads is ordered as in this model beyond chance: over "
            "6 heads and the same 16 documents, Spearman's correlation is +0.30 to +0.90; 95 % of random orders reach "
            "at most 0.80. If the other model has one half of the documents and this model the other half, it "
            "is +0.25 to +0.85; of this model with itself, +0.85."
        )
        for changed in (
            replace(evidence, by_chance=0.95),
            replace(evidence, importance=[replace(one, low=-0.1) for one in evidence.importance]),
            replace(evidence, importance=[replace(one, low=None) for one in evidence.importance]),
        ):
            assert sentences.importance_agrees(changed, STUDY).startswith(
                "In none of 2 models of other seeds is the importance of heads shown to be ordered as in this model"
            )

    def test_an_importance_has_its_unit(self, tmp_path: Path) -> None:
        own = evidence_of(tmp_path).importance[0]

        assert sentences.importance(own, STUDY) == "0.500 nats"
        assert sentences.importance(replace(own, top_importance=None), STUDY) == "\N{EN DASH}"
