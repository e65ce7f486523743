"""Words of tokens, by Unicode's boundaries and the offsets of real tokenizers of three kinds."""

from unicodedata import category, normalize

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from attviz_pipeline.words import NO_WORD, Merge, is_punctuation, merge_by_word, word_of_each_token

CASES = {
    "pieces": ("unbelievable shareholders", ["unbelievable", "shareholders"]),
    "punctuation": ("Well, yes! (Really?)", ["Well", ",", "yes", "!", "(", "Really", "?", ")"]),
    "apostrophe": ("don't l\u2019été O'Neill's", ["don't", "l\u2019été", "O'Neill's"]),
    "numbers": ("3.14 and 1,000", ["3.14", "and", "1,000"]),
    "hyphen": ("e-mail state-of", ["e", "-", "mail", "state", "-", "of"]),
    "underscore": ("foo_bar", ["foo_bar"]),
    "ideographs": ("北京大学 在 这里。", [*"北京大学在这里。"]),
    "katakana": ("カタカナ です", ["カタカナ", "で", "す"]),
    "combining marks": ("cafe\u0301 n\u0303o x\u0308", ["cafe\u0301", "n\u0303o", "x\u0308"]),
    "right to left": ("שלום, עולם العربية", ["שלום", ",", "עולם", "العربية"]),
    "emoji": ("good 🏉 👩‍👩‍👧 👍🏽", ["good", "🏉", "👩‍👩‍👧", "👍🏽"]),
    "flags": ("🇸🇮🇩🇪", ["🇸🇮", "🇩🇪"]),
    "white space": ("  a\t\tb \n\n c\u00a0d \u3000e ", ["a", "b", "c", "d", "e"]),
    "nothing": ("", []),
    "blank": (" \n ", []),
}
CORPUS = [*"".join(text for text, _ in CASES.values()), "unbearable believers share holdings"] * 3
UNKNOWN = "<unk>"
SPECIAL = ["<s>", "</s>", UNKNOWN]


