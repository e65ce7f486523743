"""Figures of multi-label studies, of regression and without gold values: which there are, and what they say."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from drawn_figures import assessment_of, inputs_of
from slow_cases import rest_is_slow
from synthetic_attention import write_ledger
from task_studies import LABEL_NAMES, write_task_shards
from term_study import TermStudy

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.predictions.assess_predictions import assess_predictions
from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.config.settings import AssessmentSettings, FiguresSettings, TaskName, TermsSettings
from attviz_pipeline.figures import label_errors, value_heads, value_terms, values
from attviz_pipeline.figures.drawing import Drawing
from attviz_pipeline.figures.kinds import FIGURES, kinds_of
from attviz_pipeline.formats import percent, significant
from attviz_pipeline.stages import AssessPredictions, DrawFigures

OF_PREDICTIONS = {"multi_label": ["label_errors", "co_occurrence", "label_reliability", "confidence_entropy"]}
OF_PREDICTIONS["regression"] = ["predicted_against_gold", "residuals", "error_entropy"]


def statistics_of(folder: Path, task: TaskName, labelled: float = 1.0, n_documents: int = 60) -> StatisticsPaths:
    (shard,) = write_task_shards(folder, task, labelled=labelled, n_documents=n_documents, n_shards=1)
    ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
    parts = [folder / f"{name}.parquet" for name in ("aggregates", "tokens", "heads")]
    aggregate_shard(shard, *parts)
    paths = StatisticsPaths.below(folder / "statistics")
    aggregate_dataset([shard], [parts[1]], [parts[2]], ledger, paths)
    TermStudy(folder, [shard], TermsSettings(min_document_frequency=8)).measure().describe().compare(
        n_permutations="auto"
    )
    settings = AssessPredictions(seed=13, assessment=AssessmentSettings(n_bins=5, n_resamples=100))
    assess_predictions(settings, paths.document_index, [shard], [parts[0]], assessment_of(paths))
    return paths


def drawn(statistics: StatisticsPaths) -> dict[str, Drawing]:
    """Draw what depends on the task."""
    inputs = inputs_of(statistics, DrawFigures(seed=1, figures=FiguresSettings(dpi=50)))
    some = {name: kind for name, kind in FIGURES.items() if kind.tasks or name == "log_distributions"}
    kinds = kinds_of(inputs, some)
    found = {drawing.name: drawing for kind in kinds.values() for drawing in kind.draw(inputs)}
    assert all(kinds[drawing.kind].title(drawing) for drawing in found.values())
    return found


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> tuple[StatisticsPaths, dict[str, Drawing]]:
    statistics = statistics_of(tmp_path_factory.mktemp("labels"), "multi_label")
    return statistics, drawn(statistics)


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> tuple[StatisticsPaths, dict[str, Drawing]]:
    statistics = statistics_of(tmp_path_factory.mktemp("values"), "regression")
    return statistics, drawn(statistics)


def content(statistics: StatisticsPaths) -> dict[str, Any]:
    return files.read_json(assessment_of(statistics).assessment, statistics_schemas.ASSESSMENT)


def test_figures_of_labels_are_those_of_the_tables(labels: tuple[StatisticsPaths, dict[str, Drawing]]) -> None:
    statistics, figures = labels
    scores = content(statistics)["scores"]

    groups = [f"{kind}-{by}" for kind in ("label_heads", "label_terms") for by in ("gold", "predicted", "correct")]
    distributions = [f"log_distributions-{by}" for by in ("term", "label", "layer")]
    clouds = [f"class_cloud-{label:03d}" for label in range(len(LABEL_NAMES))]
    assert list(figures) == [*OF_PREDICTIONS["multi_label"], *distributions, *groups, *clouds]
    assert figures[clouds[0]].caption.endswith("positions have no meaning.")
    assert f"documents of the gold label {LABEL_NAMES[0]}: those" in figures[clouds[0]].caption
    errors = figures["label_errors"]
    assert errors.columns["label"] == list(LABEL_NAMES)
    assert f"All labels right in {percent(scores['exact_match']['value'])}" in errors.caption
    assert f"would give {percent(scores['majority_baseline']['exact_match'])}" in errors.caption
    together = figures["co_occurrence"]
    assert together.columns["n_gold"] == np.array(scores["co_occurrence"]).ravel().tolist()
    assert "“people” and “technology”" in together.alt
    assert set(figures["label_reliability"].columns["label"]) == set(LABEL_NAMES)
    assert "people: 1 of 6 heads differs" in figures["label_heads-gold"].alt
    assert "some label wrong" in figures["label_heads-correct"].alt
    by_label = figures["log_distributions-label"]
    assert set(by_label.columns["label"]) == {*LABEL_NAMES, "no label, or unknown"}
    assert FIGURES["log_distributions"].title(by_label) == "Distribution of self-attention by gold label"
    assert "by gold label. Documents with several labels count for each." in by_label.caption
    assert "one per label" in by_label.alt


def test_figures_of_values_are_those_of_the_tables(regression: tuple[StatisticsPaths, dict[str, Drawing]]) -> None:
    statistics, figures = regression
    scores = content(statistics)["scores"]

    groups = [f"{kind}-{by}" for kind in ("value_heads", "value_terms") for by in ("gold", "predicted", "error")]
    distributions = [f"log_distributions-{by}" for by in ("term", "layer")]
    assert list(figures) == [*OF_PREDICTIONS["regression"], *distributions, *groups]
    assert f"R² {significant(scores['r2']['value'], 3)}" in figures["predicted_against_gold"].caption
    assert f"of the mean {significant(scores['mean_baseline']['mae'], 3)}" in figures["predicted_against_gold"].caption
    assert len(figures["residuals"].columns["error"]) == 60
    assert "gold value: 1 of 6 heads is correlated with it" in figures["value_heads-gold"].alt
    assert "1 of the 6 correlations of heads is beyond chance." in figures["value_heads-gold"].caption


@pytest.mark.parametrize("task", rest_is_slow(["multi_label", "regression", "single_label"]))
def test_without_gold_values_no_figure_speaks_of_them(task: TaskName, tmp_path: Path) -> None:
    figures = drawn(statistics_of(tmp_path, task, labelled=0, n_documents=24))

    about_gold = re.compile(r"\b(gold|misclassified|accuracy|errors?|correct|correctly|mistakes?)\b")
    for name, drawing in figures.items():
        assert not about_gold.search((drawing.caption + drawing.alt).lower()), name
        assert not any(name.endswith(end) for end in ("-gold", "-correct", "-error", "-class", "-label"))
    assert any(name.endswith("_heads-predicted") for name in figures)


def test_terms_of_a_value_are_drawn_with_both_correlations() -> None:
    shown: dict[str, list[Any]] = {
        "term": ["good", "bad", "rare"],
        "use_rho": [0.5, -0.4, 0.1],
        "use_q": [0.01, 0.02, None],
        "effect": [0.3, None, -0.6],
        "q": [0.2, None, 0.01],
    }

    assert value_terms._alt(shown, "the gold value") == (
        "Dot plot of 3 terms that go with the gold value beyond chance: “good” (use, rho = +0.50), “bad” (use, rho = "
        "−0.40), “rare” (self-attention, rho = −0.60)."
    )
    assert value_terms._plot(shown).axes


def test_none_some_and_not_compared_are_three_sentences() -> None:
    assert value_heads.found_by_test(0, 6, "of heads") == " None of the 6 correlations of heads is beyond chance."
    assert value_heads.found_by_test(2, 6, "of heads") == " 2 of the 6 correlations of heads are beyond chance."
    assert value_heads.not_compared("the gold value").startswith("Not compared: the gold value. Five documents")


def test_labels_that_never_occur_together_say_so() -> None:
    panels = {"gold": np.diag([3, 2]), "predicted": np.array([[3, 1], [1, 2]])}

    assert label_errors._together_in_words(["a", "b"], panels) == (
        "Heat maps of 2 labels by 2 labels. No two gold labels occur together. The two predicted labels most often "
        "together: “a” and “b”, in 1 document."
    )


def test_line_of_medians_needs_enough_documents() -> None:
    assert values._medians(20) == ""
    assert "medians" in values._medians(60)


def test_terms_that_go_with_no_value_are_counted_as_they_were_tested() -> None:
    rows = pa.table({"term": ["a", "b", "c"], "use_q": [0.2, 0.3, 0.4], "q": [None, 0.2, None]})
    facts = {"effects": {"gold": "rho"}, "permuted": {"gold": "rows"}, "families": []}

    assert value_terms._reason_empty(facts, "gold", "the gold value", rows) == (
        "Compared: the gold value. None of 3 terms tested in use goes with it beyond chance, and none of 1 tested in "
        "self-attention (q < 0.05)."
    )
