"""The configuration: closed, typed, all problems at once; and the documents generated from it."""

import json
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from attviz_pipeline import reference
from attviz_pipeline.artifacts.all_schemas import ALL
from attviz_pipeline.config.reading import parse_settings, parse_study, read_study, typed_overrides
from attviz_pipeline.config.settings import Section
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.stages import (
    KEYS_OF_EVIDENCE,
    STAGES,
    ExtractAttention,
    ImportAttention,
    PrepareDataset,
    PrepareModel,
    slice_for,
)

ROOT = Path(__file__).resolve().parents[2]
MINIMAL: dict[str, Any] = {"name": "x", "dataset": {"source": "news.csv"}, "model": {"source": "folder"}}


def problems(content: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_study(content, "study.yaml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_what_a_study_leaves_out_has_a_default() -> None:
    study = parse_study(MINIMAL, "study.yaml")

    assert study.dataset.split_fractions is None
    assert study.draws_splits
    assert study.training.epochs == 3


def test_all_problems_come_in_one_message_with_path_fault_and_remedy() -> None:
    message = problems(
        {
            "name": "My study",
            "dataset": {"source": "news.csv", "max_charcters": 3},
            "documents": {"n_shards": 0, "split": "tset"},
            "model": {"source": "folder", "max_tokens": "512"},
            "modle": {},
        }
    )

    assert message.splitlines()[0] == "study.yaml has 6 problems:"
    lines = dict(line.split(maxsplit=1) for line in message.splitlines()[1:-1])
    assert lines["dataset.max_charcters"] == "unknown key; did you mean `max_characters`?"
    assert lines["documents.n_shards"] == "must be greater than or equal to 1, got 0"
    assert lines["documents.split"] == "must be 'train', 'validation', 'test' or 'all', got 'tset'"
    assert lines["model.max_tokens"] == "must be a valid integer, got '512': remove the quotes"
    assert lines["modle"] == "unknown key; did you mean `model`?"
    assert lines["name"].endswith("got 'My study'")
    assert message.splitlines()[-1] == "Every key, its type and its default: config/README.md"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("label_names: [no, other]", "dataset.label_names.0  must be text, got the truth value false"),
        ("label_names: {a: yes}", "dataset.label_names.a  must be text, got the truth value true"),
        ("label_names: {no: a, on: b}", "the labels no and yes, false and true need quotes"),
        ("label_names: [2024-01-02, other]", "dataset.label_names.0  must be text, got the date 2024-01-02"),
        ("label_names: [~, other]", "dataset.label_names.0  must be text, got nothing"),
        ("label_names: [1:30, other]", "dataset.label_names.0  must be text, got the number 90"),
        ("revision: 1234567", "dataset.revision  must be text, got the number 1234567"),
        ("text_column: off", "dataset.text_column  must be text, got the truth value false"),
    ],
)
def test_text_that_yaml_reads_otherwise_needs_quotes(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: x\nmodel: {{source: m}}\ndataset:\n  source: a.csv\n  {line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_study(path)
    assert "has 1 problem:" in str(caught.value)
    assert fault in str(caught.value)
    assert "quotes" in str(caught.value)


def test_quotes_within_quotes_keep_text_of_the_command_line_as_it_is() -> None:
    given = typed_overrides({"label_names": ["'no'", '"yes"'], "revision": '"1234567"'})
    study = parse_study(MINIMAL | {"dataset": MINIMAL["dataset"] | given}, "x")
    assert study.dataset.label_names == ["no", "yes"]
    assert study.dataset.revision == "1234567"


def test_a_value_of_two_kinds_is_faulted_as_the_kind_it_has() -> None:
    message = problems(MINIMAL | {"dataset": {"source": "a.csv", "label_names": [1, "x"]}})
    assert "list[" not in message
    assert "dict" not in message


def test_names_outside_the_study_keep_their_blanks() -> None:
    dataset = {"source": " a.csv", "text_column": " text", "label_column": "\u00a0label"}
    study = parse_study(MINIMAL | {"dataset": dataset, "maps": {"documents": [" 1"]}}, "x")
    assert (study.dataset.source, study.dataset.text_column, study.dataset.label_column) == tuple(dataset.values())
    assert study.maps.documents == [" 1"]


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        ({"model": {"source": "m", "max_tokens": 64}}, "`attention.window_overlap` (64) must be smaller than"),
        ({"attention": {"window_overlap": 600}}, "`attention.window_overlap` (600) must be smaller than"),
        ({"attention": {"device": "cpu", "precision": "float16"}}, "needs a GPU, and `attention.device` is cpu"),
    ],
)
def test_bounds_across_sections_are_checked_before_anything_runs(sections: dict[str, Any], fault: str) -> None:
    assert fault in problems(MINIMAL | sections)


def test_overlap_is_free_where_no_windows_are_cut() -> None:
    parse_study(MINIMAL | {"model": {"source": "m", "max_tokens": 64}, "attention": {"long_texts": "truncate"}}, "x")


