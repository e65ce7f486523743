"""Token-to-token maps: against eager attention, in windows, within their bounds, and what is refused."""

import logging
from dataclasses import replace
from itertools import chain, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from architectures import THROUGH_THE_INTERFACE, make_model, make_windows
from hypothesis import given
from hypothesis import strategies as st
from tiny_extraction import TEXTS, extract, write_card
from tiny_models import LABEL_NAMES, make_tiny_bert
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from transformers import AutoModelForSequenceClassification, DebertaV2Config, PreTrainedModel

from attviz_pipeline.analysis.documents import index_documents, write_index
from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, map_schemas, statistics_schemas
from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.log_code import ATTENTION_CODE
from attviz_pipeline.artifacts.offsets import OFFSET_BINS
from attviz_pipeline.artifacts.packing import pack
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.maps.columns import MOST_ERROR, map_columns, vectors_fault
from attviz_pipeline.attention.maps.extract_maps import extract_maps
from attviz_pipeline.attention.maps.offsets import offset_pairs, offset_sums
from attviz_pipeline.attention.maps.reduction import MapObserver, Maps, strongest_keys, thumbnail
from attviz_pipeline.attention.maps.select_maps import select_maps
from attviz_pipeline.attention.maps.size import packed_bytes
from attviz_pipeline.attention.observed_matrices import MatrixPart
from attviz_pipeline.config.settings import AttentionSettings, MapsSettings
from attviz_pipeline.errors import ArtifactError, AttentionError, ConfigError, ResourceError
from attviz_pipeline.report import links
from attviz_pipeline.report.maps import write_maps
from attviz_pipeline.stages import ExtractMaps, SelectMaps
from attviz_pipeline.tasks.single_label import SingleLabel

N_TOKENS = 40
SMALL_MAPS = MapsSettings(thumbnail_size=16, entries_per_row=8)
NO_VECTORS = "the model does not expose vectors whose softmaxed scores are its attention"
LONG_TEXT = " ".join(["match", "goal", "team", "bank", "film", "."] * 20)
Array = npt.NDArray[Any]


def read_maps(model: PreTrainedModel, settings: MapsSettings = SMALL_MAPS) -> Maps:
    observer = MapObserver(settings)
    pad, left = model.config.pad_token_id, model.config.model_type == "xlnet"
    reader = AttentionReader(
        model, pad_token_id=pad, left_padded=left, typed=False, precision="float32", observer=observer
    )
    reader.read(make_windows(N_TOKENS))
    return observer.collect()


def eager_matrices(model: PreTrainedModel) -> Array:
    """[layer, head, query, key], the textbook way."""
    with torch.no_grad():
        output = model(input_ids=torch.tensor([make_windows(N_TOKENS)[0].token_ids]), output_attentions=True)
    return torch.stack(output.attentions)[:, 0].double().numpy()


def reproduce(columns: dict[str, Any], shape: tuple[int, int], n_tokens: int) -> Array:
    """Rows from stored vectors, by the formula that the schema states, [layer, head, query, key]."""
    queries, keys = (
        np.asarray(columns[name], np.float64).reshape(*shape, n_tokens, -1) for name in ("queries", "keys")
    )
    scores = np.asarray(columns["scale"])[:, None, None, None] * (queries @ keys.swapaxes(-1, -2))
    ahead = np.arange(n_tokens) - np.arange(n_tokens)[:, None]
    for layer, (before, after) in enumerate(zip(columns["keys_before"], columns["keys_after"], strict=True)):
        scores[layer][:, (ahead < -before) | (ahead > after)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("architecture", [*THROUGH_THE_INTERFACE, "GptOss", "DebertaV2", "XLNet", "MPNet"])
def test_maps_equal_eager_attention(architecture: str) -> None:
    model = make_model(architecture)
    exact = eager_matrices(model)
    maps = {name: values.double().numpy() for name, values in read_maps(model).items()}

    keys = maps["entry_keys"].astype(int)
    strongest = -np.sort(-exact, axis=-1)[..., :8]
    np.testing.assert_allclose(maps["entry_values"], strongest, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, keys, axis=-1), strongest, atol=1e-5)
    assert all(len(set(row)) == 8 for row in keys.reshape(-1, 8).tolist())
    np.testing.assert_allclose(maps["rest"], exact.sum(axis=-1) - strongest.sum(axis=-1), atol=1e-5)
    np.testing.assert_allclose(maps["thumbnails"], pooled(exact, 16), atol=1e-5)


