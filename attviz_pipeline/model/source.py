"""Find the model's files: in an installed package, in a local folder, or on the hub."""

import importlib.metadata
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError, Problem
from attviz_pipeline.hub_files import Repository
from attviz_pipeline.model.weights import first_weight_file, missing_weights, read_config, weight_files

logger = logging.getLogger(__name__)

# Files that transformers reads besides the weights; adapter_config.json is listed to reject adapters.
MODEL_FILES = (
    *("config.json", "adapter_config.json", "tokenizer*.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model", "*.spm", "dict.txt"),
    *("entity_vocab.json", "word_*.json"),
)
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class ModelCopy:
    """A folder with the files of a model, and its origin.

    Attributes:
        folder: Folder with config.json, the weights and the tokenizer's files; not yet verified.
        kind: Where it was found.
        revision: Commit of the copy; for a package the configured one, which nothing proves. None for a local folder.
    """

    folder: Path
    kind: Literal["package", "folder", "hub"]
    revision: str | None


def find_copy(settings: ModelSettings) -> ModelCopy:
    """Find the model in the offline package if it is installed, else in a local folder, else on the hub.

    Raises:
        ModelError: The folder, the repository or the revision does not exist or cannot be reached, or the package
            contains no model or belongs to another model.
    """
    _require_own_package(settings)
    copy = _copy_in_package(settings) or _local_copy(settings) or _hub_copy(settings)
    revision = f", revision {copy.revision}" if copy.revision else ""
    logger.info("model %s%s: using the copy in the %s %s", settings.source, revision, copy.kind, copy.folder)
    return copy


def read_published_config(settings: ModelSettings) -> dict[str, Any]:
    """Return the content of the model's config.json as it was published; empty if it is missing or damaged.

    Raises:
        ModelError: As `find_copy`. Of a model on the hub, only config.json is downloaded.
    """
    _require_own_package(settings)
    copy = _copy_in_package(settings) or _local_copy(settings)
    if copy is not None:
        return read_config(copy.folder)
    _check_revision(settings)
    repository = Repository("model", settings.source, settings.revision or "").at_commit()
    names = {"config.json"} & set(repository.list_files())
    return read_config(repository.fetch(names))


def _require_own_package(settings: ModelSettings) -> None:
    """Reject a package that remained from a copied study file and would silently replace the model."""
    package, model = settings.offline_package, plain_name(settings.source.rpartition("/")[2])
    if package is None:
        return
    remedy = "Remove model.offline_package, and model.revision and model.sha256 if they belong to another model, too."
    if Path(settings.source).is_dir():
        raise ModelError(
            f"model.offline_package: model.source {settings.source} is a folder, which needs no package.", remedy=remedy
        )
    if model not in plain_name(package):
        raise ModelError(
            f"model.offline_package: {package} is not named after {settings.source}: it may contain another model.",
            remedy=remedy,
        )


def plain_name(name: str) -> str:
    """Return a name as package indexes compare names: in lower case, with hyphens only."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _copy_in_package(settings: ModelSettings) -> ModelCopy | None:
    name = settings.offline_package
    if name is None:
        return None
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        logger.warning("the package %s (model.offline_package) is not installed: looking elsewhere", name)
        return None
    except ValueError:
        raise ModelError(f"model.offline_package: {name!r} is no name of a Python distribution.") from None
    _check_revision(settings)
    if not settings.sha256:
        logger.warning("model.sha256 is empty: nothing proves that package %s contains the model it claims", name)
    return ModelCopy(model_folder(distribution, name), "package", settings.revision)


def model_folder(distribution: importlib.metadata.Distribution, name: str) -> Path:
    """Return the folder with the model's files in an installed distribution.

    Raises:
        ModelError: It has no such folder, or several.
    """
    # The files are located without importing the package, so that none of its code runs.
    files = {Path(str(file.locate())) for file in distribution.files or []}
    wanted = {"config.json", "tokenizer.json"}
    folders = sorted(
        file.parent
        for file in files
        if file.name in {"model.safetensors", "model.safetensors.index.json"}
        and wanted <= {other.name for other in files if other.parent == file.parent}
    )
    if len(set(folders)) != 1:
        problems = [Problem(str(folder), "holds a model") for folder in dict.fromkeys(folders)]
        raise ModelError(
            f"model.offline_package: {name} holds {len(problems)} folders with config.json, tokenizer.json and "
            "model.safetensors, expected 1.",
            problems,
            "Name another package, or set model.source to a local folder.",
        )
    return folders[0]


def _check_revision(settings: ModelSettings) -> None:
    if settings.revision is None and not Path(settings.source).is_dir():
        raise ModelError(
            f"model.source: there is no folder {settings.source}, so it is read as a hub id, which needs a revision.",
            remedy="Set model.revision to a commit (40 hexadecimal digits, on the repository's page under `History`), "
            "so that the study always uses the same model; or set model.source to a local folder.",
        )


def _local_copy(settings: ModelSettings) -> ModelCopy | None:
    folder = Path(settings.source)
    if folder.is_dir():
        if settings.revision is not None:
            raise ModelError(
                f"model.revision: {settings.source} is a local folder, which has no revisions.",
                remedy="Remove model.revision; model.sha256 pins the files of a local folder.",
            )
        return ModelCopy(folder, "folder", None)
    if folder.exists():
        raise ModelError(
            f"model.source: {settings.source} is a file; name the folder that holds config.json, "
            "the weights and the tokenizer."
        )
    if not HUB_ID.fullmatch(settings.source) or settings.source.startswith("."):
        raise ModelError(
            f"model.source: the folder {settings.source} does not exist, and it is no hub id `owner/name` either.",
            remedy="Relative paths start at the folder where the workflow runs.",
        )
    return None


def _hub_copy(settings: ModelSettings) -> ModelCopy:
    _check_revision(settings)
    repository = Repository("model", settings.source, settings.revision or "").at_commit()
    names = [name for name in repository.list_files() if "/" not in name]
    if "config.json" not in names:
        what = "has no config.json at its top, so it holds no model of transformers"
        raise ModelError(f"model.source: {settings.source} {what}; there are {', '.join(names[:10]) or 'no files'}.")
    folder = repository.fetch(name for name in names if is_read(name) or name in settings.sha256)
    _fetch_weights(repository, names, folder)
    return ModelCopy(folder, "hub", repository.commit)


def is_read(name: str) -> bool:
    """Whether transformers reads a file of this name besides the weights."""
    return any(fnmatchcase(name, pattern) for pattern in MODEL_FILES)


def _fetch_weights(repository: Repository, names: Sequence[str], folder: Path) -> None:
    """Download the weights that transformers loads, and no other formats; verification reports a damaged index."""
    first = first_weight_file(names, read_config(folder))
    if first is None:
        where, what = missing_weights(names)
        raise ModelError(f"model.source: {repository.name} cannot be used:", [Problem(where, what)])
    repository.fetch({first} & set(names))
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        repository.fetch({file.name for file in weight_files(folder)} & set(names))
