"""Vocabulary entries as text, for every way in which tokenizers spell them."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from byte_level import make_byte_level_tokenizer
from tiny_models import make_tiny_tokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    BertTokenizer,
    ByT5Tokenizer,
    CLIPTokenizer,
    CTRLTokenizer,
    FlaubertTokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Tokenizer,
    XLMRobertaTokenizer,
)

from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.token_texts import Spelling, readable, token_texts, unmarked

BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]
UNIGRAM = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁café", -1.0), ("café", -2.0), ("▁", -3.0)]


def numbered(*entries: str) -> dict[str, int]:
    return {entry: index for index, entry in enumerate(entries)}


def bare(model: models.Model, **parts: object) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def shown(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Text of each entry, by what the tokenizer calls it."""
    texts = token_texts(tokenizer)
    return {tokenizer.convert_ids_to_tokens(index): text for index, text in texts.items()}


def slow(folder: Path, kind: type[CTRLTokenizer | FlaubertTokenizer], *entries: str) -> PreTrainedTokenizerBase:
    names = kind.vocab_files_names
    vocabulary = ", ".join(f'"{entry}": {index}' for index, entry in enumerate(["<unk>", *entries]))
    (folder / names["vocab_file"]).write_text(f"{{{vocabulary}}}", encoding="utf-8")
    (folder / names["merges_file"]).write_text("#version\n", encoding="utf-8")
    return kind(*(str(folder / names[name]) for name in ("vocab_file", "merges_file")))


def test_bytes_are_decoded_and_a_leading_space_is_marked() -> None:
    texts = shown(make_byte_level_tokenizer())

    assert texts["ĠcafÃ©"] == "␣café"
    assert texts["StraÃŁe"] == "Straße"
    assert texts["ĠæĹ¥æľ¬èªŀ"] == "␣日本語"
    assert texts["Ġ"] == "␣"
    assert [texts[entry] for entry in ("ð", "Ł", "Ċ", "<s>")] == ["‹F0›", "‹9F›", "‹0A›", "<s>"]


def test_no_shown_token_holds_a_replacement_or_control_character() -> None:
    texts = shown(make_byte_level_tokenizer()).values()

    within_bytes = re.compile(r"‹[0-9A-F ]+›")
    assert all(text.isprintable() and not set("\ufffd ") & set(within_bytes.sub("", text)) for text in texts)
    assert len(set(texts)) == len(texts)


def test_a_document_in_bytes_is_shown_as_text_with_its_entries_beside() -> None:
    encoder = DocumentEncoder(make_byte_level_tokenizer(), AttentionSettings(window_overlap=2), 64)
    document = encoder.encode(["café in the café 😀"])[0]

    assert document.tokens[:5] == ["<s>", "café", "␣in", "␣the", "␣café"]
    assert document.entries[1:5] == ["cafÃ©", "Ġin", "Ġthe", "ĠcafÃ©"]
    assert "".join(document.tokens[5:-1]) == "␣‹F0››‹9F›‹98›‹80›".replace("››", "›")
    assert not any(document.unknown)


