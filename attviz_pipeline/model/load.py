"""Loading of a verified copy: tokenizer and classifier, checked to fit each other and the study."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

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
from attviz_pipeline.model.labels import match_outputs
from attviz_pipeline.model_inputs import padding_id

logger = logging.getLogger(__name__)

# What the libraries may not do whatever a model's files say: run code, unpickle, ask the network.
SAFELY: dict[str, bool] = {"local_files_only": True, "trust_remote_code": False}
# Left behind in a tokenizer's settings by its folder or its last call; the checkpoint must hold none of them.
TRANSIENT = (
    *("name_or_path", "vocab_file", "merges_file", "tokenizer_file", "is_local", "local_files_only"),
    *("max_length", "stride", "truncation_strategy", "pad_to_multiple_of", "special_tokens_map_file"),
)


LONGEST_REASON = 300
UNLIMITED = 2**31 - 1


@dataclass
class Classifier:
    """A model with its tokenizer.

    Attributes:
        model: Sequence classifier, float32, logits [document, output].
        tokenizer: Neither truncates nor pads by itself; a fast one knows the characters of every token.
        output_to_label: Index of the dataset's label for every output, [output].
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    output_to_label: list[int]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the library's own logs and bars: what they say that matters is checked and reported here."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def load_classifier(folder: Path, settings: ModelSettings, label_names: Sequence[str]) -> Classifier:
    """Load a verified copy as a classifier of the dataset's classes.

    In mode `fine_tune` the head is new wherever the copy has none of the right size; in mode `load` it must be there.

    Raises:
        ModelError: The copy cannot be loaded, lacks weights, or does not fit its tokenizer, `max_tokens` or the
            classes.
    """
    config = _load_config(folder)
    tokenizer = _load_tokenizer(folder)
    if settings.mode == "fine_tune":
        _set_classes(config, label_names)
        output_to_label = list(range(len(label_names)))
    model = _load_model(folder, config, settings)
    if settings.mode == "load":
        output_to_label = match_outputs(_output_names(config), settings.label_names, label_names)
        _warn_of_other_problem(config)
    check_fit(model, tokenizer, settings.max_tokens)
    _agree_on_padding(model, tokenizer)
    return Classifier(model, tokenizer, output_to_label)


def check_fit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> None:
    """Check that model, tokenizer and the longest input fit each other.

    Raises:
        ModelError: With every problem.
    """
    problems = []
    if not getattr(model.config, "num_attention_heads", 0):
        what = f"{type(model).__name__} has no attention heads: choose one that attends, such as BERT, RoBERTa or XLNet"
        problems.append(Problem("architecture", what))
    n_entries = max(tokenizer.get_vocab().values(), default=-1) + 1
    n_rows = len(cast(nn.Embedding, model.get_input_embeddings()).weight)
    if n_entries > n_rows:
        what = f"has {n_entries} entries, but the model's embeddings have only {n_rows} rows: they belong to two models"
        problems.append(Problem("tokenizer", what))
    if tokenizer.pad_token_id is None:
        problems.append(Problem("tokenizer", "has no padding token, so texts cannot be batched"))
    limit, where = min((position_limit(model), "position table"), (tokenizer.model_max_length, "tokenizer"))
    if max_tokens > limit:
        what = f"{max_tokens} is more than the {where}'s limit of {limit}: set it to {limit} or less"
        problems.append(Problem("model.max_tokens", what))
    problems += [Problem(name, "holds NaN or infinite weights") for name in non_finite(model)]
    if problems:
        raise ModelError("the model cannot be used:", problems)


