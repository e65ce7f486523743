"""Models side by side under Snakemake: what one more model runs, and what is refused."""

from pathlib import Path

import pytest
from byte_level import make_byte_level_roberta
from finished_study import FinishedStudy
from html_page import Page
from tiny_workflow import planned, read_examples

from attviz_pipeline.artifacts import evidence_schemas, files, model_schemas, models_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.results import open_results
from attviz_pipeline.stages import DescribeTerms, ExtractMaps, PrepareDataset, PrepareModel, slice_for

OF_THE_SAMPLE = {
    "gradients": evidence_schemas.GRADIENTS,
    "leave_one_out": evidence_schemas.LEAVE_ONE_OUT,
    "document_ablations": evidence_schemas.DOCUMENT_ABLATIONS,
}
OTHER = {"name": "other", "source": "roberta", "mode": "load", "max_tokens": 128}
STUDY = {"name": "tiny", "dataset": {"source": "texts.csv"}, "model": {"source": "bert"}}


OF_EVERY_MODEL = (
    "prepare_model",
    "extract_attention",
    "extract_maps",
    "list_terms",
    "measure_shard",
    "describe_terms",
    "compare_classes",
    "profile_heads",
)
OF_EVIDENCE = (
    "aggregate_shard",
    "aggregate_dataset",
    "compute_gradients",
    "leave_tokens_out",
    "measure_faithfulness",
    "ablate_heads",
    "summarise_evidence",
    "rank_heads",
)


def outputs_of(listing: str, rule: str) -> list[str]:
    """Outputs of the jobs of a rule that a dry run lists."""
    jobs = [job for job in listing.split("\nrule ")[1:] if job.startswith(f"{rule}:")]
    return [line.split(": ", 1)[1] for job in jobs for line in job.splitlines() if line.startswith("    output: ")]


@pytest.mark.slow
def test_one_more_seed_runs_only_its_jobs_the_comparison_and_the_site(finished_study: FinishedStudy) -> None:
    listing = finished_study.run("--dry-run", "--config", "compare={seeds: [14]}")

    # The study has evidence, so the seed has, too.
    of_model = (*OF_EVERY_MODEL, *OF_EVIDENCE)
    assert planned(listing) == {*of_model, "compare_models", "draw_figures", "render_site"}
    for rule in of_model:
        outputs = outputs_of(listing, rule)
        assert outputs, rule
        assert all(path.startswith("results/tiny/models/seed-14/") for line in outputs for path in line.split(", "))


@pytest.mark.slow
def test_without_evidence_a_seed_needs_none_of_its_jobs(finished_study: FinishedStudy) -> None:
    listing = finished_study.run("--dry-run", "--config", "compare={seeds: [14]}", "evidence={enabled: false}")

    assert planned(listing) == {*OF_EVERY_MODEL, "compare_models", "draw_figures", "render_site"}


@pytest.mark.slow
def test_each_model_has_jobs_of_its_own(finished_study: FinishedStudy) -> None:
    listing = finished_study.run("--dry-run", "--config", "compare={seeds: [14, 15], pretrained: true}")

    folders = {line.split("/")[3] for line in outputs_of(listing, "prepare_model")}
    assert folders == {"seed-14", "seed-15", "pretrained"}
    assert len(outputs_of(listing, "extract_attention")) == 3 * 2
    assert len(outputs_of(listing, "compare_models")) == 1
    with_evidence = {line.split("/")[3] for rule in OF_EVIDENCE for line in outputs_of(listing, rule)}
    assert with_evidence == {"seed-14", "seed-15"}


