"""What training, scoring and extraction must agree on: padding, token types, the longest input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from architectures import ARCHITECTURES, make_model
from model_study import ModelStudy
from tiny_extraction import TEXTS, eager_reading, extract, write_card, write_shard
from tiny_models import LABEL_NAMES, WORDS, make_tiny_bert, make_tiny_tokenizer
from tokenizers import processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.attention.opening import open_reader
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import AttentionSettings, ModelSettings
from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.encoding import Collator, encode
from attviz_pipeline.model.load import Classifier, check_fit, load_classifier, position_limit
from attviz_pipeline.model.scoring import predict
from attviz_pipeline.model_inputs import pads_left, takes_type_ids
from attviz_pipeline.stages import ExtractAttention
from attviz_pipeline.tasks.single_label import SingleLabel

UNLIMITED = 2**31 - 1
LABELS = {"id2label": dict(enumerate(LABEL_NAMES)), "label2id": {name: n for n, name in enumerate(LABEL_NAMES)}}


def end_tokenizer(padding_side: str = "left") -> PreTrainedTokenizerFast:
    """Build a tokenizer like XLNet's: special tokens come last, with types of their own, and padding first."""
    backend = make_tiny_tokenizer().backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single="$A:0 [SEP]:0 [CLS]:2",
        pair="$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2",
        special_tokens=[("[SEP]", 3), ("[CLS]", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        padding_side=padding_side,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    )


def write_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def xlnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("xlnet"), make_model("XLNet", pad_token_id=0, **LABELS), end_tokenizer())


def load(folder: Path, max_tokens: int = 64) -> Classifier:
    return load_classifier(
        folder, ModelSettings(source=str(folder), mode="load", max_tokens=max_tokens), SingleLabel(LABEL_NAMES)
    )