def position_limit(model: PreTrainedModel) -> int:
    """Return the longest input in tokens that the model has positions for."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(getattr(module, "weight", None), torch.Tensor):
            # RoBERTa and its kin count positions from the padding index on.
            padding_index = getattr(module, "padding_idx", None)
            unused = 0 if padding_index is None else padding_index + 1
            return len(cast(nn.Embedding, module).weight) - unused
    limit = int(getattr(model.config, "max_position_embeddings", None) or UNLIMITED)
    return limit if limit > 0 else UNLIMITED  # XLNet, whose positions are relative, says -1


def non_finite(model: nn.Module) -> list[str]:
    """List the tensors of a model that hold NaN or infinity."""
    state = model.state_dict()
    return [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    with _faults_reported(folder, "tokenizer"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **SAFELY)
    name = type(tokenizer).__name__
    if not isinstance(tokenizer, PreTrainedTokenizerFast | PreTrainedTokenizer):
        raise ModelError(f"the tokenizer {name} in {folder} is of a kind unknown here: choose a model with another.")
    if not tokenizer.is_fast:
        logger.warning(
            "the tokenizer %s is a slow one, which does not tell which characters a token comes from: what its pieces "
            "spell is shown in the place of each text",
            name,
        )
    reset_tokenizer(tokenizer)
    return tokenizer


def reset_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make a tokenizer neither truncate nor pad by itself, and forget which folder it came from.

    The files of some models bake in both (MiniLM's: truncated and padded to 128 tokens). Where a text is cut, it loses
    its end.
    """
    tokenizer.truncation_side = "right"
    if isinstance(tokenizer, PreTrainedTokenizerFast):
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    for key in TRANSIENT:
        tokenizer.init_kwargs.pop(key, None)


def _agree_on_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    config = model.config
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
        logger.info("the model names no padding token: it gets its tokenizer's, %s", tokenizer.pad_token)
    elif config.pad_token_id != padding_id(model, tokenizer):
        message = (
            "the model's config pads with token %d, which its vocabulary lacks: a head that looks for padding errs"
        )
        logger.warning(message, config.pad_token_id)
    elif config.pad_token_id != tokenizer.pad_token_id:
        message = "the tokenizer pads with token %d, the model's config with %d: inputs are padded with the latter"
        logger.info(message, tokenizer.pad_token_id, config.pad_token_id)


def _load_config(folder: Path) -> PreTrainedConfig:
    with _faults_reported(folder, "config"):
        config = transformers.AutoConfig.from_pretrained(folder, **SAFELY)
        # These change what the model returns, and only a caller should say so.
        config.output_attentions, config.output_hidden_states, config.return_dict = False, False, True
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError(f"transformers has no text classifier for the architecture {config.model_type!r} of {folder}.")
    return config  # type: ignore[no-any-return]


def _set_classes(config: PreTrainedConfig, label_names: Sequence[str]) -> None:
    config.id2label = dict(enumerate(label_names))
    config.label2id = {name: index for index, name in enumerate(label_names)}
    config.problem_type = "single_label_classification"


def _warn_of_other_problem(config: PreTrainedConfig) -> None:
    if config.problem_type not in {None, "single_label_classification"}:
        logger.warning(
            "the model was trained for %s: its highest output is taken for the class, and the softmax over outputs "
            "for probabilities, which it was not trained to give",
            config.problem_type,
        )


def _output_names(config: PreTrainedConfig) -> list[str]:
    names = {str(index): name for index, name in (config.id2label or {}).items()}
    return [names.get(str(index), f"LABEL_{index}") for index in range(len(names))]


def _load_model(folder: Path, config: PreTrainedConfig, settings: ModelSettings) -> PreTrainedModel:
    architecture = cast(type[PreTrainedModel], MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)])
    with _faults_reported(folder, "weights"):
        model, found = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            # Named, since a config may name kernels to be downloaded.
            attn_implementation="sdpa" if architecture._supports_sdpa else "eager",  # noqa: SLF001 - no public name
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **SAFELY,
        )
    mismatched = {name for name, *_ in found["mismatched_keys"]}
    _check_weights(folder, settings, model.base_model_prefix, set(found["missing_keys"]) | mismatched)
    return model  # type: ignore[no-any-return]


def _check_weights(folder: Path, settings: ModelSettings, base: str, absent: set[str]) -> None:
    # A pooler belongs to the head: it is trained with it, and encoders are often published without one.
    head = {name for name in absent if not name.startswith(f"{base}.") or ".pooler." in name}
    if absent - head:
        problems = [
            Problem(name, "missing, or of another size than config.json says") for name in sorted(absent - head)
        ]
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


@contextmanager
def _faults_reported(folder: Path, part: str) -> Iterator[None]:
    try:
        yield
    except Exception as fault:  # noqa: BLE001 - transformers and tokenizers raise bare Exception, too
        reason = " ".join(str(fault).split())[:LONGEST_REASON]
        raise ModelError(f"the {part} in {folder} cannot be loaded: {type(fault).__name__}: {reason}") from None
