"""The typed, closed configuration of a study, and the slice of it that each stage reads.

A study is one file. What it leaves out has the default given here; what it misspells is an error.
`config/schema.json` (for editors) and the table in `config/README.md` are generated from these models.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from attviz_pipeline.errors import ConfigError, Problem

Split = Literal["train", "validation", "test"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Section(BaseModel):
    """A part of the configuration: no unknown keys, no silent conversions, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


class DatasetSettings(Section):
    """Where the corpus comes from and how its columns are read."""

    source: str | None = Field(
        None, description="A hub id `owner/name`, or the path of one CSV, TSV, JSON lines or Parquet file"
    )
    files: dict[Split, str] | None = Field(None, description="One local file per split, instead of `source`")
    revision: str | None = Field(
        None,
        description="Commit of a hub dataset; needed with a hub id, refused with a local file; "
        "a branch or tag is resolved to its commit, with a warning",
    )
    subset: str | None = Field(None, description="Configuration name of a hub dataset that has several")
    splits: dict[Split, str] | None = Field(
        None, description="Names of the hub dataset's own splits; left out, its rows are pooled and split anew"
    )
    format: Literal["csv", "tsv", "jsonl", "parquet"] | None = Field(
        None, description="File format; left out, the file's suffix decides"
    )
    text_column: str = Field("text", description="Column that holds the text")
    label_column: str = Field("label", description="Column that holds the gold label, a string or an integer")
    id_column: str | None = Field(
        None, description="Column that holds a unique id; left out, rows are numbered within their file"
    )
    label_names: list[str] | dict[str, str] | None = Field(
        None,
        description="Names of the classes: a list (integer labels index it, string labels must be in it), "
        "or a mapping from the column's value to the name; left out, the features or the values themselves name them",
    )
    split_fractions: dict[Split, Fraction] = Field(
        {"train": 0.6, "validation": 0.2, "test": 0.2},
        description="Shares of a seeded split, stratified by label; equal texts stay in one split",
    )
    bad_rows: Literal["error", "skip"] = Field(
        "error",
        description="A row that cannot be used: stop and list all of them, or leave it out and enter it in the ledger",
    )
    duplicate_texts: Literal["keep", "drop"] = Field(
        "keep", description="What becomes of the second and later rows with the same text"
    )
    max_characters: int = Field(200_000, ge=1, description="A longer text counts as a bad row")

    @field_validator("label_names", mode="before")
    @classmethod
    def _keys_are_values_of_a_column(cls, value: object) -> object:
        # YAML reads `{0: bad}` as an integer key; in the column it may stand as a number or as text.
        if isinstance(value, Mapping):
            return {str(key) if type(key) is int else key: name for key, name in value.items()}
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.files is None):
            raise ValueError("give either `source` or `files`")
        if self.files is not None and self.splits is not None:
            raise ValueError(
                "`splits` names the splits of a hub dataset; `files` already says which split each file is"
            )
        if abs(sum(self.split_fractions.values()) - 1) > 1e-9:
            raise ValueError(f"`split_fractions` must sum to 1, got {sum(self.split_fractions.values()):g}")
        return self


class DocumentsSettings(Section):
    """Which texts are analysed, how they are cut, and into how many shards."""

    split: Literal["train", "validation", "test", "all"] = Field("test", description="Split whose texts are analysed")
    segments: Literal["none", "paragraph"] = Field(
        "none",
        description="Analyse whole texts, or each paragraph (blank lines part them) as a document of its own",
    )
    min_segment_words: int = Field(8, ge=1, description="A shorter paragraph is joined to the next one")
    max_documents: int | None = Field(
        None, ge=1, description="Analyse at most so many documents, a seeded sample; left out, all"
    )
    n_shards: int = Field(1, ge=1, le=99_999, description="Number of extraction jobs")
    block_size: int = Field(
        32,
        ge=1,
        description="Documents of similar length that stay together, so that results do not depend on `n_shards`",
    )


