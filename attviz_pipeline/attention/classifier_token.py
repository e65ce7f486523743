"""The token whose vector the classification head reads."""

from typing import Any

from attviz_pipeline.attention.windows import Window


class ClassifierToken:
    """Finds the token that a classification head reads: the first, [CLS], or the last that is not padding.

    Args:
        config: The model's config.
        cls_token_id: Index of [CLS] or the tokenizer's equivalent; None if there is none.
    """

    def __init__(self, config: Any, cls_token_id: int | None) -> None:  # noqa: ANN401 - any model's config
        pooling = getattr(config, "classifier_pooling", None)
        self._cls, self._pad = cls_token_id, config.pad_token_id
        self._reads_first = pooling == "bos" or getattr(config, "summary_type", None) == "first"
        self.is_mean = pooling in ("mean", "late")
        """Whether the head reads the mean over all tokens instead."""

    def place(self, window: Window) -> int:
        """Return the place of the token in a window; of no use if the head reads the mean."""
        if self._reads_first:
            return 0
        # A text may contain "[CLS]" or padding tokens. Heads that read the last token skip the latter.
        special = zip(window.token_ids, window.special or [False] * window.n_tokens, strict=True)
        own = [place for place, (token, flag) in enumerate(special) if flag and token == self._cls]
        unpadded = [place for place, token in enumerate(window.token_ids) if token != self._pad]
        return own[0] if own else max(unpadded, default=0)
