"""A whole study: its sections, and what must fit between them."""

from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from attviz_pipeline.config.settings import (
    MOST_SPECIAL_TOKENS,
    SPLIT_FRACTIONS,
    AggregatesSettings,
    AssessmentSettings,
    AttentionSettings,
    BootstrapSettings,
    ClassesSettings,
    ComparedModel,
    CompareSettings,
    ComparisonSettings,
    DatasetSettings,
    DocumentsSettings,
    EpochCriterion,
    EvidenceSettings,
    ExportSettings,
    FiguresSettings,
    InferenceSettings,
    MapsSettings,
    ModelSettings,
    PublishSettings,
    RedactionSettings,
    ReportSettings,
    ResourcesSettings,
    Section,
    Seed,
    SiteSettings,
    TaskName,
    TermsSettings,
    TrainingSettings,
)


class Study(Section):
    """The whole configuration."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name of the study; its results are in `results/<name>/`"
    )
    seed: Seed = Field(
        13,
        description="Seed of the split, the samples, the fine-tuning, the permutations and the figures",
    )
    task: TaskName | None = Field(
        None,
        description="What the classifier does: choose one class, give a text any number of labels, or predict a "
        "number. By default found out from the label column and, with `model.mode: load`, from the model "
        "(docs/tasks.md)",
    )
    dataset: DatasetSettings
    documents: DocumentsSettings = DocumentsSettings()
    model: ModelSettings | None = Field(None, validate_default=True)
    training: TrainingSettings = TrainingSettings()
    attention: AttentionSettings = AttentionSettings()
    aggregates: AggregatesSettings = AggregatesSettings()
    assessment: AssessmentSettings = AssessmentSettings()
    terms: TermsSettings = TermsSettings()
    inference: InferenceSettings = InferenceSettings()
    bootstrap: BootstrapSettings = BootstrapSettings()
    classes: ClassesSettings = ClassesSettings()
    comparison: ComparisonSettings = ComparisonSettings()
    maps: MapsSettings = MapsSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    compare: CompareSettings = CompareSettings()
    figures: FiguresSettings = FiguresSettings()
    redaction: RedactionSettings = RedactionSettings()
    report: ReportSettings = ReportSettings()
    site: SiteSettings = SiteSettings()
    export: ExportSettings = ExportSettings()
    publish: PublishSettings = PublishSettings()
    resources: ResourcesSettings = ResourcesSettings()

    @property
    def imported(self) -> bool:
        """True where attention comes from a file, so that there is no model to prepare."""
        return self.dataset.format == "attviz_json"

    @field_validator("model")
    @classmethod
    def _model_unless_imported(cls, model: ModelSettings | None, info: ValidationInfo) -> ModelSettings | None:
        dataset = info.data.get("dataset")
        if dataset is not None and model is None and dataset.format != "attviz_json":
            raise ValueError("missing; this key has no default")
        if dataset is not None and model is not None and dataset.format == "attviz_json":
            raise ValueError("has no effect: a file of `dataset.format: attviz_json` holds attention already; remove")
        return model

    @field_validator("documents", "training", "attention")
    @classmethod
    def _nothing_without_effect(cls, section: Section, info: ValidationInfo) -> Section:
        dataset = info.data.get("dataset")
        if dataset is None or dataset.format != "attviz_json":
            return section
        default, fitting = type(section)(), {"max_documents", "n_shards", "block_size"}
        given = [key for key, value in section if value != getattr(default, key) and key not in fitting]
        if given:
            keys = ", ".join(f"`{key}`" for key in given)
            raise ValueError(f"{keys} has no effect on attention that comes from a file; remove")
        return section

    @field_validator("evidence")
    @classmethod
    def _evidence_needs_a_model(cls, evidence: EvidenceSettings, info: ValidationInfo) -> EvidenceSettings:
        dataset = info.data.get("dataset")
        if evidence.enabled and dataset is not None and dataset.format == "attviz_json":
            raise ValueError("`enabled` needs the model, which attention that comes from a file does not have; remove")
        return evidence

    @property
    def fine_tunes(self) -> bool:
        """True where a model is fine-tuned, so that rows are needed to learn from."""
        return self.model is not None and self.model.mode == "fine_tune"

    @property
    def finished_model(self) -> ModelSettings | None:
        """The model whose config.json may say the task, with the settings that find it; None if one is fine-tuned."""
        if self.model is None or self.model.mode != "load":
            return None
        return ModelSettings(**self.model.model_dump(include={"source", "revision", "offline_package", "mode"}))

    @property
    def draws_splits(self) -> bool:
        """True where rows without a split get one: to fine-tune, or since the study names a split or shares."""
        named = self.documents.split is not None or self.dataset.split_fractions is not None
        return self.fine_tunes or named

    def close_overlap(self, model: ModelSettings | None) -> int | None:
        """Return `attention.window_overlap` where only the tokenizer's special tokens decide if it fits, else None.

        The stage that loads the tokenizer checks it; any other overlap is no reason to train again.
        """
        if model is None or self.attention.long_texts != "window":
            return None
        room = model.max_tokens - self.attention.window_overlap
        return self.attention.window_overlap if room <= MOST_SPECIAL_TOKENS else None

    @property
    def compared(self) -> dict[str, ComparedModel]:
        """The models that are compared with the study's own, by name."""
        return self.compare.named(self.seed, self.training.epochs)

    @property
    def with_evidence(self) -> list[str]:
        """Names of the compared models that have evidence: before fine-tuning, no classifier is trained."""
        enabled = self.evidence.enabled
        return [name for name, one in self.compared.items() if enabled and one.kind != "pretrained"]

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        faults = [
            *_faults_of_pairs(self),
            *_faults_of_windows(self),
            *_faults_of_splits(self),
            *_faults_of_device(self),
            *_faults_of_task(self),
            *_faults_of_compare(self),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _faults_of_pairs(study: Study) -> Iterator[str]:
    faults = []
    if study.attention.long_texts == "window":
        faults.append("pairs are not cut into windows; set `attention.long_texts: truncate`")
    if study.documents.segments == "paragraph":
        faults.append("pairs are not cut into paragraphs; set `documents.segments: none`")
    if study.dataset.pair_column is not None and faults:
        yield f"`dataset.pair_column` is given: {'; '.join(faults)}"


def _faults_of_windows(study: Study) -> Iterator[str]:
    if study.model is None or study.attention.long_texts != "window":
        return
    overlap = study.attention.window_overlap
    lengths = {"model.max_tokens": study.model.max_tokens}
    lengths |= {f"compare.models.{index}.max_tokens": one.max_tokens for index, one in enumerate(study.compare.models)}
    for key, max_tokens in lengths.items():
        if overlap >= max_tokens:
            yield (
                f"`attention.window_overlap` ({overlap}) must be smaller than `{key}` ({max_tokens}) less the "
                f"special tokens, usually 2: set it to {max_tokens // 4} or so, or `attention.long_texts: truncate`"
            )


def _faults_of_splits(study: Study) -> Iterator[str]:
    """Name the splits that are needed and can have no row, whatever the data."""
    if not study.fine_tunes:
        return
    there = _splits_with_rows(study.dataset)
    where = next((key for key in ("files", "splits") if getattr(study.dataset, key)), "split_fractions")
    for split, purpose in (("train", "is learned from"), ("validation", "picks the best epoch")):
        if split not in there:
            yield f"`dataset.{where}` leaves no row for split {split}, which {purpose}: add it, or `model.mode: load`"
    analysed = study.documents.split or "test"
    if analysed != "all" and analysed not in there:
        yield (
            f"`dataset.{where}` leaves no row for split {analysed}, which is analysed: add it, or set "
            "`documents.split` to another"
        )


def _splits_with_rows(dataset: DatasetSettings) -> set[str]:
    shares = SPLIT_FRACTIONS if dataset.split_fractions is None else dataset.split_fractions
    drawn = {split for split, share in shares.items() if share > 0}
    given = set(dataset.files or dataset.splits or ())
    if not given:
        return set(drawn)
    return given | ({"validation"} if "train" in given and {"train", "validation"} <= drawn else set())


def _faults_of_device(study: Study) -> Iterator[str]:
    if study.attention.device == "cpu" and study.attention.precision == "float16":
        yield (
            "`attention.precision` is float16, which needs a GPU, and `attention.device` is cpu: "
            "set `attention.precision: float32`, or another device"
        )


def _faults_of_compare(study: Study) -> Iterator[str]:
    """Name the models that cannot be made, or would be the same as another."""
    compare = study.compare
    trained = {
        "pretrained": compare.pretrained,
        "seeds": compare.seeds,
        "checkpoints": compare.checkpoints != "none",
    }
    given = [f"`compare.{key}`" for key, value in trained.items() if value]
    given += [f"`compare.models.{index}.mode`" for index, one in enumerate(compare.models) if one.mode == "fine_tune"]
    if given and not study.fine_tunes:
        keys = " and ".join([", ".join(given[:-1]), given[-1]] if given[1:] else given)
        why = "imports its attention" if study.imported else "loads a finished model, and what it was before is unknown"
        verb = "needs" if len(given) == 1 else "need"
        yield f"{keys} {verb} `model.mode: fine_tune`, but the study {why}: remove"
    elif compare.models and study.imported:
        yield "`compare.models` needs texts that models can read, but the study imports its attention: remove"
    if study.seed in compare.seeds:
        yield f"`compare.seeds` has {study.seed}, the study's own `seed`, which would give the same model: remove it"
    if compare.checkpoints != "none" and study.training.early_stopping_patience is not None:
        yield (
            "`compare.checkpoints: every_epoch` needs the number of epochs to be known before training: set "
            "`training.early_stopping_patience: null`"
        )


TASKS_OF_KEYS: Mapping[str, set[TaskName]] = {
    "dataset.label_columns": {"multi_label"},
    "dataset.label_separator": {"multi_label"},
    "dataset.label_names": {"single_label", "multi_label"},
    "model.thresholds": {"multi_label"},
}
"""Settings that fit only some tasks."""

TASKS_OF_CRITERIA: Mapping[EpochCriterion, set[TaskName]] = {
    "validation_loss": {"single_label", "multi_label", "regression"},
    "macro_f1": {"single_label", "multi_label"},
    "r2": {"regression"},
}
"""The same for values of `training.best_epoch_by`."""


def _faults_of_task(study: Study) -> Iterator[str]:
    """Name the settings that do not fit the task; where it is still to be found out, stages do."""
    if study.fine_tunes and "label_column" not in study.dataset.columns and study.dataset.label_columns is None:
        yield "`dataset.label_column: null` leaves nothing to learn from: name it, or set `model.mode: load`"
    if study.task is None:
        return
    if study.imported and study.task != "single_label":
        yield f"`task: {study.task}` does not fit `dataset.format: attviz_json`, whose documents have one class each"
    given = [key for key, tasks in TASKS_OF_KEYS.items() if study.task not in tasks and _is_given(study, key)]
    criterion = study.training.best_epoch_by
    if study.task not in TASKS_OF_CRITERIA[criterion]:
        given.append(f"training.best_epoch_by: {criterion}")
    yield from (f"`{key}` does not fit `task: {study.task}`: remove it, or correct `task`" for key in given)


def _is_given(study: Study, key: str) -> bool:
    section, name = key.split(".")
    holder: Section | None = getattr(study, section)
    return holder is not None and getattr(holder, name) != type(holder).model_fields[name].default