def word_piece() -> Tokenizer:
    normalizer = normalizers.BertNormalizer(lowercase=True)  # strips accents and control characters, too
    characters = sorted(set(normalizer.normalize_str("".join(CORPUS))))
    entries = [*SPECIAL, *characters, *(f"##{character}" for character in characters), "un", "##able", "share"]
    tokenizer = Tokenizer(models.WordPiece({entry: n for n, entry in enumerate(entries)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return with_ends(tokenizer)


def byte_level_bpe(*, add_prefix_space: bool = False, trim_offsets: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 1), ("<s>", 0), trim_offsets=trim_offsets, add_prefix_space=add_prefix_space
    )
    return tokenizer


def roberta() -> Tokenizer:
    return byte_level_bpe(add_prefix_space=True, trim_offsets=True)


def sentence_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=SPECIAL, unk_token=UNKNOWN, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return with_ends(tokenizer)


def with_ends(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


TOKENIZERS = {build.__name__: build() for build in (word_piece, byte_level_bpe, roberta, sentence_piece)}


def encode(kind: str, text: str) -> tuple[list[tuple[int, int]], list[int], list[bool]]:
    """Offsets, words and special flags of every token."""
    encoding = TOKENIZERS[kind].encode(text)
    special = [bool(flag) for flag in encoding.special_tokens_mask]
    starts, ends = zip(*encoding.offsets, strict=True)
    return encoding.offsets, word_of_each_token(text, starts, ends, special), special


def covered(text: str, offsets: list[tuple[int, int]], words: list[int]) -> list[str]:
    """The text of each word, from its first token to its last, without marks, whose places normalisers drop."""
    parts = [[offset for offset, word in zip(offsets, words, strict=True) if word == n] for n in range(max(words) + 1)]
    return [without_marks(text[min(part)[0] : max(end for _, end in part)].strip()) for part in parts]


def without_marks(text: str) -> str:
    return "".join(character for character in normalize("NFD", text) if category(character) != "Mn")


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_tokens_of_every_kind_make_unicodes_words(kind: str, text: str, expected: list[str]) -> None:
    offsets, words, special = encode(kind, text)

    assert covered(text, offsets, words) == [without_marks(word) for word in expected]
    assert all(word == NO_WORD for word, flag in zip(words, special, strict=True) if flag)


def test_the_cases_are_cut_into_pieces_and_not_only_into_words() -> None:
    for kind in TOKENIZERS:
        assert len(encode(kind, CASES["pieces"][0])[1]) > 4 + 2 * (kind != "byte_level_bpe"), kind


def test_bytes_of_one_character_are_one_word() -> None:
    offsets, words, _ = encode("byte_level_bpe", "a 🏔 b")

    mountain = [word for word, (start, end) in zip(words, offsets, strict=True) if (start, end) in {(2, 3), (1, 3)}]
    assert len(mountain) > 1
    assert len(set(mountain)) == 1


def test_leading_space_belongs_to_no_word() -> None:
    text = "well yes"
    assert word_of_each_token(text, [0, 4, 5], [4, 5, 8], [False] * 3) == [0, NO_WORD, 1]
    assert word_of_each_token(text, [0, 4], [4, 8], [False] * 2) == [0, 1]


def test_token_across_words_joins_them_and_what_they_hold() -> None:
    text = "New York-based firms"
    pieces = [(0, 3), (3, 13), (13, 14), (14, 20)]  # "New", " York-base", "d", " firms"
    starts, ends = zip(*pieces, strict=True)

    assert word_of_each_token(text, starts, ends, [False] * 4) == [0, 1, 1, 2]
    assert word_of_each_token("a b c", [0, 2, 4], [3, 5, 5], [False] * 3) == [0, 0, 0]


def test_special_tokens_and_empty_ones_are_of_no_word() -> None:
    assert word_of_each_token("ab", [0, 0, 1, 2], [0, 2, 1, 2], [True, False, False, False]) == [-1, 0, -1, -1]
    assert word_of_each_token("[SEP] b", [0, 6, 0], [5, 7, 0], [False, False, True]) == [0, 1, NO_WORD]


def test_words_are_counted_over_those_that_have_tokens() -> None:
    assert word_of_each_token("a b c d", [2, 6], [3, 7], [False, False]) == [0, 1]


def test_order_of_tokens_is_free() -> None:
    assert word_of_each_token("a b", [2, 0], [3, 1], [False, False]) == [1, 0]


@given(text=st.text(max_size=30), kind=st.sampled_from(sorted(TOKENIZERS)))
@settings(max_examples=200, deadline=None)
def test_any_text_has_words_that_follow_each_other(text: str, kind: str) -> None:
    used = [word for word in encode(kind, text)[1] if word != NO_WORD]

    assert used == sorted(used)
    assert set(used) == set(range(len(set(used))))


def test_boundaries_are_those_of_the_annex_not_of_letters() -> None:
    assert regex.findall(r"\b", "can't", regex.WORD) == ["", ""]
    assert regex.findall(r"\b", "can't") == [""] * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(text, True) for text in (",", " …", "«»", "¿", "。", "_", "--")],
        *[(text, False) for text in ("", " ", "a.", "$", "+", "🏉", "1")],
    ],
)
def test_punctuation_is_unicodes_category_p(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_punctuation(text) is expected


WORDS = [NO_WORD, 0, 0, 1, NO_WORD, 2, 2, 2, NO_WORD]


@pytest.mark.parametrize("how", ["mean", "max", "first", "sum"])
def test_values_of_pieces_merge_to_values_of_words(how: Merge) -> None:
    values = np.random.default_rng(0).random((3, 2, 9)).astype(np.float32)
    merged = merge_by_word(values, WORDS, how)

    assert merged.shape == (3, 2, 3)
    reduce = {"mean": np.mean, "max": np.max, "sum": np.sum, "first": lambda part, axis: part.take(0, axis)}[how]
    expected = [reduce(values[..., np.equal(WORDS, word)], axis=-1) for word in range(3)]
    np.testing.assert_allclose(merged, np.stack(expected, axis=-1), rtol=1e-6)
    assert merged.dtype == (np.float64 if how == "mean" else np.float32)


def test_first_is_the_first_token_even_where_words_are_not_in_order() -> None:
    assert merge_by_word([5.0, 6.0, 7.0, 8.0], [1, 0, 1, 0], "first").tolist() == [6, 5]
    assert merge_by_word([5.0, 6.0, 7.0, 8.0], [1, 0, 1, 0], "sum").tolist() == [14, 12]


@pytest.mark.parametrize("how", ["mean", "max", "first", "sum"])
def test_no_words_give_no_values(how: Merge) -> None:
    assert merge_by_word(np.ones((2, 3)), [NO_WORD] * 3, how).shape == (2, 0)
    assert merge_by_word(np.ones((2, 0)), [], how).shape == (2, 0)
