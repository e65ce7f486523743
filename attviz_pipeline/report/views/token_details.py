"""Details of single tokens for the page of tokens: scripts of bounded size, loaded on demand."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.report.views.concordance import Concordance, OccurrenceView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokenTable

BYTES_OF_ALL = 16_000_000
BYTES_OF_SCRIPT = 200_000
BYTES_OF_OCCURRENCE = 130
MOST_OCCURRENCES = 20
FEWEST_OCCURRENCES = 4
_CLASS_COLUMNS = ["n_inside", "mean_inside", "effect", "q", "use", "use_q"]


@dataclass(frozen=True)
class DetailPlan:
    """Items with details, the most frequent ones within the byte budget.

    Args:
        items: Numbers of the items, in the order of the table.
        n_occurrences: Occurrences to show of each.
    """

    items: list[int]
    n_occurrences: int


def plan_details(tokens: TokenTable, study: StudyView) -> DetailPlan:
    """Distribute the byte budget of the details."""
    support = min(study.settings.figures.min_document_frequency, tokens.ranked.least)
    frequency = tokens.table["document_frequency"].to_numpy()
    special = tokens.table["special"].to_numpy(zero_copy_only=False)
    bytes_of_item = 200 + 2 * study.n_rows + 40 * len(study.groups)
    n_most = BYTES_OF_ALL // (bytes_of_item + FEWEST_OCCURRENCES * BYTES_OF_OCCURRENCE)
    by_frequency = np.argsort(-frequency, kind="stable")
    wanted = [item for item in by_frequency.tolist() if frequency[item] >= support and not special[item]][:n_most]
    room = (BYTES_OF_ALL // max(len(wanted), 1) - bytes_of_item) // BYTES_OF_OCCURRENCE
    return DetailPlan(sorted(wanted), int(np.clip(room, FEWEST_OCCURRENCES, MOST_OCCURRENCES)))


def concordance_of(tokens: TokenTable, plan: DetailPlan, study: StudyView) -> Concordance:
    """Prepare to collect the occurrences of the planned items."""
    place = {item: number for number, item in enumerate(plan.items)}

    def wanted(numbers: dict[str, int]) -> dict[str, int]:
        return {name: place[item] for name, item in numbers.items() if item in place}

    entries, described = (wanted(tokens.numbers(words=words)) for words in (False, True))
    lower = study.settings.terms.level == "lower_word"
    return Concordance(entries, described, plan.n_occurrences, study.settings.seed, lower=lower)


def iter_details(
    tokens: TokenTable, plan: DetailPlan, concordance: Concordance, class_terms: Path, study: StudyView
) -> Iterator[dict[str, Any]]:
    """Put together the details, in pieces of bounded size, as columns for the page's script."""
    names = tokens.table["token"].to_pylist()
    classes = _classes_of_terms(class_terms, study)
    codes = ATTENTION_CODE.encode(tokens.means[np.array(plan.items, np.int64)])
    pending: dict[str, list[Any]] = defaultdict(list)
    size = 0
    for number, item in enumerate(plan.items):
        found = concordance.occurrences(number)
        pending["item"].append(item)
        pending["heads"].append(codes[number].tobytes().hex())
        pending["classes"].append(classes.get(names[item], []))
        pending["lines"].append([_line(occurrence) for occurrence in found])
        size += 2 * study.n_rows + sum(60 + len(o.before) + len(o.at) + len(o.after) for o in found)
        if size >= BYTES_OF_SCRIPT:
            yield {"first": 0, **pending}
            pending, size = defaultdict(list), 0
    if pending:
        yield {"first": 0, **pending}


def _line(occurrence: OccurrenceView) -> list[Any]:
    value = float(f"{occurrence.value:.3g}")
    return [occurrence.position, occurrence.token, occurrence.before, occurrence.at, occurrence.after, value]


def _classes_of_terms(path: Path, study: StudyView) -> dict[str, list[list[Any]]]:
    """Per term and class or value: its number, documents, mean ln(n a), effect, q, z or rho of use, and q of use."""
    table = files.read_table(path, term_schemas.CLASS_TERMS)
    table = table.append_column("use", pc.coalesce(table["log_odds_z"], table["use_rho"]))
    groupings = pc.unique(table["grouping"]).to_pylist()
    main = {"gold" if "gold" in groupings else "predicted"}
    compared = {grouping for grouping, name in study.task.compared.items() if name in study.groups}
    wanted = pa.array(sorted(main if study.task.has_labels else compared))
    numbers = {name: number for number, name in enumerate(study.groups)}
    found: dict[str, list[list[Any]]] = defaultdict(list)
    for row in table.filter(pc.is_in(table["grouping"], wanted)).to_pylist():
        values = [None if row[name] is None else float(f"{row[name]:.3g}") for name in _CLASS_COLUMNS]
        found[row["term"]].append([numbers[row["group"]], *values])
    return {term: sorted(rows, key=lambda row: row[0]) for term, rows in found.items()}
