"""Passes that begin at a later layer against whole passes, on every architecture."""

import pytest
import torch
from architectures import ARCHITECTURES, make_model, make_windows
from gated_models import gated

from attviz_pipeline.evidence.ablation import Ablation, Readings
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.gates import Setting
from attviz_pipeline.evidence.prefix_cache import PrefixCache

N_LAYERS = 3
LAYERS = {"GPT2": "n_layer", "XLNet": "n_layer", "OpenAIGPT": "n_layer", "DistilBert": "n_layers", "XLM": "n_layers"}
WITHOUT_A_LIST = {"Albert", "XLM"}
"""One module for all layers; several lists of parts of layers."""


def classifier_of(architecture: str) -> GatedClassifier:
    model = make_model(architecture, **{LAYERS.get(architecture, "num_hidden_layers"): N_LAYERS})
    return gated(model, n_layers=N_LAYERS)


def read(classifier: GatedClassifier, n_tokens: int = 11, how: str = "zero", *, cached: bool = True) -> Readings:
    windows = make_windows(n_tokens, 7)
    ablation = Ablation(classifier, windows, how, may_cache=cached)
    return ablation.each_head(windows[0], lambda _n: None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_ways_give_the_same_logits(architecture: str) -> None:
    classifier = classifier_of(architecture)
    naive = read(classifier, cached=False)

    for one, other in zip(read(classifier), naive, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    assert naive.without_head.shape == (N_LAYERS, 4, 2)
    assert (naive.without_head - naive.whole).abs().amax(dim=-1).min() > 0
    [window] = make_windows(9)
    assert (PrefixCache.of_model(classifier, window) is None) == (architecture in WITHOUT_A_LIST)


def test_rows_are_heads_and_the_last_row_is_the_layer() -> None:
    classifier = classifier_of("Bert")
    found = read(classifier)
    windows = make_windows(11)
    for layer, head in [(0, 3), (2, 1)]:
        gates = classifier.open_gates(1)
        gates[layer, 0, head] = 0
        with torch.inference_mode():
            [expected] = classifier.forward(windows, Setting(gates, None, 0))
        torch.testing.assert_close(found.without_head[layer, head], expected, rtol=1e-6, atol=1e-6)
    gates = classifier.open_gates(1)
    gates[1] = 0
    with torch.inference_mode():
        [expected] = classifier.forward(windows, Setting(gates, None, 0))
    torch.testing.assert_close(found.without_layer[1], expected, rtol=1e-6, atol=1e-6)


def test_skipped_layers_do_not_run() -> None:
    classifier = classifier_of("Bert")
    [window] = make_windows(9)
    cache = PrefixCache.of_model(classifier, window)
    assert cache is not None
    with torch.inference_mode():
        cache.keep(window)
        ran: list[int] = []
        for number, layer in enumerate(classifier.model.bert.encoder.layer):
            layer.attention.register_forward_hook(lambda *_arguments, number=number: ran.append(number))
        cache.forward(window, Setting(classifier.open_gates(2), None, 2))
    assert ran == [2]
    classifier.read([window])
    assert ran == [2, 0, 1, 2]


def test_the_cache_says_what_it_saves() -> None:
    [window] = make_windows(9)
    ablation = Ablation(classifier_of("Bert"), [window], "zero")

    assert ablation.is_cached
    assert ablation.passes_per_window == 1 + 5 * 3
    assert ablation.cost_per_window == 1 + 5 * (3 + 2 + 1) / 3


@pytest.mark.parametrize("architecture", ["Bert", "XLNet", "Albert"])
def test_mean_outputs_are_those_over_all_tokens(architecture: str) -> None:
    classifier = classifier_of(architecture)
    windows = make_windows(11, 7)
    outputs: list[list[torch.Tensor]] = [[] for _ in range(N_LAYERS)]
    with (
        torch.inference_mode(),
        classifier.gates.watched(lambda layer, output: outputs[layer].append(output[0].clone())),
    ):
        for window in windows:
            classifier.forward([window])
    means = torch.stack([torch.cat(layer).mean(dim=0) for layer in outputs])
    gates = classifier.open_gates(1)
    gates[1, 0, 2] = 0
    with torch.inference_mode():
        [expected] = classifier.forward(windows[:1], Setting(gates, means, 0))

    found = read(classifier, how="mean")
    torch.testing.assert_close(found.without_head[1, 2], expected, rtol=1e-6, atol=1e-6)
    assert (found.without_head - read(classifier).without_head).abs().max() > 1e-4


def test_what_does_not_fit_into_memory_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = classifier_of("Bert")
    expected = read(classifier)
    windows = make_windows(11, 7)
    ablation = Ablation(classifier, windows, "zero")
    forward, sizes = GatedClassifier.forward, []

    def run_out(self: GatedClassifier, batch: list[object], setting: Setting | None = None) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise MemoryError
        return forward(self, batch, setting)

    monkeypatch.setattr(GatedClassifier, "forward", run_out)
    for one, other in zip(ablation.each_head(windows[0], lambda _n: None), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    assert sizes[:4] == [1, 5, 2, 2]


@pytest.mark.parametrize(("architecture", "reads_once"), [("Bert", True), ("GPT2", False)])
def test_the_window_is_read_once_where_the_model_allows(architecture: str, reads_once: bool) -> None:  # noqa: FBT001 - a parameter
    [window] = make_windows(9)
    cache = PrefixCache.of_model(classifier_of(architecture), window)

    assert cache is not None
    assert cache._reads_once == reads_once