def test_attention_is_summed_by_offset_between_tokens_of_text() -> None:
    random = np.random.default_rng(0)
    for n_tokens, first, stop in [(1, 0, 1), (2, 0, 2), (40, 0, 40), (70, 11, 60)]:
        window = replace(make_windows(n_tokens)[0], first=first, stop=stop)
        window = replace(window, special=[place in (0, n_tokens - 1) and n_tokens > 2 for place in range(n_tokens)])
        matrix = random.random((3, n_tokens, n_tokens))
        sums, pairs = np.zeros((3, len(OFFSET_BINS))), np.zeros(len(OFFSET_BINS), int)
        for query, key in product(range(first, stop), range(n_tokens)):
            if window.special[query] or window.special[key]:
                continue
            place = next(i for i, (low, high) in enumerate(OFFSET_BINS) if low <= key - query <= high)
            sums[:, place] += matrix[:, query, key]
            pairs[place] += 1
        np.testing.assert_allclose(offset_sums(torch.tensor(matrix), window).numpy(), sums, rtol=1e-12)
        assert offset_pairs(window).tolist() == pairs.tolist()


def test_offset_bins_follow_each_other_and_double() -> None:
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(OFFSET_BINS))
    assert [bin_ for bin_ in OFFSET_BINS if bin_[0] >= 8] == [(8, 8), *((2**p + 1, 2 ** (p + 1)) for p in range(3, 15))]


def pooled(matrices: Array, n_cells: int) -> Array:
    """Cut every token into as many slices as there are cells: then cells hold whole slices."""
    n_tokens = matrices.shape[-1]
    sliced = np.repeat(np.repeat(matrices, n_cells, axis=-1), n_cells, axis=-2) / n_cells
    cells = sliced.reshape(*matrices.shape[:2], n_cells, n_tokens, n_cells, n_tokens)
    return cells.mean(axis=-3).sum(axis=-1)


@pytest.mark.parametrize("architecture", THROUGH_THE_INTERFACE)
def test_vectors_make_the_rows_within_the_error_they_state(architecture: str) -> None:
    model = make_model(architecture)
    exact = eager_matrices(model)
    columns = map_columns(read_maps(model))
    error = np.abs(reproduce(columns, (2, 4), N_TOKENS) - exact).max(axis=(1, 2, 3))

    assert (error <= columns["vectors_error"] + 1e-5).all()
    assert (columns["vectors_error"] < MOST_ERROR).all()
    assert columns["queries"].dtype == np.float16


@pytest.mark.parametrize(
    ("architecture", "before", "after"),
    [
        ("Bert", [39, 39], [39, 39]),
        ("GPT2", [39, 39], [0, 0]),
        ("ModernBert", [39, 4], [39, 4]),
        ("Mistral", [5, 5], [0, 0]),
    ],
)
def test_mask_is_recorded_per_layer(architecture: str, before: list[int], after: list[int]) -> None:
    columns = map_columns(read_maps(make_model(architecture)))

    assert (columns["keys_before"], columns["keys_after"]) == (before, after)


@pytest.mark.parametrize("architecture", ["DebertaV2", "XLNet", "Gemma2", "GptOss"])
def test_models_that_show_no_vectors_have_none(architecture: str) -> None:
    maps = read_maps(make_model(architecture))
    columns = map_columns(maps)

    assert vectors_fault(maps) == NO_VECTORS
    assert [columns[name] for name in ("queries", "keys", "scale", "vectors_error")] == [None] * 4


