"""The stage `render_site`: reads the artifacts in order and writes page after page."""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from attviz_pipeline.artifacts import attention_schemas, checksums, files, map_schemas, output_schemas
from attviz_pipeline.artifacts.failed import read_failed
from attviz_pipeline.artifacts.layout import EvidencePaths, ModelsPaths, table_path
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.formats import plural
from attviz_pipeline.progress import track
from attviz_pipeline.provenance import collect_provenance
from attviz_pipeline.report import assets, links
from attviz_pipeline.report.inputs import MapInputs, SiteInputs
from attviz_pipeline.report.maps import WindowMap, write_maps
from attviz_pipeline.report.model_maps import ModelMaps, write_model_maps
from attviz_pipeline.report.page_sizes import read_sizes
from attviz_pipeline.report.render import Pages, templates_folder
from attviz_pipeline.report.rows import DocumentRow, iter_documents
from attviz_pipeline.report.sentences.heads import even_attention
from attviz_pipeline.report.sentences.labels import names
from attviz_pipeline.report.sentences.scores import one_prediction
from attviz_pipeline.report.tiers import Tiers, choose_tiers
from attviz_pipeline.report.token_evidence import TokenEvidence, TokenEvidenceReader
from attviz_pipeline.report.views import (
    about,
    classes,
    compare,
    document,
    document_evidence,
    document_shades,
    documents,
    figures,
    head,
    heads,
    methods,
    model_maps,
    start,
    token_details,
    tokens,
    values,
)
from attviz_pipeline.report.views.activity import HeadActivity
from attviz_pipeline.report.views.concordance import Concordance
from attviz_pipeline.report.views.document_groups import read_document_groups
from attviz_pipeline.report.views.evidence import evidence_view
from attviz_pipeline.report.views.evidence_page import answer_of, evidence_page_view
from attviz_pipeline.report.views.heads_page import heads_page_view
from attviz_pipeline.report.views.model_evidence import read_model_evidence
from attviz_pipeline.report.views.model_terms import model_terms_view
from attviz_pipeline.report.views.models import models_page_view, read_models
from attviz_pipeline.report.views.scale import DatasetScale, dataset_scale
from attviz_pipeline.report.views.scores import intervals_of_classes, scores_view
from attviz_pipeline.report.views.study import StudyView, read_study_view, run_facts
from attviz_pipeline.report.views.term_evidence import TermEvidence
from attviz_pipeline.stages import RenderSite

FIGURES_OF_MODELS = ("model_changes", "model_layers", "effect_replications", "model_agreement")
logger = logging.getLogger(__name__)


def render_site(  # noqa: PLR0913 - one parameter per file
    settings: RenderSite,
    dataset_card: Path,
    model_card: Path,
    metrics: Path,
    statistics: Path,
    figures: Path,
    attention: Sequence[Path],
    aggregates: Sequence[Path],
    results: Sequence[Path],
    site: Path,
    study: Path,
    maps: Sequence[Path] | None = None,
    evidence: Sequence[Path] | None = None,
    models: Sequence[Path] | None = None,
) -> None:
    """Render the site of a study from the files that the workflow wrote, and record the configuration beside it.

    Args:
        settings: The configuration.
        dataset_card: Artifact `dataset`.
        model_card: Artifact `model`.
        metrics: Artifact `metrics`.
        statistics: Folder of the statistics.
        figures: Folder of the figures.
        attention: Artifacts `attention` of all shards.
        aggregates: Artifacts `aggregates` of the same shards, in the same order.
        results: Folder of each model's results, the study's own first, then in the order of the settings.
        site: Folder to write; an older one is replaced.
        study: Artifact `study`, written.
        maps: Artifacts `maps` and `map_selection`; None where there are none, or where words must not show.
        evidence: The tables of evidence, in the order of `EvidencePaths`; None where it was not measured.
        models: The comparison of models, in the order of `ModelsPaths`; None where the study compares none.

    Raises:
        ArtifactError: An artifact is missing, damaged or of another run.
    """
    inputs = site_inputs(
        dataset_card=dataset_card,
        model_card=model_card,
        metrics=metrics,
        statistics=statistics,
        figures=figures,
        attention=attention,
        aggregates=aggregates,
        maps=maps,
        evidence=evidence,
        models=models,
    )
    others = zip(settings.study.compared, results[1:], strict=True)
    of_models = {name: table_path(folder / "maps", "maps") for name, folder in others} if maps else {}
    there = {name: path for name, path in of_models.items() if read_failed([path]) is None}
    write_site(settings, replace(inputs, model_maps=there), site)
    files.write_json(study, output_schemas.STUDY, {"settings": settings.study.model_dump(mode="json")})


