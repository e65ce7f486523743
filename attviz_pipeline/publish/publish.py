"""The stage `publish`: check the site, and add the study to the published ones with one commit."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.errors import Problem, PublishError
from attviz_pipeline.publish import checks, private, runs
from attviz_pipeline.publish.branch import Entry, PagesBranch, RemoteMovedError
from attviz_pipeline.publish.checks import Limits, SiteFiles
from attviz_pipeline.report.runs import render_runs
from attviz_pipeline.stages import Publish

RenderIndex = Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, str]]
NO_JEKYLL = ".nojekyll"  # without it GitHub Pages would run every page through a site generator
OUR_PAGE = b'name="generator" content="AttViz Pipeline"'
AGAIN = "run the workflow again"
N_TRIES = 2

logger = logging.getLogger(__name__)


def publish(settings: Publish, site: Path, repository: Path = Path(), *, dry_run: bool = False) -> str:
    """Publish the site of a study.

    Args:
        settings: Name of the study, sections `redaction` and `publish`.
        site: Folder of the rendered site.
        repository: Folder of a git checkout whose remote is used.
        dry_run: Whether to push nothing and only return what would be pushed where; overrides the settings.

    Returns:
        A sentence that says what was done.

    Raises:
        PublishError: The site must not be published (all reasons are listed), or the remote refuses it.
        ArtifactError: The site's `run.json` is unusable.
    """
    if dry_run:
        settings = settings.model_copy(update={"publish": settings.publish.model_copy(update={"dry_run": True})})
    return publish_site(settings, site, repository, render_runs)


def publish_site(
    settings: Publish, site: Path, repository: Path, render_index: RenderIndex, limits: Limits | None = None
) -> str:
    """Check a site and push it to its folder on the branch of a git remote; other content is kept.

    Args:
        settings: Name of the study, sections `redaction` and `publish`.
        site: Folder of the rendered site.
        repository: Folder of a git checkout; only its remotes, identity and credentials are used.
        render_index: Renders the index of all studies from their metadata (artifact `run`) by folder; returns texts by
            file name.
        limits: Limits of the host; by default those of GitHub Pages.

    Returns:
        A sentence that says what was done.

    Raises:
        PublishError: The site must not be published (all reasons are listed), or the remote refuses it.
        ArtifactError: The site's `run.json` is unusable.
    """
    listed = checks.list_files(site)
    job = _Job(settings, site, listed, limits or Limits(), render_index)
    job.check(repository)
    branch = PagesBranch.open(repository, settings.publish.remote, settings.publish.branch)
    for attempt in range(1, N_TRIES + 1):
        branch.fetch()
        try:
            return job.put(branch)
        except RemoteMovedError:
            logger.warning("the branch was pushed to meanwhile (try %d of %d)", attempt, N_TRIES)
    raise PublishError(
        f"{settings.publish.branch} of {settings.publish.remote} keeps moving: others publish there at this moment.",
        remedy="Nothing was changed there. Publish again when they are done.",
    )


@dataclass(frozen=True)
class _Job:
    settings: Publish
    site: Path
    listed: SiteFiles
    limits: Limits
    render_index: RenderIndex

    @property
    def folder(self) -> str:
        return self.settings.publish.folder or self.settings.name

    @property
    def facts(self) -> dict[str, Any]:
        return files.read_json(self.site / runs.RUN, output_schemas.RUN)

    def check(self, repository: Path) -> None:
        """Raise an error with all reasons if the site must not be published."""
        wanted = self.settings.publish
        needles = private.forbidden_needles(wanted.forbidden) + private.machine_needles(repository, wanted.allowed)
        problems = [
            *self.listed.problems,
            *checks.size_problems(self.listed, 0, self.limits),
            # Before broken links: a damaged page has many.
            *self._changed(),
            *checks.content_problems(self.site, list(self.listed.sizes), needles),
            *self._stale(),
        ]
        if problems:
            raise PublishError(f"{self.site} must not be published:", problems, "Nothing was pushed.")
        if str(self.facts["commit"]).endswith("-dirty"):
            logger.warning("the site was made by code with uncommitted changes: it cannot be reproduced")

    def put(self, branch: PagesBranch) -> str:
        """Commit the site to its folder on the branch, and push it."""
        there = runs.published(branch)
        known = {**there, self.folder: self.facts}
        index = self.render_index(known)
        self._check_beside(branch, there, index)
        where = f"{self.folder}/ on branch {self.settings.publish.branch} of {branch.url}"
        content = f"{len(self.listed.sizes):,} files, {self.listed.n_bytes / checks.MEGABYTE:,.1f} MB"
        if self.settings.publish.dry_run:
            return f"would push {content} to {where}; studies there then: {', '.join(sorted(known))}"
        commit = branch.commit(self._entries(branch, index), f"Publish {self.folder}")
        if commit is None:
            return f"nothing to push: {where} holds this site already"
        branch.push(commit)
        return f"pushed {content} to {where} (commit {commit[:12]}); studies there: {', '.join(sorted(known))}"

    def _changed(self) -> list[Problem]:
        names = [name for name in self.listed.sizes if name != runs.RUN]
        return checks.changed_problems(self.site, names, self.facts["digests"])

    def _stale(self) -> list[Problem]:
        facts, redaction = self.facts, self.settings.redaction
        if facts["name"] != self.settings.name:
            what = f"is of the study {facts['name']}, not of {self.settings.name}: publish it with its own study file"
            return [Problem("the site", what)]
        pairs: list[tuple[str, object, object]] = [("mode", facts["redaction"], redaction.mode)]
        if redaction.mode != "none":
            name = "min_document_frequency"
            pairs.append((name, facts[name], redaction.min_document_frequency))
        return [
            Problem("the site", f"was rendered with redaction.{key} {rendered}, the study says {wanted}: {AGAIN}")
            for key, rendered, wanted in pairs
            if rendered != wanted
        ]

    def _foreign(self, branch: PagesBranch, there: Collection[str], index: Collection[str]) -> list[Problem]:
        """List entries of the branch that would be overwritten although this project did not write them."""
        entries, page = branch.entries(), branch.read(checks.START)
        ours = page is not None and OUR_PAGE in page
        what = "was not written by this project, and would be lost: name another"
        beside = [] if ours else [name for name in index if name in entries]
        problems = [Problem(f"{name} of the branch", f"{what} branch in publish.branch") for name in beside]
        if self.folder in entries and self.folder not in there:
            problems.append(Problem(f"{self.folder} of the branch", f"{what} folder in publish.folder"))
        return problems

    def _check_beside(self, branch: PagesBranch, there: Collection[str], index: Collection[str]) -> None:
        beside = sum(size for name, size in branch.n_bytes().items() if name != self.folder)
        problems = [
            *checks.size_problems(self.listed, beside, self.limits),
            *self._foreign(branch, there, index),
        ]
        if problems:
            raise PublishError(f"{self.site} cannot be added to the branch:", problems, "Nothing was pushed.")
        share = (self.listed.n_bytes + beside) / self.limits.site_bytes
        if share >= self.limits.warn_share:
            logger.warning("the published site uses %.0f %% of the host's limit", 100 * share)

    def _entries(self, branch: PagesBranch, index: Mapping[str, str]) -> dict[str, Entry]:
        study = branch.store_folder(self.site, self.listed.sizes)
        return {
            **branch.entries(),
            **branch.store_texts({**index, NO_JEKYLL: ""}),
            self.folder: study._replace(name=self.folder),
        }
