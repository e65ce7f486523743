"""The stage `render_site`: reads the artefacts in order and writes page after page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from attviz_pipeline.artifacts import files
from attviz_pipeline.config import RenderSite
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.progress import track
from attviz_pipeline.report import assets, links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render import Pages, templates_folder
from attviz_pipeline.report.rows import DocumentRow, iter_documents
from attviz_pipeline.report.views import about, document, documents, figures, heads, start, tokens
from attviz_pipeline.report.views.study import StudyView, read_study_view


def render_site(settings: RenderSite, inputs: SiteInputs, site: Path) -> None:
    """Render the whole site; it appears under its name only when it is complete.

    Documents stream by one at a time, so memory does not grow with their number.

    Args:
        settings: The configuration.
        inputs: The artefacts.
        site: Folder to write; an older one is replaced.

    Raises:
        ArtifactError: An artefact is missing, damaged or of another run.
    """
    study = read_study_view(settings.study, inputs)
    with files.atomic_directory(site) as folder:
        templates = templates_folder()
        assets.write_assets(templates, folder)
        _SiteWriter(study, inputs, folder, Pages(templates, folder, study)).write()


class _SiteWriter:
    """One rendering: the parts that several pages share, and the pages in turn."""

    def __init__(self, study: StudyView, inputs: SiteInputs, site: Path, pages: Pages) -> None:
        self._study, self._inputs, self._site, self._pages = study, inputs, site, pages
        self._heads = heads.read_heads(inputs.statistics.heads)
        self._figures = figures.read_figures(inputs.figures)

    def write(self) -> None:
        self._write_figures()
        activity = self._write_documents()
        self._write_heads(activity)
        self._write_index()
        self._write_start(self._write_tokens())
        self._write_about()

    def _write_figures(self) -> None:
        target = self._site / links.FIGURE_FOLDER
        target.mkdir()
        for name in figures.file_names(self._figures):
            shutil.copyfile(self._inputs.figures / name, target / name)
        self._pages.write(links.FIGURES, "figures.html", figures.figures_view(self._figures))

    def _write_documents(self) -> heads.HeadActivity:
        study, activity = self._study, heads.HeadActivity(self._study.n_rows)
        value_range = heads.value_range(self._heads)
        n_written = 0
        for row in track(self._iter_rows(), total=study.n_documents, label="render_site", unit="pages"):
            view = document.document_view(row, study, value_range)
            self._pages.write(links.document(row.position), "document.html", view)
            activity.add(row.position, document.mean_of_heads(row))
            n_written += 1
        if n_written != study.n_documents:
            raise ArtifactError(
                f"the attention shards hold {n_written} documents, the summary counts {study.n_documents}.",
                remedy=files.REBUILD,
            )
        return activity

    def _iter_rows(self) -> Iterator[DocumentRow]:
        for attention, aggregates in zip(self._inputs.attention, self._inputs.aggregates, strict=True):
            yield from iter_documents(attention, aggregates)

    def _write_heads(self, activity: heads.HeadActivity) -> None:
        clouds = figures.clouds_by_page(self._figures)
        path = self._inputs.statistics.head_tokens
        for view in heads.iter_head_pages(path, self._heads, self._study, activity, clouds):
            self._pages.write(view.this.page, "head.html", view)
        self._pages.write(links.HEADS, "heads.html", heads.heads_view(self._heads, self._study))

    def _write_index(self) -> None:
        index = self._inputs.statistics.document_index
        searchable = documents.searchable_characters(index)
        scripts = assets.write_rows(self._site, "documents", documents.iter_chunks(index, searchable))
        view = documents.documents_view(index, self._study, searchable, scripts)
        self._pages.write(links.DOCUMENTS, "documents.html", view)

    def _write_tokens(self) -> tokens.TokensView:
        paths = self._inputs.statistics
        table = tokens.read_token_table(paths.tokens, paths.head_tokens, self._study.n_heads)
        scripts = assets.write_rows(self._site, "tokens", [tokens.token_columns(table)])
        view = tokens.tokens_view(table, self._study, scripts)
        self._pages.write(links.TOKENS, "tokens.html", view)
        return view

    def _write_start(self, token_view: tokens.TokensView) -> None:
        head_view = heads.heads_view(self._heads, self._study)
        index = self._inputs.statistics.document_index
        view = start.start_view(self._study, index, head_view, token_view)
        self._pages.write(links.START, "index.html", view)

    def _write_about(self) -> None:
        ledger = about.remarkable_rows(self._inputs.statistics.ledger, self._study.corpus_paths)
        scripts = assets.write_rows(self._site, "ledger", [ledger])
        self._pages.write(links.ABOUT, "about.html", about.about_view(self._study, ledger, scripts))