def site_inputs(  # noqa: PLR0913 - one parameter per file
    *,
    dataset_card: Path,
    model_card: Path,
    metrics: Path,
    statistics: Path,
    figures: Path,
    attention: Sequence[Path],
    aggregates: Sequence[Path],
    maps: Sequence[Path] | None = None,
    evidence: Sequence[Path] | None = None,
    models: Sequence[Path] | None = None,
) -> SiteInputs:
    """Put together what a site is made from; arguments as those of `render_site`."""
    cards = {"dataset": dataset_card, "model": model_card, "metrics": metrics}
    shards = {"attention": attention, "aggregates": aggregates}
    optional = {
        "maps": MapInputs(*maps) if maps else None,
        "evidence": EvidencePaths(*evidence) if evidence else None,
        "models": ModelsPaths(*models) if models else None,
    }
    return SiteInputs.below(statistics, **cards, **shards, figures=figures, provenance=collect_provenance(), **optional)


def write_site(settings: RenderSite, inputs: SiteInputs, site: Path) -> None:
    """Render the whole site; it appears under its name only when it is complete.

    Documents stream by one at a time, so memory does not grow with their number.

    Args:
        settings: The configuration.
        inputs: The artifacts.
        site: Folder to write; an older one is replaced.

    Raises:
        ArtifactError: An artifact is missing, damaged or of another run.
    """
    study = read_study_view(settings.study, inputs)
    with files.atomic_directory(site) as folder:
        templates = templates_folder()
        assets.write_assets(templates, folder, study.pages)
        _SiteWriter(study, inputs, folder, Pages(templates, folder, study)).write()


@dataclass(frozen=True)
class _Gathered:
    """Results of reading the documents with a page, for the pages that need them.

    `searchable` is how many characters of each text the index holds, None for all.
    """

    activity: HeadActivity
    concordance: Concordance
    scores: documents.DocumentScores
    shades: document_shades.DocumentShades
    tiers: Tiers
    searchable: int | None


