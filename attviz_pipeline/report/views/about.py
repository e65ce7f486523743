"""The page About: definitions, interpretation, the status of every input row, and provenance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml
from markupsafe import Markup

from attviz_pipeline import published
from attviz_pipeline.artifacts import corpus_schemas, files
from attviz_pipeline.artifacts.log_code import AGGREGATE_CODE, ATTENTION_CODE
from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.report.sentences.documents import documents_with_pages
from attviz_pipeline.report.views.evidence import EvidenceView
from attviz_pipeline.report.views.scores import ScoresView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.training import TrainingView, training_view

N_STATIC_ROWS = 50
ANALYSED = frozenset({"shown", "windowed", "truncated"})
STATUS_MEANINGS = {
    "shown": "analysed completely",
    "windowed": "longer than the model's input: analysed in overlapping windows",
    "truncated": "longer than the model's input: truncated",
    "not_analysed": "belongs to another split, or was not sampled",
    "empty": "left out: no text",
    "duplicate": "left out: repeats an earlier text",
    "unreadable_text": "left out: its text cannot be used",
    "unreadable_label": "left out: its label cannot be used",
    "unreadable_attention": "left out: its attention cannot be used",
}


@dataclass(frozen=True)
class StatusView:
    """One status of the ledger."""

    status: str
    meaning: str
    count: int


@dataclass(frozen=True)
class FactsView:
    """Facts of one origin, as names and values."""

    title: str
    rows: list[tuple[str, str]]


@dataclass(frozen=True)
class AboutView:
    """Definitions need no values; scores, training, the ledger, the errors and the provenance do.

    `pages` says which documents have a page; None where all have one.
    """

    scores: ScoresView
    training: TrainingView | None
    evidence: EvidenceView
    attention_error: float
    offsets: bool
    aggregate_error: float
    statuses: list[StatusView]
    n_input_rows: int
    remarkable: list[dict[str, Any]]
    n_remarkable: int
    scripts: list[str]
    columns: dict[str, Any]
    config: str
    facts: list[FactsView]
    pages: Markup | None = None


def about_view(
    study: StudyView, ledger: dict[str, list[Any]], scripts: list[str], evidence: EvidenceView, scores: ScoresView
) -> AboutView:
    """Put together the about page; `ledger` holds the columns of the remarkable rows."""
    counts = study.summary["ledger"]
    names = [name for name in ledger if name != "first"]
    n_remarkable = len(ledger["id"])
    shown = range(min(N_STATIC_ROWS, n_remarkable))
    return AboutView(
        scores=scores,
        training=training_view(study),
        evidence=evidence,
        attention_error=ATTENTION_CODE.relative_error,
        offsets=bool(study.model.get("offsets", True)),  # a card need only name what is out of the ordinary
        aggregate_error=AGGREGATE_CODE.relative_error,
        statuses=[StatusView(name, STATUS_MEANINGS.get(name, ""), counts[name]) for name in _ordered(counts)],
        n_input_rows=sum(counts.values()),
        remarkable=[{name: ledger[name][row] for name in names} for row in shown],
        n_remarkable=n_remarkable,
        scripts=scripts,
        columns={"total": n_remarkable},
        config=_configuration(study),
        facts=_facts(study),
        pages=None if study.shows_all else documents_with_pages(study),
    )


def remarkable_rows(ledger: Path, study: StudyView) -> dict[str, list[Any]]:
    """Columns of the ledger's rows that were left out, cut, or analysed with a remark, in input order.

    Files that `file` and `detail` name are named as a site may show them; in share-safe mode, the detail of a row that
    was left out is its columns alone.
    """
    columns: dict[str, list[Any]] = {name: [] for name in corpus_schemas.LEDGER.arrow.names}
    for table in files.iter_tables(ledger, corpus_schemas.LEDGER):
        plain = pc.and_(pc.equal(table["status"], "shown"), pc.equal(table["detail"], ""))
        rows = table.filter(pc.invert(pc.or_(plain, pc.equal(table["status"], "not_analysed"))))
        for name, values in columns.items():
            values.extend(rows[name].to_pylist())
    columns["file"] = [published.published(path) for path in columns["file"]]
    for path in study.corpus_paths:
        columns["detail"] = [detail and detail.replace(path, published.published(path)) for detail in columns["detail"]]
    if study.settings.redaction.mode != "none":
        rows = zip(columns["status"], columns["detail"], strict=True)
        columns["detail"] = [
            detail if status in ANALYSED else _columns_alone(detail, study.settings.dataset) for status, detail in rows
        ]
    return {"first": 0, **columns}  # type: ignore[dict-item]


def _columns_alone(detail: str, settings: DatasetSettings) -> str:
    # What is wrong with a cell quotes it. Names are taken from the settings, since a cell can hold anything.
    names = settings.columns.values()
    return ", ".join(f"column {name}" for name in names if f"column {name}: " in detail)


def _configuration(study: StudyView) -> str:
    # Where a site is published, and what must not be in it, is no part of how it was made.
    content = study.settings.model_dump(exclude={"publish"})
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _ordered(counts: dict[str, int]) -> list[str]:
    known = [name for name in STATUS_MEANINGS if name in counts]
    return known + sorted(set(counts) - set(known))


def _facts(study: StudyView) -> list[FactsView]:
    groups = [
        ("Corpus", study.dataset),
        ("Model", study.model),
        ("Extraction", study.extraction),
        ("Software", study.provenance),
    ]
    return [FactsView(title, list(_flat(content))) for title, content in groups if content]


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield from _flat({str(number): item for number, item in enumerate(value, start=1)}, f"{name}.")
        elif isinstance(value, list):
            yield name, ", ".join(str(item) for item in value)
        elif value is not None:
            yield name, str(value)
