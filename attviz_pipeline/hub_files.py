"""Files of a Hugging Face hub repository at one commit: only the requested ones, checked against the hub's digests."""

import errno
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Literal

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.errors import AttvizError, DatasetError, ModelError

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST_REASON = 300
NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
ERRORS: dict[str, type[AttvizError]] = {"model": ModelError, "dataset": DatasetError}
WITHOUT_NETWORK = {
    "model": "Without a network: run this stage once with the same cache on a machine that has a network, set "
    "model.source to a local folder, or set model.offline_package to a Python package that contains the model.",
    "dataset": "Without a network: run this stage once with the same cache on a machine that has a network, or "
    "download the files there and give their paths as `dataset.files`.",
}
LASTING = (HFValidationError, RevisionNotFoundError, RepositoryNotFoundError)
"""Answers that stay the same until the study names something else; access may be granted, a network may come back."""
LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repository:
    """A repository at one commit.

    Attributes:
        kind: The section of the configuration that names it.
        name: `owner/name`.
        revision: Commit, branch or tag as configured.
        commit: The commit, 40 hexadecimal digits.
    """

    kind: Literal["model", "dataset"]
    name: str
    revision: str
    commit: str = ""

    def at_commit(self) -> "Repository":
        """Look up the commit of a branch or tag, and warn that it can move. A commit needs no request.

        Raises:
            ModelError, DatasetError: The hub does not know the repository or revision, or cannot be reached.
        """
        found = self.looked_up()
        if found.commit == self.revision:
            return found
        logger.warning(
            "%s.revision: %s is a branch or tag, which can move; it is commit %s now. Pin it: write `revision: %s`",
            self.kind,
            self.revision,
            found.commit,
            found.commit,
        )
        return found

    def looked_up(self) -> "Repository":
        """Look up the commit of a branch or tag, as `at_commit`, without a warning."""
        if COMMIT.fullmatch(self.revision):
            return Repository(self.kind, self.name, self.revision, self.revision)
        with self._faults_explained():
            info = huggingface_hub.HfApi().repo_info(self.name, repo_type=self.kind, revision=self.revision)
        return Repository(self.kind, self.name, self.revision, str(info.sha))

    def list_files(self) -> list[str]:
        """List all files of the commit from the cache, else from the hub, without downloading them.

        Raises:
            ModelError, DatasetError: The list is not in the cache and the hub cannot be reached or refuses.
        """
        with self._faults_explained():
            self._require_access()
            folder = self._download([])
            try:
                return [
                    file.path
                    for file in huggingface_hub.get_cached_repo_tree(
                        self.name, repo_type=self.kind, revision=self.commit
                    )
                ]
            except CachedRepoTreeNotFoundError:
                # The cache was filled by another client and may be incomplete. A model's index lists its weights, so a
                # missing file is noticed; a missing split of a dataset is not.
                if self.kind == "dataset":
                    raise
                return [path.name for path in folder.iterdir()]

    def fetch(self, names: Iterable[str]) -> Path:
        """Download files into the client's cache, and download damaged copies in the cache again.

        Args:
            names: Paths within the repository, as in `list_files`.

        Returns:
            The folder of the commit in the cache. It may contain other files, too.

        Raises:
            ModelError, DatasetError: The hub cannot be reached or refuses, or a file stays damaged.
        """
        wanted = list(names)
        with self._faults_explained():
            folder = self._download(wanted)
        for name in damaged_files(folder, wanted):
            logger.warning("%s in the cache is damaged: its digest is not the hub's. Downloading again", folder / name)
            self._download_again(folder, name)
        if damaged := damaged_files(folder, wanted):
            raise self._damaged(folder, damaged)
        return folder

    def _require_access(self) -> None:
        """Fail at once if the hub is needed and cannot be reached. Listing would retry for half a minute."""
        known = "config.json" if self.kind == "model" else "README.md"
        cached = huggingface_hub.try_to_load_from_cache(self.name, known, revision=self.commit, repo_type=self.kind)
        if not isinstance(cached, str):
            with suppress(OfflineModeIsEnabled):
                huggingface_hub.HfApi().repo_info(self.name, repo_type=self.kind, revision=self.commit)

    def _download(self, names: Sequence[str]) -> Path:
        with quiet_client():
            folder = huggingface_hub.snapshot_download(
                self.name, repo_type=self.kind, revision=self.commit, allow_patterns=[escape(name) for name in names]
            )
        return Path(folder)

    def _download_again(self, folder: Path, name: str) -> None:
        if constants.HF_HUB_OFFLINE:
            raise self._damaged(folder, [name])
        with self._faults_explained(), quiet_client():
            huggingface_hub.hf_hub_download(
                self.name, name, repo_type=self.kind, revision=self.commit, force_download=True
            )

    def _damaged(self, folder: Path, names: Sequence[str]) -> AttvizError:
        detail = "and HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "also after downloading them again"
        return ERRORS[self.kind](
            f"files of {self.kind} {self.name} in the cache are damaged, {detail}: {', '.join(names)}; "
            "their digests are not the hub's.",
            remedy=f"Delete the folder {folder.parents[1]} and run again where the hub can be reached.",
        )

    @contextmanager
    def _faults_explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as fault:  # noqa: BLE001 - the client lets the errors of its network libraries through
            raise self._explain(_cause(fault)) from None

    def _explain(self, fault: BaseException) -> AttvizError:
        what, remedy = self._refusal(fault) or self._failure(fault)
        error = ERRORS[self.kind](what, remedy=remedy)
        error.may_pass = not isinstance(fault, LASTING) or isinstance(fault, GatedRepoError)
        return error

    def _refusal(self, fault: BaseException) -> tuple[str, str] | None:
        """Return the hub's answer and the remedy, or None if the hub did not refuse."""
        source, where = f"{self.kind}.source: {self.name}", f"{self.name} at revision {self.revision}"
        if isinstance(fault, HFValidationError):
            return f"{source} is no valid hub id: {_reason(fault)}", ""
        if isinstance(fault, GatedRepoError):
            return self._gated()
        if isinstance(fault, RevisionNotFoundError):
            return f"{self.kind}.revision: the hub's {self.name} has no revision {self.revision}.", ""
        if isinstance(fault, RepositoryNotFoundError):
            return self._unknown()
        if isinstance(fault, HfHubHTTPError):
            return _http_refusal(fault, f"{self.kind}.source: {where}")
        return None

    def _gated(self) -> tuple[str, str]:
        what = f"{self.kind}.source: {self.name} is gated"
        page = f"{constants.ENDPOINT}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"
        if huggingface_hub.get_token() is None:
            return f"{what}.", f"Accept its terms on {page}. {LOG_IN}."
        return f"{what}, and the account of your token has no access.", f"Ask for it on {page}."

    def _unknown(self) -> tuple[str, str]:
        what = f"{self.kind}.source: there is no local path {self.name}, and the hub shows no {self.kind} of that name"
        if huggingface_hub.get_token() is None:
            return f"{what}.", f"Check the name. Is it private? {LOG_IN}."
        return f"{what} to the account of your token.", "Check the name and the account."

    def _failure(self, fault: BaseException) -> tuple[str, str]:
        """Return why the hub or the cache cannot be used, and the remedy."""
        where, cache = f"{self.kind}.source: {self.name} at revision {self.revision}", constants.HF_HUB_CACHE
        if constants.HF_HUB_OFFLINE and not self.commit:
            what = (
                f"{self.kind}.revision: {self.revision} is the name of a branch or tag, which only the hub can look up"
            )
            remedy = f"Pin the commit: write its 40 hexadecimal digits as {self.kind}.revision."
            return f"{what}, and HF_HUB_OFFLINE is set.", remedy
        if constants.HF_HUB_OFFLINE or isinstance(fault, CachedRepoTreeNotFoundError):
            return f"{where} is not completely in the cache {cache}, and HF_HUB_OFFLINE is set.", WITHOUT_NETWORK[
                self.kind
            ]
        if isinstance(fault, OSError) and fault.errno in NOT_WRITABLE:
            what = f"{where} cannot be written to the cache {cache}: {fault.strerror}"
            return what, "Make room or permit writing, or set HF_HOME to another folder."
        return f"{where} cannot be reached: {_reason(fault)}", WITHOUT_NETWORK[self.kind]