@pytest.mark.slow
def test_the_pretrained_model_is_read_and_compared(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study, compared = finished_study.copy(tmp_path), ("--config", "compare={pretrained: true}")
    study.run(*compared, "--", "results/tiny/models/models.parquet")

    models = files.read_table(study.results / "models" / "models.parquet", models_schemas.MODELS).to_pylist()
    assert [(row["model"], row["test"] is None) for row in models] == [("own", False), ("pretrained", True)]
    heads = files.read_table(study.results / "models" / "model_heads.parquet", models_schemas.MODEL_HEADS)
    assert heads.num_rows == 8
    assert planned(study.run("--dry-run", *compared)) == {"extract_maps", "draw_figures", "render_site"}


@pytest.mark.slow
def test_a_model_of_another_tokenizer_and_shape_runs_to_the_site(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path)
    texts = [row["text"] for row in read_examples()]
    make_byte_level_roberta(study.folder / "roberta", texts, n_layers=3, n_heads=2)
    study.run("--config", "compare={models: [{name: other, source: roberta, max_tokens: 96}]}")

    results = open_results(study.results)
    own, other = results.models
    assert (own["has_own_layout"], other["has_own_layout"]) == (True, False)
    assert 0 <= other["accuracy"] <= 1
    [pair] = results.table("model_predictions").to_pylist()
    n_documents = sum(1 for _ in results.documents())
    assert (pair["other"], pair["n_documents"], pair["n_labelled"]) == ("other", n_documents, n_documents)
    [words] = results.table("model_words").to_pylist()
    # Two layers of four heads, and three of two.
    assert words["n_matched"] == results.table("matched_heads").num_rows == 6
    assert words["n_terms"] > 100
    assert results.table("model_heads").num_rows == 0
    page = Page(study.results / "site" / "models.html").text
    assert "This model and that called other predict the same class for" in page
    assert "Heads were matched one to one with those of the model called other" in page


@pytest.mark.slow
def test_evidence_of_two_models_is_of_the_same_documents(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study, compared = finished_study.copy(tmp_path), ("--config", "compare={seeds: [14]}")
    study.run(*compared)

    places = [study.results, study.results / "models" / "seed-14"]
    for name, schema in OF_THE_SAMPLE.items():
        own, other = (
            files.read_table(place / "evidence" / f"{name}.parquet", schema, ["position"])["position"].to_pylist()
            for place in places
        )
        assert own
        assert own == other
    importance = open_results(study.results).table("model_importance")
    assert importance["model"].to_pylist() == ["own", "seed-14"]
    assert importance["n_documents"].to_pylist() == [4, 4]
    assert -1 <= importance["correlation"].to_pylist()[1] <= 1
    scores = open_results(study.results).table("model_faithfulness")
    of_model = {
        name: [row["score"] for row in scores.to_pylist() if row["model"] == name] for name in ("own", "seed-14")
    }
    assert "self_mean" in of_model["own"]
    assert of_model["own"] == of_model["seed-14"]
    assert "Does the evidence agree?" in (study.results / "site" / "models.html").read_text(encoding="utf-8")
    # Documents are the same, weights are not.
    assert (places[0] / "evidence" / "gradients.parquet").read_bytes() != (
        places[1] / "evidence" / "gradients.parquet"
    ).read_bytes()
    assert planned(study.run("--dry-run", *compared)) == set()


def test_only_the_training_of_a_compared_model_differs() -> None:
    study = parse_study(STUDY | {"compare": {"pretrained": True, "seeds": [14], "models": [OTHER]}}, "test")

    assert slice_for(study, PrepareModel).seed == study.seed
    assert slice_for(study, PrepareModel, "seed-14") == slice_for(study, PrepareModel).model_copy(update={"seed": 14})
    assert not slice_for(study, PrepareModel, "pretrained").is_trained
    assert slice_for(study, PrepareModel, "other").model == ModelSettings(source="roberta", mode="load", max_tokens=128)
    assert slice_for(study, DescribeTerms, "seed-14") == slice_for(study, DescribeTerms)
    own = slice_for(study, ExtractMaps)
    assert slice_for(study, ExtractMaps, "seed-14").maps == own.maps.model_copy(update={"vectors": False})
    assert slice_for(study, PrepareDataset) == slice_for(parse_study(STUDY, "test"), PrepareDataset)


def test_a_model_of_the_list_is_named_and_knows_the_own_model_if_it_is_finished() -> None:
    loaded = {"model": {"source": "bert", "mode": "load", "label_names": ["bad", "good"]}}
    study = parse_study(STUDY | loaded | {"compare": {"models": [OTHER]}}, "test")

    made = slice_for(study, PrepareModel, "other")
    assert made.compared_as == "other"
    assert made.own_model == ModelSettings(source="bert", mode="load", label_names=["bad", "good"])
    assert (slice_for(study, PrepareModel).compared_as, slice_for(study, PrepareModel).own_model) == (None, None)
    tuned = parse_study(STUDY | {"compare": {"models": [OTHER], "seeds": [14]}}, "test")
    assert slice_for(tuned, PrepareModel, "other").own_model is None
    assert slice_for(tuned, PrepareModel, "seed-14").compared_as is None


def test_an_epoch_is_a_finished_model_below_the_checkpoint_of_the_own() -> None:
    training = {"epochs": 2, "early_stopping_patience": None}
    study = parse_study(STUDY | {"training": training, "compare": {"checkpoints": "every_epoch"}}, "test")

    assert list(study.compared) == ["epoch-1", "epoch-2"]
    assert slice_for(study, PrepareModel).keeps_epochs
    second = slice_for(study, PrepareModel, "epoch-2")
    assert (second.model.source, second.model.mode) == ("results/tiny/model/checkpoint/epochs/2", "load")
    assert not second.keeps_epochs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compare": {"seeds": [14, 15, 14]}}, "has 14 more than once"),
        ({"seed": 5, "compare": {"seeds": [5]}}, "`compare.seeds` has 5, the study's own `seed`"),
        ({"compare": {"seeds": [-1]}}, "compare.seeds.0"),
        ({"compare": {"checkpoints": "every_epoch"}}, "set `training.early_stopping_patience: null`"),
        (
            {"compare": {"models": [{"name": "seed-3", "source": "m"}]}},
            "`seed-3` is what the workflow names a model itself",
        ),
        (
            {"compare": {"models": [{"name": "a", "source": "m"}, {"name": "a", "source": "n"}]}},
            "has the name a more than once",
        ),
        (
            {"compare": {"models": [{"name": "a", "source": "m", "max_tokens": 32}]}},
            "`compare.models.0.max_tokens` (32)",
        ),
        (
            {
                "model": {"source": "bert", "mode": "load"},
                "compare": {"models": [{"name": "a", "source": "m"}], "checkpoints": "every_epoch"},
            },
            "`compare.checkpoints` and `compare.models.0.mode` need `model.mode: fine_tune`",
        ),
        ({"compare": {"pretraned": True}}, "did you mean `pretrained`"),
        (
            {"model": {"source": "bert", "mode": "load"}, "compare": {"pretrained": True}},
            "`compare.pretrained` needs `model.mode: fine_tune`, but the study loads a finished model",
        ),
        (
            {"model": {"source": "bert", "mode": "load"}, "compare": {"seeds": [1], "pretrained": True}},
            "`compare.pretrained` and `compare.seeds` need `model.mode: fine_tune`",
        ),
        (
            {
                "dataset": {"source": "attention.json", "format": "attviz_json"},
                "model": None,
                "compare": {"seeds": [1]},
            },
            "imports its attention",
        ),
    ],
)
def test_models_that_cannot_be_made_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_study({key: value for key, value in (STUDY | changes).items() if value is not None}, "study.yaml")

    assert message in str(refused.value)


@pytest.mark.slow
def test_every_epoch_is_read_and_compared(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path)
    settings = ("--config", "compare={checkpoints: every_epoch}", "training={epochs: 2, early_stopping_patience: null}")
    study.run(*settings)

    models = files.read_table(study.results / "models" / "models.parquet", models_schemas.MODELS).to_pylist()
    assert [(row["model"], row["epoch"], row["has_own_layout"]) for row in models] == [
        ("own", None, True),
        ("epoch-1", 1, True),
        ("epoch-2", 2, True),
    ]
    best = files.read_json(study.results / "model" / "metrics.json", model_schemas.METRICS)["best_epoch"]
    heads = files.read_table(study.results / "models" / "model_heads.parquet", models_schemas.MODEL_HEADS).to_pylist()
    assert {row["log_ratio_change"] for row in heads if row["model"] == f"epoch-{best}"} == {0.0}
    assert "Along fine-tuning" in (study.results / "site" / "models.html").read_text(encoding="utf-8")
    assert planned(study.run("--dry-run", *settings)) == set()
