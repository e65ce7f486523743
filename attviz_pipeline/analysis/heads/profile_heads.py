"""The stage `profile_heads`: what each head attends to on average, and its role."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.batches import report_damage
from attviz_pipeline.analysis.heads.numbering import Heads, read_heads
from attviz_pipeline.analysis.heads.profile_sums import Estimates, ProfileSums
from attviz_pipeline.analysis.heads.roles import LEAST_EVENNESS, LEAST_SHARE, name_roles
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.profile_schemas import DELIMITERS, EVENNESS, HEAD_PROFILES, MEASURES
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.progress import track

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NAMES = (*MEASURES, EVENNESS)
# Powers of two, so that scaling is exact: entropy up to 16 nats, distances up to a million tokens.
SCALE = np.array([{"entropy": 2.0**4, "distance": 2.0**20}.get(name, 1.0) for name in NAMES])[:, None]
ROUNDING = 1e-3
"""Values computed in half precision may exceed their range by this much."""


class Profile(NamedTuple):
    """What all heads attend to in one document.

    Attributes:
        source: Id of the document's input row.
        values: Measures in the order of `NAMES`, divided by `SCALE`, [measure, head], 0..1; 0 if undefined.
        defined: 1 if the measure is defined in the document, else 0, [measure].
        even: What even attention gives for each of `DELIMITERS`; None if it is not known which tokens these are.
    """

    source: str
    values: Floats
    defined: Integers
    even: tuple[float, ...] | None


def profile_heads(attention: Sequence[Path], head_profiles: Path) -> None:
    """Average over documents what each head attends to, and assign its role.

    Only full mode records what heads attend to. In other modes the table is empty, which the log states. Memory holds
    the sums of input rows with several documents (paragraphs), about 20 KB each for 144 heads.

    Args:
        attention: Artifacts `attention` of all shards, read.
        head_profiles: Table to write. It does not depend on the sharding of the documents.

    Raises:
        ArtifactError: A file is unusable, or the shards come from different models or modes.
    """
    heads, mode = read_heads(attention), _read_mode(attention)
    sums, evens = ProfileSums(len(NAMES), heads.n_rows), _Evens()
    n_without_text = _add_documents(sums, evens, attention, heads) if mode == "full" else 0
    n_documents, n_sources = int(sums.n_documents[0]), int(sums.n_sources[0])
    facts = {
        **heads._asdict(),
        "mode": mode,
        "n_documents": n_documents,
        "n_sources": n_sources,
        "n_documents_without_text": n_without_text,
        "least_share": LEAST_SHARE,
        "least_evenness": LEAST_EVENNESS,
        "even": evens.means(),
    }
    if mode != "full":
        log.info("no head profiles: attention.mode is %s; set `full` to record what heads attend to", mode)
    elif not n_documents:
        log.warning("no head profiles: no document has a token of text")
    columns = _columns(heads, sums) if n_documents else {name: [] for name in HEAD_PROFILES.arrow.names}
    files.write_table(head_profiles, HEAD_PROFILES, columns, facts)


class _Evens:
    """Even attention of all documents; exactly rounded sums, so that their order changes nothing."""

    def __init__(self) -> None:
        self._found: list[tuple[float, ...] | None] = []

    def add(self, even: tuple[float, ...] | None) -> None:
        """Add one document."""
        self._found.append(even)

    def means(self) -> dict[str, float] | None:
        """Return the mean over documents of each of `DELIMITERS`; None where one is not known, or without documents."""
        known = [even for even in self._found if even is not None]
        if not known or len(known) < len(self._found):
            return None
        sums = (math.fsum(values) for values in zip(*known, strict=True))
        return {name: total / len(known) for name, total in zip(DELIMITERS, sums, strict=True)}


def _read_mode(attention: Sequence[Path]) -> str:
    modes = {path: _mode(path) for path in attention}
    first = modes[attention[0]]
    problems = [Problem(str(path), f"is of mode {mode}, not {first}") for path, mode in modes.items() if mode != first]
    if problems:
        raise ArtifactError(f"these shards do not fit {attention[0]}:", problems, files.REBUILD)
    return first


def _mode(path: Path) -> str:
    return str(files.read_facts(path, attention_schemas.ATTENTION).get("mode", "self_attention"))


def _add_documents(sums: ProfileSums, evens: _Evens, attention: Sequence[Path], heads: Heads) -> int:
    """Add all documents; return the number of documents without a token of text, which have no profile."""
    sources = files.concatenate(attention, attention_schemas.ATTENTION, ["source_id"])["source_id"].to_pylist()
    n_segments = Counter(sources)
    open_sums: dict[str, tuple[Integers, Integers]] = {}
    for path in track(attention, total=len(attention), label="profile_heads", unit="shards"):
        for profile in _profiles(path, heads):
            evens.add(profile.even)
            limbs, count = exact_sums.to_limbs(profile.values, exact_sums.SUM_LIMBS), profile.defined
            if n_segments[profile.source] == 1:
                sums.add(limbs, count)
                continue
            before = open_sums.get(profile.source, (0, 0))
            open_sums[profile.source] = (before[0] + limbs, before[1] + count)
    for limbs, count in open_sums.values():
        sums.add(limbs, count)
    return len(sources) - int(sums.n_documents[0])


def _profiles(path: Path, heads: Heads) -> Iterator[Profile]:
    """Yield the profiles of a shard's documents with tokens of text."""
    columns = ["id", "source_id", "tokens", "special", "punctuation", "windows", "profile"]
    delimiters = files.read_facts(path, attention_schemas.ATTENTION).get("delimiters")
    for table in files.iter_tables(path, attention_schemas.ATTENTION, columns):
        with_text = table.filter(pc.is_valid(table["profile"]))
        measured = _measured(path, with_text, heads.n_rows)
        light = with_text.drop_columns(["id", "profile"]).to_pylist()
        for row, values in zip(light, measured, strict=True):
            yield _profile(row, values, delimiters)


