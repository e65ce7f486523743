"""Begin a study: from files with texts and a model to a study file, with what was found and what was assumed."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import yaml

from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import SPLIT_FRACTIONS, DatasetSettings, Split, TaskName
from attviz_pipeline.dataset.gold import TRUTH
from attviz_pipeline.dataset.names import bare, quoted
from attviz_pipeline.dataset.survey import Column, Survey, sample_texts, survey_files, task_of
from attviz_pipeline.errors import AttvizError, ConfigError, Problem
from attviz_pipeline.formats import plural
from attviz_pipeline.model.survey import ModelFacts, survey_model

SPLITS: tuple[Split, ...] = get_args(Split)
SPLIT_OF_WORD: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
NAMES_OF_TEXTS = {
    *("text", "texts", "sentence", "review", "content", "body", "comment", "tweet", "post", "message", "document"),
    *("article", "abstract", "utterance", "headline"),
}
NAMES_OF_PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"), ("question", "answer")),
    *(("question", "sentence"), ("query", "passage"), ("text_a", "text_b"), ("text1", "text2"), ("text", "pair")),
)
NAMES_OF_LABELS = {
    *("label", "labels", "class", "classes", "category", "target", "topic", "sentiment", "gold", "stars", "rating"),
    *("score", "intent", "emotion"),
}
NAMES_OF_IDS = {"id", "uid", "guid", "uuid", "key", "idx", "doc_id", "document_id", "text_id"}
LENGTHS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
DOCUMENTS_PER_SHARD = 1000
MOST_SHARDS = 300
MOST_SHOWN = 6
LONG_OVERLAP = 64  # the default of `attention.window_overlap`
PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
REMEDY = "Nothing was written. What each option says: attviz-pipeline init --help"

OPTIONS = {
    key: f"--{key.replace('_', '-')}"
    for key in (
        *("data", "model", "mode", "output_names"),
        *("text_column", "pair_column", "label_column", "label_columns", "id_column"),
    )
}
"""Options of the command `init` by the names that problems have."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Wanted:
    """What a new study is made from, as the user says it.

    Attributes:
        name: Name of the study.
        data: Paths of local files, each alone or as `train=`, `validation=` or `test=` and the path.
        model: Folder, or hub id.
        revision: Commit, branch or tag of a hub model.
        columns: Names of columns by their keys in `dataset`, for example `text_column`; what is missing is found out.
        output_names: Names of the model's outputs in order, if its config only numbers them.
        mode: `load` or `fine_tune`; found out if it is None.
        label_columns: Columns of 0 and 1, one for each label; empty if the labels are in one column, or nowhere.
    """

    name: str
    data: Sequence[str]
    model: str
    revision: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    output_names: Sequence[str] | None = None
    mode: str | None = None
    label_columns: Sequence[str] = ()


@dataclass(frozen=True)
class NewStudy:
    """A study, not yet written.

    Attributes:
        content: The configuration, as a study file holds it.
        remarks: Comments of single keys, by section and key, for example `dataset.text_column`.
        found: What was found in the files and the model, one line each.
        assumed: What was assumed, one line each.
    """

    content: dict[str, Any]
    remarks: dict[str, str]
    found: list[str]
    assumed: list[str]


def begin_study(wanted: Wanted, folder: Path) -> tuple[Path, NewStudy]:
    """Write `<name>.yaml`, a study of the files and the model.

    Args:
        wanted: What it is made from.
        folder: Where to write. Paths in the study stay as they are given.

    Raises:
        ConfigError: The study exists, or files, columns or model cannot be used; all problems are listed, and nothing
            is written.
    """
    path = folder / f"{wanted.name}.yaml"
    taken = [Problem(path.name, "exists already: name another study, or delete it")] if path.exists() else []
    try:
        study = plan_study(wanted, taken)
    except ConfigError as fault:
        problems = [problem._replace(where=OPTIONS.get(problem.where, problem.where)) for problem in fault.problems]
        raise ConfigError("the study cannot be begun:", problems, REMEDY) from None
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(as_yaml(study, path))
    return path, study