class ModelSettings(Section):
    """Which classifier, from where, and whether it still has to be fine-tuned."""

    source: str = Field(description="A hub id `owner/name`, or the path of a local model folder")
    revision: str | None = Field(
        None, description="Commit of a hub model; needed with a hub id, refused with a local folder"
    )
    offline_package: str | None = Field(
        None, description="Installed Python distribution that carries a copy of the model; looked for before the hub"
    )
    sha256: dict[str, Sha256] = Field(
        {}, description="Digests of the model's files by name; a file with another digest is refused"
    )
    mode: Literal["fine_tune", "load"] = Field(
        "fine_tune", description="Fine-tune on the training split, or use the classifier as it is"
    )
    label_names: list[str] | None = Field(
        None,
        description="Names of a loaded model's outputs in order, where its own config has only LABEL_0, LABEL_1, ...",
    )
    max_tokens: int = Field(512, ge=8, description="Longest input in tokens, special tokens included")


class TrainingSettings(Section):
    """Fine-tuning with `transformers.Trainer`."""

    epochs: int = Field(3, ge=1, description="Passes over the training split")
    batch_size: int = Field(16, ge=1, description="Texts per optimiser step")
    learning_rate: float = Field(5e-5, gt=0, description="Peak learning rate of AdamW")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled weight decay")
    warmup_fraction: Fraction = Field(0.1, description="Share of the steps in which the learning rate rises")
    early_stopping_patience: int | None = Field(
        2, ge=1, description="Stop after so many epochs without a better validation macro F1; null never stops early"
    )


