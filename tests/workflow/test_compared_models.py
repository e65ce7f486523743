"""Models side by side under Snakemake: what one more model runs, and what is refused."""

from pathlib import Path

import pytest
from finished_study import FinishedStudy
from tiny_workflow import planned

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.stages import DescribeTerms, ExtractMaps, PrepareDataset, PrepareModel, slice_for

OTHER = {"name": "other", "source": "roberta", "mode": "load", "max_tokens": 128}
STUDY = {"name": "tiny", "dataset": {"source": "texts.csv"}, "model": {"source": "bert"}}


def outputs_of(listing: str, rule: str) -> list[str]:
    """Outputs of the jobs of a rule that a dry run lists."""
    jobs = [job for job in listing.split("\nrule ")[1:] if job.startswith(f"{rule}:")]
    return [line.split(": ", 1)[1] for job in jobs for line in job.splitlines() if line.startswith("    output: ")]


@pytest.mark.slow
def test_one_more_seed_runs_only_its_jobs_the_comparison_and_the_site(finished_study: FinishedStudy) -> None:
    listing = finished_study.run("--dry-run", "--config", "compare={seeds: [14]}")

    of_model = (
        "prepare_model",
        "extract_attention",
        "extract_maps",
        "list_terms",
        "measure_shard",
        "describe_terms",
        "compare_classes",
    )
    assert planned(listing) == {*of_model, "compare_models", "draw_figures", "render_site"}
    for rule in of_model:
        outputs = outputs_of(listing, rule)
        assert outputs, rule
        assert all(path.startswith("results/tiny/models/seed-14/") for line in outputs for path in line.split(", "))


@pytest.mark.slow
def test_each_model_has_jobs_of_its_own(finished_study: FinishedStudy) -> None:
    listing = finished_study.run("--dry-run", "--config", "compare={seeds: [14, 15], pretrained: true}")

    folders = {line.split("/")[3] for line in outputs_of(listing, "prepare_model")}
    assert folders == {"seed-14", "seed-15", "pretrained"}
    assert len(outputs_of(listing, "extract_attention")) == 3 * 2
    assert len(outputs_of(listing, "compare_models")) == 1


@pytest.mark.slow
def test_the_pretrained_model_is_read_and_compared(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study, compared = finished_study.copy(tmp_path), ("--config", "compare={pretrained: true}")
    study.run(*compared, "--", "results/tiny/models/models.parquet")

    models = files.read_table(study.results / "models" / "models.parquet", models_schemas.MODELS).to_pylist()
    assert [(row["model"], row["test"] is None) for row in models] == [("own", False), ("pretrained", True)]
    heads = files.read_table(study.results / "models" / "model_heads.parquet", models_schemas.MODEL_HEADS)
    assert heads.num_rows == 8
    assert planned(study.run("--dry-run", *compared)) == {"extract_maps", "draw_figures", "render_site"}


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
