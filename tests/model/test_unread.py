"""Tokens that do not say what the text says: unknown ones, and control tokens that a text spells."""

import logging
from pathlib import Path

import pytest
from byte_level import make_byte_level_tokenizer
from model_study import ModelStudy
from tiny_extraction import extract
from tiny_models import SPECIAL_TOKENS, WORDS, make_tiny_bert, make_tiny_tokenizer
from transformers import (
    AutoTokenizer,
    CTRLTokenizer,
    GPT2Tokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerBase,
    XLMRobertaTokenizer,
)

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.windows import DocumentEncoder
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model.encoding import encode
from attviz_pipeline.model_inputs import join_pair
from attviz_pipeline.unread import Unread, add_up, unknown_id

CASED = ("The", "Bank", "bank", "of", "Goal", "match", "the", "M", "##s", "[", "]", "Se", "##p", "##E", "##P", "S")
CONTROL = "the [SEP] bank [MASK] </s> <s> <mask> <|endoftext|> [CLS] <unk> [UNK]"
UNIGRAM = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁the", -1.0), ("▁", -3.0), ("a", -4.0)]
BYTES = {name: n for n, name in enumerate(["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "▁"])}


def cased_without_settings(folder: Path) -> Path:
    """Write a tiny BERT whose vocabulary has capitals, and no file that says so."""
    make_tiny_bert(folder, vocabulary=CASED)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *CASED]) + "\n", encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)
    return folder


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "attviz_pipeline.unread"]


def gpt2() -> PreTrainedTokenizerBase:
    roberta = make_byte_level_tokenizer()
    return GPT2Tokenizer(vocab=roberta.get_vocab() | {"<|endoftext|>": len(roberta)}, merges=[])


def slow_ctrl(folder: Path) -> PreTrainedTokenizerBase:
    letters = [letter + mark for letter in "thebanksSEPMACLUN<>/[]|" for mark in ("", "@@")]
    numbered = ", ".join(f'"{entry}": {n}' for n, entry in enumerate(["<unk>", *letters]))
    (folder / "vocab.json").write_text(f"{{{numbered}}}", encoding="utf-8")
    (folder / "merges.txt").write_text("#version\n", encoding="utf-8")
    return CTRLTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))


def both_readings(
    tokenizer: PreTrainedTokenizerBase, text: str, start: int | None = None
) -> tuple[list[int], list[int]]:
    encoded = encode(tokenizer, [text], [0], 300, [start])
    document = DocumentEncoder(tokenizer, AttentionSettings(window_overlap=0), 300).encode([text], [start])[0]
    return encoded.token_ids[0].tolist(), document.token_ids


