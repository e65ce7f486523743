"""What every page knows about the study."""

from dataclasses import dataclass
from typing import Any

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.config import Study
from attviz_pipeline.report import paths
from attviz_pipeline.report.inputs import SiteInputs


@dataclass(frozen=True)
class StudyView:
    """The study's settings and the small artefacts, read once; folders outside the study are cut from paths.

    Args:
        settings: The whole configuration.
        dataset: Card of the corpus.
        model: Card of the classifier.
        metrics: Scores of the classifier.
        summary: Counts and scores of the analysed documents.
        provenance: Versions and commit, as handed in.
        corpus_paths: The corpus's files as they were given: never shown, only looked for to be cut.
    """

    settings: Study
    dataset: dict[str, Any]
    model: dict[str, Any]
    metrics: dict[str, Any]
    summary: dict[str, Any]
    provenance: dict[str, str]
    corpus_paths: list[str]

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
        """Names of the classes, by index."""
        return list(self.summary["label_names"])

    @property
    def n_documents(self) -> int:
        """Number of analysed documents."""
        return int(self.summary["n_documents"])

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
    """Read the small artefacts.

    Raises:
        ArtifactError: One is missing, damaged or of another version.
    """
    dataset = files.read_json(inputs.dataset, schemas.DATASET)
    return StudyView(
        settings=paths.published_settings(settings),
        dataset=paths.published_card(dataset),
        model=paths.published_card(files.read_json(inputs.model, schemas.MODEL)),
        metrics=files.read_json(inputs.metrics, schemas.METRICS),
        summary=files.read_json(inputs.statistics.summary, schemas.SUMMARY),
        provenance=dict(inputs.provenance),
        corpus_paths=paths.corpus_paths(dataset),
    )