def _profile(row: dict[str, Any], values: Floats, delimiters: dict[str, str | None] | None) -> Profile:
    maximum = _maximum_entropy(row)
    defined = np.ones(len(NAMES), np.int64)
    defined[-1] = maximum > 0
    evenness = values[:1] / maximum if maximum else np.zeros_like(values[:1])
    scaled = np.concatenate([values, evenness]) / SCALE
    even = None if delimiters is None else _even(row, delimiters)
    return Profile(row["source_id"], np.clip(scaled, 0, 1), defined, even)


def _even(row: dict[str, Any], delimiters: dict[str, str | None]) -> tuple[float, ...]:
    """Return what attention that is even over a window gives for each of `DELIMITERS`; see `_of_windows`.

    Every window has the special tokens of the whole document, and its share of punctuation.
    """
    special = np.array(row["special"])
    of_special = [token for token, flag in zip(row["tokens"], row["special"], strict=True) if flag]
    n_cls, n_sep = (of_special.count(delimiters[name]) for name in ("cls", "sep"))
    share = np.array(row["punctuation"])[~special].mean()
    shares = [(n_cls / n, n_sep / n, share * (n - special.sum()) / n) for n in _lengths(row)]
    return tuple(_of_windows(row, list(values)) for values in zip(*shares, strict=True))


def _maximum_entropy(row: dict[str, Any]) -> float:
    """Return ln n, n the number of tokens of the window."""
    return _of_windows(row, [float(np.log(n)) for n in _lengths(row)])


def _lengths(row: dict[str, Any]) -> list[int]:
    return [window["n_model_tokens"] for window in row["windows"]]


def _of_windows(row: dict[str, Any], values: Sequence[float]) -> float:
    """Return a document's mean of values of its windows, weighted by the tokens of text that it keeps of each."""
    special = np.array(row["special"])
    kept = [~special[window["first_token"] :][: window["n_tokens"]] for window in row["windows"]]
    return float(np.average(values, weights=[tokens.sum() for tokens in kept]))


def _measured(path: Path, table: pa.Table, n_rows: int) -> Floats:
    """Return the measures of some documents, [document, measure, head]."""
    lists = [pc.struct_field(table["profile"], name) for name in MEASURES]
    lengths = np.array([pc.list_value_length(column).to_numpy() for column in lists])
    report_damage(path, table, np.flatnonzero((lengths != n_rows).any(axis=0)), "its profile is not one of all heads")
    values = np.array([pc.list_flatten(column).to_numpy() for column in lists], dtype=np.float64)
    values = values.reshape(len(MEASURES), table.num_rows, n_rows)
    # Negated, because every comparison with NaN is false.
    wrong = ~((values >= -ROUNDING) & (values <= SCALE[: len(MEASURES), None] + ROUNDING)).all(axis=(0, 2))
    report_damage(path, table, np.flatnonzero(wrong), "its profile has a value out of range, or not a number")
    return values.swapaxes(0, 1)


def _columns(heads: Heads, sums: ProfileSums) -> dict[str, Any]:
    scaled = sums.estimates()
    estimates = Estimates(*(SCALE * part for part in scaled))
    means = dict(zip(NAMES, estimates.mean, strict=True))
    columns: dict[str, Any] = heads.columns(np.arange(heads.n_rows))
    for index, name in enumerate(NAMES):
        bounds = (part[index] for part in estimates)
        columns |= {
            f"{name}{end}": pa.array(bound, mask=np.isnan(bound))
            for end, bound in zip(("", "_low", "_high"), bounds, strict=True)
        }
    columns["n_documents"] = np.full(heads.n_rows, sums.n_documents[0])
    columns["n_even_documents"] = np.full(heads.n_rows, sums.n_documents[-1])
    return columns | {"role": name_roles(means)}
