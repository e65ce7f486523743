"""Every setting of a study, by section, with its default and what it means."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Split = Literal["train", "validation", "test"]
TaskName = Literal["single_label", "multi_label", "regression"]
Definition = Literal["paper", "attviz"]
DatasetFormat = Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow", "attviz_json"]
EpochCriterion = Literal["validation_loss", "macro_f1", "r2"]
ExportFormat = Literal["attviz_json", "neat_vision", "latex", "csv", "parquet"]
TokenScore = Literal[
    "self_mean",
    "self_max",
    "self_layers",
    "received",
    "rollout",
    "norm_weighted",
    "classifier_row",
    "gradient_x_input",
    "gradient_norm",
    "leave_one_out",
]
Removal = Literal["mask", "delete", "hide"]
ModelKind = Literal["own", "pretrained", "seed", "epoch", "other"]
Verbatim = Annotated[str, StringConstraints(strip_whitespace=False)]
"""A name from outside the study, in a file or a table: surrounding blanks are part of it."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
HeadName = Annotated[str, Field(pattern=r"^\d+\.\d+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Value = TypeVar("_Value", int, str)


SPLIT_FRACTIONS: Mapping[Split, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
MOST_SPECIAL_TOKENS = 8
KEYS_OF_ATTVIZ_JSON = {"source", "format", "bad_rows", "repeated_vectors", "max_characters"}


class Section(BaseModel):
    """A part of the configuration: no unknown keys, no silent conversions, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


def section_of(annotation: object) -> type[Section] | None:
    """Return the section that a field holds, needed or not, or None for a plain value."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, Section)), None)


class DatasetSettings(Section):
    """Where the corpus comes from and how its columns are read."""

    source: Verbatim | None = Field(
        None,
        description="A hub id `owner/name`, the path of one CSV, TSV, JSON, JSON lines, Parquet "
        "or Arrow file (text files "
        "can be compressed: `.gz`, `.bz2`, `.xz`, `.zst`), or the path of a folder written by "
        "`save_to_disk` of `datasets`",
    )
    files: dict[Split, Verbatim] | None = Field(None, description="One local file per split, instead of `source`")
    revision: str | None = Field(
        None,
        description="Commit of a hub dataset; required with a hub id, refused with a local file. "
        "A branch or tag is resolved to its commit, with a warning",
    )
    subset: str | None = Field(None, description="Configuration of a hub dataset that has several")
    splits: dict[Split, str] | None = Field(
        None,
        description="Names of the splits of a hub dataset or a saved `DatasetDict`. By default its rows are pooled, "
        "and split again if a model is fine-tuned",
    )
    format: DatasetFormat | None = Field(
        None,
        description="File format; by default the file's suffix decides. `json` is one array of objects. `attviz_json` "
        "is the input of AttViz's own viewer: it contains attention, so the study has no `model` and starts with the "
        "statistics",
    )
    quoting: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether double quotes around a field of a CSV or TSV file belong to the format (`always`) or to "
        "the text (`never`). `auto`: to the format in CSV, and in TSV if every quote of the file encloses a field",
    )
    text_column: Verbatim = Field("text", description="Column with the text")
    pair_column: Verbatim | None = Field(
        None, description="Column with a second text, if the model reads pairs of texts"
    )
    label_column: Verbatim | None = Field(
        "label",
        description="Column with the gold label: a string, an integer, a boolean or a whole number; a number in "
        "regression; a list of labels, or text with a `label_separator`, in multi-label classification. `null` if a "
        "finished model (`model.mode: load`) reads texts without labels",
    )
    label_columns: list[Verbatim] | None = Field(
        None,
        min_length=2,
        description="Columns of 0 and 1, one per label, instead of `label_column`: multi-label classification",
    )
    label_separator: Verbatim | None = Field(
        None,
        min_length=1,
        description="What separates several labels in a cell of `label_column`, such as `;`: multi-label "
        "classification. An empty cell is a document without labels",
    )
    id_column: Verbatim | None = Field(
        None, description="Column with a unique id; by default rows are numbered within their file"
    )
    label_names: list[str] | dict[str, str] | None = Field(
        None,
        description="Names of the classes: a list (integers are indices, false is 0 and true is 1; strings must be in "
        "the list), or a mapping from the column's value to the name. By default the dataset's features or the values "
        "themselves are the names",
    )
    split_fractions: dict[Split, Fraction] | None = Field(
        None,
        description="Proportions of a seeded split, stratified by label; equal texts stay in one split. The default is "
        "`{train: 0.6, validation: 0.2, test: 0.2}`. With `model.mode: load` and no "
        "`documents.split`, rows are not split: "
        "all rows without a split are in `test`",
    )
    bad_rows: Literal["error", "skip"] = Field(
        "error",
        description="Unusable rows: stop and list all of them, or leave them out and record them in the ledger",
    )
    duplicate_texts: Literal["keep", "drop"] = Field(
        "keep", description="Second and later rows with the same text: keep or drop them"
    )
    repeated_vectors: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="For `attviz_json`: vectors that repeat an earlier one in every document, an error of some "
        "extractors. With `keep`, they count as separate heads",
    )
    max_characters: int = Field(
        200_000, ge=1, description="Maximum length of a text in characters; a row with a longer text is unusable"
    )

    @field_validator("label_names", mode="before")
    @classmethod
    def _keys_are_values_of_a_column(cls, value: object) -> object:
        # YAML reads `{0: bad}` as an integer key; in the column it may stand as a number or as text.
        if isinstance(value, Mapping) and any(isinstance(key, bool) for key in value):
            raise ValueError("the labels no and yes, false and true need quotes: without, YAML reads truth values")
        if isinstance(value, Mapping):
            return {_label_of_number(key): name for key, name in value.items()}
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.files is None):
            raise ValueError("give either `source` or `files`")
        if self.files is not None and self.splits is not None:
            raise ValueError(
                "`splits` names the splits of a hub dataset; `files` already says which split each file is"
            )
        if self.split_fractions is not None and abs(sum(self.split_fractions.values()) - 1) > 1e-9:
            raise ValueError(f"`split_fractions` must sum to 1, got {sum(self.split_fractions.values()):g}")
        return self

    @model_validator(mode="after")
    def _one_place_of_labels(self) -> Self:
        other = self.label_column != "label" or self.label_separator is not None or self.label_names is not None
        if self.label_columns is not None and other:
            raise ValueError(
                "`label_columns` names the labels and their columns: remove `label_column`, `label_separator` and "
                "`label_names`"
            )
        if self.label_separator is not None and self.label_column is None:
            raise ValueError("`label_separator` needs a `label_column`")
        return self

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if len(set(self.columns.values())) < len(self.columns):
            keys = ", ".join(f"`{key}`" for key in self.columns)
            raise ValueError(f"{keys} must name different columns, got {', '.join(self.columns.values())}")
        return self

    @property
    def columns(self) -> dict[str, str]:
        """Name the columns to read by their keys; those that the study leaves out are missing."""
        keys = ["text_column", "pair_column", "label_column", "id_column"]
        if self.label_columns:
            keys.remove("label_column")
        labels = {f"label_columns.{place}": name for place, name in enumerate(self.label_columns or ())}
        return {key: name for key in keys if (name := getattr(self, key)) is not None} | labels

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> Self:
        fields, other = type(self).model_fields, self.format != "attviz_json"
        names = ("repeated_vectors",) if other else set(fields) - KEYS_OF_ATTVIZ_JSON
        given = sorted(name for name in names if getattr(self, name) != fields[name].default)
        if given:
            kind = "fits `format: attviz_json` only" if other else "does not fit `format: attviz_json`"
            raise ValueError(f"{', '.join(f'`{name}`' for name in given)} {kind}: remove")
        return self


