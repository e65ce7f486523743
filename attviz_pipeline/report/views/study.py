"""What every page knows about the study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attviz_pipeline import published
from attviz_pipeline.artifacts import (
    attention_schemas,
    corpus_schemas,
    files,
    map_schemas,
    model_schemas,
    statistics_schemas,
    term_schemas,
)
from attviz_pipeline.artifacts.vector_names import head_names, layer_names
from attviz_pipeline.config.study import Study
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.formats import head_name, significant
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import MapInputs, SiteInputs
from attviz_pipeline.report.token_measures import measures_of_study
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task

DIGITS = 4


@dataclass(frozen=True)
class HeadRef:
    """One head and its page."""

    layer: int
    head: int
    page: str


@dataclass(frozen=True)
class StudyView:
    """The study's settings and the small artifacts, read once; folders outside the study are cut from paths.

    Args:
        settings: The whole configuration.
        dataset: Card of the corpus.
        model: Card of the classifier.
        metrics: Scores of the classifier.
        summary: Counts and scores of the analysed documents.
        map_reasons: Why each document that has token-to-token maps was chosen, by position.
        with_vectors: Positions of those that also have query and key vectors, in the order chosen.
        provenance: Versions and commit, as handed in.
        extraction: Devices and precisions that attention was extracted with, where the shards say so.
        vector_names: What heads are called in files for other tools, by row.
        layer_names: The same of the means of layers.
        token_measures: Names of the measures of tokens that full mode adds.
        corpus_paths: The corpus's files as they were given: never shown, only looked for to be cut.
        has_evidence: True where it was measured whether attention matters to the prediction.
        has_models: True where the study compares models.
        n_sampled: Documents that intervals and tests are computed from; None if all are.
        with_page: Positions of the documents that have a page, ascending; None where all have one, and until it is
            chosen.
    """

    settings: Study
    dataset: dict[str, Any]
    model: dict[str, Any]
    metrics: dict[str, Any]
    summary: dict[str, Any]
    map_reasons: dict[int, str]
    provenance: dict[str, str]
    extraction: dict[str, list[str]]
    vector_names: list[str]
    layer_names: list[str]
    token_measures: list[str]
    corpus_paths: list[str]
    with_vectors: tuple[int, ...] = ()
    has_evidence: bool = False
    has_models: bool = False
    n_sampled: int | None = None
    with_page: NDArray[np.int64] | None = None

    @property
    def n_with_page(self) -> int:
        """Number of documents that have a page."""
        return self.n_documents if self.with_page is None else len(self.with_page)

    @property
    def shows_all(self) -> bool:
        """True where every document has a page."""
        return self.n_with_page == self.n_documents

    def place_of(self, position: int) -> int | None:
        """Place of a document among those that have a page, from 0; None if it has none."""
        if self.with_page is None:
            return position
        place = int(np.searchsorted(self.with_page, position))
        return place if place < len(self.with_page) and self.with_page[place] == position else None

    def page_at(self, place: int) -> int | None:
        """Position of the document at a place among those that have a page; None beyond the first and the last."""
        if not 0 <= place < self.n_with_page:
            return None
        return place if self.with_page is None else int(self.with_page[place])

    def document_page(self, position: int) -> str | None:
        """Page of a document; None if it has none."""
        return None if self.place_of(position) is None else links.document(position)

    @property
    def pages(self) -> list[links.Page]:
        """Pages that every page leads to."""
        return links.pages_of(evidence=self.has_evidence, models=self.has_models, groups=self.task.nouns.capitalize())

    @property
    def title(self) -> str:
        """Title of the site."""
        return self.settings.report.title

    @property
    def sensitive(self) -> bool:
        """True where texts are blurred until the reader asks for them."""
        return self.settings.report.sensitive

    @property
    def label_names(self) -> list[str]:
        """Names of the classes or labels, by index; none in regression."""
        return list(self.summary["label_names"])

    @cached_property
    def task(self) -> Task[Any]:
        """What gold values, predictions and outcomes are."""
        return task_of(self.summary)

    @property
    def n_documents(self) -> int:
        """Number of analysed documents."""
        return int(self.summary["n_documents"])

    @property
    def n_sources(self) -> int:
        """Number of input rows that the analysed documents come from."""
        return int(self.summary["n_sources"])

    @property
    def shares_rows(self) -> bool:
        """True where several documents are parts of one input row, and so not independent."""
        return self.n_sources < self.n_documents

    @property
    def imported(self) -> bool:
        """True where attention comes from a file that names neither layers nor heads."""
        return self.settings.imported

    def head_of(self, row: int) -> HeadRef:
        """Find a head by its number among the heads of all layers."""
        layer, head = divmod(row, self.n_heads)
        return HeadRef(layer, head, links.head(layer, head))

    @property
    def head_noun(self) -> str:
        """What one row of self-attention is: a head, or a vector of an imported file."""
        return "vector" if self.imported else "head"

    def head_name(self, layer: int, head: int) -> str:
        """Short name of a head, or of a vector."""
        return f"V{head}" if self.imported else head_name(layer, head)

    def head_in_words(self, layer: int, head: int) -> str:
        """Long name of a head."""
        return f"vector {head}" if self.imported else f"layer {layer}, head {head}"

    @property
    def n_labelled(self) -> int:
        """Number of analysed documents whose gold value is known."""
        return int(self.summary["n_labelled"])

    @property
    def n_wrong(self) -> int:
        """Number of labelled documents whose prediction is not right, or only partly; 0 in regression."""
        n_right = n_right_of(self.summary)
        return 0 if n_right is None else self.n_labelled - n_right

    def spelled(self, value: Any) -> str | None:  # noqa: ANN401 - a gold value or a prediction of any task
        """A gold value or a prediction as text, None where it is not known; numbers have four significant digits."""
        if value is None:
            return None
        return self.task.spell(value) if self.task.has_labels else significant(value, DIGITS)

    @property
    def groups(self) -> list[str]:
        """What has a page of its own: the classes or labels, or the known values of a regression."""
        compared = self.task.compared
        known = compared if self.n_labelled else [name for name in compared if name == "predicted"]
        return self.label_names or [compared[name] for name in known]

    def group_page(self, grouping: str, group: str) -> str | None:
        """Page of a group of documents: a class, label or value, or those with mistakes; those without have none."""
        if grouping == "correct":
            return None if group == "right" else links.WRONG
        return links.class_page(self.groups.index(group)) if group in self.groups else None

    @property
    def n_layers(self) -> int:
        """Layers of the model."""
        return int(self.summary["n_layers"])

    @property
    def n_heads(self) -> int:
        """Heads of each layer."""
        return int(self.summary["n_heads"])

    @property
    def n_rows(self) -> int:
        """Heads of all layers together."""
        return self.n_layers * self.n_heads


def read_study_view(settings: Study, inputs: SiteInputs) -> StudyView:
    """Read the small artifacts.

    Raises:
        ArtifactError: One is missing, damaged or of another version.
    """
    dataset = files.read_json(inputs.dataset, corpus_schemas.DATASET)
    facts = files.read_facts(inputs.attention[0], attention_schemas.ATTENTION)
    return StudyView(
        settings=published.published_settings(settings),
        dataset=published.published_card(dataset),
        model=published.published_card(files.read_json(inputs.model, model_schemas.MODEL)),
        metrics=files.read_json(inputs.metrics, model_schemas.METRICS),
        summary=files.read_json(inputs.statistics.summary, statistics_schemas.SUMMARY),
        map_reasons=(map_reasons := _map_reasons(settings, inputs.maps)),
        with_vectors=_with_vectors(map_reasons, inputs.maps),
        provenance=dict(inputs.provenance),
        extraction=_extraction(inputs.attention),
        vector_names=head_names(facts),
        layer_names=layer_names(facts),
        token_measures=measures_of_study(inputs.attention),
        corpus_paths=published.corpus_paths(dataset),
        has_evidence=inputs.evidence is not None,
        has_models=inputs.models is not None,
        n_sampled=_n_sampled(inputs.terms.class_heads),
    )


def n_right_of(summary: Mapping[str, Any]) -> int | None:
    """Number of documents whose prediction is right, from the summary; None where no prediction is right or wrong."""
    if outcomes := summary.get("outcomes"):
        return int(outcomes["right"])
    confusion: list[list[int]] | None = summary.get("confusion")
    return sum(row[index] for index, row in enumerate(confusion)) if confusion else None


def run_facts(study: StudyView) -> dict[str, Any]:
    """Put together the artifact `run`: the facts that an index of several sites shows."""
    return {
        "name": study.settings.name,
        "title": study.title,
        "description": study.settings.report.description,
        "n_documents": study.n_documents,
        "n_layers": study.n_layers,
        "n_heads": study.n_heads,
        "model": study.model.get("source") or "",
        "commit": study.provenance.get("git commit", ""),
        "redaction": study.settings.redaction.mode,
        "min_document_frequency": study.settings.redaction.min_document_frequency,
    }


def _n_sampled(class_heads: Path) -> int | None:
    facts = files.read_facts(class_heads, term_schemas.CLASS_HEADS)
    return facts["n_sampled"] if facts["n_sampled"] < facts["n_analysed"] else None


def _map_reasons(settings: Study, maps: MapInputs | None) -> dict[int, str]:
    if maps is None:
        return {}
    if settings.redaction.mode != "none":
        raise ArtifactError(
            f"{maps.maps} holds words, which `redaction.mode: {settings.redaction.mode}` keeps out of the site.",
            remedy="Leave out --maps.",
        )
    documents = files.read_json(maps.selection, map_schemas.MAP_SELECTION)["documents"]
    return {document["position"]: document["reason"] for document in documents}


def _with_vectors(chosen: Iterable[int], maps: MapInputs | None) -> tuple[int, ...]:
    if maps is None:
        return ()
    table = files.read_table(maps.maps, map_schemas.MAPS, ["position", "scale"])
    there = set(table.filter(table["scale"].is_valid())["position"].to_pylist())
    return tuple(position for position in chosen if position in there)


def _extraction(attention: Sequence[Path]) -> dict[str, list[str]]:
    """Shards may come from several machines: of each fact, all values that occur."""
    facts = [files.read_facts(path, attention_schemas.ATTENTION) for path in attention]
    found = {name: sorted({fact[name] for fact in facts if name in fact}) for name in ("device", "precision")}
    return {name: values for name, values in found.items() if values}
