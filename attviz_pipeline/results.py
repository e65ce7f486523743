"""Read the results of a finished study: its tables, and its documents with their self-attention."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.artifacts import all_schemas, attention_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths, table_path
from attviz_pipeline.artifacts.rows import Row, iter_rows
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.artifacts.token_evidence import EvidenceVectors
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links
from attviz_pipeline.report.single_file import single_file
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

HEIGHT = 640
_SCHEMAS = {schema.name: schema for schema in all_schemas.ALL if schema.arrow.names}
_FOLDERS = {
    one.name: folder
    for folder, tables in (("evidence", EvidencePaths), ("models", ModelsPaths))
    for one in fields(tables)
}
"""Folders of tables that are not among the statistics."""

_NAME_A_PAGE = "Name a page of the site, such as heads.html."


@dataclass(frozen=True)
class Page:
    """A page of the site as one file. A notebook shows it in a frame, also without a kernel once it is saved.

    The frame is sandboxed: scripts of the page run without access to the notebook, and the page loads nothing.

    Attributes:
        html: The file.
        title: What the frame is called for screen readers.
        height: Height of the frame in pixels.
    """

    html: str = field(repr=False)
    title: str
    height: int = HEIGHT

    def save(self, path: Path | str) -> None:
        """Write the page as a file, which opens by double-click."""
        files.write_text(Path(path), self.html)

    def _repr_html_(self) -> str:
        """Return a frame with the whole page in it; IPython asks for this method."""
        style = f"width: 100%; height: {self.height}px; border: 1px solid #8888"
        sandbox = "allow-scripts allow-downloads"
        content = escape(self.html).replace("\r", "&#13;")
        return f'<iframe title="{escape(self.title)}" sandbox="{sandbox}" style="{style}" srcdoc="{content}"></iframe>'


@dataclass(frozen=True)
class Document:
    """One document as the classifier read it.

    Attributes:
        id: Identifier in the corpus; that of a segment ends in `#<number>`.
        split: train, validation or test; empty if the source defines none.
        label: Gold class, gold labels, or gold value, as the task has it; None if it is not known.
        prediction: Predicted class, labels or value.
        probabilities: Softmax of the logits, [class], or sigmoid of each, [label], 0..1; empty in regression.
        text: The text, unchanged.
        tokens: Vocabulary entries as text, [token].
        special: True for [CLS], [SEP] and the like, [token].
        self_attention: Diagonal of the softmaxed attention matrices, [layer, head, token], 0..1.
        gradient_x_input: Gradient x input of the log probability of the predicted class or label set, nats, or of the
            predicted value, [token]; None if it was not measured.
        leave_one_out: Fall of the probability of the predicted class or label set, -1..1, or of the predicted value,
            without each token, [token], NaN for special tokens; None if it was not measured.
        site: Folder of the site.
        position: Place among all documents, which names its page.
    """

    id: str
    split: str
    label: str | tuple[str, ...] | float | None
    prediction: str | tuple[str, ...] | float
    probabilities: NDArray[np.float32]
    text: str
    tokens: list[str]
    special: NDArray[np.bool_]
    self_attention: NDArray[np.float32] = field(repr=False)
    site: Path = field(repr=False)
    position: int = field(repr=False)
    gradient_x_input: NDArray[np.float32] | None = field(default=None, repr=False)
    leave_one_out: NDArray[np.float32] | None = field(default=None, repr=False)

    def show(self, height: int = HEIGHT) -> Page:
        """Return its page, which a notebook shows.

        Args:
            height: Height of the frame in pixels.

        Raises:
            ArtifactError: The site is missing, or has no page of this document.
        """
        remedy = "A larger site.max_megabytes makes room for more documents, or maps.documents asks for this one."
        return _page(self.site, links.document(self.position), f"Document {self.id}", height, remedy)


class Results:
    """The folder `results/<study>` of a run."""

    def __init__(self, folder: Path | str, site: Path | str | None = None) -> None:
        """Open a study.

        Args:
            folder: The results.
            site: Folder of the site; `site` in the results if it is None.

        Raises:
            ArtifactError: The folder has no self-attention, or shards of runs with different numbers of shards.
        """
        self.folder = Path(folder)
        self.site = self.folder / "site" if site is None else Path(site)
        self._shards = self._find_shards()

    @property
    def tables(self) -> list[str]:
        """Names of the tables of the dataset, of evidence and of models; docs/artifacts.md lists their columns."""
        folders = ("statistics", "evidence", "models")
        found = {path.stem for folder in folders for path in (self.folder / folder).glob("*.parquet")}
        return sorted(found & set(_SCHEMAS))

    @property
    def models(self) -> list[dict[str, Any]]:
        """Models that read the same documents, the study's own first: rows of the table `models`; empty if none did.

        Raises:
            ArtifactError: The table is damaged.
        """
        return self.table("models").to_pylist() if "models" in self.tables else []

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Read a table of the whole dataset, or some of its columns.

        Raises:
            ArtifactError: The file is missing or damaged, or there is no table or column of this name.
        """
        unknown = sorted(set(columns or ()) - set(self._place(name)[1].arrow.names))
        if unknown:
            raise ArtifactError(
                f"table {name} has no column {', '.join(unknown)}.",
                remedy=f"It has {', '.join(self._place(name)[1].arrow.names)}.",
            )
        return files.read_table(*self._place(name), columns)

    def to_pandas(self, name: str, columns: list[str] | None = None) -> "pd.DataFrame":
        """Read a table of the whole dataset, or some of its columns, as a data frame.

        Raises:
            ArtifactError: As `table`.
        """
        return self.table(name, columns).to_pandas()

    def show(self, page: str = links.START, height: int = HEIGHT) -> Page:
        """Return a page of the site, which a notebook shows; its links to other pages are left out.

        Args:
            page: Address of the page, relative to the site's folder, for example `heads.html`.
            height: Height of the frame in pixels.

        Raises:
            ArtifactError: There is no such page.
        """
        return _page(self.site, page, f"Page {page} of {self.site}", height)

    def __repr__(self) -> str:
        return f"Results({str(self.folder)!r}, site={str(self.site)!r})"

    def facts(self, name: str) -> dict[str, Any]:
        """Read the metadata of a table: numbers of layers and heads, names of classes, ...

        Raises:
            ArtifactError: As `table`.
        """
        return files.read_facts(*self._place(name))

    @cached_property
    def label_names(self) -> list[str]:
        """Names of the classes or labels, in the order of the probabilities; none in regression."""
        return list(self._facts["label_names"])

    def documents(self) -> Iterator[Document]:
        """Yield the documents, shard by shard; memory holds one row group at a time, and the evidence of the sample.

        Raises:
            ArtifactError: A shard or a table of evidence is damaged, or they are of different documents.
        """
        for shard in self._shards:
            for row in iter_rows(shard, attention_schemas.ATTENTION):
                yield self._document(row)

    def document(self, id: str) -> Document:  # noqa: A002 - the name of the column
        """Return one document by its id.

        Raises:
            ArtifactError: There is no such document; similar ids are listed.
        """
        ids: list[str] = []
        for shard in self._shards:
            there = files.read_table(shard, attention_schemas.ATTENTION, ["id"])["id"].to_pylist()
            if id in there:
                return next(
                    self._document(row)
                    for row in iter_rows(shard, attention_schemas.ATTENTION)
                    if row.scalar("id") == id
                )
            ids += there
        near = difflib.get_close_matches(str(id), ids, n=3) or ids[:3]
        raise ArtifactError(f"there is no document {id!r}.", remedy=f"There are {', '.join(map(repr, near))}, ...")

    def _document(self, row: Row) -> Document:
        gold, predicted = (
            self._task.named(read({column: row.scalar(column)}))
            for read, column in (
                (self._task.gold, self._task.gold_column),
                (self._task.predicted, self._task.predicted_column),
            )
        )
        shape = self._facts["n_layers"], self._facts["n_heads"], -1
        place = row.scalar("position"), row.scalar("id"), row.array("special")
        evidence = self._evidence.of(*place) if self._evidence else {}
        return Document(
            id=row.scalar("id"),
            split=row.scalar("split"),
            label=gold,
            prediction=predicted,
            probabilities=row.array("probabilities"),
            text=row.scalar("text"),
            tokens=row.scalar("tokens"),
            special=row.array("special"),
            self_attention=row.array("self_attention").reshape(shape),
            site=self.site,
            position=row.scalar("position"),
            **evidence,
        )

    @cached_property
    def _evidence(self) -> EvidenceVectors | None:
        """None where nothing was measured."""
        paths = EvidencePaths.below(self.folder / "evidence")
        tables = paths.gradients, paths.leave_one_out
        return EvidenceVectors(*tables) if any(path.exists() for path in tables) else None

    @cached_property
    def _task(self) -> Task[Any]:
        return task_of(self._facts)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return files.read_facts(self._shards[0], attention_schemas.ATTENTION)

    def _find_shards(self) -> list[Path]:
        shards = sorted((self.folder / "attention").glob("*.parquet"))
        numberings = {path.stem.partition("-of-")[2] for path in shards}
        if not shards:
            raise ArtifactError(
                f"{self.folder} holds no self-attention ({self.folder / 'attention'}/*.parquet).",
                remedy="Name the folder of a finished study, results/<name>.",
            )
        if len(numberings) > 1:
            raise ArtifactError(
                f"{self.folder / 'attention'} holds shards of more than one run: of {', '.join(sorted(numberings))}.",
                remedy="Delete the shards of the runs that you no longer use.",
            )
        return shards

    def _place(self, name: str) -> tuple[Path, Schema]:
        if name not in _SCHEMAS:
            raise ArtifactError(f"there is no table {name!r}.", remedy=f"There are {', '.join(self.tables)}.")
        return table_path(self.folder / _FOLDERS.get(name, "statistics"), name), _SCHEMAS[name].of(self._task.name)


def _page(site: Path, address: str, title: str, height: int, remedy: str = _NAME_A_PAGE) -> Page:
    if address not in {path.relative_to(site).as_posix() for path in site.rglob("*.html")}:
        raise ArtifactError(f"{site} has no page {address}.", remedy=remedy)
    return Page(single_file(site, address), title, height)


def open_results(folder: Path | str, site: Path | str | None = None) -> Results:
    """Open a finished study, `results/<name>`, or the results of `report`, `<folder>-results`.

    Args:
        folder: The results.
        site: Folder of the site; `site` in the results if it is None.

    Raises:
        ArtifactError: As in `Results`.
    """
    return Results(folder, site)
