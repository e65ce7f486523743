"""Label sets and values: what is measured against the definitions, written out plainly, on tiny models."""

from collections.abc import Collection, Sequence
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evidence_stages import measure, rows_and_facts
from evidence_study import OF_LABELS, SETS, VALUES, Array, EvidenceStudy, embeddings
from sklearn.metrics import f1_score

from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.config.settings import TermsSettings
from attviz_pipeline.evidence.compare_terms import compare_terms
from attviz_pipeline.stages import CompareTerms
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression

MASK = 4
FRACTIONS = [0.05, 0.1, 0.2, 0.5]
STEP = 1e-3
GOLDS = {"multi_label": SETS, "regression": VALUES}
Rows = list[dict[str, Any]]
Windows = Sequence[Sequence[int]]


class Measured:
    """A study of one task, all its tables of evidence, and its model's numbers as the textbook has them."""

    def __init__(self, folder: Path, task: MultiLabel | Regression) -> None:
        self.study = EvidenceStudy(folder, labels=GOLDS[task.name], task=task)
        sizes = {"leave_one_out_documents": 7, "ablation_documents": 7, "cumulative_documents": 3}
        self.paths: EvidencePaths = measure(self.study, **sizes, random_rankings=2)
        self.task = task
        settings = CompareTerms(seed=13, terms=TermsSettings(min_document_frequency=2))
        paths = self.paths
        compare_terms(settings, self.study.attention, paths.gradients, paths.leave_one_out, paths.term_evidence)

    def rows(self, name: str) -> Rows:
        return rows_and_facts(self.paths, name)[0]

    def windows(self, position: int) -> list[list[int]]:
        return self.study.windows(self.study.rows[position]["text"])

    def outputs(self, windows: Windows, off: Collection[tuple[int, int]] = ()) -> Array:
        """Mean over windows of the activated outputs, with zeros in the output projections of some heads, [output]."""
        model = self.study.model() if off else self.study.unchanged_model
        with torch.no_grad():
            for layer, head in off:
                module = model.get_submodule(f"bert.encoder.layer.{layer}.attention.output.dense")
                module.weight[:, 8 * head : 8 * head + 8] = 0  # type: ignore[operator, index]
            logits = torch.stack([model(input_ids=torch.tensor([window])).logits[0] for window in windows]).double()
        active = logits if self.task.name == "regression" else torch.sigmoid(logits)
        mean: Array = active.mean(dim=0).numpy()
        return mean


def probability_of(labels: Collection[int], outputs: Array) -> float:
    return prod(float(p) if label in labels else 1 - float(p) for label, p in enumerate(outputs))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return Measured(tmp_path_factory.mktemp("sets"), OF_LABELS)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return Measured(tmp_path_factory.mktemp("values"), Regression())


def masked(windows: Windows, places: Collection[int]) -> list[list[int]]:
    [window] = windows
    return [[MASK if place in places else token for place, token in enumerate(window)]]


def test_gradients_of_a_label_set_are_those_of_its_log_probability(sets: Measured) -> None:
    rows = sets.rows("gradients")
    assert len({tuple(row["predictions"]) for row in rows}) > 1
    for row in rows:
        windows = sets.windows(row["position"])
        for prefix, labels in (("", row["predictions"]), ("gold_", row["labels"])):
            if labels is None:
                assert row["gold_log_probability"] is row["gold_gradient_x_input"] is row["gold_head_gradients"] is None
                continue
            model = sets.study.model()
            inputs = embeddings(model, windows)
            found = torch.stack([torch.sigmoid(model(inputs_embeds=one).logits[0]) for one in inputs]).mean(dim=0)
            inside = torch.tensor([label in labels for label in range(3)])
            torch.where(inside, found, 1 - found).log().sum().backward()
            expected = np.log(probability_of(labels, sets.outputs(windows)))
            assert row[f"{prefix}log_probability"] == pytest.approx(expected, abs=1e-5)
            if len(windows) == 1:
                products = (inputs[0].grad[0] * inputs[0].detach()[0]).numpy()  # type: ignore[index]
                np.testing.assert_allclose(row[f"{prefix}gradient_x_input"], products.sum(axis=-1), atol=2e-5)


