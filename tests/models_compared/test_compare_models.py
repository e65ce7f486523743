"""The stage `compare_models`: a planted change is found and named, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from compared_study import (
    CHANGED,
    N_HEADS,
    OF_CLASS,
    OTHER_HEADS,
    OTHER_WORDS,
    compare,
    compare_written,
    rows,
    write_model,
)
from scipy import stats

from attviz_pipeline.artifacts import files, models_schemas, term_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import CompareSettings, OtherModel
from attviz_pipeline.errors import ArtifactError

OTHER = OtherModel(name="other", source="models/other", mode="load")
EVERY = CompareSettings(pretrained=True, seeds=[14, 15], models=[OTHER])


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> ModelsPaths:
    return compare(tmp_path_factory.mktemp("compared"), EVERY)


def test_the_models_are_listed_with_their_scores(compared: ModelsPaths) -> None:
    found = rows(compared, "models")

    assert [(row["model"], row["kind"], row["seed"], row["test"]) for row in found] == [
        ("own", "own", 13, 0.8),
        ("pretrained", "pretrained", None, None),
        ("seed-14", "seed", 14, 0.7),
        ("seed-15", "seed", 15, 0.9),
        ("other", "other", None, 0.6),
    ]
    assert [row["has_own_layout"] for row in found] == [True] * 4 + [False]
    assert {row["score"] for row in found} == {"macro_f1"}
    assert found[0]["effect_correlation"] == pytest.approx(1)


def test_only_the_changed_head_differs_from_the_pretrained_model(compared: ModelsPaths) -> None:
    found = {row["head"]: row for row in rows(compared, "model_heads") if row["model"] == "pretrained"}

    differs = {head for head, row in found.items() if row["log_ratio_q"] < 0.05}
    assert differs == {CHANGED, OF_CLASS}
    assert found[CHANGED]["log_ratio_change"] == pytest.approx(0.6, abs=0.1)
    assert found[CHANGED]["log_ratio_change_low"] < 0.6 < found[CHANGED]["log_ratio_change_high"]


def test_only_what_all_seeds_share_is_fine_tuning(compared: ModelsPaths) -> None:
    found = rows(compared, "fine_tuned_heads")

    assert [row["head"] for row in found if row["log_ratio_q"] < 0.05] == [CHANGED]
    assert found[CHANGED]["log_ratio_change"] == pytest.approx(0.6, abs=0.05)
    assert files.read_facts(compared.fine_tuned_heads, models_schemas.FINE_TUNED_HEADS)["n_models"] == 3


def test_a_change_is_the_difference_of_the_means_of_rows(compared: ModelsPaths) -> None:
    folder = compared.models.parent.parent
    places = {"own": folder, "seed-14": folder / "models" / "seed-14"}
    means = {
        name: np.array(
            files.read_table(
                place / "measures" / "attention.document_heads.parquet", term_schemas.DOCUMENT_HEADS, ["log_ratio"]
            )["log_ratio"].to_pylist()
        )
        for name, place in places.items()
    }

    row = next(row for row in rows(compared, "model_heads") if (row["model"], row["head"]) == ("seed-14", 2))
    reference = stats.ttest_rel(means["own"][:, 2], means["seed-14"][:, 2])
    low, high = reference.confidence_interval(0.95)
    assert row["log_ratio_change"] == pytest.approx((means["own"] - means["seed-14"])[:, 2].mean(), abs=1e-6)
    assert (row["log_ratio_change_low"], row["log_ratio_change_high"]) == pytest.approx((low, high), abs=1e-6)
    layer = next(row for row in rows(compared, "model_layers") if row["model"] == "seed-14")
    assert layer["log_ratio"] == pytest.approx(means["seed-14"].mean(), abs=1e-6)


def test_heads_of_one_place_rank_terms_more_alike_than_others(compared: ModelsPaths) -> None:
    of_seed = [row for row in rows(compared, "model_heads") if row["model"] == "seed-14"]

    assert len(of_seed) == N_HEADS
    assert {row["n_terms"] for row in of_seed} == {12}
    assert all(row["term_correlation"] > row["other_heads_correlation"] + 0.3 for row in of_seed)


def test_an_effect_of_a_class_is_found_again_in_one_of_two_seeds(compared: ModelsPaths) -> None:
    found = rows(compared, "effect_replications")

    of_class = next(row for row in found if row["group"] == "class 1" and row["head"] == OF_CLASS)
    assert of_class["q"] < 0.05
    assert (of_class["n_found_again"], of_class["n_others"]) == (1, 2)
    assert abs(of_class["pretrained_effect"]) < 1
    assert of_class["mean_effect_low"] < 0 < of_class["effect_low"]
    others = [row for row in found if row["head"] != OF_CLASS]
    assert not any(row["n_found_again"] for row in others)


def test_without_seeds_nothing_is_called_fine_tuning(tmp_path: Path) -> None:
    found = compare(tmp_path, CompareSettings(pretrained=True))

    assert rows(found, "fine_tuned_heads") == []
    assert {row["n_others"] for row in rows(found, "effect_replications")} == {0}


def test_seeds_alone_have_no_effect_before(tmp_path: Path) -> None:
    found = compare(tmp_path, CompareSettings(seeds=[14]))

    assert rows(found, "fine_tuned_heads") == []
    assert {row["pretrained_effect"] for row in rows(found, "effect_replications")} == {None}


def test_scores_are_of_models_with_a_trained_classifier(compared: ModelsPaths) -> None:
    found = {row["model"]: row for row in rows(compared, "models")}

    assert {name: row["accuracy"] for name, row in found.items()} == {
        "own": 1,
        "pretrained": None,
        "seed-14": 0.9,
        "seed-15": 1,
        "other": 25 / 40,
    }
    assert found["other"]["accuracy_low"] < 25 / 40 < found["other"]["accuracy_high"]
    assert {name for name, row in found.items() if row["ece"] is None} == {"pretrained"}
    assert {row["mae"] for row in found.values()} == {None}


def test_predictions_are_compared_with_every_model_but_the_untrained_one(compared: ModelsPaths) -> None:
    found = {(row["model"], row["other"]): row for row in rows(compared, "model_predictions")}

    of_own = {other: row for (model, other), row in found.items() if model == "own"}
    assert {other: row["agreement"] for other, row in of_own.items()} == {
        "seed-14": 0.9,
        "seed-15": 1,
        "other": 25 / 40,
    }
    assert found["seed-14", "other"]["agreement"] == 29 / 40
    assert of_own["other"]["q"] == pytest.approx(3 * 2 / 2**15)
    assert (of_own["other"]["n_only_model_right"], of_own["other"]["n_only_other_right"]) == (15, 0)
    assert of_own["seed-14"]["q"] > 0.05


def test_heads_of_another_layout_are_matched_by_their_words(compared: ModelsPaths) -> None:
    matched = rows(compared, "matched_heads")
    words = {row["model"]: row for row in rows(compared, "model_words")}

    assert {row["model"] for row in matched} == {"other"}
    assert {row["other_head"]: row["head"] for row in matched} == dict(enumerate(OTHER_HEADS))
    assert words["other"]["n_terms"] == len(OTHER_WORDS)
    assert words["other"]["matched_mean"] == pytest.approx(np.mean([row["correlation"] for row in matched]))
    assert words["other"]["matched_mean"] > words["other"]["matched_by_chance_high"]
    assert words["other"]["matched_p"] == words["other"]["matched_q"] == pytest.approx(1 / 201)
    assert words["seed-14"]["n_terms"] == 12
    assert words["seed-14"]["correlation"] > 0.8
    assert (words["seed-14"]["n_matched"], words["seed-14"]["matched_p"]) == (None, None)


def test_terms_have_their_values_and_places_in_every_model(compared: ModelsPaths) -> None:
    folder = compared.models.parent.parent
    found = rows(compared, "model_terms")

    for name in ("own", "pretrained", "seed-14", "other"):
        place = folder if name == "own" else folder / "models" / name
        table = files.read_table(place / "statistics" / "terms.parquet", term_schemas.TERMS).to_pylist()
        ranked = [row for row in table if not row["special"]]
        assert [(row["term"], row["rank"], row["shrunken_log_ratio"]) for row in found if row["model"] == name] == [
            (row["term"], rank, row["shrunken_log_ratio"]) for rank, row in enumerate(ranked, start=1)
        ]
    assert {row["term"] for row in found if row["model"] == "other"} == set(OTHER_WORDS)


def test_heads_of_another_layout_are_not_compared_one_by_one(compared: ModelsPaths) -> None:
    assert {row["model"] for row in rows(compared, "model_heads")} == {"pretrained", "seed-14", "seed-15"}
    assert {row["n_others"] for row in rows(compared, "effect_replications")} == {2}


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    own = write_model(tmp_path, "")
    write_model(tmp_path, "other", label_names=("class 0", "class two"))

    with pytest.raises(ArtifactError) as refused:
        compare_written(tmp_path, own, CompareSettings(models=[OTHER]))

    message = str(refused.value)
    assert "models/other predicts something else than the study's own" in message
    assert "class 0, class two" in message
    assert message.endswith("Remove other from compare.models, or name a model that was trained for the same.")


def test_a_model_of_other_documents_is_refused(tmp_path: Path) -> None:
    own = write_model(tmp_path, "")
    write_model(tmp_path, "seed-14", n_documents=30)

    with pytest.raises(ArtifactError, match=r"seed-14 has other documents than the study's own") as refused:
        compare_written(tmp_path, own, CompareSettings(seeds=[14]))
    assert "seed-14  30 documents" in str(refused.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    own = write_model(tmp_path, "")

    with pytest.raises(ArtifactError, match=r"models/seed-14"):
        compare_written(tmp_path, own, CompareSettings(seeds=[14]))
