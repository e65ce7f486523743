"""Commit to a branch of a git remote without a work tree: files are stored as objects, a tree and a commit.

The index, branches, tags and files of the local repository do not change; only objects are added.
"""

import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Self

from attviz_pipeline.errors import Problem, PublishError

if TYPE_CHECKING:
    from git import GitCommandError, Repo

NO_PROMPTS = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+@")
MOVED = ("[rejected]", "non-fast-forward", "fetch first", "cannot lock ref", "failed to update ref")
NO_ACCESS = (
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "Permission denied",
    "Host key verification failed",
    "terminal prompts disabled",
    "403",
)


class Entry(NamedTuple):
    """One entry of a tree, as listed by git."""

    mode: str
    kind: str
    sha: str
    name: str


class RemoteMovedError(Exception):
    """Somebody pushed to the branch since it was read."""


class PagesBranch:
    """The branch on the remote.

    Args:
        repository: The local repository; its remote and credentials are used.
        remote: Name of the remote.
        branch: Name of the branch.
    """

    def __init__(self, repository: "Repo", remote: str, branch: str) -> None:
        self._git, self._remote, self._ref = repository.git, remote, f"refs/heads/{branch}"
        self.tip: str | None = None

    @classmethod
    def open(cls, folder: Path, remote: str, branch: str) -> Self:
        """Find the repository of a folder, and check that it can push.

        Raises:
            PublishError: git, the repository, the remote or an identity is missing, or the branch is checked out.
        """
        repository = _repository(folder)
        repository.git.update_environment(**_environment(repository))
        problems = [*_remote_problems(repository, remote), *_branch_problems(repository, branch)]
        if not _succeeds(repository, "var", "GIT_COMMITTER_IDENT"):
            what = "is not known to git: `git config user.name` and `git config user.email` set it"
            problems.append(Problem("identity", what))
        if problems:
            raise PublishError(f"{folder} cannot push to {branch} of {remote}:", problems)
        return cls(repository, remote, branch)

    @property
    def url(self) -> str:
        """The push address, without credentials."""
        return CREDENTIALS.sub("", self._run("remote", "get-url", "--push", self._remote))

    def fetch(self) -> None:
        """Fetch the branch from the remote, and set `tip` to its commit, or None if it does not exist yet.

        Raises:
            PublishError: The remote cannot be reached, or the branch is its main branch.
        """
        listing = self._run("ls-remote", "--symref", self._remote, "HEAD", self._ref)
        if f"ref: {self._ref}\tHEAD" in listing and f"\t{self._ref}" in listing.replace(f"ref: {self._ref}\tHEAD", ""):
            raise PublishError(
                f"{self._ref} is the main branch of {self._remote}: publishing there would mix pages with sources.",
                remedy="Name a branch for pages alone in publish.branch, for example gh-pages.",
            )
        tips = [line.split("\t")[0] for line in listing.splitlines() if line.endswith(f"\t{self._ref}")]
        self.tip = next((tip for tip in tips if not tip.startswith("ref:")), None)
        if self.tip:
            self._run("fetch", "--no-tags", "--no-write-fetch-head", "--refmap=", "--quiet", self._remote, self._ref)

    def entries(self) -> dict[str, Entry]:
        """List the entries at the top of the branch."""
        listing = self._run("ls-tree", "-z", self.tip) if self.tip else ""
        return {entry.name: entry for entry in map(_entry, filter(None, listing.split("\0")))}

    def n_bytes(self) -> dict[str, int]:
        """Count the bytes of each file or folder at the top of the branch."""
        sizes: dict[str, int] = defaultdict(int)
        listing = self._run("ls-tree", "-r", "-l", "-z", self.tip) if self.tip else ""
        for line in filter(None, listing.split("\0")):
            facts, _, path = line.partition("\t")
            size = facts.split()[3]
            sizes[path.split("/")[0]] += int(size) if size.isdecimal() else 0
        return dict(sizes)

    def read(self, path: str) -> bytes | None:
        """Read a file of the branch; None if it does not exist."""
        if not self.tip or not self._run("ls-tree", self.tip, path):
            return None
        content: bytes = self._git.execute(
            ["git", "cat-file", "blob", f"{self.tip}:{path}"], stdout_as_string=False, strip_newline_in_stdout=False
        )
        return content

    def store_folder(self, folder: Path, names: Iterable[str]) -> Entry:
        """Store files of a folder, given by their relative paths, as a tree."""
        names = list(names)
        shas = self._store_files([folder / name for name in names])
        tree: dict[PurePosixPath, list[Entry]] = {PurePosixPath(): []}
        for name, sha in zip(names, shas, strict=True):
            path = PurePosixPath(name)
            tree.setdefault(path.parent, []).append(Entry("100644", "blob", sha, path.name))
            for parent in path.parents:
                tree.setdefault(parent, [])
        for path in sorted(tree, key=lambda path: -len(path.parts)):
            stored = Entry("040000", "tree", self._store_tree(tree[path]), path.name)
            if path != PurePosixPath():
                tree[path.parent].append(stored)
        return stored

    def store_texts(self, texts: Mapping[str, str]) -> dict[str, Entry]:
        """Store texts as files, by their names."""
        return {
            name: Entry("100644", "blob", self._fed(text, "hash-object", "-w", "--no-filters", "--stdin"), name)
            for name, text in texts.items()
        }

    def commit(self, entries: Mapping[str, Entry], message: str) -> str | None:
        """Commit new entries on top of the remote's commit; return None if nothing would change."""
        tree = self._store_tree(entries.values())
        if self.tip and self._run("rev-parse", f"{self.tip}^{{tree}}") == tree:
            return None
        parent = ["-p", self.tip] if self.tip else []
        return self._run("commit-tree", tree, *parent, "-m", message)

    def push(self, commit: str) -> None:
        """Push a commit to the branch, never by force.

        Raises:
            RemoteMovedError: The branch has new commits.
            PublishError: The remote refuses the push, or cannot be reached.
        """
        from git import GitCommandError  # noqa: PLC0415 - as in `_repository`

        try:
            self._git.push(
                "--porcelain", "--no-verify", "--recurse-submodules=no", self._remote, f"{commit}:{self._ref}"
            )
        except GitCommandError as fault:
            said = _said(fault)
            if "[remote rejected]" not in said and any(sign in said for sign in MOVED):
                raise RemoteMovedError from None
            raise _refusal(self._remote, said) from None

    def _run(self, *command: str) -> str:
        from git import GitCommandError  # noqa: PLC0415 - as in `_repository`

        try:
            return str(self._git.execute(["git", *command]))
        except GitCommandError as fault:
            raise _refusal(self._remote, _said(fault)) from None

    def _store_files(self, paths: Sequence[Path]) -> list[str]:
        # Without filters, so that neither line ends nor large-file storage change the files.
        listing = "".join(f"{path.absolute()}\n" for path in paths)
        return self._fed(listing, "hash-object", "-w", "--no-filters", "--stdin-paths").split()

    def _store_tree(self, entries: Iterable[Entry]) -> str:
        listing = "".join(f"{entry.mode} {entry.kind} {entry.sha}\t{entry.name}\0" for entry in entries)
        return self._fed(listing, "mktree", "-z")

    def _fed(self, text: str, *command: str) -> str:
        with tempfile.TemporaryFile() as stream:
            stream.write(os.fsencode(text))
            stream.seek(0)
            return str(self._git.execute(["git", *command], istream=stream))


