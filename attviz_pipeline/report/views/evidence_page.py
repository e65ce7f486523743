"""The page Evidence: whether the prediction depends on the tokens and heads that scores rank highest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attviz_pipeline import stats
from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.evidence_words import ORDERS, RANDOM
from attviz_pipeline.formats import percent, plural, signed, significant
from attviz_pipeline.report.sentences import evidence as sentences
from attviz_pipeline.report.sentences.model_evidence import score_in_models as in_other_models
from attviz_pipeline.report.views.head_importance import FEWEST_IN_GROUP
from attviz_pipeline.report.views.line_chart import Axis, Line, LineChartView, line_chart
from attviz_pipeline.report.views.model_evidence import ModelEvidence
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.significance import SIGNIFICANT
from attviz_pipeline.tasks.measured import DIGITS, Scale
from attviz_pipeline.tasks.task import Task

Row = dict[str, Any]

OF_ATTENTION = ("self_mean", "self_max", "received", "rollout", "norm_weighted", "classifier_row")
"""Scores that the first sentence can be about, the first that there is."""


@dataclass(frozen=True)
class CellView:
    """One measure of a score: its mean, and its difference from random; each None where it is not known."""

    mean: float
    difference: float | None
    low: float | None
    high: float | None
    q: float | None

    @property
    def is_found(self) -> bool:
        """Whether the difference is beyond chance."""
        return self.q is not None and self.q < SIGNIFICANT


@dataclass(frozen=True)
class RowView:
    """A score, or a group of documents, with its measures by name; `detail` is a share of tokens or empty."""

    title: str
    detail: str
    n_documents: int
    cells: dict[str, CellView]


@dataclass(frozen=True)
class AblationRowView:
    """One order of heads at one number of heads, with what the table shows of it."""

    title: str
    n_left: int
    cells: list[str]


@dataclass(frozen=True)
class AblationView:
    """Switching off more and more heads; the chart is None, and `reason` says why, where it was not measured."""

    reason: str
    measured: str
    sentences: list[str]
    judged: str
    replaced: str
    chart: LineChartView | None
    columns: list[str]
    rows: list[AblationRowView]


@dataclass(frozen=True)
class PartView:
    """One part of the evidence, its documents, and passes through the model, forward or back, that it took at most."""

    title: str
    n_documents: int
    n_passes: int


@dataclass(frozen=True)
class EvidencePageView:
    """The page; sentences are empty or None where they do not hold."""

    answer: Markup
    sufficiency: str
    by_gold: Markup
    in_models: str
    charts: list[tuple[str, LineChartView]]
    found: str
    not_measured: str | None
    other_documents: str | None
    scores: list[RowView]
    agreement: list[RowView]
    layers: list[RowView]
    groups: list[RowView]
    shares: list[RowView]
    about_groups: str
    tests_of_groups: Markup
    limits: str
    ablation: AblationView
    sample: str
    parts: list[PartView]
    figures: Mapping[str, str]


def evidence_page_view(
    paths: EvidencePaths,
    study: StudyView,
    figures: Mapping[str, str] | None = None,
    models: ModelEvidence | None = None,
) -> EvidencePageView:
    """Put together the page.

    Args:
        paths: The tables of evidence.
        study: Whose evidence it is.
        figures: Where the gallery shows the figures of evidence, by kind.
        models: Evidence of other models; None where the study compares none.

    Raises:
        ArtifactError: A table is missing or damaged.
    """
    rows, facts = _read(paths.faithfulness, evidence_schemas.FAITHFULNESS)
    together = [row for row in rows if row["grouping"] == "all"]
    chosen = _chosen(together)
    averages = _averages(together)
    compared = [row for row in averages if row["score"] != RANDOM and row["measure"] == "comprehensiveness"]
    n_most = max((row["n_documents"] for row in together if row["score"] == RANDOM), default=0)
    parts = _parts(paths, facts)
    groups = _group_rows(rows, chosen, study.task.scale)
    return EvidencePageView(
        answer=sentences.answer(chosen.get("comprehensiveness"), facts["fractions"], facts["removal"], study),
        sufficiency=sentences.sufficiency(chosen["sufficiency"], facts["fractions"], study.task.scale)
        if chosen
        else "",
        by_gold=sentences.by_gold(_gold_groups(rows, chosen), study),
        in_models=in_other_models(models, *_key(chosen["comprehensiveness"])) if chosen else "",
        charts=list(_charts(together, facts["fractions"], n_most, study.task.scale)),
        found=sentences.scores_found(compared, facts["fractions"]),
        not_measured=sentences.not_measured(facts["unavailable"]),
        other_documents=sentences.other_documents([row for row in compared if row["n_documents"] < n_most]),
        scores=_score_rows([row for row in averages if row["layer"] is None and row["measure"] != "tau"]),
        agreement=_score_rows([row for row in averages if row["measure"] == "tau"]),
        layers=_score_rows([row for row in averages if row["layer"] is not None and row["measure"] != "tau"]),
        groups=groups,
        shares=_share_rows(together),
        about_groups=sentences.score_title(*_key(chosen["comprehensiveness"])) if chosen else "",
        tests_of_groups=sentences.tests_of_groups([row.n_documents for row in groups]),
        limits=sentences.removal_shows(facts["removal"], study.task.scale),
        ablation=_ablation(paths, study.task),
        sample=sentences.sample(parts[0].n_documents, facts["n_too_short"], study),
        parts=[part for part in parts if part.n_documents],
        figures=figures or {},
    )


def answer_of(paths: EvidencePaths, study: StudyView) -> Markup:
    """Return the first sentence of the page, for other pages.

    Raises:
        ArtifactError: The table is missing or damaged.
    """
    rows, facts = _read(paths.faithfulness, evidence_schemas.FAITHFULNESS)
    chosen = _chosen([row for row in rows if row["grouping"] == "all"])
    return sentences.answer(chosen.get("comprehensiveness"), facts["fractions"], facts["removal"], study)


def _chosen(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the means over all shares of the score that the first sentence is about, by measure."""
    averages = [row for row in _averages(rows) if row["measure"] != "tau"]
    for score in OF_ATTENTION:
        found = {row["measure"]: row for row in averages if row["score"] == score}
        if found:
            return found
    return {}