def plan_study(wanted: Wanted, problems: Sequence[Problem] = ()) -> NewStudy:
    """Look at the files and the model, and choose the settings that fit them.

    Args:
        wanted: What the study is made from.
        problems: Problems that are known already.

    Raises:
        ConfigError: Something cannot be used or found out; all problems are listed.
    """
    faults = [*problems]
    dataset = _tried(faults, "data", lambda: DatasetSettings(**_sources(wanted.data)))
    survey = None if dataset is None else _tried(faults, "data", lambda: survey_files(dataset))
    model = _tried(faults, "model", lambda: survey_model(wanted.model, wanted.revision))
    columns = None if survey is None else _choose_columns(survey, wanted, faults)
    if dataset is None or survey is None or model is None or columns is None:
        raise _refusal(faults)
    labels = _match_labels(columns, model, wanted, faults)
    if faults:
        raise _refusal(faults)
    texts = sample_texts(dataset, columns.texts, sum(survey.n_rows.values()))
    study = _Writer(wanted, survey, columns, model, labels).write(dataset, model.n_tokens(texts))
    parse_study(study.content, f"the study {wanted.name}")
    return study


def _tried(problems: list[Problem], option: str, look: Callable[[], Found]) -> Found | None:
    """Return what `look` finds, or None after adding its problems to `problems`."""
    try:
        return look()
    except AttvizError as fault:
        if fault.problems:
            problems += fault.problems
        else:
            problems.append(Problem(option, " ".join(filter(None, (fault.summary, fault.remedy)))))
    except ValueError as fault:  # of the settings
        problems.append(Problem(option, str(fault).splitlines()[-1]))
    return None


def _refusal(problems: Sequence[Problem]) -> ConfigError:
    return ConfigError("texts and model do not make a study:", problems)


def _sources(data: Sequence[str]) -> dict[str, Any]:
    """Return `source`, or `files` by the split that is given or that the names of the files tell.

    Raises:
        ConfigError: Of several files, one tells no split, or two the same.
    """
    if len(data) == 1 and not _given_split(data[0]):
        return {"source": data[0]}
    files: dict[str, str] = {}
    problems = []
    for one in data:
        split = _given_split(one) or _split_of_name(one)
        path = one.partition("=")[2] if _given_split(one) else one
        if split is None:
            what = "does not tell its split: write train=, validation= or test= before it, or join the files"
            problems.append(Problem(path, what))
        elif split in files:
            problems.append(Problem(path, f"is of split {split}, and so is {files[split]}: join them"))
        else:
            files[split] = path
    if problems:
        raise ConfigError("the files cannot be told apart:", problems)
    return {"files": {split: files[split] for split in SPLITS if split in files}}


def _given_split(one: str) -> Split | None:
    before, equals, _ = one.partition("=")
    return next((split for split in SPLITS if split == before), None) if equals else None


def _split_of_name(path: str) -> Split | None:
    words = re.split(r"[^a-z]+", Path(path).name.lower())
    found = {SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD}
    return found.pop() if len(found) == 1 else None


class _Columns(NamedTuple):
    """The chosen columns, and the sentences that say why; `labels` are of one label each."""

    text: Column
    pair: Column | None
    label: Column | None
    labels: list[Column]
    id: Column | None
    assumed: list[str]

    @property
    def texts(self) -> list[str]:
        return [one.name for one in (self.text, self.pair) if one is not None]


def _choose_columns(survey: Survey, wanted: Wanted, problems: list[Problem]) -> _Columns | None:
    """Choose the columns of text, second text, labels and id; what cannot be found out becomes a problem."""
    there = survey.columns
    named = [*wanted.columns.items(), *(("label_columns", name) for name in wanted.label_columns)]
    missing = [(key, name) for key, name in named if name not in there]
    problems += [
        Problem(key, f"there is no column {quoted(name)}; there are {_listed(there)}") for key, name in missing
    ]
    labels = [there[name] for name in wanted.label_columns if name in there]
    problems += _unfit_label_columns(labels, wanted)
    if problems:
        return None
    chosen = {key: there[name] for key, name in wanted.columns.items()}
    assumed: list[str] = []
    text, pair = chosen.get("text_column"), chosen.get("pair_column")
    if text is None:
        others = [column for column in there.values() if column not in [*chosen.values(), *labels]]
        text, second = _choose_text(others, problems, assumed)
        pair = pair or second
    if text is None:
        return None
    taken = [text, pair, *chosen.values(), *labels]
    rest = [column for column in there.values() if column not in taken]
    known = [column for column in rest if _is(column, NAMES_OF_IDS) and column.unique and not column.n_missing]
    key = chosen.get("id_column") or (known[0] if len(known) == 1 else None)
    label = chosen.get("label_column")
    if label is None and not labels:
        n_problems = len(problems)
        label = _choose_label([column for column in rest if column is not key], problems)
        if len(problems) > n_problems:
            return None
    return _Columns(text, pair, label, labels, key, assumed)


