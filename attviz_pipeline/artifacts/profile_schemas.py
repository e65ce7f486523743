"""Full mode: measures of heads in each document, and the table of their profiles and roles."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import Schema, column

MEASURES = {
    "entropy": "Entropy of a token's attention, nats",
    "distance": "Mean distance of a token's attention, in tokens",
    "on_self": "Share of attention on the token itself",
    "on_previous": "on the previous token",
    "on_next": "on the next token",
    "on_cls": "on [CLS] or the tokenizer's equivalent",
    "on_sep": "on [SEP] or the tokenizer's equivalent",
    "on_punctuation": "on tokens that consist of punctuation only",
}
"""Measures of a head in one document, as schema `attention` holds them."""

EVENNESS = "evenness"
SHARES = {
    "self": "on_self",
    "previous": "on_previous",
    "next": "on_next",
    "cls": "on_cls",
    "sep": "on_sep",
    "punctuation": "on_punctuation",
}
"""Roles named after a share of attention, and its measure; of equal shares, the first one gives the role."""

DELIMITERS = ("on_cls", "on_sep", "on_punctuation")
"""Shares of attention on tokens that carry little of the text; they do not overlap."""

ROLES = (*SHARES, "delimiter", "broad", "mixed")

_UNITS = {"entropy": "nats", "distance": "tokens"}


def _estimate(name: str, description: str, unit: str) -> list[pa.Field]:
    how = "Student's t over input rows; null with fewer than two"
    return [
        column(name, pa.float64(), f"{description}, {unit}; null without documents", nullable=True),
        column(f"{name}_low", pa.float64(), f"Lower 95 % bound of `{name}`: {how}", nullable=True),
        column(f"{name}_high", pa.float64(), f"Upper 95 % bound of `{name}`: {how}", nullable=True),
    ]


HEAD_PROFILES = Schema(
    "head_profiles",
    1,
    "profile_heads",
    "One row per head, sorted by layer, head: means over documents of the attention of its text tokens, and the role "
    "that follows from them. No rows without full mode, or if no document has text tokens. "
    "Facts: `mode` of the attention, `n_layers`, `n_heads`, `n_documents`, `n_sources` (their input rows), "
    "`n_documents_without_text` (left out), `least_share` and `least_evenness`, the thresholds of roles; `even`: what "
    "even attention gives in these documents for `on_cls`, `on_sep` and `on_punctuation`, null if the attention does "
    "not name its `delimiters`",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            column("n_documents", pa.int64(), "Documents in the means: those with text tokens"),
            *[
                field
                for name in MEASURES
                for field in _estimate(name, f"Mean over documents of `profile.{name}`", _UNITS.get(name, "0..1"))
            ],
            column("n_even_documents", pa.int64(), "Documents with at least two tokens, for which evenness is defined"),
            *_estimate(EVENNESS, "Mean over documents of entropy / ln n, n the tokens of the model input", "0..1"),
            column(
                "role",
                pa.string(),
                "self, previous, next, cls, sep or punctuation, after the largest of these shares if it is at least "
                "`least_share`; else delimiter if cls, sep and punctuation together are; else broad if `evenness` is "
                "at least `least_evenness`; else mixed",
            ),
        ]
    ),
)

ALL: tuple[Schema, ...] = (HEAD_PROFILES,)
