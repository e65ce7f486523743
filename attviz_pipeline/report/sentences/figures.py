"""What the page of figures says; each figure's caption and alternative text are made where it is drawn."""

from markupsafe import Markup

from attviz_pipeline.report.formats import plural
from attviz_pipeline.report.sentences import parts
from attviz_pipeline.report.views.study import StudyView


def opening(study: StudyView) -> Markup:
    """Say what the figures are of."""
    told = Markup("Figures of {} and of {} {}. Each comes with its data as CSV and Parquet.")
    noun = "vector" if study.imported else "head"
    model = Markup("of the model that the file does not name") if study.imported else _of(study)
    return told.format(plural(study.n_documents, "document"), plural(study.n_rows, noun), model)


def _of(study: StudyView) -> Markup:
    return Markup("of {}").format(parts.model_name(study))


def hidden_words() -> str:
    """Stand in for the alternative text of a picture of words in a study whose texts are hidden."""
    return "Words that may offend or upset; the CSV file contains them and their numbers."