def _unfit_label_columns(labels: Sequence[Column], wanted: Wanted) -> Iterator[Problem]:
    if labels and "label_column" in wanted.columns:
        yield Problem("label_columns", "labels are in one column (--label-column), or in several: name either")
    for column in labels:
        if not _is_truth(column):
            what = f"column {quoted(column.name)} must hold 0 and 1, and holds {_listed(dict.fromkeys(column.names))}"
            yield Problem("label_columns", what)
    if len(wanted.label_columns) == 1:
        yield Problem("label_columns", "name two columns or more; a single one is --label-column")


def _is_truth(column: Column) -> bool:
    """Return whether the cells of a column say if a document has a label."""
    return bool(column.names) and {name.strip().lower() for name in column.names} <= TRUTH.keys()


def _choose_text(
    columns: Sequence[Column], problems: list[Problem], assumed: list[str]
) -> tuple[Column | None, Column | None]:
    by_name = {bare(column.name).casefold(): column for column in columns}
    for first, second in NAMES_OF_PAIRS:
        if first in by_name and second in by_name and by_name[first].is_text and by_name[second].is_text:
            return by_name[first], by_name[second]
    texts = sorted((c for c in columns if c.is_text), key=lambda column: -column.words_per_text)
    named = [column for column in texts if _is(column, NAMES_OF_TEXTS)]
    wordy = [column for column in texts if column.words_per_text >= 2]
    if len(named) == 1 or len(wordy) == 1:
        return (named if len(named) == 1 else wordy)[0], None
    if len(wordy) > 1 and wordy[0].words_per_text > 2 * wordy[1].words_per_text:
        assumed.append(f"the text is in column {quoted(wordy[0].name)}, which has the longest texts (--text-column)")
        return wordy[0], None
    which = ", ".join(f"{quoted(c.name)} ({c.words_per_text:.0f} words)" for c in wordy[:MOST_SHOWN])
    what = f"several columns hold texts, {which}: say which is to be read" if wordy else "no column holds texts"
    problems.append(Problem("text_column", what if wordy else f"{what}; there are {_listed(c.name for c in columns)}"))
    return None, None


def _choose_label(columns: Sequence[Column], problems: list[Problem]) -> Column | None:
    able = [column for column in columns if task_of(column) is not None]
    named = [column for column in able if _is(column, NAMES_OF_LABELS)]
    if len(named) == 1 or len(able) == 1:
        return (named if len(named) == 1 else able)[0]
    if able:
        which = ", ".join(f"{quoted(c.name)} ({c.n_values:,} different values)" for c in able[:MOST_SHOWN])
        several = [column.name for column in able if _is_truth(column)]
        each = f"; if each is one label, --label-columns {' '.join(several)}" if len(several) > 1 else ""
        problems.append(Problem("label_column", f"several columns can be labels, {which}: say which{each}"))
    return None


def _is(column: Column, names: set[str]) -> bool:
    return bare(column.name).casefold() in names


def _listed(names: Iterator[str] | Mapping[str, object]) -> str:
    shown = [quoted(name[:60]) for name in names]
    return ", ".join(shown[:20]) + (" and more" if len(shown) > 20 else "")


class _Labels(NamedTuple):
    """What is learned or checked, and how the labels of the files are named.

    Attributes:
        task: What a classifier of these labels does; None without labels.
        mode: `load` or `fine_tune`.
        names: `dataset.label_names`; None where the labels themselves are the names.
        reason: Why this mode.
    """

    task: TaskName | None
    mode: str
    names: list[str] | dict[str, str] | None
    reason: str


def _match_labels(columns: _Columns, model: ModelFacts, wanted: Wanted, problems: list[Problem]) -> _Labels:
    """Compare the labels of the files with the model's outputs; what does not fit becomes a problem."""
    column = columns.label
    task: TaskName | None = None if column is None else task_of(column) or "single_label"
    task = "multi_label" if columns.labels else task
    labels = _Labels(task, "fine_tune", None, "the model has no trained classification head")
    if model.finished and wanted.mode != "fine_tune" and columns.labels:
        labels = _finished_of_columns([label.name for label in columns.labels], model, wanted, problems)
    elif model.finished and wanted.mode != "fine_tune":
        labels = _finished(column, task, model, wanted, problems)
    elif model.finished:
        labels = labels._replace(reason="--mode fine_tune was given")
    elif wanted.mode == "load":
        problems.append(Problem("mode", f"load needs a finished classifier, and {model.source} is none"))
    problems += _unsupported(labels)
    return labels


