"""What stands for each vocabulary entry of a study, agreed on by all shards."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.progress import track
from attviz_pipeline.redaction.forms import RARE, Form


@dataclass(frozen=True)
class Vocabulary:
    """The forms of all entries that occur.

    Args:
        forms: What stands for an entry that is neither special nor the unknown token.
        ids: Index of a form or a special entry among all of them, sorted; tells nothing of the model's own index.
    """

    forms: Mapping[str, str]
    ids: Mapping[str, int]


def collect_vocabulary(attention: Sequence[Path], form: Form, min_document_frequency: int) -> Vocabulary:
    """Read the tokens of all shards and choose what stands for each; memory grows with the vocabulary only.

    The documents of a form are those that hold any entry it stands for: entries with one shape count together.

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