def _averages(rows: Iterable[Row]) -> list[Row]:
    """Rows of the mean over all shares, and of tau, which has no shares."""
    return [row for row in rows if row["fraction"] is None]


def _key(row: Row) -> tuple[str, int | None]:
    return row["score"], row["layer"]


def _cell(row: Row) -> CellView:
    names = ("difference", "difference_low", "difference_high", "difference_q")
    return CellView(row["mean"], *(row[name] for name in names))


def _score_rows(rows: Sequence[Row]) -> list[RowView]:
    """One row per score, in the order of the table, random last."""
    keys = dict.fromkeys(_key(row) for row in rows)
    found = []
    for key in sorted(keys, key=lambda key: key[0] == RANDOM):
        mine = {row["measure"]: row for row in rows if _key(row) == key}
        cells = {measure: _cell(row) for measure, row in mine.items()}
        n_documents = next(iter(mine.values()))["n_documents"]
        found.append(RowView(sentences.score_title(*key), "", n_documents, cells))
    return found


def _share_rows(rows: Iterable[Row]) -> list[RowView]:
    """One row per share of tokens and score without a layer."""
    of_share: dict[tuple[float, str], dict[str, Row]] = {}
    for row in rows:
        if row["fraction"] is not None and row["layer"] is None:
            of_share.setdefault((row["fraction"], row["score"]), {})[row["measure"]] = row
    return [
        RowView(
            sentences.score_title(score, None),
            percent(fraction),
            mine["comprehensiveness"]["n_documents"],
            {measure: _cell(row) for measure, row in mine.items()},
        )
        for (fraction, score), mine in of_share.items()
    ]


def _group_rows(rows: Iterable[Row], chosen: Mapping[str, Row], scale: Scale) -> list[RowView]:
    """One row per gold class, and for correct and wrong predictions, of the chosen score over all shares."""
    if not chosen:
        return []
    of_group: dict[tuple[str, str], dict[str, Row]] = {}
    for row in _tested_over_groups(rows):
        if _key(row) == _key(chosen["comprehensiveness"]) and row["measure"] != "tau":
            of_group.setdefault((row["grouping"], row["group"]), {})[row["measure"]] = row
    return [
        RowView(
            scale.groups[group] if grouping == "correct" else group,
            "",
            mine["comprehensiveness"]["n_documents"],
            {measure: _cell(row) for measure, row in mine.items()},
        )
        for (grouping, group), mine in of_group.items()
    ]


