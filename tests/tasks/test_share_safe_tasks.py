"""Share-safe mode of label sets and of values: no word of the texts in the site, in figures or in exports."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drawn_figures import PROVENANCE, inputs_of
from share_safe import KEY, SECRETS, leaks
from site_statistics import compute_statistics
from slow_cases import rest_is_slow
from task_studies import write_task_study

from attviz_pipeline.artifacts import corpus_schemas, files
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import DatasetSettings, ExportSettings, FiguresSettings, TaskName
from attviz_pipeline.dataset.gold import READERS, LabelSource
from attviz_pipeline.dataset.rows import Row
from attviz_pipeline.export.export_attention import FORMATS, export_attention
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.figures.saving import save_figures
from attviz_pipeline.redaction.redact_attention import redact_attention
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import DrawFigures, ExportAttention, RedactAttention, RenderSite

UNREADABLE = "Zwiebelturm"
BAD_CELLS: dict[TaskName, list[tuple[dict[str, Any], Any]]] = {
    "multi_label": [
        ({"label_column": "tags", "label_separator": ";"}, f"people;{UNREADABLE};{UNREADABLE}"),
        ({"label_columns": ["economy", "people"]}, ("1", UNREADABLE)),
    ],
    "regression": [({"label_column": "stars"}, UNREADABLE)],
}
"""Settings of label columns, and a cell that cannot be used, by task."""
KINDS = {
    name: kind
    for name, kind in FIGURES.items()
    if (kind.names_words and name != "word_cloud") or kind.tasks is not None
}


def add_bad_rows(ledger: Path, task: TaskName, settings: dict[str, Any], cell: Any) -> None:  # noqa: ANN401 - any cell
    """Add a row that was left out, whose faults the real reader describes; they quote its label cell."""
    row = Row(part=0, number=1, id="bad", label=cell, text_digest=b"")
    READERS[task](LabelSource(DatasetSettings(source="news.csv", **settings), (), needed=False)).read(row)
    [fault] = row.faults
    assert UNREADABLE in fault.what
    rows = files.read_table(ledger, corpus_schemas.LEDGER).to_pylist()
    detail = f"column {fault.column}: {fault.what}"
    rows.append({**rows[-1], "row": len(rows) + 1, "split": "", "status": fault.status, "detail": detail})
    columns = {name: [row[name] for row in rows] for name in corpus_schemas.LEDGER.arrow.names}
    files.write_table(ledger, corpus_schemas.LEDGER, columns)


def texts() -> Iterator[str]:
    often = [secret for secret in SECRETS if "once" not in secret]
    for number in range(24):
        yield f"the {' of '.join(often)} bank said, and 1999 was paid ! again {number}"
    yield f"{SECRETS[5]} bank"


def study_without_words(folder: Path, task: TaskName, mode: str, bad: tuple[dict[str, Any], Any]) -> tuple[Path, Path]:
    """Write the site and the exports of a study; mode `none` shows the words."""
    inputs = write_task_study(folder, task, n_documents=25, texts=list(texts()), full=False)
    add_bad_rows(folder / "ledger.parquet", task, *bad)
    section: dict[str, Any] = {"mode": mode, **({"min_document_frequency": 2} if mode != "none" else {})}
    if mode == "hash":
        (folder / "study.key").write_bytes(KEY)
        section["key_file"] = str(folder / "study.key")
    attention = list(inputs.attention)
    if mode != "none":
        redacted = [folder / "redacted" / path.name for path in attention]
        redact_attention(RedactAttention.model_validate({"redaction": section}), attention, redacted)
        attention = redacted
    statistics = compute_statistics(folder / "again", attention, folder / "ledger.parquet")
    drawing = inputs_of(StatisticsPaths.below(statistics.folder), DrawFigures(seed=1, figures=FiguresSettings(dpi=50)))
    save_figures(kinds_of(drawing, KINDS), drawing, PROVENANCE, folder / "figures", label="test")
    study = {
        "name": "study",
        "dataset": {"source": "news.csv", **bad[0]},
        "model": {"source": "folder"},
        "redaction": section,
    }
    changed = {"attention": attention, "figures": folder / "figures", "maps": None, **statistics.fields()}
    write_site(RenderSite(study=parse_study(study, "test")), replace(inputs, **changed), folder / "site")
    wanted = ExportAttention(export=ExportSettings(formats=list(FORMATS)))
    export_attention(wanted, attention, folder / "export", None)
    return folder / "site", folder / "export"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_search_finds_what_is_not_redacted(tmp_path: Path) -> None:
    for folder in study_without_words(tmp_path, "multi_label", "none", BAD_CELLS["multi_label"][0]):
        found = {line.split(": ")[1] for line in leaks(folder, [*SECRETS, UNREADABLE])}
        assert {"quibblefrotz", "wumpus"} <= found
        assert (UNREADABLE.casefold() in found) == (folder.name == "site")


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize(
    ("task", "mode", "bad"),
    rest_is_slow(
        (task, mode, bad)
        for (task, cells), mode in zip(BAD_CELLS.items(), ("hash", "shape"), strict=True)
        for bad in cells
    ),
)
def test_no_file_of_a_redacted_study_holds_a_word(
    task: TaskName, mode: str, bad: tuple[dict[str, Any], Any], tmp_path: Path
) -> None:
    site, export = study_without_words(tmp_path, task, mode, bad)

    assert leaks(site, [*SECRETS, UNREADABLE]) == []
    assert leaks(export, [*SECRETS, UNREADABLE]) == []
    about = (site / "about.html").read_text(encoding="utf-8")
    column = {"label_separator": "tags", "label_columns": "people"}.get(next(reversed(bad[0])), "stars")
    assert f"<bdi>column {column}</bdi>" in about
    assert not re.search(rf"{KEY.decode()}|{re.escape(str(tmp_path))}", about)