def _finished_of_columns(names: Sequence[str], model: ModelFacts, wanted: Wanted, problems: list[Problem]) -> _Labels:
    outputs = list(wanted.output_names or model.label_names)
    if model.task != "multi_label":
        reason = f"the model was trained for another task ({model.task}) than the labels are (multi_label)"
        return _Labels("multi_label", "fine_tune", None, reason)
    if set(names) == set(outputs):
        return _Labels("multi_label", "load", None, "the model is a finished classifier")
    if model.generic and not wanted.output_names and len(names) == len(outputs):
        what = f"the model only numbers its outputs ({', '.join(outputs[:MOST_SHOWN])}): name them in their order"
        problems.append(Problem("output_names", f"{what}, with {_listed(dict.fromkeys(names))}"))
    if wanted.mode == "load":
        what = f"the model's labels ({_listed(dict.fromkeys(outputs))}) are not the columns"
        problems.append(Problem("mode", f"{what} ({_listed(dict.fromkeys(names))})"))
    return _Labels("multi_label", "fine_tune", None, "the model's labels are not the columns of the files")


def _finished(
    column: Column | None, task: TaskName | None, model: ModelFacts, wanted: Wanted, problems: list[Problem]
) -> _Labels:
    outputs = list(wanted.output_names or model.label_names)
    kind = "model that gives a number" if model.task == "regression" else "classifier"
    loaded = _Labels(task or model.task, "load", None, f"the model is a finished {kind}")
    if column is None or task != "single_label" or model.task != task:
        if column is None or task == model.task:
            return loaded
        reason = f"the model was trained for another task ({model.task}) than the labels are ({task})"
        return _Labels(task, "fine_tune", None, reason)
    names = _names_of_outputs(column, outputs)
    if names is not None:
        return loaded._replace(names=names or None)
    if model.generic and not wanted.output_names and len(column.names) == len(outputs):
        what = f"the model only numbers its outputs ({', '.join(outputs[:MOST_SHOWN])}): name them in their order"
        problems.append(Problem("output_names", f"{what}, with {_listed(dict.fromkeys(column.names))}"))
    if wanted.mode == "load":
        what = f"the model's classes ({_listed(dict.fromkeys(outputs))}) are not those of {quoted(column.name)}"
        problems.append(Problem("mode", f"{what} ({_listed(dict.fromkeys(column.names))})"))
    return _Labels(task, "fine_tune", None, "the model's classes are not those of the files")


def _names_of_outputs(column: Column, outputs: Sequence[str]) -> list[str] | dict[str, str] | None:
    """Return `dataset.label_names` for labels that are a model's classes; empty if the labels are the names already.

    Labels can be all or some of the names, spelled in other case, or indices of outputs; None if they are neither.
    """
    names = column.names
    if set(names) <= set(outputs):
        return [] if len(names) == len(outputs) else list(outputs)
    by_case = {name.casefold(): name for name in outputs}
    if len(by_case) == len(outputs) and all(name.casefold() in by_case for name in names):
        return {name: by_case[name.casefold()] for name in names}
    indices = {str(index) for index in range(len(outputs))}
    return list(outputs) if set(names) <= indices else None


def _unsupported(labels: _Labels) -> Iterator[Problem]:
    if labels.task is None and labels.mode == "fine_tune":
        yield Problem("label_column", "no column holds labels to learn from; name one, or a finished classifier")