@pytest.mark.parametrize(
    ("tokenizer", "texts"),
    [
        (XLMRobertaTokenizer(vocab=UNIGRAM), {"▁café": "␣café", "café": "café", "▁": "␣", "</s>": "</s>"}),
        (T5Tokenizer(vocab=UNIGRAM), {"▁café": "␣café", "café": "café", "▁": "␣"}),
        (
            LlamaTokenizer(vocab=numbered("<unk>", "<s>", "</s>", *BYTE_PIECES, "▁a", "a"), merges=[]),
            {"<0xE2>": "‹E2›", "<0x0A>": "‹0A›", "▁a": "␣a", "a": "a"},
        ),
        (make_tiny_tokenizer(["play", "##ing", "##", "café"]), {"play": "play", "##ing": "##ing", "##": "##"}),
        (
            BertTokenizer(vocab=numbered("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Ġ", "▁", "ĠcafÃ©", "##s")),
            {"Ġ": "Ġ", "▁": "▁", "ĠcafÃ©": "ĠcafÃ©", "[CLS]": "[CLS]"},
        ),
        (
            CLIPTokenizer(
                vocab=numbered("<|startoftext|>", "<|endoftext|>", "cafÃ©</w>", "caf", "Ã", "Ã</w>"), merges=[]
            ),
            {"cafÃ©</w>": "café", "caf": "caf##", "Ã": "‹C3›##", "Ã</w>": "‹C3›", "<|endoftext|>": "<|endoftext|>"},
        ),
        (ByT5Tokenizer(), {"a": "a", "Ã": "‹C3›", " ": "␣", "</s>": "</s>"}),
        (
            bare(models.BPE({"cafÃ©": 0, "Ġa": 1}, []), pre_tokenizer=pre_tokenizers.ByteLevel()),
            {"cafÃ©": "café", "Ġa": "␣a"},
        ),
        (
            bare(models.Unigram([("▁a", -1.0), ("a", -1.0)]), pre_tokenizer=pre_tokenizers.Metaspace()),
            {"▁a": "␣a", "a": "a"},
        ),
        (
            bare(
                models.WordPiece({"a": 0, "@@b": 1, "[UNK]": 2}, continuing_subword_prefix="@@"),
                decoder=decoders.WordPiece(prefix="@@"),
            ),
            {"a": "a", "@@b": "##b"},
        ),
        (bare(models.WordLevel({"café": 0, "ĠcafÃ©": 1})), {"café": "café", "ĠcafÃ©": "ĠcafÃ©"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, PreTrainedTokenizerBase) else "",
)
def test_each_spelling_is_shown_in_the_same_signs(tokenizer: PreTrainedTokenizerBase, texts: dict[str, str]) -> None:
    found = shown(tokenizer)

    assert {entry: found[entry] for entry in texts} == texts
    assert len(set(found.values())) == len(found)


def test_slow_tokenizers_with_marks_behind_their_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", ModuleType("sacremoses"))  # only wanted for cutting texts
    ctrl = shown(slow(tmp_path, CTRLTokenizer, "caf@@", "é", "@@", "café"))
    assert [ctrl[entry] for entry in ("caf@@", "é", "@@", "café")] == ["caf##", "é", "@@", "café"]
    (tmp_path / "xlm").mkdir()
    flaubert = shown(slow(tmp_path / "xlm", FlaubertTokenizer, "café</w>", "caf"))
    assert [flaubert[entry] for entry in ("café</w>", "caf")] == ["café", "caf##"]


def test_an_added_token_is_text_already_and_names_stay_apart() -> None:
    tokenizer = make_byte_level_tokenizer()
    tokenizer.add_tokens(["café", "Ã©!"])
    index = len(tokenizer) - 2

    texts = token_texts(tokenizer)
    assert [texts[index], texts[index + 1]] == [f"café (entry {index})", "Ã©!"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u00a0b", "a‹C2 A0›b"),
        ("\u3000", "‹E3 80 80›"),
        ("\u200d", "‹E2 80 8D›"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\u202eevil", "‹E2 80 AE›evil"),
        ("␣", "‹E2 90 A3›"),
        ("é\u0301", "é\u0301"),
        ("\udcf0\udc9f", "‹F0 9F›"),
        ("two words", "two␣words"),
    ],
)
def test_what_does_not_print_is_shown_as_bytes(text: str, expected: str) -> None:
    assert readable(text) == expected


@pytest.mark.parametrize(
    ("token", "text"), [("␣café", "café"), ("##ing", "ing"), ("caf##", "caf"), ("##", "##"), ("␣", "␣"), ("a", "a")]
)
def test_signs_are_taken_off_again(token: str, text: str) -> None:
    assert unmarked(token) == text


@pytest.mark.parametrize(
    ("spelling", "pieces", "text", "spans"),
    [
        (Spelling({}, False, "▁", "", "", "", ""), ["▁the", "▁caf", "é"], "the café", [(0, 3), (4, 7), (7, 8)]),
        (Spelling({}, False, "", "##", "", ""), ["the", "caf", "##é"], "the café", [(0, 3), (4, 7), (7, 8)]),
        (Spelling({}, False, "", "", "@@", ""), ["the", "caf@@", "é"], "the café", [(0, 3), (4, 7), (7, 8)]),
        (Spelling({}, False, "", "", "", "</w>"), ["the</w>", "caf", "é</w>"], "the café", [(0, 3), (4, 7), (7, 8)]),
        (Spelling({}, False, "", "", "", "", ""), ["a", " ", "b"], "a b", [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_pieces_spell_a_text(spelling: Spelling, pieces: list[str], text: str, spans: list[tuple[int, int]]) -> None:
    assert spelling.join(pieces) == (text, spans)
