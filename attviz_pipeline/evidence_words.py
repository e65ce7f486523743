"""What token scores and orders of heads are called, in the site and in figures."""

from collections.abc import Mapping

SCORES: Mapping[str, str] = {
    "self_mean": "mean self-attention over heads",
    "self_max": "largest self-attention over heads",
    "self_layers": "mean self-attention in layer {}",
    "received": "attention received",
    "rollout": "attention rollout",
    "norm_weighted": "norm-weighted attention",
    "classifier_row": "attention from the token that the classifier reads",
    "gradient_x_input": "gradient x input",
    "gradient_norm": "norm of gradient x input",
    "leave_one_out": "leaving out one token",
    "random": "random order",
}
ORDERS: Mapping[str, str] = {
    "measured": "measured importance",
    "gradient": "gradient importance",
    "self_attention": "mean self-attention",
    "random": "random order",
}
REMOVAL: Mapping[str, str] = {"mask": "masked", "delete": "deleted", "hide": "hidden from attention"}
RANDOM = "random"