@dataclass(frozen=True)
class _Writer:
    """Writes the settings of a new study, section by section."""

    wanted: Wanted
    survey: Survey
    columns: _Columns
    model: ModelFacts
    labels: _Labels

    def write(self, dataset: DatasetSettings, n_tokens: Sequence[int]) -> NewStudy:
        longest = max(n_tokens)
        max_tokens = self._max_tokens(longest)
        content: dict[str, Any] = {"name": self.wanted.name}
        if self.labels.task not in {None, "single_label"}:
            content["task"] = self.labels.task
        content |= {
            "dataset": self._dataset(dataset),
            "documents": self._documents(),
            "model": self._model(max_tokens),
            "attention": self._attention(max_tokens),
            "evidence": {"enabled": False},
            "report": self._report(dataset),
        }
        text, label = self.columns.text, self.columns.label
        remarks = {
            "dataset.text_column": f"{text.words_per_text:.0f} words on average",
            "dataset.label_column": "no gold values" if label is None else f"{label.n_values:,} different values",
            "dataset.label_columns": "0 or 1, one column for each label",
            "documents.n_shards": "jobs of the extraction; results do not depend on it",
            "model.mode": self.labels.reason,
            "model.max_tokens": f"the longest of {len(n_tokens):,} sampled texts has {longest:,} tokens",
            "attention.mode": "also measures attention to other tokens; self_attention is faster",
            "evidence.enabled": "true also measures whether attention matters to the prediction; takes longer",
        }
        return NewStudy(content, remarks, list(self._found(dataset, longest)), list(self._assumed(longest)))

    def _dataset(self, dataset: DatasetSettings) -> dict[str, Any]:
        given = {"files": dict(dataset.files)} if dataset.files else {"source": dataset.source}
        column = self.columns.label
        chosen = {
            "text_column": self.columns.text.name,
            "pair_column": self.columns.pair and self.columns.pair.name,
            "id_column": self.columns.id and self.columns.id.name,
            "label_names": self.labels.names,
        }
        settings = given | {key: value for key, value in chosen.items() if value is not None}
        if self.columns.labels:
            return settings | {"label_columns": [label.name for label in self.columns.labels]}
        return settings | {"label_column": None if column is None else column.name}

    def _documents(self) -> dict[str, Any]:
        return {"n_shards": min(MOST_SHARDS, ceil(self._n_documents / DOCUMENTS_PER_SHARD))}

    @property
    def _n_documents(self) -> int:
        """Return about how many documents are analysed."""
        n_rows = self.survey.n_rows
        n_all = sum(n_rows.values())
        if "test" in n_rows:
            return n_rows["test"]
        return n_all if self.labels.mode == "load" else max(1, round(SPLIT_FRACTIONS["test"] * n_all))

    def _model(self, max_tokens: int) -> dict[str, Any]:
        settings = {
            "source": self.model.source,
            "revision": self.model.revision,
            "offline_package": self.model.offline_package,
            "sha256": self.model.sha256 or None,
            "mode": self.labels.mode,
            "label_names": list(self.wanted.output_names) if self.wanted.output_names else None,
            "max_tokens": max_tokens,
        }
        return {key: value for key, value in settings.items() if value is not None}

    def _max_tokens(self, longest: int) -> int:
        """Return the smallest usual length that holds the longest text, or the model's limit."""
        limit = self.model.limit or LENGTHS[-1]
        return min(limit, next((length for length in LENGTHS if length >= longest), limit))

    def _attention(self, max_tokens: int) -> dict[str, Any]:
        settings: dict[str, Any] = {"mode": "full"}
        if self.columns.pair is not None:
            settings["long_texts"] = "truncate"
        elif max_tokens <= 2 * LONG_OVERLAP:
            settings["window_overlap"] = max_tokens // 4
        return settings

    def _report(self, dataset: DatasetSettings) -> dict[str, Any]:
        files = " and ".join(quoted(name) for name in _file_names(dataset))
        model, column = self.model.source, self.columns.label
        labels = "" if column is None else f", labelled in column {quoted(column.name)}"
        if self.columns.labels:
            labels = f", labelled in columns {_listed(label.name for label in self.columns.labels)}"
        how = "reads" if self.labels.mode == "load" else "is fine-tuned on texts, and reads those it has not seen"
        title = f"{Path(model).name} on {Path(_file_names(dataset)[0]).stem}"
        return {
            "title": _one_line(title)[:200],
            "description": _one_line(
                f"{Path(model).name} {how}: {files}, column {quoted(self.columns.text.name)}{labels}."
            )[:2000],
        }

    def _found(self, dataset: DatasetSettings, longest: int) -> Iterator[str]:
        n_rows = ", ".join(f"{n:,} {'rows' if split is None else split}" for split, n in self.survey.n_rows.items())
        yield f"data: {n_rows} in {', '.join(quoted(name) for name in _file_names(dataset))}"
        text, pair, label = self.columns.text, self.columns.pair, self.columns.label
        second = "" if pair is None else f", and the second text in {quoted(pair.name)}"
        length = f"{text.words_per_text:.0f} words on average, up to {longest:,} tokens"
        yield f"text: column {quoted(text.name)}, {length}{second}"
        if self.columns.labels:
            yield f"labels: columns {_listed(one.name for one in self.columns.labels)}, one label each"
        elif label is None:
            yield "labels: none"
        elif self.labels.task == "single_label":
            names = _listed(dict.fromkeys(label.names[:MOST_SHOWN])) + (
                ", ..." if len(label.names) > MOST_SHOWN else ""
            )
            yield f"labels: column {quoted(label.name)}, {len(label.names)} classes: {names}"
        else:
            yield f"labels: column {quoted(label.name)}, {self.labels.task}"
        ids = self.columns.id
        yield f"ids: column {quoted(ids.name)}" if ids is not None else "ids: none, rows are numbered"
        where = {"package": f"the package {self.model.offline_package}", "folder": "a folder", "hub": "the hub"}
        limit = "no limit" if self.model.limit is None else f"at most {self.model.limit:,} tokens"
        yield f"model: {self.model.source}, from {where[self.model.where]}, {self._kind_of_model()}, {limit}"

    def _kind_of_model(self) -> str:
        if not self.model.finished:
            return "no classifier yet"
        if self.model.task == "regression":
            return "a finished model that gives a number"
        return f"a finished classifier of {plural(len(self.model.label_names), 'output')}"

    def _assumed(self, longest: int) -> Iterator[str]:
        yield from self.columns.assumed
        yield f"model.mode is {self.labels.mode}: {self.labels.reason} (--mode)"
        if isinstance(self.labels.names, list):
            yield "labels that are numbers are indices of the model's outputs"
        chosen = (self.columns.text, self.columns.pair, self.columns.label, *self.columns.labels)
        cells = [column for column in chosen if column is not None]
        if lacking := [f"{column.n_missing:,} of {quoted(column.name)}" for column in cells if column.n_missing]:
            rows = f"empty cells stop the run ({', '.join(lacking)})"
            yield f"{rows}: fill them, or set dataset.bad_rows: skip"
        if self.model.limit is not None and longest > self.model.limit and self.columns.pair is None:
            yield f"texts of over {self.model.limit:,} tokens are read in overlapping windows (attention.long_texts)"
        if self.model.revision is not None and self.wanted.revision is None:
            yield f"model.revision is the newest commit, {self.model.revision[:12]} (--revision)"


