"""How texts become inputs of a model: the rules that training, scoring and extraction share."""

import inspect
from collections.abc import Sequence
from typing import Any

READS_LAST_POSITION = frozenset({"xlnet"})
"""Model types whose head reads the last position, so that padding must come first. Their positions are relative."""

PAIR_SEPARATOR = "\n"


def join_pair(first: str, second: str) -> tuple[str, int]:
    """Join two texts; return the joined text and the character at which the second begins."""
    return first + PAIR_SEPARATOR + second, len(first) + len(PAIR_SEPARATOR)


def split_pairs(texts: Sequence[str], pair_starts: Sequence[int | None]) -> tuple[list[str], list[str] | None]:
    """Undo `join_pair`: return the first texts and the second texts, or None as the second if there are no pairs.

    Args:
        texts: Texts of one corpus; either all or none are pairs.
        pair_starts: Character at which the second text begins, None for a text without a second, [text].
    """
    starts = [start for start in pair_starts if start is not None]
    if not starts:
        return list(texts), None
    firsts = [text[: start - len(PAIR_SEPARATOR)] for text, start in zip(texts, starts, strict=True)]
    return firsts, [text[start:] for text, start in zip(texts, starts, strict=True)]


def encode_texts(
    tokenizer: Any,  # noqa: ANN401 - this module is free of torch
    texts: Sequence[str],
    pair_starts: Sequence[int | None],
    **options: Any,  # noqa: ANN401 - passed on
) -> Any:  # noqa: ANN401 - a batch of transformers
    """Encode texts, or pairs of texts, with a fast tokenizer; `[SEP]` or `</s>` within a text is read as text.

    Unigram tokenizers are an exception: their model itself contains the control tokens, so they still recognise them.

    Args:
        tokenizer: A fast tokenizer of transformers.
        texts: Texts, or pairs as returned by `join_pair`.
        pair_starts: As in `split_pairs`.
        options: Further arguments of `tokenizer`.
    """
    return tokenizer(*split_pairs(texts, pair_starts), split_special_tokens=True, padding=False, **options)


def tokenize_text(tokenizer: Any, text: str) -> list[str]:  # noqa: ANN401 - as above
    """Tokenise a text with a slow tokenizer; `[SEP]` or `</s>` within it is read as text."""
    # With this option a slow tokenizer reads every added token as text, so it is set only where it is needed.
    options = {"split_special_tokens": True} if holds_control_token(tokenizer, text) else {}
    return list(tokenizer.tokenize(text, **options))


def holds_control_token(tokenizer: Any, text: str) -> bool:  # noqa: ANN401 - as above
    """Whether a text contains `[SEP]`, `</s>` or another special token of a tokenizer."""
    return any(token in text for token in tokenizer.all_special_tokens)


def takes_type_ids(model: Any, tokenizer: Any) -> bool:  # noqa: ANN401 - this module is free of torch
    """Whether a model expects `token_type_ids`, which mark the first and the second text of a pair.

    If the model's config has `type_vocab_size`, this decides; otherwise the tokenizer's inputs do. Some models without
    it (GPT-2, XLM) read `token_type_ids` as vocabulary indices and would add a word's embedding to every token.
    """
    if "token_type_ids" not in inspect.signature(model.forward).parameters:
        return False
    n_types = getattr(model.config, "type_vocab_size", None)
    return "token_type_ids" in tokenizer.model_input_names if n_types is None else n_types > 1


def vocabulary_rows(model: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the number of rows of a model's input embeddings, or None if it has none."""
    try:
        weight = model.get_input_embeddings().weight
    except (AttributeError, NotImplementedError):
        return None
    return len(weight)


def own_padding_id(model: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the padding index of a model's config, or None if it is missing or outside the vocabulary."""
    own, n_rows = getattr(model.config, "pad_token_id", None), vocabulary_rows(model)
    return own if isinstance(own, int) and n_rows is not None and 0 <= own < n_rows else None


def padding_id(model: Any, tokenizer: Any) -> int:  # noqa: ANN401 - as above
    """Return the index that pads shorter inputs: the model's own if it is in its vocabulary, else the tokenizer's.

    Heads that read the last token (GPT-2) and some position embeddings (RoBERTa) recognise padding by the model's
    index. 0 if neither defines one; inputs are not batched then.
    """
    own = own_padding_id(model)
    return int(tokenizer.pad_token_id or 0) if own is None else own


def pads_left(model: Any) -> bool:  # noqa: ANN401 - as above
    """Whether padding comes first. For all other models left padding would shift the positions."""
    return model.config.model_type in READS_LAST_POSITION
