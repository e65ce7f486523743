"""How texts become inputs of a model, wherever scoring and extraction must agree on it."""

import inspect
from collections.abc import Sequence
from typing import Any

READS_LAST_POSITION = frozenset({"xlnet"})
"""Model types whose head reads the last position, so that padding must come first. Their positions are relative."""

PAIR_SEPARATOR = "\n"


def join_pair(first: str, second: str) -> tuple[str, int]:
    """Return two texts as one, and the character at which the second begins."""
    return first + PAIR_SEPARATOR + second, len(first) + len(PAIR_SEPARATOR)


def split_pairs(texts: Sequence[str], pair_starts: Sequence[int | None]) -> tuple[list[str], list[str] | None]:
    """Undo `join_pair`: return the first texts, and the second ones, or None where the texts are no pairs.

    Args:
        texts: The texts of one corpus, all of them pairs or none.
        pair_starts: Where the second text of each begins, None without one.
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
    """Encode texts, or pairs of texts, with a fast tokenizer; `[SEP]` or `</s>` in one of them is read as text.

    Tokenizers whose model itself holds control tokens (Unigram's) read them all the same.

    Args:
        tokenizer: A fast one of transformers.
        texts: Texts, or pairs as `join_pair` makes them.
        pair_starts: Where the second text of each begins, None for texts that are no pairs; all are or none.
        options: As `tokenizer` takes them.
    """
    return tokenizer(*split_pairs(texts, pair_starts), split_special_tokens=True, padding=False, **options)


def tokenize_text(tokenizer: Any, text: str) -> list[str]:  # noqa: ANN401 - as above
    """Cut a text into the pieces of a slow tokenizer, `[SEP]` or `</s>` in it as text."""
    # A slow tokenizer reads all added tokens as text then: only where there is something to avoid.
    options = {"split_special_tokens": True} if holds_control_token(tokenizer, text) else {}
    return list(tokenizer.tokenize(text, **options))


def holds_control_token(tokenizer: Any, text: str) -> bool:  # noqa: ANN401 - as above
    """Say whether a text has `[SEP]`, `</s>` or another of a tokenizer's special tokens in it."""
    return any(token in text for token in tokenizer.all_special_tokens)


def takes_type_ids(model: Any, tokenizer: Any) -> bool:  # noqa: ANN401 - this module is free of torch
    """Tell whether a model is to be told which of two texts each token belongs to.

    A model with a table of token types says itself whether it can tell several apart. Of others the tokenizer knows:
    some (GPT-2, XLM) take `token_type_ids` for words, and would add one to every token.
    """
    if "token_type_ids" not in inspect.signature(model.forward).parameters:
        return False
    n_types = getattr(model.config, "type_vocab_size", None)
    return "token_type_ids" in tokenizer.model_input_names if n_types is None else n_types > 1


def vocabulary_rows(model: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the number of rows of a model's table of input embeddings; None where it has no such table."""
    try:
        weight = model.get_input_embeddings().weight
    except (AttributeError, NotImplementedError):
        return None
    return len(weight)


def own_padding_id(model: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the padding token that a model's config names, or None where it names none that the vocabulary has."""
    own, n_rows = getattr(model.config, "pad_token_id", None), vocabulary_rows(model)
    return own if isinstance(own, int) and n_rows is not None and 0 <= own < n_rows else None


def padding_id(model: Any, tokenizer: Any) -> int:  # noqa: ANN401 - as above
    """Return the token that fills up shorter inputs: the model's own if its vocabulary has it, else the tokenizer's.

    Heads that read the last token (GPT-2's), and some positions (RoBERTa's), tell padding by the model's. 0 where
    neither names one, and no inputs are batched.
    """
    own = own_padding_id(model)
    return int(tokenizer.pad_token_id or 0) if own is None else own


def pads_left(model: Any) -> bool:  # noqa: ANN401 - as above
    """Tell whether padding comes first; a tokenizer's own side would shift the positions of all other models."""
    return model.config.model_type in READS_LAST_POSITION