def damaged_files(folder: Path, names: Iterable[str]) -> list[str]:
    """List the files of a cached commit whose content does not have the hub's digest.

    The client names each cached file after its digest: SHA-256 for large files, git's blob id for all others.

    Args:
        folder: The folder of the commit in the client's cache.
        names: Paths below it. Files that are not links into the cache are not checked.
    """
    return [name for name in names if _is_damaged(folder / name)]


def _is_damaged(path: Path) -> bool:
    blob = path.resolve()
    if not path.is_symlink() or blob.parent.name != "blobs":
        return False
    if SHA256.fullmatch(blob.name):
        return not blob.is_file() or digest(blob) != blob.name
    return COMMIT.fullmatch(blob.name) is not None and (not blob.is_file() or _blob_id(blob) != blob.name)


def _blob_id(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _http_refusal(fault: HfHubHTTPError, where: str) -> tuple[str, str]:
    status = fault.response.status_code
    if status == 401:
        remedy = "Log in again with `hf auth login`, or correct or remove HF_TOKEN: public repositories need no token."
        return f"{where}: the hub refuses your token; it is wrong, expired or withdrawn.", remedy
    if status == 403:
        return f"{where}: the hub refuses access: {_reason(fault)}", "Check what your token may read."
    if status == 429 or status >= 500:
        return (
            f"{where}: the hub is busy or down: it answers {status}.",
            "Run again later: finished downloads are kept.",
        )
    return f"{where} is refused by the hub: {_reason(fault)}", ""


def _cause(fault: BaseException) -> BaseException:
    """Return the network error behind an exception that only reports files missing in the cache."""
    while isinstance(fault, LocalEntryNotFoundError | OfflineModeIsEnabled) and fault.__cause__ is not None:
        fault = fault.__cause__
    return fault


def _reason(fault: BaseException) -> str:
    """Return the client's whole message on one line, without the token."""
    reason = " ".join(str(fault).split()) or type(fault).__name__
    token = huggingface_hub.get_token()
    return (reason.replace(token, "<token>") if token else reason)[:LONGEST_REASON]


@contextmanager
def quiet_client() -> Iterator[None]:
    """Silence the client's own log messages; this module reports what matters."""
    verbosity = huggingface_hub.logging.get_verbosity()
    huggingface_hub.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        huggingface_hub.logging.set_verbosity(verbosity)