def test_an_overlap_near_the_bound_is_checked_with_the_tokenizer_and_no_other_trains_again() -> None:
    def overlap(n_tokens: int) -> int | None:
        study = parse_study(MINIMAL | {"attention": {"window_overlap": n_tokens}}, "x")
        return slice_for(study, PrepareModel).close_overlap

    assert [overlap(n) for n in (0, 64, 400, 511)] == [None, None, None, 511]


def test_a_loaded_model_needs_no_splits_unless_the_study_names_them() -> None:
    loaded = MINIMAL | {"model": {"source": "m", "mode": "load"}}
    shares = {"dataset": {"source": "a.csv", "split_fractions": {"test": 1.0}}}
    named = {"documents": {"split": "test"}}
    drawn = [slice_for(parse_study(loaded | part, "x"), PrepareDataset).draws_splits for part in ({}, shares, named)]
    assert drawn == [False, True, True]


def test_integer_keys_of_label_names_are_values_of_the_column() -> None:
    dataset = {"source": "a.csv", "label_names": {0: "bad", "1": "good"}}

    assert parse_study(MINIMAL | {"dataset": dataset}, "x").dataset.label_names == {"0": "bad", "1": "good"}


def test_unknown_key_without_a_near_one_lists_the_valid_ones() -> None:
    assert "unknown key; valid here: epochs, batch_size, " in problems(MINIMAL | {"training": {"zzz": 1}})


@pytest.mark.parametrize(
    ("dataset", "fault"),
    [
        ({}, "give either `source` or `files`"),
        ({"source": "a.csv", "files": {"train": "b.csv"}}, "give either `source` or `files`"),
        ({"files": {"train": "b.csv"}, "splits": {"train": "x"}}, "`splits` names the splits of a hub dataset"),
        ({"source": "a.csv", "split_fractions": {"train": 0.5, "test": 0.4}}, "must sum to 1, got 0.9"),
        ({"source": "a.csv", "id_column": "text"}, "must name different columns, got text, label, text"),
        ({"source": "a.csv", "label_column": "text"}, "must name different columns, got text, text"),
        ({"source": "a.csv", "split_fractions": {"train": 1.0}}, "leaves no row for split validation, which picks"),
        ({"source": "a.csv", "split_fractions": {"train": 0.8, "validation": 0.2}}, "split test, which is analysed"),
        ({"files": {"test": "b.csv"}}, "`dataset.files` leaves no row for split train"),
        ({"source": "a/b", "splits": {"train": "x"}}, "`dataset.splits` leaves no row for split test"),
    ],
)
def test_contradictions_are_reported(dataset: dict[str, Any], fault: str) -> None:
    assert fault in problems(MINIMAL | {"dataset": dataset})


@pytest.mark.parametrize(("content", "kind"), [(None, "nothing"), ([1], "list"), ("text", "str")])
def test_file_that_is_no_mapping(content: object, kind: str) -> None:
    assert problems(content) == f"study.yaml must hold a mapping of keys to values, got {kind}"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"name: [x", "is not valid YAML"),
        (b"name: caf\xe9", "is not UTF-8 (byte 9): save it as UTF-8"),
        (b"name: \x00", "is not valid YAML"),
        (b"? !!python/object/apply:os.system [ls]\n", "is not valid YAML"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_study(path)
    assert str(caught.value).startswith(str(path))
    assert fault in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist: name a study file"):
        read_study(tmp_path / "none.yaml")


def test_settings_on_the_command_line_must_be_json() -> None:
    with pytest.raises(ConfigError, match="--settings is not valid JSON"):
        parse_settings(ExtractAttention, "{attention")


SLICES = {name: stage.settings for name, stage in STAGES.items() if stage.settings is not None}


@pytest.mark.parametrize("stage", SLICES.values())
def test_slices_survive_the_command_line(stage: type[Section]) -> None:
    part = slice_for(parse_study(MINIMAL, "study.yaml"), stage)

    assert parse_settings(stage, part.model_dump_json()) == part


def test_overrides_of_the_command_line_get_the_types_of_yaml() -> None:
    given = {
        "dataset": {"revision": "null", "max_characters": "30", "source": "a: b.csv"},
        "seed": 3,
        "x": ["true", "["],
    }

    assert typed_overrides(given) == {
        "dataset": {"revision": None, "max_characters": 30, "source": "a: b.csv"},
        "seed": 3,
        "x": [True, "["],
    }


def test_slice_holds_only_what_its_stage_reads() -> None:
    titled = parse_study(MINIMAL | {"report": {"title": "Another"}}, "study.yaml")
    plain = parse_study(MINIMAL, "study.yaml")

    for name, stage in SLICES.items():
        same = slice_for(titled, stage) == slice_for(plain, stage)
        assert same == (name != "render_site")


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_studies_are_valid(path: Path) -> None:
    study = read_study(path)

    assert study.name
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


def test_study_names_are_distinct() -> None:
    names = [yaml.safe_load(path.read_text(encoding="utf-8"))["name"] for path in (ROOT / "config").glob("*.yaml")]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(reference.render_reference(ROOT)))
