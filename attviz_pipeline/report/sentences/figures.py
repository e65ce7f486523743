"""What the page of figures says; each figure's caption and alternative text are made where it is drawn."""

from markupsafe import Markup

from attviz_pipeline.formats import plural
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.views.study import StudyView


def opening(study: StudyView) -> Markup:
    """Say what the figures are of."""
    documents = plural(study.n_documents, "document")
    if study.imported:
        sentence = Markup(
            "Figures of {} and of {} of <bdi>{}</bdi>, which names no model; where a title or caption says head, it "
            "means vector. Each comes with its data as CSV and Parquet."
        )
        return sentence.format(documents, plural(study.n_rows, "vector"), study.dataset["source"] or "local files")
    sentence = Markup("Figures of {} and of {} of {}. Each comes with its data as CSV and Parquet.")
    return sentence.format(documents, plural(study.n_rows, "head"), parts.model_as_used(study))


def hidden_words() -> str:
    """Stand in for the alternative text of a picture of words in a study whose texts are hidden."""
    return "Words that may offend or upset; the CSV file contains them and their numbers."