def _repository(folder: Path) -> "Repo":
    # The library cannot be imported without git, so it is imported late.
    if shutil.which("git") is None:
        raise PublishError("git is not installed, and publishing needs it.")
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo  # noqa: PLC0415 - see above

    try:
        return Repo(folder, search_parent_directories=True)
    except (InvalidGitRepositoryError, NoSuchPathError):
        raise PublishError(
            f"{folder} is in no git repository: there is no remote to publish to.",
            remedy="Run it in a checkout, or name one: --repository PATH.",
        ) from None


def _environment(repository: "Repo") -> dict[str, str]:
    """Return variables that make git fail instead of prompting, unless the user has configured how to answer."""
    chosen = dict(NO_PROMPTS)
    if "GIT_ASKPASS" not in os.environ:
        chosen["GIT_ASKPASS"] = ""
    if "GIT_SSH_COMMAND" not in os.environ and not _succeeds(repository, "config", "core.sshCommand"):
        chosen["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    return chosen


def _remote_problems(repository: "Repo", remote: str) -> list[Problem]:
    known = [found.name for found in repository.remotes]
    if remote in known:
        return []
    others = f"; there is {', '.join(known)}" if known else f"; `git remote add {remote} URL` adds it"
    return [Problem(f"remote {remote}", f"does not exist{others}")]


def _branch_problems(repository: "Repo", branch: str) -> list[Problem]:
    if not _succeeds(repository, "check-ref-format", "--branch", branch):
        return [Problem(f"branch {branch}", "is not a valid branch name in git")]
    if not repository.head.is_detached and repository.head.reference.name == branch:
        return [Problem(f"branch {branch}", "is checked out: pages need a branch of their own, for example gh-pages")]
    return []


def _succeeds(repository: "Repo", *command: str) -> bool:
    status, _, _ = repository.git.execute(["git", *command], with_extended_output=True, with_exceptions=False)
    return bool(status == 0)


def _entry(line: str) -> Entry:
    facts, _, name = line.partition("\t")
    mode, kind, sha = facts.split()
    return Entry(mode, kind, sha, name)


def _said(fault: "GitCommandError") -> str:
    """Return the output of git, without credentials in addresses."""
    return CREDENTIALS.sub("", "\n".join(part for part in (str(fault.stdout), str(fault.stderr)) if part.strip()))


def _refusal(remote: str, said: str) -> PublishError:
    lines = [line.strip() for line in said.replace("stderr: ", "").replace("stdout: ", "").splitlines()]
    problems = [Problem("git", line.strip("' ")) for line in lines if line.strip("' ")]
    remedy = "Nothing was changed there."
    if any(sign in said for sign in NO_ACCESS):
        remedy += (
            f" Set up access to {remote} (a credential helper, an SSH key, or the token of the CI job) and try again."
        )
    return PublishError(f"git failed with the remote {remote}:", problems, remedy)
