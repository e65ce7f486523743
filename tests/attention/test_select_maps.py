"""Which documents get token-to-token maps: order, number, bytes, names."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_extraction import TEXTS, extract, write_card
from tiny_models import LABEL_NAMES

from attviz_pipeline.analysis.documents import index_documents, write_index
from attviz_pipeline.artifacts import files, map_schemas
from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.schema import GOLD, PREDICTED
from attviz_pipeline.attention.maps.select_maps import select_maps
from attviz_pipeline.attention.maps.selection import Selection, Sizes, select_documents
from attviz_pipeline.attention.maps.size import Bounds, Estimate, Measured, ModelShape, map_bytes, vector_bytes
from attviz_pipeline.config.settings import AttentionSettings, MapsSettings
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.stages import SelectMaps
from attviz_pipeline.tasks.single_label import SingleLabel

BYTES = 1_000_000


def make_index(gold: list[int], in_gold: list[float], n_tokens: list[int] | None = None) -> pa.Table:
    """Documents d0, d1, ... of two classes, with the probability of their gold class."""
    n_documents = len(gold)
    probabilities = [[1 - p, p] if label else [p, 1 - p] for label, p in zip(gold, in_gold, strict=True)]
    other = [field for field in (*GOLD, *PREDICTED) if field.name not in {"label", "prediction"}]
    return pa.table(
        {
            **{field.name: pa.nulls(n_documents, field.type) for field in other},
            "position": range(n_documents),
            "id": [f"d{i}" for i in range(n_documents)],
            "label": pa.array(gold, pa.int32()),
            "prediction": pa.array([int(second > first) for first, second in probabilities], pa.int32()),
            "probabilities": pa.array(probabilities, pa.list_(pa.float32())),
            "n_tokens": pa.array(n_tokens or [10] * n_documents, pa.int32()),
        }
    )


def select(
    index: pa.Table,
    *,
    n_bytes: list[int] | None = None,
    vectors: list[int] | None = None,
    n_models: int = 0,
    seed: int = 13,
    **maps: object,
) -> Selection:
    given = {"max_megabytes": 1000, "max_documents": 1000, "vectors": maps.pop("vectors_of", 5)}
    settings = MapsSettings(**given | maps)
    sizes = Sizes(n_bytes or [BYTES] * index.num_rows, vectors or [0] * index.num_rows, n_models)
    return select_documents(index, SingleLabel(("a", "b")), sizes, settings, seed)


def reasons_of(selection: Selection) -> list[str]:
    return list(dict.fromkeys(selection.reasons.values()))


def test_named_then_mistakes_then_the_least_certain_then_a_sample() -> None:
    index = make_index([0, 1] * 6, [0.9, 0.4, 0.6, 0.1, 0.8, 0.7, 0.95, 0.85, 0.3, 0.65, 0.75, 0.99])
    selection = select(index, documents=["d11", "d8"], max_documents=8)

    assert list(selection.reasons)[:4] == [11, 8, 3, 1]  # d8 is wrong, too: named comes first
    assert list(selection.reasons)[4:6] == [2, 9]  # a third of the six that remain
    assert list(selection.reasons.values()) == [
        *(["named"] * 2),
        *(["misclassified"] * 2),
        *(["low_confidence"] * 2),
        *(["sample"] * 4),
    ]
    assert selection.left_out == {
        "misclassified": {"max_documents": 0, "max_megabytes": 0},
        "right": {"max_documents": 2, "max_megabytes": 0},
    }


def test_what_does_not_fit_is_skipped_and_what_fits_behind_it_is_taken() -> None:
    index = make_index([0] * 6, [0.1, 0.2, 0.3, 0.9, 0.8, 0.7])
    selection = select(index, n_bytes=[3 * BYTES, 8 * BYTES, BYTES, BYTES, 9 * BYTES, 2 * BYTES], max_megabytes=10)

    assert list(selection.reasons.items())[:3] == [(0, "misclassified"), (2, "misclassified"), (5, "low_confidence")]
    assert selection.reasons[3] == "sample"
    assert selection.left_out == {
        "misclassified": {"max_documents": 0, "max_megabytes": 1},
        "right": {"max_documents": 0, "max_megabytes": 1},
    }


@pytest.mark.parametrize(
    ("maps", "kept_out_by"), [({"max_documents": 0}, "max_documents"), ({"max_megabytes": 0}, "max_megabytes")]
)
def test_named_documents_are_taken_whatever_they_weigh(maps: dict[str, int], kept_out_by: str) -> None:
    selection = select(make_index([0] * 5, [0.1, 0.9, 0.9, 0.9, 0.9]), documents=["d4", "d4"], **maps)

    assert selection.reasons == {4: "named"}
    assert selection.left_out["misclassified"][kept_out_by] == 1
    assert selection.left_out["right"][kept_out_by] == 3


def test_nothing_to_choose_from_mistakes_alone() -> None:
    selection = select(make_index([0] * 3, [0.1, 0.2, 0.3]))

    assert list(selection.reasons.items()) == [(row, "misclassified") for row in range(3)]


def test_sample_has_every_class_and_length_before_any_comes_twice() -> None:
    n_documents = 300
    gold = [int(row % 25 == 0) for row in range(n_documents)]  # the second class is rare
    index = make_index(gold, [0.9] * n_documents, [5 + row * 7 % 300 for row in range(n_documents)])
    selection = select(index, max_documents=18)
    sampled = [row for row, reason in selection.reasons.items() if reason == "sample"]
    lengths = index["n_tokens"].to_pylist()
    thirds = [sorted(lengths).index(lengths[row]) * 3 // n_documents for row in sampled]

    assert len(sampled) == 12
    assert set(Counter((gold[row], third) for row, third in zip(sampled, thirds, strict=True)).values()) == {2}


def test_choice_depends_on_the_seed_and_nothing_else() -> None:
    index = make_index([0, 1] * 50, [0.9] * 100)
    first = select(index, max_documents=9)

    assert select(index, max_documents=9) == first
    assert select(index, max_documents=9, seed=14) != first
    assert list(select(index, max_documents=9, seed=14).reasons)[:3] == list(first.reasons)[:3]


def test_unknown_ids_are_all_listed_with_near_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        select(make_index([0] * 12, [0.9] * 12), documents=["d1", "d13", "new\nline"])

    assert str(caught.value).splitlines() == [
        "maps.documents names ids that do not exist:",
        "  'd13'        is no analysed document; did you mean 'd3' or 'd1' or 'd11'?",
        r"  'new\nline'  is no analysed document",
        "Only analysed documents have maps: the site's page of documents lists their ids.",
    ]


@given(
    n_bytes=st.lists(st.integers(1, 5 * BYTES), min_size=1, max_size=40),
    max_documents=st.integers(0, 50),
    max_megabytes=st.floats(0, 60),
    seed=st.integers(0, 2**31 - 1),
)
def test_choice_stays_within_number_and_bytes_and_leaves_nothing_uncounted(
    n_bytes: list[int], max_documents: int, max_megabytes: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    gold = [int(draw.integers(2)) for _ in n_bytes]
    index = make_index(gold, draw.random(len(n_bytes)).tolist(), [int(draw.integers(2, 99)) for _ in n_bytes])
    selection = select(index, n_bytes=n_bytes, max_documents=max_documents, max_megabytes=max_megabytes, seed=seed)

    assert len(selection.reasons) <= max_documents
    assert sum(n_bytes[row] for row in selection.reasons) <= round(max_megabytes * 1e6)
    n_left_out = sum(sum(counts.values()) for counts in selection.left_out.values())
    assert len(selection.reasons) + n_left_out == len(n_bytes)


def test_map_of_a_base_model_weighs_what_its_shapes_say() -> None:
    base = ModelShape(12, 12, 64)
    settings = MapsSettings()

    # Thumbnails of 64 x 64, 16 entries of 3 bytes and a rest per row; base64 adds a third.
    assert map_bytes(base, 128, settings) == pytest.approx(144 * (64**2 + 128 * (16 * 3 + 1)) * 4 / 3, rel=1e-3)
    assert vector_bytes(base, 128) == pytest.approx(144 * 128 * 64 * 2 * 2 * 4 / 3, rel=1e-3)
    assert map_bytes(base, 5, settings) == pytest.approx(144 * (5**2 + 5 * (5 * 3 + 1)) * 4 / 3, rel=1e-2)


def test_an_estimate_interpolates_between_measured_lengths_and_counts_every_window() -> None:
    bounds = Bounds(ModelShape(2, 4, 8), 64, MapsSettings())
    of = {n: bounds.maps({"n_tokens": n, "n_windows": 1}) for n in (10, 20, 30, 64)}
    vectors = bounds.vectors({"n_tokens": 10, "n_windows": 1})
    measured = [Measured(10, of[10] // 2, vectors // 4), Measured(30, of[30], 0), Measured(64, of[64], 0)]
    estimate = Estimate(bounds, measured, overlap=8)

    assert estimate.maps({"n_tokens": 10, "n_windows": 1}) == pytest.approx(of[10] / 2, abs=1)
    assert estimate.maps({"n_tokens": 20, "n_windows": 1}) == pytest.approx(of[20] * 0.75, rel=1e-3)
    assert estimate.vectors({"n_tokens": 10, "n_windows": 1}) == pytest.approx(vectors / 4, abs=1)
    # 74 tokens with 8 that both windows read and 2 special ones more: a full window and one of 20.
    both = estimate.maps({"n_tokens": 74, "n_windows": 2})
    assert both == pytest.approx(of[64] + of[20] * 0.75, rel=1e-3)


def test_the_first_have_vectors_and_other_models_and_what_is_left_goes_to_other_models() -> None:
    index = make_index([0] * 4, [0.1, 0.2, 0.3, 0.4])
    sizes = {"n_bytes": [BYTES] * 4, "vectors": [2 * BYTES] * 4, "n_models": 2}
    selection = select(index, **sizes, max_megabytes=10, vectors_of=1)

    assert list(selection.reasons) == [0, 1, 2, 3]
    assert selection.with_vectors == {0}
    assert selection.with_models == {0, 1}  # 5 MB for the first and 3 for the others leave 2
    fewer = select(index, **sizes, max_megabytes=6, vectors_of=1)
    assert (list(fewer.reasons), fewer.with_models) == ([0, 1], {0})
    assert select(index, **sizes, max_megabytes=3, vectors_of=0).with_vectors == frozenset()


def test_without_a_limit_of_their_number_all_that_fit_are_selected() -> None:
    selection = select(make_index([0] * 80, [0.1] * 80), max_documents=None)

    assert len(selection.reasons) == 80


def test_the_selection_names_its_model(tmp_path: Path) -> None:
    index, selection = tmp_path / "document_index.parquet", tmp_path / "map_selection.json"
    write_index(index, index_documents([extract(tmp_path, TEXTS)]), SingleLabel(LABEL_NAMES))
    weights = "model.safetensors"
    card = write_card(tmp_path / "model.json", sha256={weights: digest(tmp_path / "checkpoint" / weights)})
    settings = SelectMaps(
        seed=13,
        attention=AttentionSettings(device="cpu", window_overlap=8),
        maps=MapsSettings(documents=["d2"], max_documents=1),
    )
    select_maps(settings, index, [tmp_path / "shard.parquet"], tmp_path / "checkpoint", card, selection)
    found = files.read_json(selection, map_schemas.MAP_SELECTION)

    assert [document["reason"] for document in found["documents"]] == ["named", "misclassified"]
    assert (found["n_layers"], found["n_heads"]) == (2, 4)
    assert list(found["model"]) == [weights]
