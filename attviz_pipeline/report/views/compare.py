"""Numbers of all heads and classes, from which the page Compare shows how two of them differ."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.report.sentences.documents import documents_with_pages
from attviz_pipeline.report.views.classes import ClassEvidence, classes_view
from attviz_pipeline.report.views.heads_page import HeadsPageView
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.report.views.tokens import TokenTable
from attviz_pipeline.significance import SIGNIFICANT

MOST_NUMBERS = 100_000
MOST_WORDS = 800
_SHARES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_SCORES = {"n_gold": "documents", "n_predicted": "predicted", **_SHARES}


@dataclass(frozen=True)
class CompareView:
    """The page Compare; `scripts` say which documents have a page, none where all have one; `about` says how many."""

    scripts: list[str]
    about: Markup | None = None


def compare_view(scripts: list[str], study: StudyView) -> CompareView:
    """Put together the page; `scripts` hold `document_columns`."""
    return CompareView(scripts, None if study.shows_all else documents_with_pages(study))


def document_columns(study: StudyView) -> list[dict[str, Any]]:
    """Say which documents can be compared, for the page's script; nothing where all have a page.

    Returns:
        `steps`, from the number of each document with a page to that of the next; the first from 0.
    """
    if study.with_page is None:
        return []
    return [{"first": 0, "steps": np.diff(study.with_page + 1, prepend=0).tolist()}]


def head_columns(page: HeadsPageView, tokens: TokenTable, study: StudyView) -> dict[str, Any]:
    """Numbers of all heads, as columns for the page's script.

    Args:
        page: The page of all heads, whose metrics and likeness are taken.
        tokens: Statistics of all tokens.
        study: Facts of the study.

    Returns:
        `metrics` and `likeness` as the page of all heads has them; `items`, the words in most documents, and `values`,
        their mean self-attention, [row][item].
    """
    frequency = tokens.table["document_frequency"].to_numpy()
    usable = (frequency >= study.settings.figures.min_document_frequency) & ~tokens.table["special"].to_numpy(
        zero_copy_only=False
    )
    n_most = min(MOST_WORDS, MOST_NUMBERS // study.n_rows)
    by_frequency = [item for item in np.argsort(-frequency, kind="stable").tolist() if usable[item]][:n_most]
    means = tokens.means[by_frequency].T
    return {
        **{name: part for name, part in page.payload.items() if name != "mean_maps"},
        "items": tokens.table["token"].take(pa.array(by_frequency, pa.int64())).to_pylist(),
        "values": [[_rounded(value) for value in row] for row in means.tolist()],
    }


def class_columns(evidence: ClassEvidence, class_terms: Path, study: StudyView) -> dict[str, Any]:
    """Numbers of all classes, as columns for the page's script.

    Returns:
        `scores`, each a title, a value per class, and whether they are shares; `effects`, Hedges' g of every head,
        [class][row], null where it was not tested; `items`, the words that some class uses most beyond the others, and
        `values`, their z, [class][item], null in classes that were not compared; `clear_heads` and `clear_items`, the
        heads and items that differ beyond chance, [class]; `nouns`, what one and several classes are
        called; `q_too_small`, whether the tests treat documents of one input row as independent.

    Raises:
        ArtifactError: The table of terms (schema CLASS_TERMS) is missing or damaged.
    """
    views = classes_view(evidence, study).classes
    scores = [(title, [getattr(view, name) for view in views], name in _SHARES) for name, title in _SCORES.items()]
    effects: list[list[float | None]] = [[None] * study.n_rows for _ in views]
    clear: list[list[int]] = [[] for _ in views]
    for number, name in enumerate(study.label_names):
        for effect in evidence.separation.of_group(evidence.grouping, name):
            effects[number][effect.row] = _rounded(effect.effect)
            clear[number] += [effect.row] if effect.significant else []
    items, values, clear_items = _terms(class_terms, evidence.grouping, study)
    return {
        "scores": [{"title": title, "values": found, "share": share} for title, found, share in scores if any(found)],
        "effects": effects,
        "items": items,
        "values": values,
        "clear_heads": clear,
        "clear_items": clear_items,
        "nouns": [study.task.noun, study.task.nouns],
        "q_too_small": evidence.separation.q_too_small,
    }


def _terms(path: Path, grouping: str, study: StudyView) -> tuple[list[str], list[list[float | None]], list[list[int]]]:
    """The terms that each class uses most, the same number of each, with their z in every class.

    Also those whose use differs beyond chance, [class].
    """
    table = files.read_table(path, term_schemas.CLASS_TERMS, ["grouping", "group", "term", "log_odds_z", "use_q"])
    mine = table.filter(pc.equal(table["grouping"], grouping))
    groups = {name: mine.filter(pc.equal(mine["group"], name)) for name in study.label_names}
    n_of_each = max(1, min(MOST_WORDS, MOST_NUMBERS // len(groups)) // len(groups))
    # The table is sorted by z within each group.
    items = list(
        dict.fromkeys(term for rows in groups.values() for term in rows["term"].slice(0, n_of_each).to_pylist())
    )
    wanted = pa.array(items, pa.string())
    values = [rows["log_odds_z"].take(pc.index_in(wanted, rows["term"].combine_chunks())) for rows in groups.values()]
    significant = [
        set(rows.filter(pc.less(rows["use_q"], SIGNIFICANT))["term"].to_pylist()) for rows in groups.values()
    ]
    return (
        items,
        [[None if z is None else _rounded(z) for z in found.to_pylist()] for found in values],
        [[number for number, term in enumerate(items) if term in found] for found in significant],
    )


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
