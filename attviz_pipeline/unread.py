"""Parts of texts that a model does not read as text: unknown tokens, and control tokens written in the texts."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

SHARE_WORTH_A_WARNING = 0.02
SHARE_OF_CAPITALS = 0.01  # an uncased vocabulary may hold a few by accident
LONGEST_PART = 40
logger = logging.getLogger(__name__)


@dataclass
class Unread:
    """Counts of unknown and control tokens, without the special tokens that the tokenizer adds.

    Attributes:
        unknown_id: Index of the unknown token; None for vocabularies that cover every text.
        control_ids: Indices of the other special tokens.
        n_tokens: Tokens of text.
        n_unknown: Unknown tokens among them.
        n_control: Control tokens among them.
        unknown_part: Part of a text that became an unknown token.
        control_part: Part of a text that became a control token.
    """

    unknown_id: int | None
    control_ids: frozenset[int]
    n_tokens: int = 0
    n_unknown: int = 0
    n_control: int = 0
    unknown_part: str = ""
    control_part: str = ""

    @classmethod
    def of(cls, tokenizer: Any) -> Self:  # noqa: ANN401 - this module is free of transformers
        """Return counts of 0 for a tokenizer."""
        unknown = unknown_id(tokenizer)
        return cls(unknown, frozenset(tokenizer.all_special_ids) - {unknown})

    def count(self, token_ids: Sequence[int], special: Sequence[bool], part: Callable[[int], str]) -> None:
        """Count the tokens of one text.

        Args:
            token_ids: Vocabulary indices, [token].
            special: True for special tokens that the tokenizer added, [token].
            part: Returns the part of the text that a token covers.
        """
        of_text = ~np.asarray(special, dtype=bool)
        unknown = np.flatnonzero(self.unknown(token_ids) & of_text)
        control = np.flatnonzero(np.isin(token_ids, list(self.control_ids)) & of_text)
        self.n_tokens += int(of_text.sum())
        self.n_unknown += len(unknown)
        self.n_control += len(control)
        if len(unknown) and not self.unknown_part.strip():
            self.unknown_part = part(int(unknown[0]))[:LONGEST_PART]
        if len(control) and not self.control_part:
            self.control_part = part(int(control[0]))[:LONGEST_PART]

    def unknown(self, token_ids: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return True for unknown tokens, [token]."""
        wanted = -1 if self.unknown_id is None else self.unknown_id
        return np.equal(np.asarray(token_ids, dtype=np.int64), wanted)

    def warn(self, tokenizer: Any) -> None:  # noqa: ANN401 - as above
        """Warn about many unknown tokens, and about any control token."""
        if self.n_unknown > SHARE_WORTH_A_WARNING * self.n_tokens:
            logger.warning(
                "%d of %d tokens of the texts (%.1f %%) are unknown to the model, which reads %s instead, for example "
                "for %r: %s",
                *(self.n_unknown, self.n_tokens, 100 * self.n_unknown / self.n_tokens),
                *(tokenizer.convert_ids_to_tokens(self.unknown_id), self.unknown_part),
                _cause(tokenizer, self.unknown_part),
            )
        if self.n_control:
            logger.warning(
                "%d tokens of the texts are control tokens written in a text, for example %r: this tokenizer cannot "
                "read them as text, so the model reads them as its own control tokens; if it should not, remove or "
                "rewrite them in the dataset",
                *(self.n_control, self.control_part),
            )


def add_up(counts: Sequence[Unread]) -> Unread:
    """Return the total of the counts of one or more parts of a corpus, with the first example of each kind."""
    return Unread(
        counts[0].unknown_id,
        counts[0].control_ids,
        n_tokens=sum(part.n_tokens for part in counts),
        n_unknown=sum(part.n_unknown for part in counts),
        n_control=sum(part.n_control for part in counts),
        unknown_part=next((part.unknown_part for part in counts if part.unknown_part), ""),
        control_part=next((part.control_part for part in counts if part.control_part), ""),
    )


def unknown_id(tokenizer: Any) -> int | None:  # noqa: ANN401 - as above
    """Return the index of the token that replaces text outside the vocabulary, or None if there is none.

    GPT-2's tokenizer lists its end token as the unknown token but never needs one, so it counts as a control token.
    """
    roles = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}
    index = tokenizer.unk_token_id
    if index is None:
        model = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
        name = getattr(model, "unk_token", None)
        index = tokenizer.get_vocab().get(name) if name else None
    return None if index is None or index in roles else int(index)


def _cause(tokenizer: Any, part: str) -> str:  # noqa: ANN401 - as above
    entries = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    has_capitals = sum(entry != entry.lower() for entry in entries) > SHARE_OF_CAPITALS * len(entries)
    lower_cases = _lower_cases(tokenizer)
    if has_capitals and lower_cases:
        return (
            "the vocabulary has capitals, but the tokenizer lower-cases: set `do_lower_case: false` in the model's "
            "tokenizer_config.json"
        )
    if not has_capitals and not lower_cases and part != part.lower():
        return (
            "the vocabulary has no capitals, but the tokenizer does not lower-case: set `do_lower_case: true` in the "
            "model's tokenizer_config.json"
        )
    return "the model may be trained for another language, script or domain than that of the texts"


def _lower_cases(tokenizer: Any) -> bool:  # noqa: ANN401 - as above
    if not tokenizer.is_fast:
        return bool(getattr(tokenizer, "do_lower_case", getattr(tokenizer, "do_lowercase", False)))
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"