def test_gradients_of_a_value_are_its_slopes(values: Measured) -> None:
    rows = {row["position"]: row for row in values.rows("gradients")}
    assert "gold_gradient_x_input" not in rows[0]
    for position in (0, 2):
        row, windows = rows[position], values.windows(position)
        assert row["whole_predicted_value"] == pytest.approx(values.outputs(windows)[0], abs=1e-5)
        model = values.study.model()
        [embedded] = embeddings(model, windows)
        for token in (1, 3):
            # The slope along the embedding itself is gradient times input.
            ends = []
            for step in (STEP, -STEP):
                moved = embedded.detach().clone()
                moved[0, token] *= 1 + step
                with torch.no_grad():
                    ends.append(float(model(inputs_embeds=moved).logits[0, 0]))
            slope = (ends[0] - ends[1]) / (2 * STEP)
            assert row["gradient_x_input"][token] == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize("name", ["sets", "values"])
def test_faithfulness_is_that_of_the_definitions(name: str, request: pytest.FixtureRequest) -> None:
    measured: Measured = request.getfixturevalue(name)
    rows = measured.rows("document_faithfulness")
    gradients = {row["position"]: row for row in measured.rows("gradients")}

    def fall(windows: Windows, places: Collection[int], predicted: Collection[int]) -> float:
        whole, without = measured.outputs(windows), measured.outputs(masked(windows, places))
        if measured.task.name == "regression":
            return float(abs(whole[0] - without[0]))
        return probability_of(predicted, whole) - probability_of(predicted, without)

    for position in (0, 2):
        read = measured.study.rows[position]
        windows, predicted = measured.windows(position), measured.task.predicted(read)
        text = [place for place, special in enumerate(read["special"]) if not special]
        by_gradient = np.array(gradients[position]["gradient_x_input"])
        scores = {
            "self_mean": np.reshape(read["self_attention"], (8, -1)).mean(axis=0),
            "gradient_x_input": np.abs(by_gradient) if measured.task.name == "regression" else by_gradient,
            "leave_one_out": [fall(windows, [place], predicted) for place in range(len(read["special"]))],
        }
        for score, numbers in scores.items():
            [row] = [one for one in rows if (one["position"], one["score"]) == (position, score)]
            ranked = sorted(text, key=lambda place: -numbers[place])
            for number, fraction in enumerate(FRACTIONS):
                top = set(ranked[: ceil(fraction * len(text))])
                for column, removed in (("comprehensiveness", top), ("sufficiency", set(text) - top)):
                    assert row[column][number] == pytest.approx(fall(windows, removed, predicted), abs=1e-5)
    if measured.task.name == "regression":
        assert min(min(row["comprehensiveness"]) for row in rows) >= 0


def test_a_label_set_without_heads(sets: Measured) -> None:
    for row in sets.rows("document_ablations")[:4]:
        windows = sets.windows(row["position"])
        whole = sets.outputs(windows)
        thresholds = np.array(OF_LABELS.thresholds)
        assert row["whole_predictions"] == np.flatnonzero(whole >= thresholds).tolist() == row["predictions"]
        for layer, head in [(0, 1), (1, 2)]:
            cut, number = sets.outputs(windows, [(layer, head)]), 4 * layer + head
            assert row["head_predictions"][number] == np.flatnonzero(cut >= thresholds).tolist()
            for column, labels in (("changes", row["predictions"]), ("gold_changes", row["labels"])):
                if labels is not None:
                    expected = np.log(probability_of(labels, cut) / probability_of(labels, whole))
                    assert row[column][number] == pytest.approx(expected, abs=2e-5)


def test_a_value_without_heads(values: Measured) -> None:
    rows = values.rows("document_ablations")
    assert {row["gold_changes"] is None for row in rows} == {True, False}
    for row in rows:
        windows = values.windows(row["position"])
        whole = values.outputs(windows)[0]
        cut = values.outputs(windows, [(1, 2)])[0]
        assert row["changes"][6] == pytest.approx(cut - whole, abs=2e-5)
        if row["value"] is not None:
            harm = abs(cut - row["value"]) - abs(whole - row["value"])
            assert row["gold_changes"][6] == pytest.approx(harm, abs=2e-5)


def test_the_measured_order_of_a_value_is_by_the_size_of_its_change(values: Measured) -> None:
    rows, facts = values.rows("document_ablations"), rows_and_facts(values.paths, "cumulative_ablations")[1]
    cut = {row["position"] for row in values.rows("cumulative_ablations")}
    deciding = [row for row in rows if row["position"] not in cut]
    assert deciding
    sizes = [np.abs(row["changes"]) for row in deciding]
    [order] = [order["heads"] for order in facts["orders"] if order["order"] == "measured"]
    assert [4 * layer + head for layer, head in order] == np.argsort(np.mean(sizes, axis=0)).tolist()


