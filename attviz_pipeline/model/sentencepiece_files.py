"""SentencePiece models: files from which transformers makes a tokenizer if there is no tokenizer.json."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from attviz_pipeline.errors import ModelError
from attviz_pipeline.model.safely import SAFELY

PATTERNS = ("*.model", "*.spm")
TIKTOKEN = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
TIKTOKEN_REFUSED = (
    "is in tiktoken's format, which is not supported: use a copy of the model with tokenizer.json, or write one where "
    "tiktoken is installed: AutoTokenizer.from_pretrained(...).save_pretrained(...)"
)
N_WORDS = 200
LEAST_AGREEMENT = 0.9
NAME_THE_CLASS = (
    "Name the class that the model was trained with as `tokenizer_class` in tokenizer_config.json (AlbertTokenizer, "
    "XLMRobertaTokenizer, LlamaTokenizer...). If that does not help, write tokenizer.json with it: "
    "transformers.<class>.from_pretrained(...).save_pretrained(...)."
)


def sentencepiece_files(folder: Path) -> list[Path]:
    """List the files from which a tokenizer is made; none if there is a tokenizer.json."""
    if (folder / "tokenizer.json").is_file():
        return []
    return sorted(file for pattern in PATTERNS for file in folder.glob(pattern) if file.is_file())


def file_fault(file: Path) -> str:
    """Return why a file is not a SentencePiece model; empty if it is one."""
    content = file.read_bytes()
    try:
        sentencepiece.SentencePieceProcessor(model_proto=content or b"empty")
    except RuntimeError:
        return TIKTOKEN_REFUSED if TIKTOKEN.match(content) else "is damaged or no SentencePiece model"
    return ""


@contextmanager
def as_sentencepiece(folder: Path) -> Iterator[None]:
    """Report the cause if no tokenizer can be made of a SentencePiece model; transformers blames missing packages."""
    files = sentencepiece_files(folder)
    try:
        yield
    except (TypeError, ValueError):
        if not files:
            raise
        raise ModelError(
            f"transformers does not know which tokenizer class to use for {files[0].name} in {folder}.",
            remedy=NAME_THE_CLASS,
        ) from None


def reread(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig) -> PreTrainedTokenizerBase:
    """Save a tokenizer and load it again; RemBERT's adds special tokens to texts only after this."""
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        copy: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(scratch, config=config, **SAFELY)
    return copy


def require_agreement(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Check that a tokenizer agrees with the SentencePiece model from which it was made.

    transformers chooses the tokenizer class by the architecture. A wrong class ignores or misreads the file without an
    error.

    Raises:
        ModelError: The tokens differ for more than a tenth of the words in the vocabulary.
    """
    for file in sentencepiece_files(folder):
        processor = sentencepiece.SentencePieceProcessor(model_proto=file.read_bytes())
        words = _words(processor)
        other = [word for word in words if tokenizer.tokenize(word) != processor.encode(word, out_type=str)]
        if len(other) > (1 - LEAST_AGREEMENT) * len(words):
            found, wanted = tokenizer.tokenize(other[0]), processor.encode(other[0], out_type=str)
            raise ModelError(
                f"the tokenizer {type(tokenizer).__name__}, which transformers makes of {file.name} in {folder}, cuts "
                f"{len(other)} of {len(words)} words in another way than the SentencePiece model: {other[0]!r} as "
                f"{found}, not {wanted}.",
                remedy=NAME_THE_CLASS,
            )


def _words(processor: sentencepiece.SentencePieceProcessor) -> list[str]:
    """Return words of the vocabulary that no tokenizer normalises: letters without capitals and accents."""
    pieces = (processor.id_to_piece(index) for index in range(processor.get_piece_size()) if _is_text(processor, index))
    words = [word for piece in pieces if (word := piece.removeprefix("▁")).isascii() and word.isalpha()]
    lower = [word for word in words if word.islower()] or words
    return lower[:: max(1, len(lower) // N_WORDS)][:N_WORDS]


def _is_text(processor: sentencepiece.SentencePieceProcessor, index: int) -> bool:
    return not any(
        is_so(index) for is_so in (processor.is_control, processor.is_unknown, processor.is_unused, processor.is_byte)
    )
