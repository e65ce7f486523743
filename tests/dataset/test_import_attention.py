"""The stage import_attention: AttViz's JSON becomes a study, and whatever is wrong or odd about it is said."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attviz_files import CLASSES, Imported, document, vector
from corpora import attviz_example
from hypothesis import given
from hypothesis import strategies as st
from synthetic_site import site_of_import

from attviz_pipeline.artifacts import attention_schemas, files, model_schemas
from attviz_pipeline.dataset import json_array
from attviz_pipeline.dataset.imported.token_places import place_tokens
from attviz_pipeline.errors import DatasetError


def refusal(folder: Path, content: object, **settings: Any) -> str:  # noqa: ANN401
    with pytest.raises(DatasetError) as caught:
        Imported(folder, content, **settings)
    assert not (folder / "out-1").exists() or not list((folder / "out-1").iterdir())
    return str(caught.value)


class TestGoodFile:
    def test_numbers_tokens_and_places_are_those_of_the_file(self, tmp_path: Path) -> None:
        given = [document("profits up"), document("the bank of england", seed=1)]

        imported = Imported(tmp_path, given)

        assert (imported.facts["n_layers"], imported.facts["n_heads"]) == (1, 3)
        assert imported.facts["vector_names"] == ["0", "1", "2"]
        for row, content in zip(imported.rows, given, strict=True):
            values = [float(value) for index in range(3) for value in vector(content, index)]
            assert row["self_attention"] == values
            assert row["tokens"] == content["sets"][0]["tokens"]
            spelt = [row["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]
            assert spelt == row["tokens"]
            assert row["label"] is None
            assert row["split"] == ""
            assert CLASSES[row["prediction"]] == "business"
        assert [row["status"] for row in imported.ledger] == ["kept", "kept"]
        assert [row["detail"] for row in imported.ledger] == ["", ""]

    def test_a_token_has_one_index_in_all_shards_and_sharding_changes_no_row(self, tmp_path: Path) -> None:
        given = [document(f"shared word number {index}", seed=index) for index in range(9)]

        one, three = Imported(tmp_path, given), Imported(tmp_path, given, n_shards=3)

        assert one.rows == three.rows
        assert len({row["token_ids"][0] for row in three.rows}) == 1
        assert all(files.count_rows(path, attention_schemas.ATTENTION) for path in three.output.attention)

    def test_a_sample_is_drawn_and_the_rest_stays_in_the_ledger(self, tmp_path: Path) -> None:
        given = [document(f"text {index}", seed=index) for index in range(9)]

        imported = Imported(tmp_path, given, max_documents=4)

        assert len(imported.rows) == 4
        assert [row["position"] for row in imported.rows] == [0, 1, 2, 3]
        assert len(imported.ledger) == 9

    def test_classes_may_come_in_another_order(self, tmp_path: Path) -> None:
        turned = document(seed=1)
        turned["output_activations"].reverse()

        rows = Imported(tmp_path, [document(), turned]).rows

        assert rows[0]["probabilities"] == rows[1]["probabilities"] == [0.75, 0.25]


class TestOddities:
    def test_vectors_that_repeat_everywhere_are_no_heads_and_are_named(self, tmp_path: Path) -> None:
        given = [document(seed=0, n_vectors=4), document("other text", seed=1, n_vectors=4)]
        for content in given:
            vector(content, 3)[:] = vector(content, 1)
        vector(given[0], 2)[:] = vector(given[0], 0)  # in one document only: stays

        imported = Imported(tmp_path, given)

        assert imported.facts["vector_names"] == ["0", "1", "2"]
        assert "vector 2 repeats 0, vector 3 repeats 1" in imported.ledger[0]["detail"]
        assert imported.ledger[1]["detail"] == "vector 3 repeats 1"
        assert files.read_json(imported.output.model_card, model_schemas.MODEL)["left_out_vectors"] == [
            "3, a copy of 1"
        ]
        kept = Imported(tmp_path, given, repeated_vectors="keep")
        assert kept.facts["n_heads"] == 4

    def test_numbers_absent_tokens_and_saved_aggregates_are_named(self, tmp_path: Path) -> None:
        content = document("profits [UNK] up")
        content["text"] = "profits soared up"
        content["sets"][0]["attention_vectors"][0]["vectors"] = [0.5, 0.25, 1]
        content["sets"][0]["attention_vectors"].append({"name": "0_max_min", "vectors": [0.1, 0.2, 0.3]})

        imported = Imported(tmp_path, [content])

        detail = imported.ledger[0]["detail"]
        assert "numbers are written as numbers" in detail
        assert "1 of its 3 tokens are not in its text" in detail
        assert "'0_max_min' is an aggregate" in detail
        row = imported.rows[0]
        assert (row["starts"][1], row["ends"][1]) == (7, 7)
        assert row["text"][row["starts"][2] :] == "up"
        assert row["self_attention"][:3] == [0.5, 0.25, 1]
        assert imported.facts["n_heads"] == 3

    def test_pieces_of_words_are_joined_where_the_text_is_tokens_joined_by_spaces(self, tmp_path: Path) -> None:
        first, second = document("w ##mc un ##em ##ployment ##"), document("w ##mc up", seed=1)
        second["text"] = "w  ##mc up"

        imported = Imported(tmp_path, [first, second])

        joined, other = imported.rows
        assert joined["text"] == "wmc unemployment ##"
        spelt = [joined["text"][start:end] for start, end in zip(joined["starts"], joined["ends"], strict=True)]
        assert spelt == ["w", "mc", "un", "em", "ployment", "##"]
        assert joined["words"][:5] == [0, 0, 1, 1, 1]
        assert joined["tokens"] == first["sets"][0]["tokens"]
        assert other["text"] == "w  ##mc up"
        what = "its text is its tokens joined by spaces: 3 pieces of words (##) are joined to the token before"
        assert [row["detail"] for row in imported.ledger] == [what, ""]

    def test_a_text_that_begins_with_a_piece_keeps_it(self, tmp_path: Path) -> None:
        (row,) = Imported(tmp_path, [document("##mc profits ##s")]).rows

        assert row["text"] == "##mc profitss"
        assert (row["starts"], row["ends"]) == ([0, 5, 12], [4, 12, 13])

    def test_sets_of_the_same_tokens_are_read_as_one(self, tmp_path: Path) -> None:
        content = document()
        content["sets"].append(document(seed=5)["sets"][0])

        assert Imported(tmp_path, [content]).facts["n_heads"] == 6


class TestBadFile:
    def test_all_problems_are_listed_at_once(self, tmp_path: Path) -> None:
        given = [document(f"text number {index}", seed=index) for index in range(9)]
        vector(given[0], 1).pop()
        vector(given[1], 2)[1] = "NaN"
        vector(given[2], 0)[2] = 1.5
        del given[3]["output_activations"]
        given[4]["sets"] = []
        del given[5]["text"]
        given[6]["sets"][0]["attention_vectors"].pop()
        given[7]["output_activations"][0]["name"] = "politics"
        given.append("no object")  # type: ignore[arg-type]

        message = refusal(tmp_path, given)

        assert "9 of 10 documents cannot be used:" in message
        for document_and_key, what in [
            ("document 1, sets[0].attention_vectors[1].vectors", "has 2 values for 3 tokens"),
            ("document 2, sets[0].attention_vectors[2].vectors", "value 1 is 'NaN', not a number from 0 to 1"),
            ("document 3, sets[0].attention_vectors[0].vectors", "value 2 is 1.5, not a number from 0 to 1"),
            ("document 4, output_activations", "is missing: must be a list of at least one class"),
            ("document 5, sets", "must be a list of at least one set, got an empty list"),
            ("document 6, text", "is missing"),
            ("document 7, sets", "has 2 vectors, where most documents have 3"),
            ("document 8, output_activations", "most documents have business, sport"),
            ("document 10, (document)", "must be an object, got a string"),
        ]:
            line = next(line for line in message.splitlines() if f"{document_and_key} " in line)
            assert what in line
        assert "dataset.bad_rows: skip" in message

    @pytest.mark.parametrize("text", ["0_1", "٠.٥", "\uff10.5", " 0.5", "0x1", "1e", ".", "", "9" * 100_000 + "x"])  # noqa: RUF001
    def test_strings_that_only_python_reads_as_numbers_are_refused(self, tmp_path: Path, text: str) -> None:
        content = document()
        vector(content, 1)[2] = text
        content["output_activations"][1]["value"] = text

        message = refusal(tmp_path, [content])

        assert message.count("not a number from 0 to 1") == 2

    def test_numbers_may_be_spelt_as_other_languages_print_them(self, tmp_path: Path) -> None:
        content = document("a b c d e")
        vector(content, 0)[:] = ["1e-05", "5E-1", "1.", ".25", "+0.5"]

        (row,) = Imported(tmp_path, [content]).rows

        assert row["self_attention"][1:5] == [0.5, 1.0, 0.25, 0.5]

    def test_bad_documents_can_be_left_out_and_the_ledger_names_them(self, tmp_path: Path) -> None:
        given = [document(f"text number {index}", seed=index) for index in range(3)]
        vector(given[1], 0)[0] = float("nan")

        imported = Imported(tmp_path, given, bad_rows="skip")

        assert [row["id"] for row in imported.rows] == ["1", "3"]
        assert [row["status"] for row in imported.ledger] == ["kept", "unreadable_attention", "kept"]
        assert "value 0 is nan" in imported.ledger[1]["detail"]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("{}", "expected [, found '{'"),
            ("[{}", "it ends early"),
            ('[{"text": }]', "Expecting value at character 11"),
            ("[1] 2", "something follows the array"),
            ("[" * 100_000, "is no JSON array"),
            ("[]", "holds no document"),
        ],
    )
    def test_malformed_arrays_are_reported_with_the_place(self, tmp_path: Path, text: str, fault: str) -> None:
        (tmp_path / "explanations.json").write_text(text)

        assert fault in refusal(tmp_path, None)

    def test_missing_file_names_its_neighbours(self, tmp_path: Path) -> None:
        (tmp_path / "explanation.json").write_text("[]")

        assert "explanation.json" in refusal(tmp_path, None)

    def test_surrogates_and_control_characters_are_refused(self, tmp_path: Path) -> None:
        content = document()
        content["sets"][0]["tokens"][1] = "\ud800"
        other = document("a b")
        other["sets"][0]["tokens"][1] = "b\x1b[2J"

        message = refusal(tmp_path, [content, other])

        assert "lone surrogate U+D800" in message
        assert "control character U+001B" in message


def test_array_of_a_large_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "CHARACTERS_AT_ONCE", 7)
    elements = [{"a": "x" * n, "b": [n, None, "]"]} for n in range(40)]
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(elements, indent=1), encoding="utf-8")

    assert list(json_array.iter_array(tmp_path / "a.json")) == elements


class TestPlaces:
    def test_pieces_special_tokens_and_case(self) -> None:
        text = "Unbelievable, it's ĠĠ"
        tokens = ["[CLS]", "un", "##believable", ",", "it", "'", "s", "Ġ", "▁Ġ", "[SEP]"]

        places = place_tokens(text, tokens)

        spelt = [text[start:end] for start, end in zip(places.starts, places.ends, strict=True)]
        assert spelt == ["", "Un", "believable", ",", "it", "'", "s", "Ġ", "Ġ", ""]
        assert places.special == [True, *[False] * 8, True]
        assert places.n_absent == 0

    def test_one_absent_token_does_not_draw_the_others_away(self) -> None:
        text = "the cat sat on the mat " + "filler " * 50 + "zebra"

        places = place_tokens(text, ["the", "zebra", "sat", "on"])

        assert places.n_absent == 1
        assert text[places.starts[2] : places.ends[2]] == "sat"

    @given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=12))
    def test_places_are_in_order_and_inside(self, text: str, tokens: list[str]) -> None:
        places = place_tokens(text, tokens)

        flat = [edge for pair in zip(places.starts, places.ends, strict=True) for edge in pair]
        assert flat == sorted(flat)
        assert all(0 <= edge <= len(text) for edge in flat)


def test_published_file_is_read_whole(tmp_path: Path) -> None:
    published = attviz_example()
    given = json.loads(published.read_text(encoding="utf-8"))

    imported = Imported(tmp_path, None, source=str(published))

    assert imported.facts["n_heads"] == 11
    assert len(imported.rows) == 98
    assert all(not row["detail"] or "pieces of words (##) are joined" in row["detail"] for row in imported.ledger)
    assert sum(bool(row["detail"]) for row in imported.ledger) == 80
    for row, content in zip(imported.rows, given, strict=True):
        assert row["self_attention"] == [float(value) for index in range(11) for value in vector(content, index)]
        spelt = [row["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]
        assert spelt == [token.removeprefix("##") for token in row["tokens"]]
        for (before, word), (piece, same) in pairwise(zip(row["tokens"], row["words"], strict=True)):
            assert not piece.startswith("##") or word == same or before == "£"


def test_its_site_claims_nothing_that_the_file_does_not_say(tmp_path: Path) -> None:
    given = [document(f"bank number {index} <b>", seed=index) for index in range(5)]
    for content in given:
        vector(content, 2)[:] = vector(content, 0)
    imported = Imported(tmp_path, given)

    site = site_of_import(tmp_path, imported.output)

    pages = {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert len(pages) == 9 + 5 + 2 + 2
    for name, page in pages.items():
        text = page.replace("predicted wrongly", "") if name == "index.html" else page
        assert "✗" not in text, name
        assert "✓" not in text, name
        assert "L0·H" not in page, name
    assert "which names no model." in pages["documents.html"]
    assert ">Gold<" not in pages["documents.html"]
    assert 'id="mistakes"' not in pages["index.html"]
    assert "filter-outcome" not in pages["documents.html"]
    assert "ccuracy" not in pages["index.html"]
    assert "gold label" not in pages["documents/000000.html"]
    assert "2, a copy of 0" in pages["about.html"]
    assert "vector 2 repeats 0" in pages["about.html"]
    assert "2 vectors" in pages["heads.html"]