class AttentionSettings(Section):
    """How attention is extracted."""

    long_texts: Literal["window", "truncate"] = Field(
        "window", description="Texts over `model.max_tokens`: overlapping windows, or the beginning only"
    )
    window_overlap: int = Field(64, ge=0, description="Tokens that two neighbouring windows share")
    tokens_per_batch: int = Field(
        8192, ge=8, description="Upper bound of documents times longest document in one batch"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto` takes a GPU where there is one and says so"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="Numbers the model computes with; the halves, by autocast, need a GPU and cost accuracy "
        "(99 % of the values are off by less than 0.01 in bfloat16, 0.001 in float16)",
    )
    mantissa_bits: int = Field(
        23,
        ge=7,
        le=23,
        description="Bits kept of each value's mantissa: 23 is float32 whole; 12 takes a third less disk "
        "and is exact to 0.012 %",
    )


class FiguresSettings(Section):
    """What the figures show."""

    n_tokens: int = Field(35, ge=1, description="Tokens in the figure of top tokens; the paper shows 35")
    n_cloud_words: int = Field(60, ge=1, description="Most words in a word cloud")
    min_document_frequency: int = Field(3, ge=1, description="Tokens in fewer documents are not ranked")
    special_tokens: bool = Field(False, description="Rank [CLS], [SEP] and other special tokens too")
    dpi: int = Field(150, ge=50, le=600, description="Resolution of the PNG files in dots per inch")


class ReportSettings(Section):
    """What the site says about the study."""

    title: str = Field("Self-attention report", min_length=1, max_length=200, description="Title of the site")
    description: str = Field("", max_length=2000, description="One paragraph for the start page")
    sensitive: bool = Field(False, description="Blur texts until the reader asks for them")


class ResourcesSettings(Section):
    """What a job asks the machine or the cluster for."""

    threads: int = Field(2, ge=1, description="Cores of a job that computes with the model")
    gpu: int = Field(0, ge=0, le=1, description="GPUs of a job that computes with the model")
    memory_mb: int = Field(4000, ge=500, description="Memory of a job that computes with the model, in megabytes")
    runtime_minutes: int = Field(120, ge=1, description="Time limit of a job that computes with the model")


class Study(Section):
    """The whole configuration."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name of the study; its results lie in `results/<name>/`"
    )
    seed: int = Field(
        13, ge=0, le=2**31 - 1, description="Seed of the split, the sample, the fine-tuning and the figures"
    )
    dataset: DatasetSettings
    documents: DocumentsSettings = DocumentsSettings()
    model: ModelSettings
    training: TrainingSettings = TrainingSettings()
    attention: AttentionSettings = AttentionSettings()
    figures: FiguresSettings = FiguresSettings()
    report: ReportSettings = ReportSettings()
    resources: ResourcesSettings = ResourcesSettings()


class PrepareDataset(Section):
    """What the stage `prepare_dataset` reads."""

    seed: int
    dataset: DatasetSettings


class ShardDocuments(Section):
    """What the stage `shard_documents` reads."""

    seed: int
    documents: DocumentsSettings


class PrepareModel(Section):
    """What the stage `prepare_model` reads."""

    seed: int
    model: ModelSettings
    training: TrainingSettings


class ExtractAttention(Section):
    """What the stage `extract_attention` reads."""

    attention: AttentionSettings


class DrawFigures(Section):
    """What the stage `draw_figures` reads."""

    seed: int
    figures: FiguresSettings


class RenderSite(Section):
    """What the stage `render_site` reads: everything, since the about page shows the configuration."""

    study: Study


STAGES: Mapping[str, type[Section]] = {
    "prepare_dataset": PrepareDataset,
    "shard_documents": ShardDocuments,
    "prepare_model": PrepareModel,
    "extract_attention": ExtractAttention,
    "draw_figures": DrawFigures,
    "render_site": RenderSite,
}

_Section = TypeVar("_Section", bound=Section)


def slice_for(study: Study, stage: type[_Section]) -> _Section:
    """Cut the part of a study that one stage reads, so that a change elsewhere does not rerun it."""
    if stage is RenderSite:
        return stage.model_validate({"study": study})
    return stage.model_validate({name: getattr(study, name) for name in stage.model_fields})


def read_study(path: Path) -> Study:
    """Read and check one study file.

    Raises:
        ConfigError: The file is missing, no YAML or has problems; all of them are listed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: name a study file, for example config/config.yaml") from None
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not UTF-8 (byte {fault.start}): save it as UTF-8") from None
    except OSError as fault:
        raise ConfigError(f"{path} cannot be read: {fault.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(fault).split())}") from None
    return parse_study(content, str(path))


def parse_study(content: object, origin: str) -> Study:
    """Check a configuration that is already a mapping, for example Snakemake's.

    Raises:
        ConfigError: With every problem, each with its key, its fault and, where there is one, the nearest valid key.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{origin} must hold a mapping of keys to values, got {_kind(content)}")
    return _validate(Study, content, origin)


def typed_overrides(value: Any) -> Any:  # noqa: ANN401
    """Give values of the command line the types they would have in a YAML file.

    Snakemake reads what is nested in `--config key={...}` as strings: `null`, `3` and `true` among them.
    """
    if isinstance(value, Mapping):
        return {key: typed_overrides(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed_overrides(part) for part in value]
    if not isinstance(value, str):
        return value
    try:
        scalar = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return scalar if isinstance(scalar, bool | int | float | None) else value


def parse_settings(stage: type[_Section], text: str) -> _Section:
    """Check the settings of one stage, given as JSON on its command line.

    Raises:
        ConfigError: The text is no JSON or does not fit the stage.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"--settings is not valid JSON: {fault}") from None
    return _validate(stage, content, "--settings")


def _validate(model: type[_Section], content: object, origin: str) -> _Section:
    try:
        return model.model_validate(content)
    except ValidationError as fault:
        problems = [_problem(model, error) for error in fault.errors(include_url=False)]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError(
        f"{origin} has {count}:", problems, "Every key, its type and its default: config/README.md"
    ) from None


def _problem(model: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    path = [str(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        return Problem(".".join(path), f"unknown key{_suggestion(path[-1], _siblings(model, path))}")
    if error["type"] == "missing":
        return Problem(".".join(path), "missing; this key has no default")
    message = error["msg"].removeprefix("Value error, ")
    message = f"must be {message.removeprefix('Input should be ')}" if message.startswith("Input should") else message
    got = "" if error["type"] == "value_error" else f", got {_show(error['input'])}"
    return Problem(".".join(path) or "(top level)", message + got)


def _siblings(model: type[BaseModel], path: list[str]) -> list[str]:
    for name in path[:-1]:
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)


def _suggestion(word: str, valid: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(valid), n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; valid here: {', '.join(valid)}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
