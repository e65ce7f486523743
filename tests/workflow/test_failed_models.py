"""A compared model that fails: its failure is recorded, the others are compared, and the site says so."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from compared_study import compare_written, rows, write_model
from finished_study import FinishedStudy
from html_page import Page
from model_study import ModelStudy
from sentence_views import study_view, words
from synthetic_models import write_models
from synthetic_site import site_settings, write_site_inputs
from tiny_models import make_tiny_bert
from tiny_workflow import planned

from attviz_pipeline.artifacts import files, models_schemas
from attviz_pipeline.artifacts.failed import MARKER, Failed, read_failed, write_failed
from attviz_pipeline.config.settings import CompareSettings, ModelSettings, RedactionSettings, TrainingSettings
from attviz_pipeline.errors import ArtifactError, AttvizError, DatasetError, ModelError, Problem, ResourceError
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import models as sentences
from attviz_pipeline.report.views.models import ModelResults, read_models
from attviz_pipeline.run_stage import outputs_of, reason_of, run_stage
from attviz_pipeline.shards import every_shard, expand_shards
from attviz_pipeline.stages import STAGES, PrepareModel

HOSTILE = "<script>alert(1)</script> \u202e & more"
LATER = [name for name, stage in STAGES.items() if stage.each_model and name != "prepare_model"]
FAILED = Failed("prepare_model", "the model is broken")


def places_of(study: ModelStudy) -> dict[str, Path | list[Path]]:
    return {
        "documents": study.documents,
        "checkpoint": study.checkpoint,
        "card": study.card,
        "metrics": study.metrics,
    }


def prepare(study: ModelStudy, settings: Mapping[str, object], *, is_compared: bool = True) -> None:
    given = {"seed": 13, "training": TrainingSettings(), **settings}
    run_stage(STAGES["prepare_model"], places_of(study), PrepareModel.model_validate(given), is_compared=is_compared)


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.fixture
def bert(tmp_path: Path) -> str:
    make_tiny_bert(tmp_path / "bert", with_head=False)
    return str(tmp_path / "bert")


class TestStage:
    def test_a_missing_folder_is_recorded_in_place_of_each_output(
        self, study: ModelStudy, caplog: pytest.LogCaptureFixture
    ) -> None:
        model = ModelSettings(source=str(study.folder / "no such model"), mode="load")
        prepare(study, {"model": model})

        failed = read_failed([study.card])
        assert failed is not None
        assert failed.stage == "prepare_model"
        assert "no such model" in failed.reason
        assert str(study.folder) not in failed.reason
        assert [read_failed([path]) for path in (study.checkpoint, study.metrics)] == [failed, failed]
        assert [path.name for path in study.checkpoint.iterdir()] == [MARKER]
        assert [record.levelno for record in caplog.records if "no such model" in record.getMessage()] == [
            logging.ERROR
        ]

    def test_a_training_that_diverges_is_recorded(self, study: ModelStudy, bert: str) -> None:
        training = TrainingSettings(learning_rate=1e30, warmup_fraction=0.0, epochs=3, batch_size=8)
        model = ModelSettings(source=bert, max_tokens=64)
        prepare(study, {"model": model, "training": training})

        assert read_failed([study.card]) == Failed(
            "prepare_model", "fine-tuning diverged: the loss became NaN or infinite."
        )

    def test_a_model_of_other_classes_is_recorded(self, study: ModelStudy, tmp_path: Path) -> None:
        make_tiny_bert(tmp_path / "other", label_names=("cats", "dogs"))
        prepare(study, {"model": ModelSettings(source=str(tmp_path / "other"), mode="load", max_tokens=64)})

        failed = read_failed([study.card])
        assert failed is not None
        assert "cats" in failed.reason

    def test_an_error_of_the_own_model_stays_an_error(self, study: ModelStudy) -> None:
        with pytest.raises(ModelError):
            prepare(study, {"model": ModelSettings(source="no/such", mode="load")}, is_compared=False)
        assert not study.card.exists()

    def test_what_a_rerun_mends_stays_an_error(self, study: ModelStudy, monkeypatch: pytest.MonkeyPatch) -> None:
        unreachable = ModelError("the hub cannot be reached")
        unreachable.may_pass = True
        for fault in (
            ResourceError("out of memory"),
            ArtifactError("damaged"),
            DatasetError("empty"),
            unreachable,
            RuntimeError(),
        ):

            def fail(fault: Exception = fault, **_arguments: object) -> None:
                raise fault

            monkeypatch.setattr(import_module(STAGES["prepare_model"].module), "prepare_model", fail)
            with pytest.raises(type(fault)):
                prepare(study, {"model": ModelSettings(source="some/model", mode="load")})
            assert not study.card.exists()

    def test_a_model_that_works_again_replaces_the_markers(self, study: ModelStudy, bert: str) -> None:
        for source in ("no/such", bert):
            model = ModelSettings(source=source, max_tokens=64)
            prepare(study, {"model": model, "training": TrainingSettings(epochs=1)})

        assert read_failed([study.checkpoint, study.card, study.metrics]) is None
        assert (study.checkpoint / "config.json").is_file()
        assert not (study.checkpoint / MARKER).exists()

    @pytest.mark.parametrize("name", LATER)
    def test_later_stages_hand_the_failure_on(self, name: str, tmp_path: Path) -> None:
        stage = STAGES[name]
        # As a rule gives them: all shards by their pattern.
        places: dict[str, Path | list[Path]] = {
            one.name: [tmp_path / one.name / f"{every_shard(2)}.x"] if one.many else tmp_path / f"{one.name}.x"
            for one in stage.arguments
        }
        first = next(one for one in stage.reads if "{of}" in "".join(one.places))
        given = places[first.name]
        for path in expand_shards(given if isinstance(given, list) else [given]):
            files_read = [path] if first.group is None else list(vars(first.group(path)).values())
            write_failed(files_read[0], FAILED)

        run_stage(stage, places, None, is_compared=True)

        written = list(outputs_of(stage, places))
        assert written
        assert [read_failed([path]) for path in written] == [FAILED] * len(written)

    def test_a_damaged_marker_is_refused(self, tmp_path: Path) -> None:
        write_failed(tmp_path / "a.json", FAILED)
        text = (tmp_path / "a.json").read_text(encoding="utf-8")
        (tmp_path / "a.json").write_text(text.replace("broken", "brOken"), encoding="utf-8")

        with pytest.raises(ArtifactError, match="is damaged"):
            read_failed([tmp_path / "a.json"])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ModelError("no model in /home/ann/models/bert: it is empty."), "no model in bert: it is empty."),
        (ModelError("~/bert, ../up/bert, C:\\Users\\ann\\bert and file:///srv/bert"), "bert, bert, bert and bert"),
        (ModelError("the hub's google/bert has no revision a1"), "the hub's google/bert has no revision a1"),
        (ModelError("see https://huggingface.co/google/bert."), "see https://huggingface.co/google/bert."),
        (ModelError("in results/tiny/models/x"), "in results/tiny/models/x"),
        (
            ModelError("two:", [Problem("a", "is\nlong"), Problem("b", "is wrong")], "Do that."),
            "two: a is long b is wrong",
        ),
        (ModelError("/home/an n/my model is broken"), "my model is broken"),
        (ModelError("/home/an n/my model/a b/x is broken"), "my model/a b/x is broken"),
        (ModelError("/home/an n/my model-2 is broken"), "an n/my model-2 is broken"),
        (ModelError("x" * 1000), "x" * 299 + "…"),
    ],
)
def test_a_reason_is_one_line_without_folders(fault: AttvizError, reason: str) -> None:
    assert reason_of(fault, ["/home/an n/my model", "/home/an n"]) == reason


class TestComparison:
    def test_the_others_are_compared_and_the_failed_one_is_listed(self, tmp_path: Path) -> None:
        own = write_model(tmp_path, "")
        write_model(tmp_path, "seed-14")
        write_failed(tmp_path / "models" / "seed-15" / "model" / "model.json", FAILED)

        found = compare_written(tmp_path, own, CompareSettings(seeds=[14, 15]))

        assert [row["model"] for row in rows(found, "models")] == ["own", "seed-14"]
        assert files.read_facts(found.models, models_schemas.MODELS)["failed"] == [
            {
                "model": "seed-15",
                "kind": "seed",
                "seed": 15,
                "epoch": None,
                "stage": "prepare_model",
                "reason": "the model is broken",
            }
        ]
        assert {row["n_others"] for row in rows(found, "effect_replications")} == {1}

    def test_a_model_that_fails_late_is_listed(self, tmp_path: Path) -> None:
        own = write_model(tmp_path, "")
        write_model(tmp_path, "seed-14")
        failed = Failed("compare_classes", "no")
        write_failed(tmp_path / "models" / "seed-14" / "statistics" / "class_heads.parquet", failed)

        found = compare_written(tmp_path, own, CompareSettings(seeds=[14]))

        assert [row["model"] for row in rows(found, "models")] == ["own"]
        [listed] = files.read_facts(found.models, models_schemas.MODELS)["failed"]
        assert (listed["stage"], listed["reason"]) == ("compare_classes", "no")
        assert rows(found, "model_heads") == []


def listed(name: str, kind: str, **others: object) -> dict[str, object]:
    return {"model": name, "kind": kind, "seed": None, "epoch": None, "stage": "prepare_model", "reason": "no"} | others


class TestSite:
    def results(self, folder: Path, *failed: Mapping[str, object], kinds: tuple[str, ...] = ("seed",)) -> ModelResults:
        found = read_models(write_models(folder / "models", ["sport", "world"], kinds, failed=failed), study_view())
        assert found is not None
        return found

    def test_each_failed_model_has_a_sentence(self, tmp_path: Path) -> None:
        results = self.results(
            tmp_path,
            listed("pretrained", "pretrained"),
            listed("seed-16", "seed", seed=16, reason="it broke."),
            listed("epoch-2", "epoch", epoch=2, reason=""),
            listed("mine", "other"),
        )

        assert words(sentences.failures(results, study_view())) == (
            "The model before fine-tuning could not be compared: no. The model of seed 16 could not be compared: it "
            "broke. The model after epoch 2 could not be compared: stage prepare_model failed, and its log has the "
            "reason. The model called mine could not be compared: no."
        )
        assert sentences.failures(self.results(tmp_path / "none"), study_view()) == ""

    def test_a_share_safe_site_keeps_the_message_back(self, tmp_path: Path) -> None:
        results = self.results(tmp_path, listed("mine", "other", reason="a word of a text"))
        view = study_view()
        settings = view.settings.model_copy(update={"redaction": RedactionSettings(mode="shape")})

        said = words(sentences.failures(results, replace(view, settings=settings)))
        assert said == (
            "The model called mine could not be compared: stage prepare_model failed, and its log has the reason."
        )

    def test_pages_name_it_and_escape_its_message(self, tmp_path: Path) -> None:
        inputs = write_site_inputs(tmp_path / "inputs", evidence=False, models=True)
        failed = [listed("mine", "other", reason=HOSTILE)]
        models = write_models(tmp_path / "models", ["sport", "world", "business"], ("seed",), failed=failed)
        write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

        for name in ("index.html", "models.html"):
            page = tmp_path / "site" / name
            assert f"The model called mine could not be compared: {HOSTILE}." in Page(page).text
            assert "<script>alert" not in page.read_text(encoding="utf-8")
        assert "2 models fine-tuned with other seeds" in Page(tmp_path / "site" / "models.html").text

    def test_without_any_other_model_the_page_says_only_so(self, tmp_path: Path) -> None:
        inputs = write_site_inputs(tmp_path / "inputs", evidence=False, models=True)
        models = write_models(
            tmp_path / "models", ["sport", "world", "business"], (), failed=[listed("seed-14", "seed", seed=14)]
        )
        write_site(site_settings(), replace(inputs, models=models), tmp_path / "site")

        page = Page(tmp_path / "site" / "models.html")
        said = "The model of seed 14 could not be compared: no. There is no other model to compare this one with."
        assert said in words(page.text)
        assert "Which models" not in page.text
        assert "By layer" not in page.text
        assert said in words(Page(tmp_path / "site" / "index.html").text)


def reasons(study: FinishedStudy) -> dict[str, str]:
    """Why models were left out of the comparison, by name."""
    facts = files.read_facts(study.results / "models" / "models.parquet", models_schemas.MODELS)
    return {one["model"]: one["reason"] for one in facts["failed"]}


@pytest.mark.slow
def test_the_workflow_ends_with_a_site_that_names_the_models_that_failed(
    finished_study: FinishedStudy, tmp_path: Path
) -> None:
    study = finished_study.copy(tmp_path / "study")
    make_tiny_bert(study.folder / "cats", label_names=("cats", "dogs"))
    others = (
        "{name: absent, source: %s, mode: load, max_tokens: 96}, {name: cats, source: cats, mode: load, max_tokens: 96}"
    )
    compared = "compare={pretrained: true, seeds: [14], models: [" + others + "]}"
    absent = str(study.folder / "not here")
    # With this rate, the real training of seed 14 diverges.
    study.before_stages('case "$*" in *prepare-model*models/seed-14/*) set -- "${@/0.00005/1e30}";; esac')
    study.run("--config", compared % f'"{absent}"')

    found = reasons(study)
    assert set(found) == {"seed-14", "absent", "cats"}
    assert found["seed-14"] == "fine-tuning diverged: the loss became NaN or infinite."
    assert "cats" in found["cats"]
    assert "not here" in found["absent"]
    assert str(study.folder) not in found["absent"]
    page = words(Page(study.results / "site" / "models.html").text)
    assert "The model of seed 14 could not be compared: fine-tuning diverged" in page
    assert "The model called absent could not be compared:" in page
    assert "the same model before fine-tuning read the same" in page
    assert "could not be compared" in Page(study.results / "site" / "index.html").text
    assert "ERROR" in (study.results / "models" / "absent" / "logs" / "prepare_model.log").read_text(encoding="utf-8")
    assert not planned(study.run("--dry-run", "--config", compared % f'"{absent}"'))

    study.before_stages()
    mended = compared % "bert, revision: null"
    mended = mended.replace("mode: load", "mode: fine_tune", 1)
    said = study.run("--config", mended)
    written = [line for line in said.splitlines() if line.startswith("    output: ")]
    assert any("models/absent/" in line for line in written)
    assert not [line for line in written if "models/cats/" in line or "models/seed-14/" in line]
    assert set(reasons(study)) == {"seed-14", "cats"}
