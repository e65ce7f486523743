"""The tables `terms`, `head_terms` and `head_intervals`, computed from sums and replicates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attviz_pipeline.analysis import exact_sums
from attviz_pipeline.analysis.inference import ROUNDING, ratio_variance, t_interval
from attviz_pipeline.analysis.length import N_COLUMNS
from attviz_pipeline.analysis.quantities import ATTENTION, LOG_RATIO, NORMALISED, QUANTITIES, Quantity
from attviz_pipeline.analysis.shrinkage import Shrunken, shrink
from attviz_pipeline.analysis.terms.corpus import Documents
from attviz_pipeline.analysis.terms.length_correction import Correction, DocumentSums, corrected_variances
from attviz_pipeline.analysis.terms.list_terms import Vocabulary
from attviz_pipeline.analysis.terms.replicates import CORRECTED, TermReplicates
from attviz_pipeline.analysis.terms.sums import LOG_RATIO_LENGTH, TermSums
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.progress import track

Floats = NDArray[np.float64]
Columns = dict[str, Any]


def write_terms(  # noqa: PLR0913 - the parts of the table
    path: Path,
    terms: Vocabulary,
    sums: TermSums,
    correction: Correction,
    replicates: TermReplicates,
    facts: Mapping[str, Any],
) -> None:
    """Write one row per term over all heads; the largest shrunken log ratio first."""
    means = {quantity.name: sums.means(quantity).mean(axis=1) for quantity in QUANTITIES}
    count, n_rows = sums.counts["count"], sums.min.shape[1]
    squares = exact_sums.mean(sums.limbs["attention_squares"].swapaxes(0, 1), count[:, None]).mean(axis=1)
    corrected = means["log_ratio"] - correction.of_means(sums.mean_length()).mean(axis=1)
    # A term of all documents may be in no row of a sample.
    n_sampled = np.maximum(replicates.n_rows, 1)
    found = replicates.summarise(means | {CORRECTED: corrected})
    shrunken = shrink(corrected, found.variances[CORRECTED], replicates.weights, n_sampled)
    columns = _identity(terms, sums) | {
        "mean": means["attention"],
        "std": _std(squares, means["attention"], count * n_rows),
        "min": sums.min.min(axis=1, initial=1),
        "max": sums.max.max(axis=1, initial=0),
        **_bounds("mean", *found.bounds["attention"]),
        "normalised": means["normalised"],
        **_bounds("normalised", *found.bounds["normalised"]),
        "log_ratio": means["log_ratio"],
        **_bounds("log_ratio", *found.bounds["log_ratio"]),
        CORRECTED: corrected,
        **_bounds(CORRECTED, *found.bounds[CORRECTED]),
        **_shrunken(shrunken),
    }
    more = {"shrinkage": _prior(shrunken), "n_replicates_first": replicates.n_first(shrunken, corrected)}
    with files.TableWriter(path, term_schemas.TERMS, {**facts, **more}) as writer:
        writer.write(_sorted(columns))


def write_head_terms(
    path: Path, terms: Vocabulary, sums: TermSums, correction: Correction, facts: Mapping[str, Any]
) -> None:
    """Write one row group per head, with one row per term; the largest shrunken log ratio first."""
    n_documents, count = sums.counts["document_frequency"], sums.counts["count"]
    estimates = {
        name: (sums.means(quantity), _variances(sums, quantity))
        for name, quantity in (("mean", ATTENTION), ("log_ratio", LOG_RATIO))
    }
    corrected = estimates["log_ratio"][0] - correction.of_means(sums.mean_length())
    estimates[CORRECTED] = corrected, corrected_variances(_document_sums(sums), correction)
    weights, n_rows = _weights(sums.counts["squared_count"], count), sums.min.shape[1]
    means, variances = estimates[CORRECTED]
    shrunken = [shrink(means[:, row], variances[:, row], weights, n_documents) for row in range(n_rows)]
    with files.TableWriter(
        path, term_schemas.HEAD_TERMS, {**facts, "shrinkage": [_prior(each) for each in shrunken]}
    ) as writer:
        normalised = sums.means(NORMALISED)
        squares = exact_sums.mean(sums.limbs["attention_squares"].swapaxes(0, 1), count[:, None])
        for row in track(range(n_rows), total=n_rows, label="describe_terms: heads", unit="heads"):
            layer, head = divmod(row, sums.n_heads)
            columns = _identity(terms, sums) | {
                "layer": np.full(len(count), layer),
                "head": np.full(len(count), head),
                "std": _std(squares[:, row], estimates["mean"][0][:, row], count),
                "min": sums.min[:, row],
                "max": sums.max[:, row],
                "normalised": normalised[:, row],
                **_shrunken(shrunken[row]),
            }
            for name, (means, variances) in estimates.items():
                columns[name] = means[:, row]
                columns |= _bounds(name, *t_interval(means[:, row], variances[:, row], n_documents))
            writer.write(_sorted(columns))


def write_head_intervals(path: Path, documents: Documents) -> None:
    """Write one row per head: means over documents, with intervals over input rows."""
    layer, head = np.indices((documents.facts["n_layers"], documents.facts["n_heads"])).reshape(2, -1)
    columns: Columns = {"layer": layer, "head": head}
    for name, counter in (("attention", "n_documents"), ("log_ratio", "n_documents"), ("evenness", "n_even_documents")):
        defined, values = documents.values(name)
        columns |= _mean_over_documents(name, values, documents.row[defined], len(layer))
        columns[counter] = np.full(len(layer), len(defined))
    with files.TableWriter(path, term_schemas.HEAD_INTERVALS) as writer:
        writer.write(columns)


def _mean_over_documents(name: str, values: Floats, row: NDArray[np.int64], n_heads: int) -> Columns:
    if not len(values):
        return {column: [None] * n_heads for column in (name, f"{name}_low", f"{name}_high")}
    # Documents are sorted by position, so the order of a row's segments does not depend on the sharding.
    _, place = np.unique(row, return_inverse=True)
    order = np.argsort(place, kind="stable")
    first = np.flatnonzero(np.diff(place[order], prepend=-1))
    sums = np.add.reduceat(values[order], first, axis=0)
    count = np.bincount(place)[:, None].astype(np.float64)
    mean = sums.sum(axis=0) / len(values)
    between, cross = (sums**2).sum(axis=0), (sums * count).sum(axis=0)
    variance = ratio_variance(between, cross, (count**2).sum(axis=0), mean, count.sum(axis=0))
    return {name: mean, **_bounds(name, *t_interval(mean, variance, np.array(len(first))))}


def _variances(sums: TermSums, quantity: Quantity) -> Floats:
    """Return the variance of the mean over documents, [term, row]."""
    total, cross, between = (sums.total(f"{quantity.name}{part}") for part in ("", "_cross", "_between"))
    count, squared = (sums.counts[name][:, None].astype(np.float64) for name in ("count", "squared_count"))
    return ratio_variance(between, cross, squared, total / np.maximum(count, 1), count) * quantity.width**2


def _document_sums(sums: TermSums) -> DocumentSums:
    length_squares = sums.total("length_squares")
    return DocumentSums(
        count=sums.counts["count"],
        squared_count=sums.counts["squared_count"],
        total=sums.total("log_ratio"),
        cross=sums.total("log_ratio_cross"),
        between=sums.total("log_ratio_between"),
        length=sums.total("length"),
        length_cross=sums.total("length_cross"),
        length_squares=length_squares.reshape(len(length_squares), N_COLUMNS, N_COLUMNS),
        log_ratio_length=[sums.total(name) for name in LOG_RATIO_LENGTH],
    )


def _weights(squared_count: NDArray[np.int64], count: NDArray[np.int64]) -> Floats:
    return squared_count / np.maximum(count, 1).astype(np.float64) ** 2


def _std(squares: Floats, means: Floats, count: NDArray[np.int64]) -> Floats:
    spread = squares - means**2
    spread = np.where(spread <= ROUNDING * squares, 0.0, spread)
    return np.sqrt(spread * count / np.maximum(count - 1, 1))


def _identity(terms: Vocabulary, sums: TermSums) -> Columns:
    return {
        "term": np.array(terms.terms, dtype=object),
        "special": terms.special,
        "count": sums.counts["count"],
        "document_frequency": sums.counts["document_frequency"],
    }


def _bounds(name: str, low: Floats, high: Floats) -> Columns:
    return {f"{name}_{end}": pa.array(bound, mask=np.isnan(bound)) for end, bound in (("low", low), ("high", high))}


def _shrunken(found: Shrunken) -> Columns:
    return {"shrunken_log_ratio": found.means, **_bounds("shrunken_log_ratio", *found.interval())}


def _sorted(columns: Columns) -> Columns:
    # Ties are broken by the order of the vocabulary, which is total.
    order = np.argsort(-columns["shrunken_log_ratio"], kind="stable")
    return {name: pa.array(values).take(pa.array(order)) for name, values in columns.items()}


def _prior(shrunken: Shrunken) -> dict[str, float]:
    return {
        "prior_mean": shrunken.centre,
        "prior_std": shrunken.spread,
        "std_between_documents": shrunken.std,
    }