def part_of(matrix: Tensor, query: Tensor, key: Tensor) -> MatrixPart:
    heads = slice(0, matrix.shape[1])
    return MatrixPart(slice(0, 1), heads, matrix, query, key, None, None, 1.0, heads.stop)


@pytest.mark.parametrize(
    ("bias", "size", "fault"), [(3.0, 1.0, "differs by up to 0."), (0.0, 1e6, "differs by up to nan")]
)
def test_vectors_that_do_not_explain_the_matrix_are_left_out(bias: float, size: float, fault: str) -> None:
    query, key = torch.eye(6)[None, None] * size, torch.eye(6)[None, None]
    scores = query @ key.mT + bias * torch.eye(6).roll(1, dims=0)
    observer = MapObserver(SMALL_MAPS)
    observer.begin(make_windows(6))
    observer.see(part_of(scores.softmax(dim=-1), query, key))
    maps = observer.collect()

    assert fault in vectors_fault(maps)
    assert map_columns(maps)["queries"] is None


def test_no_matrix_outlives_its_layer() -> None:
    observer = MapObserver(SMALL_MAPS)
    observer.begin(make_windows(9))
    matrix, query = torch.rand(1, 4, 9, 9).softmax(dim=-1), torch.rand(1, 4, 9, 8)
    storages = [StorageWeakRef(tensor.untyped_storage()) for tensor in (matrix, query)]
    observer.see(part_of(matrix, query, query))
    del matrix, query

    assert [storage.expired() for storage in storages] == [True, True]


@given(
    rows=st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0]), min_size=5, max_size=5), min_size=1, max_size=4),
    n_entries=st.integers(1, 8),
)
def test_of_equal_keys_the_first_are_kept(rows: list[list[float]], n_entries: int) -> None:
    keys, values = strongest_keys(torch.tensor([rows]), n_entries)
    expected = [sorted(range(5), key=lambda key: (-row[key], key))[:n_entries] for row in rows]

    assert keys[0].tolist() == expected
    assert torch.equal(values, torch.tensor([rows]).gather(-1, keys))