def _label_of_number(key: object) -> object:
    return str(int(key)) if type(key) is int or (isinstance(key, float) and key.is_integer()) else key


class DocumentsSettings(Section):
    """Which texts are analysed, how they are segmented, and the number of shards."""

    split: Literal["train", "validation", "test", "all"] | None = Field(
        None,
        description="Split whose texts are analysed. The default is `test`; with `model.mode: load`, all rows if "
        "there is no split `test`",
    )
    segments: Literal["none", "paragraph"] = Field(
        "none",
        description="Analyse whole texts, or each paragraph (separated by blank lines) as a separate document",
    )
    min_segment_words: int = Field(
        8, ge=1, description="Minimum words of a paragraph; a shorter one is joined to the next"
    )
    max_documents: int | None = Field(
        None, ge=1, description="Maximum number of documents, a seeded sample; by default all"
    )
    # Snakemake plans the jobs of 2,000 shards in half a minute, and takes longer than in proportion for more.
    n_shards: int = Field(1, ge=1, le=10_000, description="Number of extraction jobs; results do not depend on it")
    block_size: int = Field(
        32,
        ge=1,
        description="Documents of similar length that stay in one shard, so that results do not depend on `n_shards`",
    )


class ModelSettings(Section):
    """Which classifier is used, and whether it is fine-tuned."""

    source: Verbatim = Field(description="A hub id `owner/name`, or the path of a local model folder")
    revision: str | None = Field(
        None, description="Commit of a hub model; required with a hub id, refused with a local folder"
    )
    offline_package: str | None = Field(
        None,
        description="Installed Python distribution with a copy of the model, named after the hub's model; searched "
        "before the hub",
    )
    sha256: dict[str, Sha256] = Field(
        {}, description="SHA-256 of the model's files by name; a file with another digest is refused"
    )
    mode: Literal["fine_tune", "load"] = Field(
        "fine_tune", description="Fine-tune on the training split, or load a finished classifier"
    )
    label_names: list[str] | None = Field(
        None,
        description="Names of a loaded model's outputs in order, if its config has only LABEL_0, LABEL_1, ... "
        "or invalid names; they take precedence",
    )
    max_tokens: int = Field(512, ge=8, description="Maximum input in tokens, including special tokens")
    thresholds: Fraction | dict[Verbatim, Fraction] = Field(
        0.5,
        description="Multi-label classification: probability from which a label is predicted, one for all labels, or "
        "by name of the label (0.5 for labels that are not named)",
    )


