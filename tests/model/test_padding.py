"""Models and tokenizers without a padding token: batches give what each text gives alone."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import make_model
from model_study import ModelStudy
from tiny_extraction import write_shard
from tiny_models import LABEL_NAMES, make_tiny_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.stages import ExtractAttention

DECODERS = ("GPT2", "Llama", "Mistral", "GptOss", "OpenAIGPT")
LABELS = {"id2label": dict(enumerate(LABEL_NAMES)), "label2id": {name: n for n, name in enumerate(LABEL_NAMES)}}
END = "[SEP]"
TEXTS = [
    f"the bank {END}",
    f"{END} goal",
    f"the team played a match in the market {END} {END}",
    "goal",
    f"a goal , {END} a film",
]
N_ROWS = 99


def end_tokenizer(padding: str | None = None) -> PreTrainedTokenizerFast:
    """Build a tokenizer like GPT-2's: an end token that texts may contain, and no other special one."""
    backend = make_tiny_tokenizer().backend_tokenizer
    backend.post_processor = None  # type: ignore[assignment]
    special = {"unk_token": "[UNK]", "eos_token": END, "pad_token": padding}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def write_decoder(folder: Path, architecture: str, padding: str | None = None) -> Path:
    make_model(architecture, pad_token_id=None, **LABELS).save_pretrained(folder)
    end_tokenizer(padding).save_pretrained(folder)
    return folder


def read_alone(folder: Path) -> np.ndarray:
    """Return the probabilities [text, class] that the model gives each text by itself, without any padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = partial(tokenizer, split_special_tokens=True)  # as the stages read: an end token in a text is text
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = [model(input_ids=read(text, return_tensors="pt")["input_ids"]).logits[0] for text in TEXTS]
    return torch.stack(logits).softmax(dim=-1).numpy()


def extract(study: ModelStudy) -> np.ndarray:
    """Return the probabilities of all texts read in one batch."""
    shard = write_shard(study.folder / "shard.parquet", TEXTS, block_size=len(TEXTS))
    settings = ExtractAttention(attention=AttentionSettings(device="cpu", window_overlap=8))
    extract_attention(settings, shard, study.checkpoint, study.card, study.folder / "attention.parquet")
    return np.stack(
        files.read_table(study.folder / "attention.parquet", attention_schemas.ATTENTION)["probabilities"].to_pylist()
    )


@pytest.mark.parametrize("padding", [None, END, "[UNK]"])
@pytest.mark.parametrize("architecture", DECODERS)
def test_batch_gives_what_each_text_gives_alone(tmp_path: Path, architecture: str, padding: str | None) -> None:
    folder = write_decoder(tmp_path / "decoder", architecture, padding)
    alone = read_alone(folder)
    study = ModelStudy.make(tmp_path)
    study.prepare(folder, mode="load")

    np.testing.assert_allclose(extract(study), alone, atol=1e-5)
    assert np.ptp(alone[:, 0]) > 0.01


def test_log_and_card_say_which_token_pads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    study = ModelStudy.make(tmp_path)
    study.prepare(write_decoder(tmp_path / "gpt2", "GPT2"), mode="load")

    messages = [record.message for record in caplog.records if "padding" in record.message]
    assert len(messages) == 1
    assert f"the model has no padding token: token {N_ROWS} is added to its vocabulary" in messages[0]
    assert study.read_card()["padding"] == {"token_id": N_ROWS, "of": "added"}
    assert json.loads((study.checkpoint / "config.json").read_text())["vocab_size"] == N_ROWS + 1


def test_padding_of_the_tokenizer_is_taken_where_texts_do_not_contain_it(tmp_path: Path) -> None:
    study = ModelStudy.make(tmp_path)
    study.prepare(write_decoder(tmp_path / "gpt2", "GPT2", "[PAD]"), mode="load")

    assert study.read_card()["padding"] == {"token_id": 0, "of": "tokenizer"}


def test_fine_tuned_checkpoint_gives_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    tuned, loaded = ModelStudy.make(tmp_path), ModelStudy(tmp_path / "loaded")
    tuned.prepare(write_decoder(tmp_path / "gpt2", "GPT2"), training={"epochs": 1})
    loaded.folder.mkdir()
    loaded.write_documents()
    loaded.prepare(tuned.checkpoint, mode="load")

    assert loaded.read_metrics()["splits"] == tuned.read_metrics()["splits"]
    assert loaded.read_card()["padding"] == {"token_id": N_ROWS, "of": "model"}
    np.testing.assert_array_equal(extract(loaded), extract(tuned))
    np.testing.assert_allclose(extract(tuned), read_alone(tuned.checkpoint), atol=1e-5)


def test_model_that_pads_needs_no_padding_of_its_tokenizer(tmp_path: Path) -> None:
    make_model("Bert", **LABELS).save_pretrained(tmp_path / "bert")
    end_tokenizer().save_pretrained(tmp_path / "bert")
    study = ModelStudy.make(tmp_path)
    study.prepare(tmp_path / "bert", mode="load")

    assert study.read_card()["padding"] == {"token_id": 0, "of": "model"}


def test_model_whose_vocabulary_cannot_grow_is_refused(tmp_path: Path) -> None:
    message = ModelStudy.make(tmp_path).refusal(write_decoder(tmp_path / "ibert", "IBert"), mode="load")
    assert "IBertForSequenceClassification has no padding token, and none can be added to its vocabulary" in message
    assert "`pad_token_id` in its config.json" in message