@pytest.mark.parametrize("n_tokens", [10, 64, 65, 100, 128, 513])
def test_patterns_stay_as_bright_in_thumbnails_of_any_length(n_tokens: int) -> None:
    even = torch.full((n_tokens, n_tokens), 1 / n_tokens)
    stripe = torch.zeros(n_tokens, n_tokens)
    stripe[:, n_tokens // 2] = 1
    small = thumbnail(torch.stack([torch.eye(n_tokens), even, stripe]), 64)
    n_cells = min(64, n_tokens)

    torch.testing.assert_close(small.sum(dim=-1), torch.ones(3, n_cells))
    assert small[0].diagonal().min() > 0.49  # a token may straddle two cells
    torch.testing.assert_close(small[1], torch.full((n_cells, n_cells), 1 / n_cells))
    assert small[2].amax(dim=-1).min() > 0.49
    assert (small[2] > 0).sum(dim=-1).max() <= 2


def test_short_texts_are_their_own_thumbnails() -> None:
    matrix = torch.rand(3, 12, 12).softmax(dim=-1)

    assert torch.equal(thumbnail(matrix, 12), matrix)


class Study:
    """A tiny classifier, texts of which one takes several windows, and the index of their documents."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        make_tiny_bert(folder / "checkpoint", seed=seed)
        self.attention = extract(folder, [*TEXTS, LONG_TEXT])
        self.shards = [folder / "shard.parquet"]
        self.checkpoint, self.card = folder / "checkpoint", folder / "model.json"
        self.index = folder / "document_index.parquet"
        self.maps, self.selection = folder / "maps" / "maps.parquet", folder / "maps" / "map_selection.json"
        write_index(self.index, index_documents([self.attention]), SingleLabel(LABEL_NAMES))
        weights = "model.safetensors"
        write_card(self.card, sha256={weights: digest(self.checkpoint / weights)} if seed else {})

    def extract(self, attention: dict[str, object] | None = None, **maps: object) -> list[dict[str, Any]]:
        of_maps = MapsSettings(**{"thumbnail_size": 16, "entries_per_row": 4, "vectors": 9} | maps)
        of_attention = AttentionSettings(**{"device": "cpu", "window_overlap": 8} | (attention or {}))
        select = SelectMaps(seed=13, attention=of_attention, maps=of_maps)
        select_maps(select, self.index, self.shards, self.checkpoint, self.card, self.selection)
        settings = ExtractMaps(attention=of_attention, maps=of_maps)
        extract_maps(settings, self.selection, self.shards, self.checkpoint, self.card, self.maps)
        return files.read_table(self.maps, map_schemas.MAPS).to_pylist()

    def extract_other(self, other: "Study", **maps: object) -> list[dict[str, Any]]:
        """Maps of the model of another study, of the documents that were selected here."""
        of_maps = MapsSettings(**{"thumbnail_size": 16, "entries_per_row": 4, "vectors": 0} | maps)
        of_attention = AttentionSettings(device="cpu", window_overlap=8)
        settings = ExtractMaps(attention=of_attention, maps=of_maps)
        extract_maps(settings, self.selection, self.shards, other.checkpoint, other.card, other.maps)
        return files.read_table(other.maps, map_schemas.MAPS).to_pylist()

    def eager(self, token_ids: list[int], type_ids: list[int] | None = None) -> Array:
        model = AutoModelForSequenceClassification.from_pretrained(self.checkpoint, attn_implementation="eager").eval()
        types = None if type_ids is None else torch.tensor([type_ids])
        with torch.no_grad():
            output = model(input_ids=torch.tensor([token_ids]), token_type_ids=types, output_attentions=True)
        return torch.stack(output.attentions)[:, 0].double().numpy()

    def written(self) -> set[str]:
        return {path.name for path in self.folder.rglob("*") if "maps" in path.name and path.is_file()}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_every_window_is_mapped_whole_within_the_error_of_its_codes(study: Study) -> None:
    rows = study.extract()
    bound = ATTENTION_CODE.relative_error * (1 + 1e-4)

    assert [(row["id"], row["window"]) for row in rows] == [
        *((f"d{i}", 0) for i in range(6)),
        ("d5", 1),
        ("d5", 2),
    ]
    for row in rows:
        exact, n_tokens = study.eager(row["token_ids"]), len(row["tokens"])
        keys = np.asarray(row["entry_keys"]).reshape(2, 4, n_tokens, -1)
        values, rest = (ATTENTION_CODE.decode(np.asarray(row[name], np.uint8)) for name in ("entry_values", "rest"))
        values, rest = values.reshape(keys.shape), rest.reshape(2, 4, n_tokens)
        expected = np.take_along_axis(exact, keys, axis=-1)
        np.testing.assert_allclose(values, expected, rtol=bound, atol=2e-6)
        np.testing.assert_allclose(rest, 1 - expected.sum(axis=-1), rtol=bound, atol=2e-6)
        np.testing.assert_allclose(values.sum(axis=-1) + rest, 1, atol=bound)
        side = min(16, n_tokens)
        shown = ATTENTION_CODE.decode(np.asarray(row["thumbnails"], np.uint8)).reshape(2, 4, side, side)
        np.testing.assert_allclose(shown, pooled(exact, side), rtol=bound, atol=2e-6)
        error = np.abs(reproduce(row, (2, 4), n_tokens) - exact).max(axis=(1, 2, 3))
        assert (error <= np.asarray(row["vectors_error"]) + 1e-5).all()


def test_kept_tokens_of_the_windows_are_those_of_the_document(study: Study) -> None:
    rows = [row for row in study.extract() if row["id"] == "d5"]
    document = files.read_table(study.attention, attention_schemas.ATTENTION).to_pylist()[5]

    assert len(rows) == len(document["windows"]) > 1
    for name in ("tokens", "token_ids", "starts", "ends", "special"):
        kept = [row[name][row["first_kept"] : row["first_kept"] + row["n_kept"]] for row in rows]
        assert list(chain.from_iterable(kept)) == document[name]
    assert [len(row["tokens"]) for row in rows] == [window["n_model_tokens"] for window in document["windows"]]


def test_second_text_of_a_pair_is_read_as_such(study: Study) -> None:
    columns = files.read_table(study.shards[0], corpus_schemas.SHARD).slice(0, 1).to_pydict()
    columns |= {"text": ["The bank played.\nA goal of the coach."], "pair_start": [17]}
    files.write_table(
        study.shards[0], corpus_schemas.SHARD, columns, {"task": "single_label", "label_names": ["business", "sport"]}
    )
    index = files.read_table(study.index, statistics_schemas.DOCUMENT_INDEX).slice(0, 1).to_pydict() | {
        "n_tokens": [14]
    }
    files.write_table(
        study.index,
        statistics_schemas.DOCUMENT_INDEX,
        index,
        {"task": "single_label", "label_names": ["business", "sport"]},
    )
    row = study.extract()[0]

    assert row["tokens"].count("[SEP]") == 2
    boundary = row["tokens"].index("[SEP]") + 1
    assert row["starts"][boundary] == 17
    type_ids = [int(place >= boundary) for place in range(14)]
    shown = ATTENTION_CODE.decode(np.asarray(row["thumbnails"], np.uint8)).reshape(2, 4, 14, 14)
    np.testing.assert_allclose(shown, study.eager(row["token_ids"], type_ids), rtol=0.0277, atol=2e-6)
    assert np.abs(shown - study.eager(row["token_ids"])).max() > 0.1


def test_diagonal_is_the_documents_self_attention(study: Study) -> None:
    row = study.extract(entries_per_row=64)[0]
    document = files.read_table(study.attention, attention_schemas.ATTENTION).to_pylist()[0]
    n_tokens = len(row["tokens"])
    keys, values = (np.asarray(row[name]).reshape(2, 4, n_tokens, n_tokens) for name in ("entry_keys", "entry_values"))
    on_self = keys == np.arange(n_tokens)[:, None]
    shown = ATTENTION_CODE.decode(values[on_self].astype(np.uint8))

    np.testing.assert_allclose(shown, document["self_attention"], rtol=ATTENTION_CODE.relative_error * 1.001)


def test_another_model_maps_the_documents_that_the_own_selected(study: Study, tmp_path: Path) -> None:
    own = study.extract(documents=["d5", "d2"], max_documents=0)
    other = Study(tmp_path / "other", seed=1)
    rows = study.extract_other(other)

    same = ("id", "window", "tokens", "special", "first_kept", "n_kept")
    assert [[row[name] for name in same] for row in rows] == [[row[name] for name in same] for row in own]
    assert all(row["queries"] is None for row in rows)
    exact = other.eager(rows[0]["token_ids"])
    shown = ATTENTION_CODE.decode(np.asarray(rows[0]["thumbnails"], np.uint8)).reshape(2, 4, 16, 16)
    np.testing.assert_allclose(shown, pooled(exact, 16), rtol=0.0277, atol=2e-6)
    assert np.abs(exact - study.eager(rows[0]["token_ids"])).max() > 0.01


def test_a_model_with_other_heads_has_no_maps(study: Study, tmp_path: Path) -> None:
    study.extract()
    other = Study(tmp_path / "other", seed=1)
    facts = files.read_json(study.selection, map_schemas.MAP_SELECTION)
    files.write_json(study.selection, map_schemas.MAP_SELECTION, facts | {"n_heads": 12})

    assert study.extract_other(other) == []


def test_documents_of_which_a_model_reads_other_tokens_have_no_maps(study: Study, tmp_path: Path) -> None:
    study.extract()
    other = Study(tmp_path / "other", seed=1)
    facts = files.read_json(study.selection, map_schemas.MAP_SELECTION)
    facts["documents"] = [
        document | ({"n_tokens": document["n_tokens"] + 1} if document["id"] == "d2" else {})
        for document in facts["documents"]
    ]
    files.write_json(study.selection, map_schemas.MAP_SELECTION, facts)

    assert {row["id"] for row in study.extract_other(other)} == {"d0", "d1", "d3", "d4", "d5"}
    with pytest.raises(ArtifactError, match="document 'd2' has"):
        study.extract_other(study)  # of the own model, it is a fault


def test_selection_says_what_was_chosen_and_why(study: Study) -> None:
    study.extract(documents=["d5"], max_documents=2)
    selection = files.read_json(study.selection, map_schemas.MAP_SELECTION)

    first = selection["documents"][0]
    assert (first["id"], first["n_windows"], first["reason"]) == ("d5", 3, "named")
    assert len(selection["documents"]) == 3
    assert selection["estimated_bytes"] == sum(document["estimated_bytes"] for document in selection["documents"])
    left_out = selection["left_out"]
    assert sum(sum(counts.values()) for counts in left_out.values()) == 3
    assert {row["id"] for row in study.extract(documents=["d5"], max_documents=2)} == {
        document["id"] for document in selection["documents"]
    }


def deal_out(path: Path, schema: Schema, n_shards: int) -> list[Path]:
    """Deal the rows of a table out to several, in another order."""
    table, facts = files.read_table(path, schema), files.read_facts(path, schema)
    shards = [path.with_name(f"{path.stem}-{first}.parquet") for first in range(n_shards)]
    for first, shard in enumerate(shards):
        with files.TableWriter(shard, schema, facts) as writer:
            writer.write_table(table.take(list(range(first, table.num_rows, n_shards))[::-1]))
    return shards


def test_sharding_changes_no_byte(study: Study) -> None:
    study.extract(max_documents=4)
    one = study.maps.read_bytes(), study.selection.read_bytes()
    study.shards = deal_out(study.shards[0], corpus_schemas.SHARD, 3)
    attention = deal_out(study.attention, attention_schemas.ATTENTION, 3)
    write_index(study.index, index_documents(attention), SingleLabel(LABEL_NAMES))
    study.extract(max_documents=4)

    assert (study.maps.read_bytes(), study.selection.read_bytes()) == one


def test_shards_of_another_study_are_refused_and_nothing_written(study: Study) -> None:
    study.shards = deal_out(study.shards[0], corpus_schemas.SHARD, 2)[:1]

    with pytest.raises(ArtifactError, match=r"different documents:\n  'd1'  is in document_index, .*\n  'd5'"):
        study.extract()
    assert not study.written()


def test_the_estimate_is_near_what_the_site_needs(study: Study, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = ["match", "goal", "team", "bank", "film", "coach", "market", "music"]
    texts = [" ".join(random.choice(words, random.integers(3, 150))) for _ in range(30)]
    study.attention = extract(study.folder, texts)
    write_index(study.index, index_documents([study.attention]), SingleLabel(LABEL_NAMES))
    for vectors in (0, 30):
        study.extract(vectors=vectors)
        documents = files.read_json(study.selection, map_schemas.MAP_SELECTION)["documents"]
        (site := tmp_path / f"site-{vectors}").mkdir()
        write_maps(study.maps, site)
        written = {document["position"]: 0 for document in documents}
        for script in (site / links.MAP_FOLDER).iterdir():
            written[int(script.name[:6])] += script.stat().st_size
        estimated = sum(document["estimated_bytes"] for document in documents)
        assert len(documents) == 30
        assert estimated == pytest.approx(sum(written.values()), rel=0.1)
        assert all(one["estimated_bytes"] == pytest.approx(written[one["position"]], rel=0.25) for one in documents)


def test_the_first_documents_have_vectors_and_maps_of_other_models(study: Study, tmp_path: Path) -> None:
    rows = study.extract(documents=["d2"], vectors=2)
    documents = files.read_json(study.selection, map_schemas.MAP_SELECTION)["documents"]
    with_vectors = [document["id"] for document in documents if document["vectors"]]

    assert with_vectors == [document["id"] for document in documents[:2]]
    assert with_vectors[0] == "d2"
    assert {row["id"] for row in rows if row["queries"] is not None} == set(with_vectors)
    assert all(document["models"] for document in documents)  # there is room for all
    room = sum(document["estimated_bytes"] for document in documents) + documents[0]["estimated_bytes"]
    study.extract(documents=["d2"], vectors=2, max_megabytes=room / 1e6)
    fewer = files.read_json(study.selection, map_schemas.MAP_SELECTION)["documents"]
    assert [document["models"] for document in fewer[:2]] == [True, True]
    other = study.extract_other(Study(tmp_path / "other", seed=1))
    assert {row["id"] for row in other} == {document["id"] for document in fewer if document["models"]}


@pytest.mark.parametrize("n_bytes", [0, 1, 1000, 100_000, 3_000_000])
def test_estimate_holds_for_bytes_that_nothing_compresses(n_bytes: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, n_bytes, dtype=np.uint8)

    assert len(pack(noise)) <= packed_bytes(n_bytes) <= len(pack(noise)) * 1.0001 + 20


@pytest.mark.parametrize("limit", ["max_documents", "max_megabytes"])
def test_nothing_chosen_gives_empty_maps_without_a_model(limit: str, study: Study) -> None:
    (study.checkpoint / "model.safetensors").unlink()

    assert study.extract(**{limit: 0}) == []
    assert files.read_json(study.selection, map_schemas.MAP_SELECTION)["documents"] == []
    assert files.read_facts(study.maps, map_schemas.MAPS)["n_heads"] == 4


def test_named_documents_over_the_budget_are_mapped_with_a_warning(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    assert {row["id"] for row in study.extract(documents=["d5"], max_megabytes=0.001)} == {"d5"}
    assert "more than maps.max_megabytes (0.001) allows" in caplog.text


def test_vectors_can_be_left_out(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    rows = study.extract(vectors=0)

    assert all(row["queries"] is None and row["scale"] is None for row in rows)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_model_without_vectors_is_mapped_with_one_warning(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    config = DebertaV2Config(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(study.checkpoint)
    rows = study.extract()

    assert len(rows) > 6
    assert all(row["queries"] is None for row in rows)
    own = [record for record in caplog.records if record.name.startswith("attviz_pipeline")]
    assert [record.message for record in own if record.levelno == logging.WARNING] == [
        f"{len(rows)} of {len(rows)} maps are without query and key vectors: {NO_VECTORS}"
    ]


def test_unknown_ids_are_refused_and_nothing_written(study: Study) -> None:
    with pytest.raises(ConfigError, match=r"names ids that do not exist:\n  'd55'  .*; did you mean 'd5'\?"):
        study.extract(documents=["d55"])
    assert not study.written()
    assert not study.selection.exists()


def test_index_of_another_extraction_is_refused_and_nothing_written(study: Study) -> None:
    with pytest.raises(ArtifactError, match="document 'd5' has 64 tokens in 1 windows, document_index says 122 in 3"):
        study.extract({"long_texts": "truncate"})
    assert not study.written()


def test_card_of_another_model_is_refused_and_nothing_written(study: Study) -> None:
    write_card(study.card, n_heads=12)

    with pytest.raises(AttentionError, match="returned attention of 2 layers x 4 heads, its card states 2 x 12"):
        study.extract()
    assert not study.written()


def test_damaged_weights_are_refused_and_nothing_written(study: Study) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(study.checkpoint)
    with torch.no_grad():
        model.bert.encoder.layer[0].attention.self.key.weight.fill_(float("nan"))
    model.save_pretrained(study.checkpoint)

    with pytest.raises(AttentionError, match="NaN or infinite values"):
        study.extract()
    assert not study.written()


def test_lack_of_memory_is_a_message(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(AttentionReader, "launch", run_out)
    with pytest.raises(ResourceError, match=r"out of memory on a single input of \d+ tokens"):
        study.extract()
    assert not study.written()


def test_full_disk_is_reported_before_any_work(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: type("Usage", (), {"free": 10}))

    with pytest.raises(ResourceError, match="too little disk for the token-to-token maps"):
        study.extract()
