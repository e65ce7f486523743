"""A word cloud of each class: the words with the most self-attention in its documents, relative to even attention."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.style import legible
from attviz_pipeline.figures.word_cloud import Cloud, by_word, draw_cloud
from attviz_pipeline.figures.wording import N_NAMED, counted
from attviz_pipeline.formats import significant
from attviz_pipeline.tasks.registry import TASKS

KIND = "class_cloud"
MOST_CLASSES = 50
"""With more classes, those after them have no cloud: each takes a fifth of a second."""
log = logging.getLogger(__name__)
_COLUMNS = ["term", "count", "document_frequency", "shrunken_log_ratio"]


def count_class_clouds(inputs: Inputs) -> int:
    """Return how many clouds there will be.

    Raises:
        ArtifactError: The table of rankings is unusable.
    """
    facts = files.read_facts(inputs.terms.class_rankings, term_schemas.CLASS_RANKINGS)
    return min(len(facts["n_terms"]), MOST_CLASSES)


def draw_class_clouds(inputs: Inputs) -> Iterator[Drawing]:
    """Draw one cloud per class or label.

    Raises:
        ArtifactError: The table of rankings is unusable.
    """
    path = inputs.terms.class_rankings
    facts = files.read_facts(path, term_schemas.CLASS_RANKINGS)
    table = files.read_table(path, term_schemas.CLASS_RANKINGS, ["group", *_COLUMNS])
    groups = list(facts["n_terms"])
    if len(groups) > MOST_CLASSES:
        log.warning("only the first %d of %d classes have a word cloud", MOST_CLASSES, len(groups))
    for number, group in enumerate(groups[:MOST_CLASSES]):
        mine = table.filter(pc.equal(table["group"], group)).slice(0, inputs.settings.n_cloud_words)
        yield draw_cloud(_cloud(number, group, mine.to_pydict(), facts, inputs), inputs)


def _cloud(number: int, group: str, rows: dict[str, list[Any]], facts: dict[str, Any], inputs: Inputs) -> Cloud:
    times = np.exp(np.array(rows["shrunken_log_ratio"], np.float64)).tolist()
    noun = "token" if facts["level"] == "token" else "word"
    of_class = f"the {facts['grouping']} {TASKS[facts['task']].noun} {legible(group)}"
    n_terms, documents = facts["n_terms"][group], counted(facts["n_documents"][group], "document")
    least = f"at least {counted(facts['min_document_frequency'], 'document')}"
    strongest = list(zip(rows["term"], times, strict=True))[:N_NAMED]
    named = ", ".join(f"“{legible(term)}” ({significant(value)})" for term, value in strongest)
    return Cloud(
        name=f"{KIND}-{number:03d}",
        kind=KIND,
        sizes=by_word(rows["term"], times),
        caption=lambda n_words: (
            f"{n_words:,} of the {n_terms:,} {noun}s in {least} among the {documents} of {of_class}: those with the "
            f"highest self-attention relative to even attention over all {inputs.names.noun}s, corrected for length; "
            f"{noun}s in few documents are drawn towards the average {noun}. Font size is proportional to the multiple "
            "of even attention, down to a smallest legible size; stronger colour is higher; positions have no meaning."
        ),
        alt=f"Word cloud of {of_class}. Highest: {named}.",
        columns={
            "rank": range(1, len(times) + 1),
            **{name: rows[name] for name in _COLUMNS[:3]},
            "times_even": times,
        },
        empty=f"No {noun} is in {least} of {of_class}.",
        group=group,
    )
