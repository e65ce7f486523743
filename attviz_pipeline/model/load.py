"""Load tokenizer and classifier from verified files, and check that they fit each other and the study."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from torch import nn
from transformers import (
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
from transformers.utils import logging as transformers_logging

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError, Problem
from attviz_pipeline.model.labels import match_outputs, name_outputs
from attviz_pipeline.model.model_config import OTHER_MODEL, load_config, one_output, require_task, set_task
from attviz_pipeline.model.padding import Padding, agree_on_padding
from attviz_pipeline.model.safely import SAFELY, faults_reported
from attviz_pipeline.model.sentencepiece_files import as_sentencepiece, require_agreement, reread, sentencepiece_files
from attviz_pipeline.model_inputs import vocabulary_rows
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

# Settings of a tokenizer from its folder or its last call, which the checkpoint must not contain.
TRANSIENT = (
    *("name_or_path", "vocab_file", "merges_file", "tokenizer_file", "is_local", "local_files_only"),
    *("max_length", "stride", "truncation_strategy", "pad_to_multiple_of", "special_tokens_map_file"),
)

UNLIMITED = 2**31 - 1
DEFAULT_THRESHOLD = 0.5


@dataclass
class Classifier:
    """A model with its tokenizer.

    Attributes:
        model: Sequence classifier, float32, logits [document, output].
        tokenizer: Its tokenizer, without truncation and padding by default.
        task: What its outputs mean.
        output_to_label: Index of the label for every output, [output].
        padding: Origin of the padding token: the model, its tokenizer, or added to the model's vocabulary.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: Task[Any]
    output_to_label: list[int]
    padding: Padding


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the library's log messages and progress bars; this package reports what matters."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def load_classifier(folder: Path, settings: ModelSettings, task: Task[Any], overlap: int | None = None) -> Classifier:
    """Load verified files as a classifier for the dataset's task and labels, or for the model's own labels.

    In mode `fine_tune` the classification head is initialised if its size does not fit; in mode `load` it must exist,
    and names the labels of a dataset without any.

    Raises:
        ModelError: The model cannot be loaded, lacks weights, or does not fit its tokenizer, `max_tokens` or the
            classes.
    """
    config, id2label = load_config(folder)
    tokenizer = load_tokenizer(folder, config)
    names: Sequence[str] = task.output_names
    if settings.mode == "load":
        require_task(config, id2label, settings.source, task)
        names = name_outputs(id2label, settings.label_names) if task.has_labels else names
    labels = (task.label_names or tuple(names)) if task.has_labels else ()
    bound = replace(task, label_names=labels, thresholds=thresholds_of(labels, settings, task))
    set_task(config, names, bound)
    model = _load_model(folder, config, settings, bound)
    output_to_label = match_outputs(names, labels) if task.has_labels else [0]
    check_fit(model, tokenizer, settings.max_tokens, overlap)
    return Classifier(model, tokenizer, bound, output_to_label, agree_on_padding(model, tokenizer))


def thresholds_of(label_names: Sequence[str], settings: ModelSettings, task: Task[Any]) -> tuple[float, ...]:
    """Return the threshold of each label; none of a task in which a text has exactly one class or value.

    Raises:
        ModelError: Thresholds are set for another task, or for labels that do not exist; all are listed.
    """
    given = settings.thresholds
    if not task.many_labels:
        if given != DEFAULT_THRESHOLD:
            raise ModelError(f"model.thresholds does not fit {task.title}: remove it.")
        return ()
    named = given if isinstance(given, dict) else {}
    problems = [Problem("model.thresholds", f"{name!r} is no label") for name in named if name not in label_names]
    if problems:
        raise ModelError("model.thresholds does not fit the labels:", problems, f"They are {', '.join(label_names)}.")
    usual = given if isinstance(given, float | int) else DEFAULT_THRESHOLD
    return tuple(float(named.get(name, usual)) for name in label_names)


def check_fit(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_tokens: int, overlap: int | None = None
) -> None:
    """Check that model, tokenizer, the longest input and the overlap of windows, if given, fit each other.

    Raises:
        ModelError: They do not fit; all problems are listed.
    """
    problems = []
    n_entries, n_rows = max(tokenizer.get_vocab().values(), default=-1) + 1, vocabulary_rows(model)
    if n_rows is not None and n_entries > n_rows:
        what = f"has {n_entries} entries, but the model's embeddings have only {n_rows} rows: they belong to two models"
        problems.append(Problem("tokenizer", what))
    limit, where = min((position_limit(model), "position table"), (tokenizer.model_max_length, "tokenizer"))
    if max_tokens > limit:
        what = f"{max_tokens} is more than the {where}'s limit of {limit}: set it to {limit} or less"
        problems.append(Problem("model.max_tokens", what))
    room = max_tokens - tokenizer.num_special_tokens_to_add()
    if overlap is not None and overlap >= room:
        what = f"{overlap} must be smaller than the {room} tokens of text that fit into model.max_tokens ({max_tokens})"
        problems.append(Problem("attention.window_overlap", f"{what}: set it to {max(room - 1, 0)} or less"))
    problems += [Problem(name, "has NaN or infinite weights") for name in non_finite(model)]
    if problems:
        raise ModelError("the model cannot be used:", problems)


