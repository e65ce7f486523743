"""Models whose last layer computes the first token alone, against whole models, on every architecture."""

import pytest
import torch
from architectures import ARCHITECTURES, make_model, make_windows
from gated_models import gated

from attviz_pipeline.attention.last_layer import compute_all_tokens, compute_first_token_alone
from attviz_pipeline.evidence.ablation import mean_outputs

SHORTENED = {"Bert", "Roberta", "XLMRoberta", "Electra"}
WINDOWS = make_windows(11, 7, 9)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_and_gradients_stay_the_same(architecture: str) -> None:
    classifier = gated(make_model(architecture))
    embeddings = classifier.model.get_input_embeddings().weight.requires_grad_()

    def read() -> tuple[torch.Tensor, ...]:
        logits = classifier.forward(WINDOWS)
        return logits.detach(), *torch.autograd.grad(logits[:, 0].sum(), embeddings)

    whole, means = read(), mean_outputs(classifier, WINDOWS)
    classifier.leave_out_unread()

    assert ("forward" in vars(_last_part(classifier.model))) == (architecture in SHORTENED)
    torch.testing.assert_close(read(), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mean_outputs(classifier, WINDOWS), means, rtol=1e-5, atol=1e-5)


def test_other_tokens_are_left_out_until_it_is_undone() -> None:
    model = make_model("Bert")
    sizes: list[int] = []
    model.bert.encoder.layer[-1].intermediate.register_forward_hook(lambda *given: sizes.append(given[2].shape[1]))
    token_ids = torch.tensor([[3, 4, 5, 6]])

    assert compute_first_token_alone(model, lambda: model(token_ids).logits)
    compute_all_tokens(model)
    model(token_ids)
    assert sizes == [4, 1, 4]


def test_a_head_that_reads_all_tokens_gets_all() -> None:
    model = make_model("Bert")
    model.bert.pooler.register_forward_pre_hook(lambda _module, given: (given[0].mean(dim=1, keepdim=True),))
    assert not compute_first_token_alone(model, lambda: model(torch.tensor([[3, 4, 5, 6]])).logits)
    assert "forward" not in vars(_last_part(model))


def _last_part(model: torch.nn.Module) -> torch.nn.Module:
    parts = [module for name, module in model.named_modules() if name.endswith(".attention.output")]
    return parts[-1] if parts else torch.nn.Identity()
