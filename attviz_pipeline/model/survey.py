"""Look at a model before a study exists: its task, its classes, and the longest input it reads."""

import importlib.metadata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import huggingface_hub
import torch
import transformers
from transformers import PreTrainedTokenizerBase

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError
from attviz_pipeline.hub_files import COMMIT, Repository
from attviz_pipeline.model.labels import NAME_OUTPUTS, are_generic, name_outputs
from attviz_pipeline.model.load import load_tokenizer, position_limit, quiet_transformers
from attviz_pipeline.model.model_config import load_config
from attviz_pipeline.model.source import HUB_ID, find_copy, is_read, model_folder, plain_name
from attviz_pipeline.model.verify import verify_copy
from attviz_pipeline.model.weights import WEIGHTS, read_config

MAIN = "main"
PINNED = {WEIGHTS, "tokenizer.json"}
MORE_THAN_ANY_TEXT = 100_000
"""Limits above this are no limits: tokenizers without one name a very large number."""


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model from its files.

    Attributes:
        source: Folder, or hub id.
        revision: Commit of a hub model, None for a folder.
        offline_package: Installed distribution with a copy of the model; None if there is none.
        where: Where its files were found.
        sha256: Digests of the weights and the tokenizer, by file name, of a copy in a package.
        finished: Whether it has a trained classification head.
        task: What a finished classifier does; None for a model to be fine-tuned.
        label_names: Names of the outputs of a finished classifier, [output].
        generic: Whether these names are only LABEL_0, LABEL_1, ...
        limit: Longest input in tokens; None if model and tokenizer have no limit.
        tokenizer: Its tokenizer.
    """

    source: str
    revision: str | None
    offline_package: str | None
    where: Literal["package", "folder", "hub"]
    sha256: dict[str, str]
    finished: bool
    task: Literal["single_label", "multi_label", "regression"] | None
    label_names: list[str]
    generic: bool
    limit: int | None
    tokenizer: PreTrainedTokenizerBase

    def n_tokens(self, texts: Sequence[tuple[str, ...]]) -> list[int]:
        """Return the length of each input in tokens, special tokens included, without truncation.

        Args:
            texts: A text, or a pair of texts, of each input.
        """
        with quiet_transformers():
            columns = [list(column) for column in zip(*texts, strict=True)]
            encoded = self.tokenizer(*columns, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def survey_model(source: str, revision: str | None = None) -> ModelFacts:
    """Read the configuration and the tokenizer of a model; of a hub model no weights are downloaded.

    Args:
        source: A local folder, or a hub id.
        revision: Commit, branch or tag of a hub model; by default that of the branch `main`.

    Raises:
        ModelError: The model cannot be found, reached or read, or is no text encoder.
    """
    copy = _find(source, revision)
    folder = copy.folder
    digests = {} if copy.where == "hub" else verify_copy(folder, {}, source)
    with quiet_transformers():
        config, id2label = load_config(folder)
        with torch.device("meta"):
            model = transformers.AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
        tokenizer = load_tokenizer(folder, config)
    architectures = read_config(folder).get("architectures")
    finished = isinstance(architectures, list) and any("ForSequenceClassification" in str(n) for n in architectures)
    names = _output_names(id2label) if finished else []
    limit = min(position_limit(model), int(min(tokenizer.model_max_length, MORE_THAN_ANY_TEXT)))
    return ModelFacts(
        source=source,
        revision=copy.revision,
        offline_package=copy.package,
        where=copy.where,
        sha256={name: digest for name, digest in digests.items() if name in PINNED} if copy.package else {},
        finished=finished,
        task=_task(config.problem_type, len(names)) if finished else None,
        label_names=names,
        generic=are_generic(names),
        limit=limit if limit < MORE_THAN_ANY_TEXT else None,
        tokenizer=tokenizer,
    )


@dataclass(frozen=True)
class _Copy:
    """Where a model's files are; of a hub model there are no weights."""

    folder: Path
    where: Literal["package", "folder", "hub"]
    revision: str | None = None
    package: str | None = None


def _find(source: str, revision: str | None) -> _Copy:
    if Path(source).exists():
        return _Copy(find_copy(ModelSettings(source=source, revision=revision)).folder, "folder")
    if (found := _in_package(source)) is not None:
        return _Copy(found[1], "package", _commit_of(source, revision), found[0])
    if not HUB_ID.fullmatch(source) or source.startswith("."):
        raise ModelError(f"{source} is neither a folder here nor a hub id `owner/name`.")
    repository = Repository("model", source, revision or MAIN).looked_up()
    folder = repository.fetch(name for name in repository.list_files() if "/" not in name and is_read(name))
    return _Copy(folder, "hub", repository.commit)


def _in_package(source: str) -> tuple[str, Path] | None:
    """Return the installed distribution that is named after a hub model and holds one, and the model's folder."""
    wanted = plain_name(source.rpartition("/")[2])
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"] or ""
        if wanted and wanted in plain_name(name):
            with suppress(ModelError):
                return name, model_folder(distribution, name)
    return None


def _commit_of(source: str, revision: str | None) -> str:
    """Return the commit of a hub model, from the client's cache if the hub cannot be reached.

    Raises:
        ModelError: The hub cannot be reached, and the cache does not have the model.
    """
    try:
        return Repository("model", source, revision or MAIN).looked_up().commit
    except ModelError as fault:
        cached = huggingface_hub.try_to_load_from_cache(source, "config.json", revision=revision or MAIN)
        commit = Path(cached).parent.name if isinstance(cached, str) else ""
        if COMMIT.fullmatch(commit):
            return commit
        raise ModelError(
            f"the commit of {source} is not known: {fault.summary}",
            remedy="Name it: --revision and the 40 hexadecimal digits on the model's page under `History`.",
        ) from None


def _output_names(id2label: object) -> list[str]:
    try:
        return name_outputs(id2label, None)
    except ModelError as fault:
        raise ModelError(fault.summary, fault.problems, f"Correct its config.json. {NAME_OUTPUTS}") from None


def _task(problem_type: str | None, n_outputs: int) -> Literal["single_label", "multi_label", "regression"]:
    if problem_type == "regression" or n_outputs == 1:
        return "regression"
    return "multi_label" if problem_type == "multi_label_classification" else "single_label"