def position_limit(model: PreTrainedModel) -> int:
    """Return the length of the longest input that the model has positions for, in tokens."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(getattr(module, "weight", None), torch.Tensor):
            # RoBERTa and related models count positions from the padding index on.
            padding_index = getattr(module, "padding_idx", None)
            unused = 0 if padding_index is None else padding_index + 1
            return len(cast(nn.Embedding, module).weight) - unused
    limit = int(getattr(model.config, "max_position_embeddings", None) or UNLIMITED)
    return limit if limit > 0 else UNLIMITED  # -1 for XLNet, whose positions are relative


def non_finite(model: nn.Module) -> list[str]:
    """List the tensors of a model with NaN or infinite values."""
    state = model.state_dict()
    return [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]


def load_tokenizer(folder: Path, config: PreTrainedConfig) -> PreTrainedTokenizerBase:
    """Load the tokenizer of verified files.

    Raises:
        ModelError: It cannot be loaded or is not supported.
    """
    with faults_reported(folder, "tokenizer"), as_sentencepiece(folder):
        tokenizer: PreTrainedTokenizerBase = transformers.AutoTokenizer.from_pretrained(
            folder, config=config, use_fast=True, **SAFELY
        )
    name = type(tokenizer).__name__
    if not isinstance(tokenizer, PreTrainedTokenizerFast | PreTrainedTokenizer):
        raise ModelError(f"the tokenizer {name} in {folder} is not supported: use a model with another tokenizer.")
    if not tokenizer.is_fast:
        logger.warning(
            "the tokenizer %s is a slow one, which gives no character offsets: each text is shown as the joined text "
            "of its tokens",
            name,
        )
    if sentencepiece_files(folder):
        tokenizer = reread(tokenizer, config)
        require_agreement(tokenizer, folder)
    reset_tokenizer(tokenizer)
    return tokenizer


def reset_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Disable truncation and padding by default, and remove the folder from the tokenizer's settings.

    The files of some models enable both (MiniLM's: to 128 tokens). Truncation removes the end of a text.
    """
    tokenizer.truncation_side = "right"
    if isinstance(tokenizer, PreTrainedTokenizerFast):
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    for key in TRANSIENT:
        tokenizer.init_kwargs.pop(key, None)


def _load_model(folder: Path, config: PreTrainedConfig, settings: ModelSettings, task: Task[Any]) -> PreTrainedModel:
    architecture = cast(type[PreTrainedModel], MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)])
    with faults_reported(folder, "weights"):
        model, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            # Explicit, because a config may name kernels that would be downloaded.
            attn_implementation="sdpa" if architecture._supports_sdpa else "eager",  # noqa: SLF001 - no public name
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **SAFELY,
        )
    mismatched = {name: (found, wanted) for name, found, wanted in loaded["mismatched_keys"]}
    if settings.mode == "load":
        _check_head_size(mismatched, config, settings, task)
    _check_weights(folder, settings, model.base_model_prefix, {*loaded["missing_keys"], *mismatched})
    return model  # type: ignore[no-any-return]


def _check_head_size(
    mismatched: Mapping[str, Any], config: PreTrainedConfig, settings: ModelSettings, task: Task[Any]
) -> None:
    """Check that a trained head has as many outputs as the task needs or as there are names."""
    n_names = config.num_labels
    sizes = {found[0] for found, wanted in mismatched.values() if wanted[:1] == (n_names,) and found[1:] == wanted[1:]}
    n_outputs = sizes.pop() if len(sizes) == 1 else n_names
    if n_outputs == 1 and task.has_labels:
        raise one_output(settings.source, task)
    if n_outputs != 1 and not task.has_labels:
        what = f"{settings.source} has {n_outputs} outputs, and {task.title} needs one."
        raise ModelError(what, remedy=OTHER_MODEL.format(task.title))
    if n_outputs != n_names:
        where = "config.json names" if settings.label_names is None else "model.label_names lists"
        raise ModelError(
            f"{where} {n_names} classes, but the model has {n_outputs} outputs.",
            remedy=f"Set model.label_names to {n_outputs} names, in the order of the outputs.",
        )


def _check_weights(folder: Path, settings: ModelSettings, base: str, absent: set[str]) -> None:
    # A pooler belongs to the head, because it is trained with it and encoders are often published without one.
    head = {name for name in absent if not name.startswith(f"{base}.") or ".pooler." in name}
    if absent - head:
        problems = [Problem(name, "missing, or of another size than in config.json") for name in sorted(absent - head)]
        raise ModelError(f"the weights in {folder} do not fit its config.json:", problems)
    if head and settings.mode == "load":
        problems = [Problem(name, "missing, or of another size") for name in sorted(head)]
        raise ModelError(
            f"{settings.source} has no trained classification head; set model.mode: fine_tune.",
            problems,
            "Or name a model that was trained for these classes.",
        )
    if head:
        logger.info("new classification head, to be trained: %s", ", ".join(sorted(head)))
