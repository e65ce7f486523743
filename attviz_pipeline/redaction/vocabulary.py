"""The replacement of each vocabulary entry of a study, common to all shards."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.progress import track
from attviz_pipeline.redaction.forms import RARE, Form


@dataclass(frozen=True)
class Vocabulary:
    """The replacements of all entries that occur.

    Args:
        forms: Replacement of each entry that is neither special nor the unknown token.
        ids: Index of each replacement and special entry in their sorted list; unrelated to the model's own indices.
    """

    forms: Mapping[str, str]
    ids: Mapping[str, int]


def collect_vocabulary(attention: Sequence[Path], form: Form, min_document_frequency: int) -> Vocabulary:
    """Read the tokens of all shards and choose their replacements; memory grows only with the vocabulary.

    The document frequency of a replacement counts documents with any of its entries: entries of one shape count
    together.

    Raises:
        ArtifactError: A shard is unusable.
    """
    forms: dict[str, str] = {}
    special: set[str] = set()
    frequency: Counter[str] = Counter()
    for path in track(attention, total=len(attention), label="redact_attention: vocabulary", unit="shards"):
        for tokens, *flags in _iter_tokens(path):
            ordinary = {token for token, *named in zip(tokens, *flags, strict=True) if not any(named)}
            special |= set(tokens) - ordinary
            forms.update((token, form(token)) for token in ordinary - forms.keys())
            frequency.update({forms[token] for token in ordinary})
    kept = {token: shown if frequency[shown] >= min_document_frequency else RARE for token, shown in forms.items()}
    return Vocabulary(kept, _numbered([*kept.values(), *special]))


def _iter_tokens(path: Path) -> Iterable[tuple[list[str], list[bool], list[bool]]]:
    names = ["tokens", "special", "unknown"]
    for table in files.iter_tables(path, attention_schemas.ATTENTION, names):
        yield from zip(*(table[name].to_pylist() for name in names), strict=True)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}