class TestUnknownTokens:
    def test_a_cased_vocabulary_that_is_lower_cased_is_named_with_the_remedy(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(cased_without_settings(tmp_path))
        unread = encode(tokenizer, ["The Goal of the Bank", "Goal"], [0, 0], 20).unread
        with caplog.at_level(logging.WARNING):
            unread.warn(tokenizer)

        assert (unread.n_tokens, unread.n_unknown, unread.unknown_part) == (6, 2, "Goal")
        (message,) = warnings(caplog)
        assert message == (
            "2 of 6 tokens of the texts (33.3 %) are unknown to the model, which reads [UNK] instead, for "
            "example for 'Goal': the vocabulary has capitals, but the tokenizer lower-cases: set `do_lower_case: "
            "false` in the model's tokenizer_config.json"
        )

    def test_the_remedy_works(self, tmp_path: Path) -> None:
        folder = cased_without_settings(tmp_path)
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")

        assert encode(AutoTokenizer.from_pretrained(folder), ["The Goal of the Bank"], [0], 20).unread.n_unknown == 0

    def test_an_uncased_vocabulary_that_is_not_lower_cased_is_named_too(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = cased_without_settings(tmp_path)
        (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, "the", "goal"]) + "\n", encoding="utf-8")
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        encode(tokenizer, ["The goal"], [0], 20).unread.warn(tokenizer)

        assert "set `do_lower_case: true`" in warnings(caplog)[0]

    def test_another_language_has_no_remedy_but_a_cause(self, caplog: pytest.LogCaptureFixture) -> None:
        tokenizer = make_tiny_tokenizer()
        encode(tokenizer, ["die bank спорт"], [0], 20).unread.warn(tokenizer)

        assert "2 of 3 tokens" in warnings(caplog)[0]
        assert warnings(caplog)[0].endswith("another language, script or domain than that of the texts")

    def test_a_few_are_no_reason_to_warn(self, caplog: pytest.LogCaptureFixture) -> None:
        tokenizer = make_tiny_tokenizer()
        unread = encode(tokenizer, ["the bank " * 30, "unheard"], [0, 0], 90).unread
        unread.warn(tokenizer)

        assert (unread.n_tokens, unread.n_unknown, warnings(caplog)) == (61, 1, [])

    def test_byte_level_vocabularies_have_none(self) -> None:
        for tokenizer in (make_byte_level_tokenizer(), gpt2(), LlamaTokenizer(vocab=BYTES, merges=[])):
            assert encode(tokenizer, ["日本語 😀 кафе"], [0], 90).unread.n_unknown == 0
        assert unknown_id(gpt2()) is None

    def test_slow_tokenizers_count_alike(self, tmp_path: Path) -> None:
        unread = encode(slow_ctrl(tmp_path), ["the 日"], [0], 90).unread

        assert (unread.n_tokens, unread.n_unknown, unread.unknown_part) == (4, 1, "日")

    def test_parts_of_a_corpus_add_up(self) -> None:
        tokenizer = make_tiny_tokenizer()
        parts = [encode(tokenizer, [text], [0], 20).unread for text in ("the bank", "the zebra", "yak")]
        together = add_up(parts)

        assert (together.n_tokens, together.n_unknown, together.unknown_part) == (5, 2, "zebra")

    def test_prepare_model_warns_once_and_counts_per_split(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        study = ModelStudy.make(tmp_path)
        study.prepare(make_tiny_bert(tmp_path / "bert", vocabulary=[w for w in WORDS if w != "bank"]), mode="load")

        assert len(warnings(caplog)) == 1
        assert "for example for 'bank'" in warnings(caplog)[0]
        for scores in study.read_metrics()["splits"].values():
            assert 0 < scores["n_unknown"] < scores["n_tokens"]
            assert scores["n_control"] == 0

    def test_extraction_warns_once_and_marks_them(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        row = files.read_table(
            extract(tmp_path, ["the zebra and the yak", "a zebra [SEP]"]), attention_schemas.ATTENTION
        ).to_pylist()[0]

        assert [token for token, flag in zip(row["tokens"], row["unknown"], strict=True) if flag] == ["[UNK]"] * 2
        assert not any(special and flag for special, flag in zip(row["special"], row["unknown"], strict=True))
        assert len(warnings(caplog)) == 1
        assert "are unknown to the model" in warnings(caplog)[0]


class TestControlTokens:
    @pytest.mark.parametrize(
        "make",
        [
            make_byte_level_tokenizer,
            gpt2,
            lambda: make_tiny_tokenizer([*WORDS, "[", "]", "se", "##p", "cl"]),
            lambda: LlamaTokenizer(vocab=BYTES, merges=[]),
        ],
        ids=["RoBERTa", "GPT-2", "BERT", "Llama"],
    )
    def test_are_read_as_text(self, make: object, caplog: pytest.LogCaptureFixture) -> None:
        tokenizer = make()
        document = DocumentEncoder(tokenizer, AttentionSettings(window_overlap=0), 200).encode([CONTROL])[0]
        unread = Unread.of(tokenizer)
        unread.count(document.token_ids, document.special, document.part)
        unread.warn(tokenizer)

        assert unread.n_control == 0
        assert not any("control" in message for message in warnings(caplog))
        template = [token for token, special in zip(document.entries, document.special, strict=True) if special]
        assert len(template) == tokenizer.num_special_tokens_to_add()

    def test_slow_tokenizers_read_them_as_text_too(self, tmp_path: Path) -> None:
        tokenizer = slow_ctrl(tmp_path)
        tokenizer.add_special_tokens({"sep_token": "[SEP]"})
        scored, extracted = both_readings(tokenizer, "the [SEP] bank")

        assert scored == extracted
        assert tokenizer.sep_token_id not in scored
        assert tokenizer.convert_ids_to_tokens(scored)[3:8] == ["[@@", "S@@", "E@@", "P@@", "]"]

    def test_unigram_cannot_and_warns(self, caplog: pytest.LogCaptureFixture) -> None:
        tokenizer = XLMRobertaTokenizer(vocab=UNIGRAM)
        unread = encode(tokenizer, ["the </s> a", "a"], [0, 0], 20).unread
        unread.warn(tokenizer)

        assert (unread.n_control, unread.control_part) == (1, "</s>")
        assert warnings(caplog)[0].startswith("1 tokens of the texts are control tokens written in a text")

    @pytest.mark.parametrize("text", [CONTROL, "the bank </s>", "no such thing"])
    def test_scoring_and_extraction_read_alike(self, text: str) -> None:
        for tokenizer in (make_tiny_tokenizer(), make_byte_level_tokenizer(), XLMRobertaTokenizer(vocab=UNIGRAM)):
            scored, extracted = both_readings(tokenizer, text)
            assert scored == extracted
            pair, start = join_pair(text, f"{text} [SEP]")
            scored, extracted = both_readings(tokenizer, pair, start)
            assert scored == extracted

    def test_texts_without_them_are_read_as_ever(self, tmp_path: Path) -> None:
        texts = ["the bank, the market", "", "café 日本語 😀", "played a match."]
        for tokenizer in (make_tiny_tokenizer(), make_byte_level_tokenizer(), slow_ctrl(tmp_path), gpt2()):
            tokenizer.add_tokens(["market", "@user"])
            expected = [tokenizer(text, truncation=True, max_length=20)["input_ids"] for text in texts]
            assert [ids.tolist() for ids in encode(tokenizer, texts, [0] * 4, 20).token_ids] == expected

    def test_extraction_marks_the_template_only(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        make_tiny_bert(tmp_path / "checkpoint")
        row = files.read_table(extract(tmp_path, ["the [SEP] bank"]), attention_schemas.ATTENTION).to_pylist()[0]

        assert row["entries"].count("[SEP]") == 1
        assert row["special"] == [True, *[False] * (len(row["tokens"]) - 2), True]
        assert not any("control" in message for message in warnings(caplog))