class TestPadding:
    def test_tokenizer_that_pads_left_does_not_shift_the_positions_of_bert(self, tmp_path: Path) -> None:
        checkpoint = make_tiny_bert(tmp_path / "checkpoint")
        settings = json.loads((checkpoint / "tokenizer_config.json").read_text())
        (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings | {"padding_side": "left"}))
        assert transformers.AutoTokenizer.from_pretrained(checkpoint).padding_side == "left"
        texts = [f"the {word} of the {WORDS[n % 5]}" + " ," * (n % 2) for n, word in enumerate(WORDS)]

        rows = files.read_table(
            extract(tmp_path, [*TEXTS, *texts], block_size=40), attention_schemas.ATTENTION
        ).to_pylist()

        for row in rows:
            diagonal, probabilities = eager_reading(checkpoint, row["text"])
            found = np.asarray(row["self_attention"]).reshape(diagonal.shape)
            np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
            np.testing.assert_allclose(row["probabilities"], probabilities, atol=1e-5)

    def test_of_all_architectures_only_xlnets_head_reads_the_last_position(self) -> None:
        assert [name for name in ARCHITECTURES if pads_left(make_model(name))] == ["XLNet"]

    @pytest.mark.parametrize("padding_side", ["left", "right"])
    def test_scoring_and_extraction_of_xlnet_agree_with_each_text_alone(
        self, tmp_path: Path, padding_side: str
    ) -> None:
        folder = write_model(
            tmp_path / "xlnet", make_model("XLNet", pad_token_id=0, **LABELS), end_tokenizer(padding_side)
        )
        texts = [" ".join(WORDS[n % 7 : n % 7 + 1 + n % 5]) for n in range(12)]
        classifier = load(folder)
        alone = [self.logits_alone(classifier, text) for text in texts]
        encoded = encode(classifier.tokenizer, texts, [0] * 12, 64)
        batch = Collator.of(classifier.model, classifier.tokenizer)([encoded[n] for n in range(12)])
        del batch["labels"]
        with torch.no_grad():
            scored = classifier.model(**batch).logits
        card = write_card(tmp_path / "model.json")
        shard = write_shard(tmp_path / "shard.parquet", texts, block_size=12)
        settings = ExtractAttention(attention=AttentionSettings(device="cpu", window_overlap=8))
        extract_attention(settings, shard, folder, card, tmp_path / "attention.parquet")
        extracted = files.read_table(tmp_path / "attention.parquet", attention_schemas.ATTENTION)[
            "probabilities"
        ].to_pylist()

        expected = torch.stack(alone)
        torch.testing.assert_close(scored, expected, atol=1e-5, rtol=0)
        np.testing.assert_allclose(extracted, expected.softmax(dim=-1), atol=1e-5)
        assert expected.std(dim=0).min() > 0.01

    @staticmethod
    def logits_alone(classifier: Classifier, text: str) -> torch.Tensor:
        classifier.model.eval()
        inputs = classifier.tokenizer(text, return_tensors="pt")
        assert inputs["token_type_ids"][0, -1] == 2
        with torch.no_grad():
            return classifier.model(**inputs).logits[0]

    def test_xlnet_is_fine_tuned_and_scored(self, tmp_path: Path, xlnet: Path) -> None:
        study = ModelStudy.make(tmp_path)
        study.prepare(xlnet, training={"epochs": 1})

        assert study.read_card()["architecture"]["model_type"] == "xlnet"
        assert study.read_metrics()["splits"]["test"]["n"] == 8

    def test_model_that_names_no_padding_gets_its_tokenizers(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        gpt2 = make_model("GPT2", pad_token_id=None, **LABELS)
        folder = write_model(tmp_path / "gpt2", gpt2, make_tiny_tokenizer())
        with caplog.at_level("INFO"):
            classifier = load(folder)
        texts = ["the bank", "the team played a match in the market", "goal"]
        together = predict(classifier, encode(classifier.tokenizer, texts, [0] * 3, 64), "test")
        alone = [predict(classifier, encode(classifier.tokenizer, [text], [0], 64), "test")[0] for text in texts]

        assert classifier.model.config.pad_token_id == classifier.tokenizer.pad_token_id == 0
        assert "the model has no padding token: the tokenizer's is used, [PAD]" in caplog.text
        assert together == alone

    def test_model_pads_as_its_config_says_in_scoring_and_extraction(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = write_model(tmp_path / "gpt2", make_model("GPT2", pad_token_id=90, **LABELS), make_tiny_tokenizer())
        with caplog.at_level("INFO"):
            classifier = load(folder)
        assert "the tokenizer pads with token 0, the model's config with 90" in caplog.text

        lengths = (9, 4, 1)
        encoded = encode(classifier.tokenizer, [" ".join(WORDS[:n]) for n in lengths], [0] * 3, 64)
        windows = [Window(0, ids.tolist(), [0] * len(ids), 0, len(ids)) for ids in encoded.token_ids]
        with torch.no_grad():
            alone = torch.cat([classifier.model(torch.tensor([window.token_ids])).logits for window in windows])
            batch = Collator.of(classifier.model, classifier.tokenizer)([encoded[n] for n in range(3)])
            del batch["labels"]
            together = classifier.model(**batch).logits
        np.testing.assert_allclose(together, alone, atol=1e-5)

        reader = open_reader(classifier.model, classifier.tokenizer, AttentionSettings())
        np.testing.assert_allclose([reading.logits for reading in reader.read(windows)], alone, atol=1e-5)

    def test_padding_outside_the_vocabulary_is_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        model = make_model("GPT2", **LABELS)
        model.config.pad_token_id = -1
        classifier = load(write_model(tmp_path / "gpt2", model, make_tiny_tokenizer()))

        assert Collator.of(classifier.model, classifier.tokenizer).padding_id == 0
        assert "config pads with token -1, which its vocabulary lacks" in caplog.text


class TestTypes:
    @pytest.mark.parametrize(
        ("architecture", "changes", "named_by_tokenizer", "expected"),
        [
            ("Bert", {}, False, True),
            ("Bert", {"type_vocab_size": 1}, True, False),
            ("Roberta", {"type_vocab_size": 1}, False, False),
            ("DebertaV2", {"type_vocab_size": 0}, True, False),
            ("DistilBert", {}, True, False),
            ("ModernBert", {}, True, False),
            ("XLNet", {}, True, True),
            ("XLNet", {}, False, False),
            ("GPT2", {}, False, False),  # it would take types for words
        ],
    )
    def test_only_models_with_several_token_types_get_type_ids(
        self, architecture: str, changes: dict[str, object], *, named_by_tokenizer: bool, expected: bool
    ) -> None:
        tokenizer = end_tokenizer() if named_by_tokenizer else make_tiny_tokenizer()

        assert takes_type_ids(make_model(architecture, **changes), tokenizer) is expected


class TestLongestInput:
    @pytest.mark.parametrize(
        ("architecture", "changes", "limit"),
        [
            ("Bert", {"max_position_embeddings": 40}, 40),
            ("Electra", {"max_position_embeddings": 40}, 40),
            ("Albert", {"max_position_embeddings": 40}, 40),
            ("DistilBert", {"max_position_embeddings": 40}, 40),
            ("Roberta", {"max_position_embeddings": 42, "pad_token_id": 1}, 40),
            ("XLMRoberta", {"max_position_embeddings": 42, "pad_token_id": 1}, 40),
            ("IBert", {"max_position_embeddings": 42, "pad_token_id": 1}, 40),
            ("MPNet", {"max_position_embeddings": 42, "pad_token_id": 1}, 40),
            ("GPT2", {"n_positions": 40}, 40),
            ("OpenAIGPT", {"n_positions": 40}, 40),
            ("XLM", {"max_position_embeddings": 40}, 40),
        ],
    )
    def test_table_of_positions_is_used_to_its_end_and_no_further(
        self, architecture: str, changes: dict[str, object], limit: int
    ) -> None:
        model = make_model(architecture, **changes)
        tokens = torch.full((1, limit + 1), 7)

        assert position_limit(model) == limit
        with torch.no_grad():
            assert model(input_ids=tokens[:, :limit]).logits.isfinite().all()
            with pytest.raises((IndexError, RuntimeError)):
                model(input_ids=tokens)

    @pytest.mark.parametrize(
        ("architecture", "changes", "limit"),
        [
            ("ModernBert", {"max_position_embeddings": 40}, 40),
            ("DebertaV2", {"max_position_embeddings": 40}, 40),
            ("XLNet", {}, UNLIMITED),
        ],
    )
    def test_relative_positions_go_as_far_as_the_config_says(
        self, architecture: str, changes: dict[str, object], limit: int
    ) -> None:
        assert position_limit(make_model(architecture, **changes)) == limit

    def test_roberta_is_refused_with_the_number_of_tokens_that_fit(self) -> None:
        model = make_model("Roberta", max_position_embeddings=42, pad_token_id=1)
        with pytest.raises(ModelError, match=r"model\.max_tokens  41 is more than the position table's limit of 40"):
            check_fit(model, make_tiny_tokenizer(), 41)
        check_fit(model, make_tiny_tokenizer(), 40)

    def test_text_longer_than_any_table_is_fine_for_xlnet(self, xlnet: Path) -> None:
        classifier = load(xlnet, max_tokens=100_000)

        assert encode(classifier.tokenizer, ["bank " * 3000], [0], 100_000).n_truncated == 0