def test_label_sets_are_summarised_by_exact_match_and_macro_f1(sets: Measured) -> None:
    documents = [row for row in sets.rows("document_ablations") if row["labels"] is not None]
    found = {(row["layer"], row["head"]): row for row in sets.rows("head_ablations") if row["grouping"] == "all"}
    everyone = sets.rows("document_ablations")

    def members(labels: Sequence[list[int]]) -> Array:
        return np.array([[label in one for label in range(3)] for one in labels], float)

    gold, whole = (members([row[name] for row in documents]) for name in ("labels", "whole_predictions"))
    for (layer, head), number in zip(product(range(2), range(4)), range(8), strict=True):
        cut = members([row["head_predictions"][number] for row in documents])
        matches = [(one == gold).all(axis=1).mean() for one in (cut, whole)]
        f1 = [f1_score(gold, one, average="macro", zero_division=0) for one in (cut, whole)]
        row = found[layer, head]
        assert row["accuracy_change"] == pytest.approx(matches[0] - matches[1])
        assert row["macro_f1_change"] == pytest.approx(f1[0] - f1[1])
        flips = [one["head_predictions"][number] != one["whole_predictions"] for one in everyone]
        assert row["flips"] == pytest.approx(np.mean(flips))
    groups = {(row["grouping"], row["group"]) for row in sets.rows("head_ablations")}
    assert ("gold", "finance") in groups
    assert ("correct", "wrong") in groups


def test_values_are_summarised_by_their_errors(values: Measured) -> None:
    documents = values.rows("cumulative_ablations")
    for row in values.rows("ablation_curves"):
        mine = [
            one for one in documents if (one["order"], one["n_switched_off"]) == (row["order"], row["n_switched_off"])
        ]
        errors = [abs(one["cut_predicted_value"] - one["value"]) for one in mine if one["value"] is not None]
        assert row["error"] == pytest.approx(np.mean(errors))
        sizes = [abs(one["cut_predicted_value"] - one["whole_predicted_value"]) for one in mine]
        assert row["change"] == pytest.approx(np.mean(sizes))
    assert {row["grouping"] for row in values.rows("head_ablations")} == {"all"}
    assert {row["grouping"] for row in values.rows("faithfulness")} == {"all"}


@pytest.mark.parametrize("name", ["sets", "values"])
def test_words_have_the_sum_over_their_tokens(name: str, request: pytest.FixtureRequest) -> None:
    measured: Measured = request.getfixturevalue(name)
    [goal] = [
        row
        for row in measured.rows("term_evidence")
        if (row["measure"], row["grouping"], row["term"]) == ("leave_one_out", "all", "goal")
    ]
    means = []
    for row in measured.rows("leave_one_out"):
        read = measured.study.rows[row["position"]]
        spelled = [read["text"][start:end] for start, end in zip(read["starts"], read["ends"], strict=True)]
        places = [number for number, place in enumerate(row["places"]) if spelled[place].lower() == "goal"]
        whole = np.array(row[measured.task.evidence.outputs])
        without = whole + np.reshape(row["changes"], (-1, len(whole)))
        if places and name == "values":
            means.append(np.mean([abs(without[place, 0] - whole[0]) for place in places]))
        elif places:
            before = probability_of(row["predictions"], whole)
            means.append(np.mean([before - probability_of(row["predictions"], without[place]) for place in places]))
    assert goal["n_documents"] == len(means) >= 2
    assert goal["mean"] == pytest.approx(np.mean(means), abs=1e-6)


@pytest.mark.parametrize("task", [OF_LABELS, Regression()])
def test_unlabelled_studies_have_evidence_of_the_prediction(task: MultiLabel | Regression, tmp_path: Path) -> None:
    texts = ["The bank of the market.", "A goal, a goal.", "The film and the music."]
    study = EvidenceStudy(tmp_path, texts=texts, labels=[None] * 3, task=task)
    paths = measure(study)

    for row in rows_and_facts(paths, "head_ablations")[0]:
        assert row["grouping"] == "all"
        assert row["change"] is not None
        assert row["gold_change"] is None
    assert {row[task.judged_by[0]] for row in rows_and_facts(paths, "ablation_curves")[0]} == {None}
    assert None not in {row[task.judged_by[1]] for row in rows_and_facts(paths, "ablation_curves")[0]}