def test_generated_documents_are_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == reference.render_reference(ROOT)[name], "run `make reference`"


def test_columns_that_are_described_as_null_may_be_null() -> None:
    described = reference.render_reference(ROOT)["docs/artifacts.md"]
    columns = [(schema.name, field) for schema in ALL for field in schema.arrow]
    sometimes_null = [(name, field) for name, field in columns if " null " in field.metadata[b"description"].decode()]

    assert len(sometimes_null) > 50
    assert all(field.name in described for _, field in columns)
    assert [(name, field.name) for name, field in sometimes_null if not field.nullable] == []
    assert not any(field.nullable for _, field in columns if field.name in ("position", "id", "layer_a"))


def test_every_setting_is_described() -> None:
    table = reference.render_reference(ROOT)["config/README.md"]

    assert "| None |" not in table
    assert "`attention.tokens_per_batch`" in table
    json.loads(reference.render_reference(ROOT)["config/schema.json"])


def test_conda_environment_has_the_pins_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

    extras = project["optional-dependencies"]
    pins = [*project["dependencies"], *extras["slurm"], *extras["storage"]]
    assert environment["dependencies"][-1]["pip"] == pins


def test_every_pin_is_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = {line.lower() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    pins = [*project["dependencies"], *(pin for group in project["optional-dependencies"].values() for pin in group)]

    assert not [pin for pin in pins if pin not in constraints]


class TestImportedAttention:
    STUDY: ClassVar[dict[str, Any]] = {"name": "x", "dataset": {"source": "a.json", "format": "attviz_json"}}

    def test_needs_no_model(self) -> None:
        study = parse_study(self.STUDY, "test")

        assert study.imported
        assert study.model is None
        assert slice_for(study, ImportAttention).dataset.repeated_vectors == "leave_out"

    def test_what_has_no_effect_is_refused_all_at_once(self) -> None:
        more = {
            "model": {"source": "m"},
            "training": {"epochs": 9},
            "documents": {"segments": "paragraph", "n_shards": 3},
        }
        with pytest.raises(ConfigError) as caught:
            parse_study(self.STUDY | more, "test")

        assert "test has 3 problems:" in str(caught.value)
        assert "`segments` has no effect on attention that comes from a file" in str(caught.value)
        with pytest.raises(ConfigError, match="`label_column` does not fit `format: attviz_json`"):
            parse_study({"name": "x", "dataset": self.STUDY["dataset"] | {"label_column": "gold"}}, "test")
        with pytest.raises(ConfigError, match="`repeated_vectors` fits `format: attviz_json` only"):
            parse_study(
                {"name": "x", "dataset": {"source": "a", "repeated_vectors": "keep"}, "model": {"source": "m"}}, "t"
            )

    @pytest.mark.parametrize("stage", [PrepareDataset, PrepareModel, ExtractAttention])
    def test_has_no_stage_of_a_model(self, stage: type[Section]) -> None:
        with pytest.raises(ConfigError, match="Run import-attention instead"):
            slice_for(parse_study(self.STUDY, "test"), stage)


def test_evidence_needs_a_model() -> None:
    study = {"name": "x", "dataset": {"source": "a.json", "format": "attviz_json"}, "evidence": {"enabled": True}}

    with pytest.raises(
        ConfigError, match=r"evidence +`enabled` needs the model, which attention that comes from a file"
    ):
        parse_study(study, "x")


def test_fractions_and_scores_of_evidence_are_different_ones() -> None:
    study = {"name": "x", "dataset": {"source": "a.csv"}, "model": {"source": "bert"}}

    for values in ({"fractions": [0.1, 0.1]}, {"scores": ["rollout", "rollout"]}):
        with pytest.raises(ConfigError, match="must not repeat a value"):
            parse_study(study | {"evidence": values}, "x")


def test_stages_of_evidence_run_again_for_their_own_keys_only() -> None:
    base = {"name": "x", "dataset": {"source": "a.csv"}, "model": {"source": "bert"}}
    readers = {
        "enabled": set(),
        "leave_one_out_documents": {"LeaveTokensOut"},
        "random_rankings": {"MeasureFaithfulness", "AblateHeads"},
        "cumulative_sizes": {"AblateHeads"},
        "max_documents": {"ComputeGradients", "LeaveTokensOut", "MeasureFaithfulness", "AblateHeads"},
    }
    for key, expected in readers.items():
        study, changed = (
            parse_study(base | {"evidence": values}, "x") for values in ({}, {key: True if key == "enabled" else 3})
        )
        assert {
            settings.__name__
            for settings in KEYS_OF_EVIDENCE
            if slice_for(study, settings) != slice_for(changed, settings)
        } == expected