class TrainingSettings(Section):
    """Fine-tuning with `transformers.Trainer`."""

    epochs: int = Field(3, ge=1, description="Passes over the training split")
    batch_size: int = Field(16, ge=1, description="Texts per optimiser step")
    learning_rate: float = Field(5e-5, gt=0, description="Peak learning rate of AdamW")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled weight decay")
    warmup_fraction: Fraction = Field(0.1, description="Proportion of the steps in which the learning rate increases")
    best_epoch_by: EpochCriterion = Field(
        "validation_loss",
        description="What chooses the epoch that is kept: the lowest loss, or the highest macro F1 (in regression the "
        "highest R2), on the validation split. Macro F1 changes in steps of whole texts, and can prefer an epoch with "
        "probabilities still too low",
    )
    early_stopping_patience: int | None = Field(
        2, ge=1, description="Stop after this many epochs without a better `best_epoch_by`; null never stops early"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Precision of the training's forward and backward passes; bfloat16 uses autocast, is less accurate "
        "and needs a GPU or a processor with instructions for it (AVX512-BF16, AMX-BF16). Weights, the optimiser, "
        "validation and scores are in float32",
    )


class AttentionSettings(Section):
    """How attention is extracted."""

    mode: Literal["self_attention", "full"] = Field(
        "self_attention",
        description="`full` adds attention to other tokens: attention received, entropy, shares on "
        "special, neighbouring and punctuation tokens, mean distance, attention rollout, norms of value vectors",
    )
    long_texts: Literal["window", "truncate"] = Field(
        "window", description="Texts longer than `model.max_tokens`: read overlapping windows, or only the beginning"
    )
    window_overlap: int = Field(64, ge=0, description="Tokens that two consecutive windows share")
    tokens_per_batch: Annotated[int, Field(ge=8)] | Literal["auto"] = Field(
        1024,
        description="Maximum of documents times longest document in one batch. `auto` tries "
        "several values on the first "
        "documents of each job and uses the smallest that is fast; on a GPU this is larger, "
        "and the last bits of results then depend on the machine",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` uses a GPU if there is one, and logs it")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="Precision of the model; half precision uses autocast and is less accurate "
        "(99 % of the default study's values are off by less than 0.003 in bfloat16, 0.0003 in float16). bfloat16 "
        "needs a GPU or a processor with instructions for it (AVX512-BF16, AMX-BF16), float16 needs a GPU",
    )
    mantissa_bits: int = Field(
        16,
        ge=7,
        le=23,
        description="Bits kept of each value's mantissa: 16 is exact to 0.0008 %, the difference "
        "between two ways of computing "
        "in float32; 23 is full float32 and needs half as much disk space again; 12 is exact to 0.012 %",
    )


class AggregatesSettings(Section):
    """How a document is aggregated over heads."""

    definition: Definition = Field(
        "paper",
        description="Formulas of the paper's Table 2, or of AttViz's viewer, for comparison: standard "
        "deviation divided by h, entropy of the values in bins of 0.01 divided by the number of bins",
    )


class AssessmentSettings(Section):
    """How the classifier's predictions are assessed."""

    n_bins: int = Field(15, ge=1, le=1000, description="Confidence bins of the calibration error")
    n_resamples: int = Field(
        2000,
        ge=100,
        le=100_000,
        description="Bootstrap resamples of input rows for the intervals of macro F1 and of correlations. With 2000, "
        "50 lie beyond each bound; with fewer, bounds depend on the seed",
    )


class ComparisonSettings(Section):
    """How heads are compared with each other and with chance."""

    min_document_frequency: int = Field(
        5, ge=1, description="Minimum documents of a token in the comparison of token rankings (FUJI)"
    )
    n_documents: int = Field(
        500,
        ge=1,
        description="Maximum number of documents, a seeded sample, in the comparison of attention distributions "
        "(Jensen-Shannon); time grows with it, with `n_permutations` and with the square of the number of heads",
    )
    n_permutations: int = Field(
        300,
        ge=19,
        le=5_000,
        description="Permutations of each test; smaller p than 1 / (n_permutations + 1) come from a fitted tail, which "
        "needs 120 permutations or more",
    )


class TermsSettings(Section):
    """What the statistics count as a term, and which terms are frequent enough to be described."""

    level: Literal["token", "word", "lower_word"] = Field(
        "lower_word",
        description="Vocabulary entries, words (pieces merged, spelled as in the text), or lower-cased words",
    )
    special_tokens: bool = Field(
        False, description="Include [CLS], [SEP] and other special tokens, and words read as [UNK]"
    )
    punctuation: bool = Field(False, description="Include tokens that consist of punctuation only")
    min_document_frequency: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Minimum documents of a described term; rarer terms are only listed with their counts. `auto`: 1 % "
        "of the documents, or a fifth of the smallest class if that is fewer; at least 3 and at most 10. Below 3, an "
        "interval over documents says nothing; above 10, more documents hardly help, and words of one class are lost",
    )


class BootstrapSettings(Section):
    """Confidence intervals of terms."""

    n_replicates: int = Field(
        2000,
        ge=100,
        description="Resamples of the input rows for each 95 % interval. With 2000, about 17 lie beyond each bound of "
        "a term in 10 rows, and 50 of a term in many; with fewer, bounds depend on the seed",
    )


class InferenceSettings(Section):
    """From which documents intervals, tests and groups are computed."""

    max_documents: int = Field(
        50_000,
        ge=100,
        description="Maximum number of documents; of more, a sample drawn by the seed, with all documents of an input "
        "row. It bounds memory and time. Means of heads over documents are of the sample, too; other counts and means, "
        "and what is said of predictions, are always of all documents",
    )


class ClassesSettings(Section):
    """Which heads and terms differ between classes, and between correct and wrong predictions."""

    n_permutations: Annotated[int, Field(ge=19)] | Literal["auto"] = Field(
        "auto",
        description="Permutations of each test; `auto` gives 999 to each, and more to those that are still extreme, as "
        "many as their number needs",
    )
    length_strata: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Strata of similar length within which documents are permuted; 1 ignores length, `auto` makes one "
        "for every seven input rows, but at least five",
    )
    prior_count: float = Field(
        500, gt=0, description="Weight of the Dirichlet prior of the log-odds, as a number of occurrences"
    )


class MapsSettings(Section):
    """Which documents get token-to-token maps, and what a map contains."""

    documents: list[Verbatim] = Field([], description="Ids of documents that always get maps")
    max_megabytes: float = Field(
        20,
        ge=0,
        description="Size that all maps may add to the site, those of compared models too, estimated from a few "
        "documents of the study; documents named in `documents` count, but are never left out",
    )
    max_documents: int | None = Field(
        None,
        ge=0,
        description="Maximum number of documents selected automatically: misclassified first, then "
        "the least confident, then a sample; left out, all that fit; with 0, only those named in `documents`",
    )
    entries_per_row: int = Field(
        16, ge=1, le=1024, description="Strongest keys stored for each query; the others are summed"
    )
    thumbnail_size: int = Field(
        64, ge=8, le=256, description="Side of a head's thumbnail in cells; longer texts are pooled"
    )
    vectors: int = Field(
        5,
        ge=0,
        description="Documents, the first selected, that also have query and key vectors, which explain the rows of a "
        "map, and the maps of compared models; other documents have those of compared models if there is room left",
    )


class EvidenceSettings(Section):
    """Whether attention matters to the prediction: gradients, tokens left out, heads switched off."""

    enabled: bool = Field(
        False,
        description="Measure whether attention matters to the prediction (docs/statistics/evidence.md), and show it in "
        "the site; off by default, because it takes many passes through the model; on in config/config.yaml, with "
        "smaller samples",
    )
    max_documents: int = Field(
        200, ge=1, description="Documents with gradients and faithfulness, a seeded sample in proportion to the corpus"
    )
    leave_one_out_documents: int = Field(
        50, ge=0, description="Documents of that sample in which every token is left out once; time grows with length"
    )
    ablation_documents: int = Field(
        200, ge=0, description="Documents of that sample in which every head is switched off once"
    )
    cumulative_documents: int = Field(
        50, ge=0, description="Documents of that sample in which heads are switched off one after another"
    )
    removal: Removal = Field(
        "mask",
        description="How a token is removed: replaced by the mask token (deleted where the tokenizer has none), "
        "deleted, or hidden from attention",
    )
    ablation: Literal["zero", "mean"] = Field(
        "zero", description="Output of a head that is switched off: zero, or its mean over the tokens of the sample"
    )
    scores: list[TokenScore] = Field(
        list(get_args(TokenScore)),
        min_length=1,
        description="Token scores whose faithfulness is measured; those that the study does not have are left out",
    )
    fractions: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.05, 0.1, 0.2, 0.5], min_length=1, description="Shares of a document's tokens that are removed or kept"
    )
    random_rankings: int = Field(
        5, ge=1, le=100, description="Random rankings of each document's tokens, and random orders of heads: the floor"
    )
    cumulative_sizes: int = Field(
        8, ge=1, description="Numbers of heads, evenly spaced up to all, that are switched off together"
    )

    @field_validator("scores", "fractions")
    @classmethod
    def _no_repeats(cls, values: list[object]) -> list[object]:
        if len(set(values)) < len(values):
            raise ValueError("must not repeat a value")
        return values


OWN_MODEL = ""
"""Name of the study's own model."""


class ComparedModel(Section):
    """One of the models of a study, and how it is made."""

    kind: ModelKind
    seed: Seed = Field(description="Seed of its fine-tuning")
    epoch: int | None = Field(None, description="Of the study's own fine-tuning, from 1; only of kind `epoch`")
    model: ModelSettings | None = Field(None, description="Only of kind `other`")


class OtherModel(ModelSettings):
    """A model of any architecture that reads the same documents."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Name of the model on the site; its results are in `models/<name>/`",
    )

    @field_validator("name")
    @classmethod
    def _no_name_of_another(cls, name: str) -> str:
        if re.fullmatch(r"own|pretrained|(seed|epoch)-\d+", name):
            raise ValueError(f"`{name}` is what the workflow names a model itself: choose another")
        return name


class CompareSettings(Section):
    """Other models that read the same documents and are compared with the study's own."""

    pretrained: bool = Field(
        False,
        description="Compare with the model before it was fine-tuned: only its attention, because its classifier is "
        "untrained",
    )
    seeds: list[Seed] = Field(
        [],
        description="Fine-tune the model again with each of these seeds, on the same split, and compare with all of "
        "them. Each takes as long as the first, and with `evidence.enabled` as long again for its evidence",
    )
    checkpoints: Literal["none", "every_epoch"] = Field(
        "none",
        description="`every_epoch`: also read the documents with the model as it was after each epoch. The weights of "
        "every epoch are kept; a model that is trained already is trained again for them. With `evidence.enabled`, "
        "each epoch takes as long as the own model for its evidence. Needs "
        "`training.early_stopping_patience: null`",
    )
    models: list[OtherModel] = Field(
        [],
        description="Any other models, each with a `name` and the keys of section `model`. They need the same task and "
        "the same classes. Heads are compared one by one where layers, heads and tokens are the same, else matched by "
        "the words that they attend to. With `evidence.enabled`, each takes as long as the own model for its evidence",
    )

    @field_validator("seeds")
    @classmethod
    def _seeds_once(cls, seeds: list[Seed]) -> list[Seed]:
        if repeated := _repeated(seeds):
            raise ValueError(f"has {', '.join(map(str, repeated))} more than once: remove one")
        return seeds

    @field_validator("models")
    @classmethod
    def _names_once(cls, models: list[OtherModel]) -> list[OtherModel]:
        if repeated := _repeated([one.name for one in models]):
            raise ValueError(f"has the name {', '.join(repeated)} more than once: rename one")
        return models

    def named(self, seed: int, epochs: int) -> dict[str, ComparedModel]:
        """Return the models that are compared with the study's own, by name.

        Args:
            seed: The study's own.
            epochs: Those of the study's own fine-tuning.
        """
        before = {"pretrained": ComparedModel(kind="pretrained", seed=seed)} if self.pretrained else {}
        during = range(1, epochs + 1) if self.checkpoints == "every_epoch" else ()
        return {
            **before,
            **{f"seed-{one}": ComparedModel(kind="seed", seed=one) for one in self.seeds},
            **{f"epoch-{one}": ComparedModel(kind="epoch", seed=seed, epoch=one) for one in during},
            **{
                one.name: ComparedModel(
                    kind="other", seed=seed, model=ModelSettings(**one.model_dump(exclude={"name"}))
                )
                for one in self.models
            },
        }


def _repeated(values: Sequence[_Value]) -> list[_Value]:
    return [value for value, n in Counter(values).items() if n > 1]


class FiguresSettings(Section):
    """Content and resolution of the figures."""

    n_tokens: int = Field(35, ge=1, description="Tokens in the figure of top tokens; the paper shows 35")
    n_cloud_words: int = Field(60, ge=1, description="Maximum words in a word cloud")
    min_document_frequency: int = Field(3, ge=1, description="Minimum documents of a ranked token")
    special_tokens: bool = Field(False, description="Include [CLS], [SEP] and other special tokens in rankings")
    dpi: int = Field(150, ge=50, le=600, description="Resolution of the PNG files in dots per inch")


class ReportSettings(Section):
    """Title and description of the site."""

    title: str = Field("Self-attention report", min_length=1, max_length=200, description="Title of the site")
    description: str = Field("", max_length=2000, description="One paragraph for the start page")
    sensitive: bool = Field(
        False, description="Hide texts, also from screen readers, and export none until the reader asks for them"
    )


class SiteSettings(Section):
    """Size of the site."""

    max_megabytes: float = Field(
        900,
        gt=0,
        description="Maximum site size. If not everything fits, pages with all heads go to documents with maps, "
        "misclassified ones, the least confident ones and a sample; the others show layer means. If these do not fit "
        "for all documents, or they are more than 100,000, only such documents have a page; others can be searched",
    )


class ExportSettings(Section):
    """What `make export` writes for other tools."""

    formats: list[ExportFormat] = Field(
        ["attviz_json"], min_length=1, description="Formats, described in docs/formats.md"
    )
    heads: Literal["all", "layer_means"] | list[HeadName] = Field(
        "layer_means",
        description="Exported vectors: all heads, the mean of each layer's heads, or a list of heads such as `5.3`",
    )
    special_tokens: bool = Field(True, description="Export [CLS], [SEP] and other special tokens")


class RedactionSettings(Section):
    """Share-safe mode: words are replaced before anything is counted, drawn or shown."""

    mode: Literal["none", "shape", "hash"] = Field(
        "none",
        description="`shape` keeps only the pattern of capitals, letters and digits of a word (`Xxxx 00`); `hash` "
        "replaces a word by a keyed tag, the same for the same word. Punctuation stays",
    )
    key_file: Verbatim | None = Field(
        None, description="File with the secret key of `hash`, at least 16 bytes; the same key gives the same tags"
    )
    min_document_frequency: int = Field(
        5, ge=1, description="Minimum documents of a word; rarer words become `[rare]`. Only with a `mode`"
    )

    @model_validator(mode="after")
    def _key_for_hash(self) -> Self:
        if (self.mode == "hash") != (self.key_file is not None):
            raise ValueError("`key_file` is needed by `mode: hash`, and by no other mode")
        return self


class PublishSettings(Section):
    """Where `snakemake publish` pushes the site, and what the site must not contain."""

    remote: str = Field(
        "origin",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="Name of the git remote, as `git remote` lists it",
    )
    branch: str = Field(
        "gh-pages", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", description="Branch that holds the published site"
    )
    folder: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Folder of the study on that branch; by default the study's name",
    )
    forbidden: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="Texts that no file of the site may contain, whatever the case; never shown in the site"
    )
    allowed: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="Texts that look like a path or a name of this machine, but may be published"
    )
    dry_run: bool = Field(False, description="Check, show what would be pushed where, and push nothing")


class ResourcesSettings(Section):
    """What a job requests from the machine or the cluster."""

    threads: int = Field(
        2,
        ge=1,
        description="Cores of a job that prepares the model; half of them for one that reads documents, because two "
        "run side by side, but all for extraction on a GPU or of a single shard",
    )
    gpu: int = Field(0, ge=0, le=1, description="GPUs of a job that runs the model; each job gets its own")
    memory_mb: int = Field(
        4000,
        ge=500,
        description="Memory of a job that runs the model, in megabytes, plus 10 per megabyte of input; "
        "doubled at each retry",
    )
    runtime_minutes: int = Field(
        120,
        ge=1,
        description="Time limit of a job that runs the model, plus 15 minutes per megabyte of input; "
        "times the number of the attempt",
    )
