"""Which files belong together: the statistics of a study, handed from stage to stage as one."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class StatisticsPaths:
    """The files that `aggregate_dataset` writes and the site reads; each field is named after its schema."""

    tokens: Path
    head_tokens: Path
    heads: Path
    document_index: Path
    ledger: Path
    summary: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Name the files as the workflow does: `<field>.parquet`, and `summary.json`."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: folder / f"{name}.{'json' if name == 'summary' else 'parquet'}" for name in names})
