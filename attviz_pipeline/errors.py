"""The errors that a user can cause, and the layout of their messages.

AttvizError             the base: a fault and its remedy, exit code 2, never a traceback
├── ConfigError         a key of the configuration is unknown, missing or out of range
├── DatasetError        a file, row, column or label of the corpus cannot be used
├── ModelError          a model folder, package or hub repository cannot be used
├── AttentionError      a model runs but its attention cannot be read
├── ArtifactError       a file of the pipeline is missing, truncated or of another version
├── PublishError        a site must not, or cannot, be published
└── ResourceError       the machine lacks disk, memory or the requested device
"""

from collections.abc import Sequence
from typing import NamedTuple

MAX_LISTED = 20


class Problem(NamedTuple):
    """One problem: its location (file, row, column or key) and its description."""

    where: str
    what: str


class AttvizError(Exception):
    """A fault of the input or the machine, reported in full and without a traceback.

    Args:
        summary: One sentence.
        problems: All problems, listed below the summary.
        remedy: What to do, on a line of its own at the end.

    Attributes:
        may_pass: Whether the same run may succeed later although neither the study nor its files change.
    """

    exit_code = 2
    may_pass = False

    def __init__(self, summary: str, problems: Sequence[Problem] = (), remedy: str = "") -> None:
        self.summary = summary
        self.problems = tuple(problems)
        self.remedy = remedy
        super().__init__(self.render())

    def render(self) -> str:
        """Return the whole message: summary, aligned list of problems, remedy."""
        shown = self.problems[:MAX_LISTED]
        width = max((len(problem.where) for problem in shown), default=0)
        lines = [self.summary]
        lines += [f"  {problem.where:<{width}}  {problem.what}" for problem in shown]
        if len(self.problems) > len(shown):
            lines.append(f"  ... and {len(self.problems) - len(shown)} more")
        if self.remedy:
            lines.append(self.remedy)
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in a notebook; IPython asks for this method."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(AttvizError):
    """A key of the configuration is unknown, missing or out of range."""


class DatasetError(AttvizError):
    """A file, row, column or label of the corpus cannot be used."""


class ModelError(AttvizError):
    """A model folder, package or hub repository cannot be used."""


class AttentionError(AttvizError):
    """A model runs but its attention cannot be read."""


class ArtifactError(AttvizError):
    """A file of the pipeline is missing, truncated or of another version."""


class PublishError(AttvizError):
    """A site must not, or cannot, be published."""


class ResourceError(AttvizError):
    """The machine lacks disk, memory or the requested device."""
