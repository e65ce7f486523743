"""Dropout with 16 random bits for each value."""

import pytest
import torch
from torch import nn

from attviz_pipeline.model.dropout import QuickDropout, quick_dropout


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_the_share_of_zeros_and_the_mean_are_as_wanted(probability: float) -> None:
    torch.manual_seed(1)
    dropped = quick_dropout(torch.ones(1000, 1001), probability)
    assert float((dropped == 0).double().mean()) == pytest.approx(probability, abs=2e-3)
    assert float(dropped.double().mean()) == pytest.approx(1, abs=2e-3)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - probability)], rel=1e-4)
    # Neighbours share a random number, and are independent.
    zeros = (dropped == 0).double().flatten()
    assert abs(float(torch.corrcoef(torch.stack([zeros[:-1], zeros[1:]]))[0, 1])) < 5e-3


def test_gradients_pass_where_values_do_and_a_seed_gives_the_same() -> None:
    values = torch.randn(7, 3, requires_grad=True)
    module = nn.Dropout(0.4)
    found = []
    for _ in range(2):
        torch.manual_seed(2)
        with QuickDropout():
            found.append(module(values))
    assert torch.equal(*found)
    [gradient] = torch.autograd.grad(found[0].sum(), values)
    torch.testing.assert_close(gradient * values, found[0])


def test_evaluation_and_extreme_probabilities_are_left_alone() -> None:
    values = torch.randn(50)
    with QuickDropout():
        assert torch.equal(nn.Dropout(0.5).eval()(values), values)
        assert torch.equal(nn.Dropout(0.0)(values), values)
        assert torch.equal(nn.Dropout(1.0)(values), torch.zeros(50))