class _SiteWriter:
    """One rendering: the parts that several pages share, and the pages in turn."""

    def __init__(self, study: StudyView, inputs: SiteInputs, site: Path, pages: Pages) -> None:
        self._study, self._inputs, self._site, self._pages = study, inputs, site, pages
        self._heads = heads.read_heads(inputs.statistics.heads)
        self._evidence = head.read_evidence(self._heads, inputs, study)
        self._classes = classes.read_class_evidence(inputs, self._evidence.separation, study)
        self._values = values.read_values(inputs.statistics.document_index, study)
        self._first = self._read_limits()
        self._tokens = tokens.read_token_table(inputs, study)
        self._details = token_details.plan_details(self._tokens, study)
        self._figures = figures.read_figures(inputs.figures)
        self._token_evidence = TokenEvidenceReader(inputs.evidence) if inputs.evidence else None
        self._term_evidence = (
            TermEvidence(inputs.evidence.term_evidence, inputs.terms.terms) if inputs.evidence else None
        )
        self._answer = answer_of(inputs.evidence, study) if inputs.evidence else None
        self._models = read_models(inputs.models, study, q_too_small=self._evidence.separation.q_too_small)
        self._model_evidence = read_model_evidence(inputs.models, self._models, study)
        self._model_maps = ModelMaps()

    def _read_limits(self) -> list[str]:
        """Sentences that limit what all pages show; templates know whether the model predicts one class."""
        only = self._classes.only_prediction(self._study)
        one = one_prediction(None if only is None else names(only), self._study.n_documents)
        self._pages.add_names(one_prediction=one)
        return [limit for limit in (one, even_attention(self._evidence.evenness, self._study)) if limit]

    def write(self) -> None:
        self._write_figures()
        gathered = self._write_documents()
        self._write_heads(gathered.activity)
        self._write_groups()
        self._write_index(gathered)
        self._write_start(self._write_tokens(gathered.concordance))
        if self._inputs.evidence:
            shown = figures.addresses_of(("faithfulness", "head_ablation"), self._figures)
            view = evidence_page_view(self._inputs.evidence, self._study, shown, self._model_evidence)
            self._pages.write(links.EVIDENCE, "evidence.html", view)
        if self._models and self._model_evidence and self._inputs.models:
            shown = figures.addresses_of(FIGURES_OF_MODELS, self._figures)
            page = models_page_view(self._models, self._inputs.models, shown, self._model_evidence)
            self._pages.write(links.MODELS, "models.html", replace(page, maps=self._model_maps))
        compared = assets.write_rows(self._site, "compare-documents", compare.document_columns(self._study))
        self._pages.write(links.COMPARE, "compare.html", compare.compare_view(compared, self._study))
        about_methods = methods.methods_view(
            labelled=self._study.n_labelled > 0, fine_tuned=self._study.settings.fine_tunes
        )
        self._pages.write(links.METHODS, "methods.html", about_methods)
        self._write_about()
        facts = run_facts(self._study) | {
            "compared_studies": list(self._inputs.compared_studies),
            "digests": checksums.folder_digests(self._site, self._names_written()),
        }
        files.write_json(self._site / links.RUN, output_schemas.RUN, facts)

    def _write_figures(self) -> None:
        target = self._site / links.FIGURE_FOLDER
        target.mkdir()
        for name in figures.file_names(self._figures):
            shutil.copyfile(self._inputs.figures / name, target / name)
        self._pages.write(links.FIGURES, "figures.html", figures.figures_view(self._figures, self._study, self._first))

    def _write_documents(self) -> _Gathered:
        self._check_number_of_documents()
        maps = self._write_maps()
        self._model_maps = self._write_model_maps(maps)
        tiers = self._choose_pages(maps)
        study = self._study
        gathered = self._prepare_to_gather(tiers)
        self._write_shared(dataset_scale(self._heads), gathered.tiers)
        usual = max(self._heads, key=lambda head: head.mean) if study.n_documents > 1 else None
        for row in track(self._iter_rows(), total=study.n_with_page, label="render_site", unit="pages"):
            lite = row.position not in gathered.tiers.full
            found = self._token_evidence.of(row) if self._token_evidence else None
            evidence = self._evidence_view(row, found)
            view = document.document_view(
                row, study, maps.get(row.position, []), usual, evidence=evidence, values=self._values, lite=lite
            )
            view = model_maps.with_model_maps(view, self._model_maps, self._models, study)
            self._pages.write(links.document(row.position), "document.html", view)
            gathered.activity.add(row, document.mean_of_heads(row))
            gathered.concordance.add(row)
            gathered.scores.add(row)
            gathered.shades.add(row, found)
        return gathered

    def _check_number_of_documents(self) -> None:
        n_documents = sum(files.count_rows(path, attention_schemas.ATTENTION) for path in self._inputs.attention)
        if n_documents != self._study.n_documents:
            raise ArtifactError(
                f"the attention shards hold {n_documents} documents, the summary counts {self._study.n_documents}.",
                remedy=files.REBUILD,
            )

    def _choose_pages(self, maps: Mapping[int, list[WindowMap]]) -> Tiers:
        """Choose the documents that have a page, which all later pages know."""
        index = self._inputs.statistics.document_index
        tiers = choose_tiers(index, self._study, self._bytes_written(), maps.keys(), self._measured())
        self._study = replace(self._study, with_page=tiers.with_page)
        self._pages.add_names(study=self._study)
        self._classes = classes.with_listed_documents(self._classes, index, self._study)
        return tiers

    def _evidence_view(
        self, row: DocumentRow, found: TokenEvidence | None
    ) -> document_evidence.DocumentEvidenceView | None:
        if self._token_evidence is None or found is None:
            return None
        return document_evidence.document_evidence_view(row, found, self._token_evidence.sample, self._study)

    def _measured(self) -> frozenset[int]:
        """Positions of the documents that have evidence."""
        return self._token_evidence.sample.positions if self._token_evidence else frozenset()

    def _prepare_to_gather(self, tiers: Tiers) -> _Gathered:
        inputs, study = self._inputs, self._study
        groups = read_document_groups(inputs.document_groups, study)
        sizes = read_sizes(inputs.statistics.document_index)
        listed = sizes if study.with_page is None else sizes.of(study.with_page)
        return _Gathered(
            activity=HeadActivity(study.n_rows),
            concordance=token_details.concordance_of(self._tokens, self._details, study),
            scores=documents.DocumentScores(inputs.assessment.confidences, groups, study.n_documents),
            shades=documents.shades_of_index(listed, study, evidence=self._token_evidence is not None),
            tiers=tiers,
            searchable=listed.searchable,
        )

    def _write_shared(self, scale: DatasetScale, tiers: Tiers) -> None:
        for address, lite in ((links.FULL_SHARED, False), (links.LITE_SHARED, True)):
            shared = document.shared_payload(self._study, scale, lite=lite)
            shared |= model_maps.shared_payload(self._model_maps, self._models, lite=lite)
            parts_view = document.parts_view(self._study, tiers, lite=lite)
            parts = self._pages.parts("document_parts", lite=lite, view=parts_view)
            assets.write_shared(self._site, address, shared, parts)
        assets.write_panels(self._site, self._pages.parts("on_demand"))

    def _names_written(self) -> list[str]:
        return [path.relative_to(self._site).as_posix() for path in self._site.rglob("*") if path.is_file()]

    def _bytes_written(self) -> int:
        return sum((self._site / name).stat().st_size for name in self._names_written())

    def _write_maps(self) -> dict[int, list[WindowMap]]:
        maps = self._inputs.maps
        if maps is None:
            return {}
        found = write_maps(maps.maps, self._site)
        if found.keys() != self._study.map_reasons.keys():
            raise ArtifactError(
                f"{maps.maps} and {maps.selection} are of different documents.",
                remedy=files.REBUILD,
            )
        return found

    def _write_model_maps(self, maps: Mapping[int, Sequence[WindowMap]]) -> ModelMaps:
        own = self._inputs.maps
        if own is None or not self._inputs.model_maps:
            return ModelMaps()
        most = round(self._study.settings.maps.max_megabytes * 1e6)
        chosen = {position: maps[position] for position in self._study.map_reasons}
        documents = files.read_json(own.selection, map_schemas.MAP_SELECTION)["documents"]
        planned = {document["position"] for document in documents if document["models"]}
        # A model that failed after its maps were extracted is not on the site.
        compared = {one.name for one in self._models.models} if self._models else set()
        of_models = {name: path for name, path in self._inputs.model_maps.items() if name in compared}
        found = write_model_maps(of_models, own.maps, chosen, planned, most, self._site)
        if found.left_out:
            logger.warning(
                "maps of other models are left out of %s: maps.max_megabytes is %g",
                *(plural(len(found.left_out), "document page"), self._study.settings.maps.max_megabytes),
            )
        return found

    def _iter_rows(self) -> Iterator[DocumentRow]:
        wanted = None
        if self._study.with_page is not None:
            wanted = np.zeros(self._study.n_documents, np.bool_)
            wanted[self._study.with_page] = True
        for attention, aggregates in zip(self._inputs.attention, self._inputs.aggregates, strict=True):
            yield from iter_documents(attention, aggregates, wanted)

    def _write_heads(self, activity: HeadActivity) -> None:
        clouds = figures.of_heads(self._figures)
        for view in head.iter_head_pages(self._evidence, self._inputs, self._study, activity):
            if self._models:
                again = self._models.found_in_head(view.row, self._study.n_heads)
                view = replace(view, again=again, in_models=self._models.values_of_head(view.row))  # noqa: PLW2901
            view = replace(view, figure=clouds.get((view.this.layer, view.this.head)))  # noqa: PLW2901
            self._pages.write(view.this.page, "head.html", view)
        page = heads_page_view(self._evidence, self._study)
        shown = figures.address_of("head_importance", self._figures)
        self._pages.write(links.HEADS, "heads.html", replace(page, figure=shown))
        columns = compare.head_columns(page, self._tokens, self._study)
        assets.write_rows(self._site, "compare-heads", [columns])

    def _write_groups(self) -> None:
        if self._study.task.has_labels:
            self._write_classes()
        else:
            self._write_values()

    def _write_values(self) -> None:
        index = self._inputs.statistics.document_index
        for view in values.iter_value_pages(self._classes, index, self._study):
            self._pages.write(view.group.page, "value.html", view)
        figure = figures.address_of("residuals", self._figures)
        page = values.values_page_view(self._classes, self._study, figure)
        self._pages.write(links.CLASSES, "values.html", page)

    def _write_classes(self) -> None:
        clouds = figures.clouds_of_classes(self._figures)
        for view in classes.iter_group_pages(self._classes, self._study, self._term_evidence):
            again = self._models.found_in_group(view.name) if self._models and view.score else []
            page = replace(view, again=again, figure=clouds.get(view.name) if view.score else None)
            self._pages.write(page.page, "class.html", page)
        assessment = self._classes.assessment
        all_classes = classes.classes_view(self._classes, self._study)
        stands_beside = scores_view(self._study, assessment).baseline
        all_classes = replace(all_classes, baseline=stands_beside, intervals=intervals_of_classes(assessment))
        self._pages.write(links.CLASSES, "classes.html", all_classes)
        columns = compare.class_columns(self._classes, self._inputs.terms.class_terms, self._study)
        assets.write_rows(self._site, "compare-classes", [columns])

    def _write_index(self, gathered: _Gathered) -> None:
        index, tiers, scores = self._inputs.statistics.document_index, gathered.tiers, gathered.scores
        marks = documents.Marks(
            mapped=self._study.map_reasons,
            vectors=self._study.with_vectors,
            full=tiers.full if tiers.n_full < tiers.n_pages else None,
            measured=self._measured() if self._token_evidence else None,
        )
        scripts = assets.write_rows(
            self._site,
            "documents",
            documents.iter_chunks(index, self._study, gathered.searchable, marks, scores),
        )
        assets.write_rows(self._site, "shades", gathered.shades.iter_parts())
        view = documents.documents_view(
            index, self._study, gathered.searchable, scripts, scores, tiers, self._first, shades=gathered.shades
        )
        parts = assets.write_rows(self._site, "others", documents.iter_others(index, self._study, tiers.others))
        others = documents.others_view(self._study, len(tiers.others), len(parts))
        view = replace(view, n_measured=len(self._measured()), others=others)
        self._pages.write(links.DOCUMENTS, "documents.html", view)

    def _write_tokens(self, concordance: Concordance) -> tokens.TokensView:
        details = self._write_details(concordance)
        scripts = assets.write_rows(self._site, "tokens", [tokens.token_columns(self._tokens, details)])
        evidence = self._term_evidence.of_all() if self._term_evidence else []
        view = tokens.tokens_view(self._tokens, details, self._study, scripts, evidence)
        if self._evidence.separation.q_too_small:
            view = replace(view, columns=view.columns | {"q_too_small": True})
        view = replace(view, in_models=model_terms_view(self._models, self._inputs.models))
        self._pages.write(links.TOKENS, "tokens.html", view)
        return view

    def _write_details(self, concordance: Concordance) -> list[int]:
        """Write the details of single tokens; return the number of each one's script, -1 for none."""
        numbers = [-1] * self._tokens.table.num_rows
        chunks = token_details.iter_details(
            self._tokens, self._details, concordance, self._inputs.terms.class_terms, self._study
        )
        for number, chunk in enumerate(chunks):
            assets.write_part(self._site, "details", number, chunk)
            for item in chunk["item"]:
                numbers[item] = number
        return numbers

    def _write_start(self, token_view: tokens.TokensView) -> None:
        head_view = heads.heads_view(self._heads, self._evidence.relative, self._evidence.evenness, self._study)
        index = self._inputs.statistics.document_index
        view = start.start_view(self._study, index, head_view, token_view, self._classes)
        kinds = ("reliability", "label_reliability") if self._study.task.has_confidence else ()
        calibration = next((found for kind in kinds if (found := figures.address_of(kind, self._figures))), None)
        page = replace(view, calibration=calibration, evidence=self._answer, models=self._models)
        self._pages.write(links.START, "index.html", page)

    def _write_about(self) -> None:
        ledger = about.remarkable_rows(self._inputs.statistics.ledger, self._study)
        scripts = assets.write_rows(self._site, "ledger", [ledger])
        evidence = evidence_view(self._classes, self._study, self._answer)
        scores = scores_view(self._study, self._classes.assessment)
        view = about.about_view(self._study, ledger, scripts, evidence, scores)
        self._pages.write(links.ABOUT, "about.html", view)