def _gold_groups(rows: Iterable[Row], chosen: Mapping[str, Row]) -> list[Row]:
    """Return comprehensiveness of the chosen score in each gold group that is large enough for an interval."""
    if not chosen:
        return []
    wanted = chosen["comprehensiveness"]
    mine = [row for row in _averages(rows) if row["grouping"] == "gold" and row["measure"] == "comprehensiveness"]
    mine = [row for row in mine if _key(row) == _key(wanted) and row["mean_low"] is not None]
    return [row for row in mine if row["n_documents"] >= FEWEST_IN_GROUP]


def _tested_over_groups(rows: Iterable[Row]) -> Iterable[Row]:
    """Yield the means over all shares of groups of documents, with q over all scores and all groups of the same kind.

    The q of the table is of one group alone, so that among many classes one would be found by chance. Groups of fewer
    than `FEWEST_IN_GROUP` documents have neither interval nor q.

    Source: Benjamini & Hochberg 1995.
    """
    families: dict[tuple[str, str], list[Row]] = {}
    for row in _averages(rows):
        if row["grouping"] != "all":
            families.setdefault((row["grouping"], row["measure"]), []).append(row)
    for family in families.values():
        p = [row["difference_p"] for row in family if _is_tested(row)]
        q: Iterator[float] = iter(stats.false_discovery_control(p).tolist() if p else [])
        for row in family:
            if row["n_documents"] < FEWEST_IN_GROUP:
                yield row | dict.fromkeys(("difference_low", "difference_high", "difference_q"))
            else:
                yield row | {"difference_q": float(next(q)) if _is_tested(row) else None}


def _is_tested(row: Row) -> bool:
    return row["n_documents"] >= FEWEST_IN_GROUP and row["difference_p"] is not None


def _charts(
    rows: Sequence[Row], fractions: Sequence[float], n_documents: int, scale: Scale
) -> Iterable[tuple[str, LineChartView]]:
    """Yield a chart per measure with its title; scores with fewer documents than random have another floor."""
    fall = f"{scale.fall.capitalize()} of {scale.short}"
    for measure, title in (
        ("comprehensiveness", f"{fall} without the highest-ranked tokens"),
        ("sufficiency", f"{fall} with only the highest-ranked tokens"),
    ):
        mine = [row for row in rows if row["measure"] == measure and row["fraction"] is not None]
        mine = sorted((row for row in mine if row["n_documents"] == n_documents), key=lambda row: row["fraction"])
        keys = dict.fromkeys(_key(row) for row in mine if row["layer"] is None)
        lines = [
            Line(
                sentences.score_title(*key),
                key[0],
                [(row["fraction"], row["mean"]) for row in mine if _key(row) == key],
            )
            for key in keys
        ]
        band = _band([row for row in mine if row["score"] == RANDOM], "fraction", "mean")
        chart = line_chart(
            lines,
            band,
            Axis("share of the document's tokens", sorted(fractions), percent),
            f"{scale.with_unit(title, ', in ')}, by the share of tokens, for each score and random order; a table has "
            "the numbers.",
            shares=scale.shares,
        )
        if chart:
            yield scale.with_unit(title, ", "), chart


def _band(rows: Iterable[Row], x: str, name: str) -> list[tuple[float, float, float]]:
    return [(row[x], row[f"{name}_low"], row[f"{name}_high"]) for row in rows if row[f"{name}_low"] is not None]


def _ablation(paths: EvidencePaths, task: Task[Any]) -> AblationView:
    rows, facts = _read(paths.ablation_curves, evidence_schemas.ABLATION_CURVES)
    replaced = "zero" if facts["ablation"] == "zero" else "its mean over the tokens of the sample"
    if not rows:
        return AblationView(sentences.no_curve(facts["gates"]), "", [], "", replaced, None, [], [])
    with_gold, without_gold = task.judged_by
    labelled, scale = rows[0]["n_labelled"] > 0, task.scale
    what = with_gold if labelled else without_gold
    total = rows[0]["n_left"] + rows[0]["n_switched_off"]
    floors = {row["n_switched_off"]: row for row in rows if row["order"] == RANDOM}
    between = [n_off for n_off in floors if 0 < n_off < total]
    half = min(between, key=lambda n_off: abs(n_off - total / 2), default=None)
    n_random = sum(order["order"] == RANDOM for order in facts["orders"])
    orders = list(dict.fromkeys(row["order"] for row in rows))
    measured = _title(scale.measures[what])
    by_left = sorted(rows, key=lambda row: row["n_left"])
    of_random = [row for row in by_left if row["order"] == RANDOM]
    chart = line_chart(
        [
            Line(ORDERS[order], order, [(row["n_left"], row[what]) for row in by_left if row["order"] == order])
            for order in orders
        ],
        # Student's t can reach beyond what a share, or the size of an error, can be.
        [(x, max(low, 0), min(high, 1) if scale.shares else high) for x, low, high in _band(of_random, "n_left", what)],
        Axis("heads left", sorted({row["n_left"] for row in rows}), "{:.0f}".format, falling=True),
        f"{measured}{' in percent' if scale.shares else ''} by the number of heads left, for each order; a table has "
        "the numbers.",
        shares=scale.shares,
    )
    shown = _columns(task, labelled=labelled)
    return AblationView(
        reason="",
        measured=f"{measured}, percent" if scale.shares else measured,
        sentences=[
            sentences.head_order(row | {"what": what, "floor": floors[half][what]}, total, n_random, scale)
            for row in rows
            if row["n_switched_off"] == half and row["order"] != RANDOM
        ]
        + [
            sentences.without_heads(
                of_random[-1] | {"what": what}, row, total, scale, one_prediction=_one_prediction(paths, total, task)
            )
            for row in of_random
            if row["n_left"] == 0
        ],
        judged=sentences.judged_by(facts["held_out"], orders),
        replaced=replaced,
        chart=chart,
        columns=[title for _, title, _ in shown],
        rows=[
            AblationRowView(ORDERS[row["order"]], row["n_left"], [write(row[name]) for name, _, write in shown])
            for row in rows
        ],
    )