def in_repository(folder: Path) -> bool:
    """Return whether `make` in this folder runs the workflow."""
    return (folder / "Snakefile").is_file() and (folder / "Makefile").is_file()


def command_for(path: Path) -> str:
    """Return the command that runs a study, given from the folder in which its paths hold.

    Args:
        path: The study file, in the working directory.
    """
    repository, snakemake = Path(__file__).parents[1], Path(sys.executable).with_name("snakemake")
    if in_repository(path.parent) or not in_repository(repository):
        return f"make report CONFIG={path}"
    profile = repository / "workflow" / "profiles" / "local"
    options = ("--snakefile", repository / "Snakefile", "--workflow-profile", profile, "--configfile", path)
    command = [snakemake if snakemake.is_file() else "snakemake", *options, "--quiet", "rules"]
    return shlex.join(map(str, command))


def _file_names(dataset: DatasetSettings) -> list[str]:
    return [Path(name).name for name in (dataset.files.values() if dataset.files else [dataset.source or ""])]


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def as_yaml(study: NewStudy, path: Path) -> str:
    """Return a study as a commented YAML file.

    Args:
        study: The study.
        path: Where the file will be; comments name it.
    """
    run = f"Run it in the repository's top folder: make report CONFIG={path.name}"
    if not in_repository(path.parent):
        run = "Run it in this folder; how: README.md of AttViz Pipeline, Your own study"
    lines = [
        f"# The study `{study.content['name']}`, begun with `attviz-pipeline init`. Every setting: config/README.md",
        f"# {run}",
    ]
    if (path.parent / "config" / "schema.json").is_file():
        lines.insert(0, "# yaml-language-server: $schema=config/schema.json")
    for key, value in study.content.items():
        if not isinstance(value, dict):
            lines += ["", f"{key}: {_scalar(value)}"]
            continue
        lines += ["", f"{key}:"]
        lines += [f"  {name}: {_scalar(one)}{_remark(study, f'{key}.{name}')}" for name, one in value.items()]
    return "\n".join(lines) + "\n"


def _remark(study: NewStudy, key: str) -> str:
    return f"  # {_one_line(study.remarks[key])}" if key in study.remarks else ""


def _scalar(value: object) -> str:
    """Write a value in one line, so that YAML reads it unchanged."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_scalar(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if not isinstance(value, str):
        return yaml.safe_dump(value).splitlines()[0]
    return value if PLAIN.fullmatch(value) and yaml.safe_load(value) == value else quoted(value)
