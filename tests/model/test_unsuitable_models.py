"""Models whose attention cannot be read are refused before anything is trained, with the remedy."""

import functools
import json
from pathlib import Path

import pytest
import torch
import transformers
from architectures import SMALL, SQUEEZE_BERT
from model_study import ModelStudy
from tiny_models import LABEL_NAMES, make_tiny_bert, make_tiny_tokenizer
from transformers import AutoModelForSequenceClassification, PreTrainedModel, Trainer

from attviz_pipeline.attention.trial import try_classifier
from attviz_pipeline.errors import AttentionError

LABELS = {"id2label": dict(enumerate(LABEL_NAMES)), "label2id": {name: n for n, name in enumerate(LABEL_NAMES)}}
BART = {
    "vocab_size": 99,
    "d_model": 32,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
    **{
        f"{part}_{name}": n
        for part in ("encoder", "decoder")
        for name, n in [("layers", 2), ("attention_heads", 4), ("ffn_dim", 48)]
    },
}
REFORMER = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "attention_head_size": 8,
    "feed_forward_size": 32,
    "attn_layers": ["local", "local"],
    "local_attn_chunk_length": 16,
    "axial_pos_embds": False,
    "is_decoder": False,
}
T5 = {"vocab_size": 99, "d_model": 32, "d_kv": 8, "num_layers": 2, "num_heads": 4, "d_ff": 48}
ENCODER_DECODER = "is an encoder-decoder: its class comes from the decoder"
NO_ATTENTION = "returns no attention: it has none, or hides it"
NOT_TO_ALL = "does not attend from every token to every token"
ANOTHER = "Use a model whose layers attend"
UNSUITABLE: dict[str, tuple[dict[str, object], str, str]] = {
    "Bart": (BART, ENCODER_DECODER, ANOTHER),
    "MBart": (BART, ENCODER_DECODER, ANOTHER),
    "Mvp": (BART, ENCODER_DECODER, ANOTHER),
    "T5": (T5, ENCODER_DECODER, ANOTHER),
    "MT5": (T5 | {"decoder_start_token_id": 0}, ENCODER_DECODER, ANOTHER),
    "FNet": (SMALL, NO_ATTENTION, ANOTHER),
    "Mra": (SMALL | {"max_position_embeddings": 128}, NO_ATTENTION, ANOTHER),
    "Longformer": (SMALL | {"attention_window": 4}, NOT_TO_ALL, ANOTHER),
    "Funnel": (
        {"vocab_size": 99, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48, "block_sizes": [1, 1]},
        NOT_TO_ALL,
        ANOTHER,
    ),
    "Yoso": (SMALL, NOT_TO_ALL, ANOTHER),
    "Nystromformer": (SMALL | {"num_landmarks": 4, "segment_means_seq_len": 8}, "fails on a text", ANOTHER),
    "Perceiver": (
        {
            "vocab_size": 99,
            "d_model": 16,
            "d_latents": 16,
            "num_latents": 4,
            "num_self_attends_per_block": 2,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 2,
        },
        NOT_TO_ALL,
        ANOTHER,
    ),
    "SqueezeBert": (SQUEEZE_BERT, "return scores before the softmax", ANOTHER),
    "BigBird": (
        SMALL | {"block_size": 2, "num_random_blocks": 1},
        NO_ATTENTION,
        "Set `attention_type` to `original_full`",
    ),
}