def _one_prediction(paths: EvidencePaths, total: int, task: Task[Any]) -> bool:
    """Whether the model predicts the same class for every document once all heads are switched off."""
    if task.many_labels or not task.outcomes:
        return False
    schema, columns = evidence_schemas.CUMULATIVE_ABLATIONS, ["n_switched_off", "cut_prediction"]
    rows, _ = _read(paths.cumulative_ablations, schema, columns)
    return len({row["cut_prediction"] for row in rows if row["n_switched_off"] == total}) == 1


def _columns(task: Task[Any], *, labelled: bool) -> list[tuple[str, str, Callable[[float], str]]]:
    """Columns of the table of more and more heads, each with its title and how it is written."""
    scale, (with_gold, without_gold) = task.scale, task.judged_by
    write: Callable[[float], str] = percent if scale.shares else partial(significant, digits=DIGITS)
    columns = [(with_gold, _title(scale.measures[with_gold]), write)] if labelled else []
    if not task.outcomes:
        return [*columns, (without_gold, _title(scale.measures[without_gold]), write)]
    changed = scale.with_log_unit(f"Change of {scale.log_name}", ", ")
    return [*columns, (without_gold, "As the whole model", write), ("change", changed, partial(signed, decimals=3))]


def _title(name: str) -> str:
    return name.removeprefix("the ")[0].upper() + name.removeprefix("the ")[1:]


def _parts(paths: EvidencePaths, facts: Mapping[str, Any]) -> list[PartView]:
    """The parts of the evidence with their documents; the first has the whole sample."""
    gradients, _ = _read(paths.gradients, evidence_schemas.GRADIENTS, ["position"])
    left_out, _ = _read(paths.leave_one_out, evidence_schemas.LEAVE_ONE_OUT, ["position", "places"])
    rankings, _ = _read(paths.document_faithfulness, evidence_schemas.DOCUMENT_FAITHFULNESS, ["position"])
    off, shape = _read(paths.document_ablations, evidence_schemas.DOCUMENT_ABLATIONS, ["position"])
    cut, _ = _read(paths.cumulative_ablations, evidence_schemas.CUMULATIVE_ABLATIONS, ["position"])
    documents = [len({row["position"] for row in rows}) for rows in (gradients, left_out, rankings, off, cut)]
    n_heads, n_layers = shape["n_layers"] * shape["n_heads"], shape["n_layers"]
    passes = [
        3 * len(gradients),
        len(left_out) + sum(len(row["places"]) for row in left_out),
        documents[2] + 2 * len(facts["fractions"]) * len(rankings),
        (1 + n_heads + n_layers) * len(off),
        len(cut),
    ]
    titles = (
        "Gradients",
        "Leaving out one token",
        "Removing the highest-ranked tokens",
        f"Switching off each head and layer ({plural(n_heads, 'head')})",
        "Switching off more and more heads",
    )
    return [PartView(*part) for part in zip(titles, documents, passes, strict=True)]


def _read(path: Path, schema: Schema, columns: list[str] | None = None) -> tuple[list[Row], Row]:
    return files.read_table(path, schema, columns).to_pylist(), files.read_facts(path, schema)
