"""Gates of heads against zeros in the output projection, on every architecture."""

import pytest
import torch
from architectures import ARCHITECTURES, SMALL, SQUEEZE_BERT, make_model, make_windows
from gated_models import gated
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel, SqueezeBertConfig

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.evidence.gates import Setting

SIZE = 8
LENGTHS = (20, 13, 13, 5)
PROJECTIONS = {  # the name of each layer's output projection, written out here a second time
    "Bert": "bert.encoder.layer.{}.attention.output.dense",
    "Roberta": "roberta.encoder.layer.{}.attention.output.dense",
    "XLMRoberta": "roberta.encoder.layer.{}.attention.output.dense",
    "Electra": "electra.encoder.layer.{}.attention.output.dense",
    "DistilBert": "distilbert.transformer.layer.{}.attention.out_lin",
    "Albert": "albert.encoder.albert_layer_groups.0.albert_layers.0.attention.dense",
    "ModernBert": "model.layers.{}.attn.Wo",
    "GPT2": "transformer.h.{}.attn.c_proj",
    "Llama": "model.layers.{}.self_attn.o_proj",
    "Mistral": "model.layers.{}.self_attn.o_proj",
    "EuroBert": "model.layers.{}.self_attn.o_proj",
    "Gemma2": "model.layers.{}.self_attn.o_proj",
    "GptOss": "model.layers.{}.self_attn.o_proj",
    "MPNet": "mpnet.encoder.layer.{}.attention.attn.o",
    "DebertaV2": "deberta.encoder.layer.{}.attention.output.dense",
    "Deberta": "deberta.encoder.layer.{}.attention.output.dense",
    "XLNet": "transformer.layer.{}.rel_attn",
    "XLM": "transformer.attentions.{}.out_lin",
    "OpenAIGPT": "transformer.h.{}.attn.c_proj",
    "IBert": "ibert.encoder.layer.{}.attention.output.dense",
}


def zero_slice(model: PreTrainedModel, architecture: str, layer: int, head: int) -> None:
    """Set what a head adds to zero, in the weights."""
    module, mine = model.get_submodule(PROJECTIONS[architecture].format(layer)), slice(SIZE * head, SIZE * (head + 1))
    with torch.no_grad():
        if architecture == "XLNet":
            module.o[:, head] = 0
        elif architecture in ("GPT2", "OpenAIGPT"):  # their weights are [input, output]
            module.weight[mine] = 0
        else:
            module.weight[:, mine] = 0


def read(model: PreTrainedModel, windows: list[Window], gates: Tensor | None = None, **changes: object) -> Tensor:
    setting = None if gates is None else Setting(**{"gates": gates, "substitute": None, "first_layer": 0} | changes)
    with torch.inference_mode():
        return gated(model).forward(windows, setting)


def all_open(n_windows: int) -> Tensor:
    return torch.ones(2, n_windows, 4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_gate_of_zero_equals_zeros_in_the_output_projection(architecture: str) -> None:
    windows = make_windows(*LENGTHS)
    whole = read(make_model(architecture), windows)
    for layer, head in [(0, 1), (1, 3)]:
        model = make_model(architecture)
        zero_slice(model, architecture, layer, head)
        expected = read(model, windows)
        gates = all_open(len(windows))
        gates[slice(None) if architecture == "Albert" else layer, :, head] = 0  # its layers share their weights

        torch.testing.assert_close(read(make_model(architecture), windows, gates), expected, rtol=0, atol=1e-6)
        assert (expected - whole).abs().max() > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_open_gates_change_nothing(architecture: str) -> None:
    windows = make_windows(*LENGTHS)
    model = make_model(architecture)
    with torch.no_grad():
        alone = [model(input_ids=torch.tensor([window.token_ids])).logits[0] for window in windows]

    found = read(model, windows, all_open(len(windows)))
    torch.testing.assert_close(found, torch.stack(alone), rtol=0, atol=2e-5)
    assert torch.equal(found, read(make_model(architecture), windows))


def test_each_window_has_gates_of_its_own() -> None:
    windows = make_windows(9, 9, 9)
    gates = all_open(3)
    gates[1, 2, 0] = 0
    model = make_model("Bert")
    whole, found = read(model, windows), read(make_model("Bert"), windows, gates)

    assert torch.equal(found[:2], whole[:2])
    assert (found[2] - whole[2]).abs().max() > 1e-3


def test_a_substitute_takes_the_place_of_a_closed_head_only() -> None:
    windows = make_windows(12)
    outputs: dict[int, Tensor] = {}
    classifier = gated(make_model("Bert"))
    with (
        torch.inference_mode(),
        classifier.gates.watched(lambda layer, output: outputs.setdefault(layer, output.clone())),
    ):
        whole = classifier.forward(windows)
    means = torch.stack([outputs[layer][0].mean(dim=0) for layer in (0, 1)])
    gates = all_open(1)
    assert torch.equal(read(make_model("Bert"), windows, gates, substitute=means), whole)

    gates[1, 0, 2] = 0
    model = make_model("Bert")
    zero_slice(model, "Bert", 1, 2)
    projection = model.get_submodule(PROJECTIONS["Bert"].format(1))
    weight = make_model("Bert").get_submodule(PROJECTIONS["Bert"].format(1)).weight
    with torch.no_grad():
        projection.bias += weight[:, 16:24] @ means[1, 2]
    found = read(make_model("Bert"), windows, gates, substitute=means)
    torch.testing.assert_close(found, read(model, windows), rtol=0, atol=1e-5)


def test_a_model_without_known_places_says_that_its_heads_cannot_be_switched_off() -> None:
    config = SqueezeBertConfig(**SQUEEZE_BERT)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()

    [window] = make_windows(9)
    fault = gated(model).gates_fault(window)
    assert fault.startswith(
        "the heads of SqueezeBertForSequenceClassification cannot be switched off: of its 2 layers, 0"
    )
    assert gated(make_model("Bert")).gates_fault(window) == ""


def test_a_wrong_number_of_heads_is_noticed() -> None:
    [window] = make_windows(9)

    assert "cannot be switched off" in gated(make_model("DebertaV2"), n_heads=5).gates_fault(window)
    assert "cannot be switched off" in gated(make_model("Bert", **SMALL), n_heads=3).gates_fault(window)
