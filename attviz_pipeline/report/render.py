"""Templates to pages."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from attviz_pipeline import aggregates, formats
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.report import links, payload
from attviz_pipeline.report.sentences import classes as class_sentences
from attviz_pipeline.report.sentences import head_importance as importance_sentences
from attviz_pipeline.report.sentences import heads as head_sentences
from attviz_pipeline.report.sentences import labels as label_sentences
from attviz_pipeline.report.sentences import model_evidence as model_evidence_sentences
from attviz_pipeline.report.sentences import model_predictions as prediction_sentences
from attviz_pipeline.report.sentences import model_terms as model_term_sentences
from attviz_pipeline.report.sentences import models as model_sentences
from attviz_pipeline.report.sentences import study as study_sentences
from attviz_pipeline.report.sentences import term_evidence as term_evidence_sentences
from attviz_pipeline.report.sentences import terms as term_sentences
from attviz_pipeline.report.sentences import values as value_sentences
from attviz_pipeline.report.sentences.parts import said
from attviz_pipeline.report.views.study import StudyView

PACKAGE = Path(__file__).parents[1]


def templates_folder() -> Path:
    """Find the templates: beside the code in an installed package, at the top of a checkout.

    Raises:
        ArtifactError: They are in neither place.
    """
    for folder in (PACKAGE / "_templates", PACKAGE.parent / "templates"):
        if (folder / "base.html").is_file():
            return folder
    raise ArtifactError(f"the site's templates are missing: install attviz-pipeline again ({PACKAGE}).")


def environment(templates: Path) -> Environment:
    """Set up the templates: everything is escaped, and a missing name is a fault."""
    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # templates do not change while a site is rendered, and looking takes time
    )
    made.filters.update(formats.FILTERS, script_json=payload.script_json, said=said)
    return made


class Pages:
    """Writes pages into a site's folder."""

    def __init__(self, templates: Path, site: Path, study: StudyView) -> None:
        """Prepare to write.

        Args:
            templates: Folder of the templates.
            site: Folder of the site.
            study: What every page knows.
        """
        self._environment = environment(templates)
        self._environment.globals.update(study=study, links=links, aggregates=aggregates)
        self._environment.globals.update(class_sentences=class_sentences, head_sentences=head_sentences)
        self._environment.globals.update(study_sentences=study_sentences)
        self._environment.globals.update(importance_sentences=importance_sentences)
        self._environment.globals.update(
            term_sentences=term_sentences,
            model_sentences=model_sentences,
            model_term_sentences=model_term_sentences,
            prediction_sentences=prediction_sentences,
        )
        self._environment.globals.update(term_evidence_sentences=term_evidence_sentences)
        self._environment.globals.update(model_evidence_sentences=model_evidence_sentences)
        self._environment.globals.update(label_sentences=label_sentences, value_sentences=value_sentences)
        self._site = site
        self._folders: set[Path] = set()

    def add_names(self, **names: Any) -> None:  # noqa: ANN401 - as in templates
        """Give names to all templates, before any page is written."""
        self._environment.globals.update(names)

    def parts(self, folder: str, **names: Any) -> dict[str, str]:  # noqa: ANN401 - each template has its own names
        """Render all templates of a folder, as markup by their names."""
        templates = self._environment.list_templates(filter_func=lambda name: name.startswith(f"{folder}/"))
        return {
            Path(name).stem: self._environment.get_template(name).render(
                address=links.document(0), root=links.root_of(links.document(0)), **names
            )
            for name in sorted(templates)
        }

    def write(self, address: str, template: str, view: Any) -> None:  # noqa: ANN401 - each template has its own view
        """Write one page.

        Args:
            address: Where, relative to the site's root.
            template: Name of the template.
            view: What it shows, called `view` in the template.
        """
        path = self._site / address
        if path.parent not in self._folders:
            path.parent.mkdir(exist_ok=True)
            self._folders.add(path.parent)
        page = self._environment.get_template(template)
        text = page.render(view=view, address=address, root=links.root_of(address))
        path.write_text(text, encoding="utf-8", newline="\n")