def make_model(kind: str, changes: dict[str, object]) -> PreTrainedModel:
    config = getattr(transformers, f"{kind}Config")(**changes | LABELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(config)


def write_model(folder: Path, kind: str, changes: dict[str, object]) -> Path:
    make_model(kind, changes).save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(Trainer, "train", refuse)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("kind", UNSUITABLE)
def test_is_refused_before_training_and_before_scoring(study: ModelStudy, tmp_path: Path, kind: str) -> None:
    changes, reason, remedy = UNSUITABLE[kind]
    folder = write_model(tmp_path / kind, kind, changes)

    for mode in ("fine_tune", "load"):
        message = study.refusal(folder, mode=mode)
        assert f"the model {folder} cannot be used: {kind}ForSequenceClassification" in message
        assert reason in message
        assert remedy in message


@pytest.mark.usefixtures("untrained")
def test_remedy_for_big_bird_helps(study: ModelStudy, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "big_bird", "BigBird", SMALL | {"block_size": 2, "num_random_blocks": 1})
    assert "original_full" in study.refusal(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attention_type": "original_full"}))
    study.prepare(folder, mode="load")
    assert (study.read_card()["n_layers"], study.read_card()["n_heads"]) == (2, 4)


def test_long_text_is_read_whole_since_models_may_attend_to_it_in_another_way() -> None:
    model = make_model("Reformer", REFORMER)
    tokenizer = make_tiny_tokenizer()

    assert try_classifier(model, tokenizer, ["the bank", "goal"], [None, None], 64) == (2, 4)
    with pytest.raises(AttentionError, match="ReformerForSequenceClassification"):
        try_classifier(model, tokenizer, ["the bank " * 20, "goal"], [None, None], 64)


@pytest.mark.usefixtures("untrained")
def test_that_fails_is_named_with_what_it_says(
    study: ModelStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IndexError("index out of range in self")

    monkeypatch.setattr(transformers.BertModel, "forward", fail)
    message = study.refusal(make_tiny_bert(tmp_path / "bert"))
    assert (
        "BertForSequenceClassification fails on a text of the corpus: IndexError: index out of range in self" in message
    )
    assert ANOTHER in message


def test_lack_of_memory_is_no_fault_of_the_model(
    study: ModelStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(transformers.BertModel, "forward", fail)
    with pytest.raises(Exception, match=r"out of memory on a single input of \d+ tokens: lower model\.max_tokens"):
        study.prepare(make_tiny_bert(tmp_path / "bert"))


@pytest.mark.usefixtures("untrained")
def test_layers_with_different_numbers_of_heads_are_counted(
    study: ModelStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = transformers.models.bert.modeling_bert.BertSelfAttention.forward

    def lose_a_head(self: torch.nn.Module, *arguments: object, **options: object) -> tuple[torch.Tensor, torch.Tensor]:
        output, diagonal = forward(self, *arguments, **options)
        return output, diagonal[:, 1:] if self.layer_idx else diagonal

    monkeypatch.setattr(transformers.models.bert.modeling_bert.BertSelfAttention, "forward", lose_a_head)
    message = study.refusal(make_tiny_bert(tmp_path / "bert"))
    assert "layers of BertForSequenceClassification have different numbers of heads: [4, 3]" in message
    assert "without pruned heads" in message


def test_card_counts_the_heads_that_return_attention(study: ModelStudy, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "convbert", "ConvBert", SMALL | {"embedding_size": 32, "head_ratio": 2})
    study.prepare(folder, training={"epochs": 1})
    assert (study.read_card()["n_layers"], study.read_card()["n_heads"]) == (2, 2)


def test_layers_without_attention_are_left_out_and_logged(
    study: ModelStudy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {
        **SMALL,
        "num_key_value_heads": 2,
        "mamba_d_state": 4,
        "mamba_d_conv": 4,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "use_mamba_kernels": False,
        "pad_token_id": 0,
    }
    study.prepare(write_model(tmp_path / "jamba", "Jamba", changes), mode="load")
    assert study.read_card()["n_layers"] == 1
    assert "1 of the model's 2 layers return attention" in caplog.text


def test_hidden_matrices_are_announced(study: ModelStudy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    changes = SMALL | {"num_key_value_heads": 2, "pad_token_id": 0}
    study.prepare(write_model(tmp_path / "llama", "DiffLlama", changes), mode="load")
    assert "attention.mode: full and maps will be refused for this model: DiffLlamaForSeq" in caplog.text


def test_trial_leaves_the_classifier_as_it_was() -> None:
    model = make_model("Bert", SMALL).train()
    before = [(name, id(weights)) for name, weights in model.named_parameters()]
    implementation = model.config._attn_implementation
    shape = try_classifier(model, make_tiny_tokenizer(), ["the bank " * 20, "goal"], [None, None], 32)

    assert shape == (2, 4)
    assert model.training
    assert [(name, id(weights)) for name, weights in model.named_parameters()] == before
    assert model.config._attn_implementation == implementation
    assert not any(module._forward_hooks for module in model.modules())


def test_output_beside_the_logits_does_not_disturb_training(
    study: ModelStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = transformers.BertForSequenceClassification.forward

    @functools.wraps(forward)
    def return_more(*arguments: object, **options: object) -> object:
        return forward(*arguments, **options | {"output_hidden_states": True})

    monkeypatch.setattr(transformers.BertForSequenceClassification, "forward", return_more)
    study.prepare(make_tiny_bert(tmp_path / "bert"), training={"epochs": 1})
    assert study.read_metrics()["history"][0]["macro_f1"] >= 0
