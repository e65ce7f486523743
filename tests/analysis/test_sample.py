"""A sample of many documents: which ones, and what is computed from it and what from all of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from term_study import TermStudy, invented

from attviz_pipeline.analysis.bootstrap import document_keys, poisson_weights, sampling_order
from attviz_pipeline.analysis.group_documents import group_documents
from attviz_pipeline.analysis.terms import replicates
from attviz_pipeline.analysis.terms.corpus import Documents, Sample, iter_pairs, pairs_of
from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.artifacts.layout import TermPaths
from attviz_pipeline.config.settings import InferenceSettings
from attviz_pipeline.stages import GroupDocuments

N_DOCUMENTS, MOST = 400, 100
SAMPLE = Sample(13, MOST)
OF_ALL = ("count", "document_frequency", "mean", "std", "min", "max", "normalised", "log_ratio")


@pytest.fixture(scope="module")
def of_all(tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    return invented(tmp_path_factory.mktemp("study"), N_DOCUMENTS, n_shards=3, level="token").measure()


@pytest.fixture(scope="module")
def sampled(of_all: TermStudy, tmp_path_factory: pytest.TempPathFactory) -> TermStudy:
    """The same study with intervals and tests from a sample; its statistics lie elsewhere, its measures do not."""
    folder = tmp_path_factory.mktemp("sampled")
    (folder / "measures").symlink_to(of_all.folder / "measures")
    (folder / "statistics").mkdir()
    (folder / "statistics" / "vocabulary.parquet").symlink_to(of_all.output.vocabulary)
    study = replace(of_all, folder=folder, inference=InferenceSettings(max_documents=MOST))
    return study.describe(n_replicates=400).compare()


def by_term(study: TermStudy) -> Mapping[str, dict[str, Any]]:
    return {row["term"]: row for row in study.rows("terms")}


def read(study: TermStudy, sample: Sample | None) -> Documents:
    return Documents.read([one.document_heads for one in study.measures], ["n_tokens"], sample)


def test_few_documents_are_all_read(of_all: TermStudy) -> None:
    for most in (N_DOCUMENTS, N_DOCUMENTS + 1):
        documents = read(of_all, Sample(13, most))

        assert not documents.is_sample
        assert documents.counts() == {"n_sampled": N_DOCUMENTS, "n_analysed": N_DOCUMENTS}


def test_the_sample_is_the_same_however_documents_are_sharded(of_all: TermStudy, tmp_path: Path) -> None:
    ours = read(of_all, SAMPLE)
    theirs = read(invented(tmp_path, N_DOCUMENTS, n_shards=1, level="token").measure(), SAMPLE)

    assert ours.table.equals(theirs.table)
    assert ours.is_sample
    assert ours.counts() == {"n_sampled": MOST, "n_analysed": N_DOCUMENTS}
    assert ours.positions.tolist() == list(range(N_DOCUMENTS))


def test_another_seed_draws_others(of_all: TermStudy) -> None:
    ours, theirs = (set(read(of_all, Sample(seed, MOST)).table["position"].to_pylist()) for seed in (13, 14))

    # By chance, a quarter of a sample is in the other.
    assert 10 < len(ours & theirs) < 45


def test_the_sample_does_not_depend_on_the_length_or_the_class(of_all: TermStudy) -> None:
    lengths = read(of_all, None).table["n_tokens"].to_numpy()
    drawn = [read(of_all, Sample(seed, MOST)).table["n_tokens"].to_numpy().mean() for seed in range(20)]

    error = lengths.std() / np.sqrt(MOST) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - lengths.mean()) < 4 * error


def test_documents_of_one_row_are_drawn_together(tmp_path: Path) -> None:
    study = invented(tmp_path, N_DOCUMENTS, n_shards=2, level="token").measure()
    paths = [one.document_heads for one in study.measures]
    for path in paths:
        table = files.read_table(path, term_schemas.DOCUMENT_HEADS)
        row = [f"row {position // 7}" for position in table["position"].to_pylist()]
        place = table.column_names.index("source_id")
        facts = files.read_facts(path, term_schemas.DOCUMENT_HEADS)
        changed = table.set_column(place, table.schema.field("source_id"), [row])
        with files.TableWriter(path, term_schemas.DOCUMENT_HEADS, facts) as writer:
            writer.write_table(changed)

    documents = read(study, SAMPLE)

    sizes = Counter(documents.table["source_id"].to_pylist())
    assert MOST - 7 < documents.table.num_rows <= MOST
    assert set(sizes.values()) <= {7, N_DOCUMENTS % 7}
    assert read(study, Sample(13, 3)).table.num_rows == 7


def test_a_sample_is_independent_of_the_weights_of_its_documents() -> None:
    keys = document_keys(13, [str(number) for number in range(20_000)])
    order = sampling_order(keys)
    weights = poisson_weights(keys[order < np.quantile(order, 0.25)], range(40))

    assert_allclose(weights.mean(axis=0), 1, atol=4 / np.sqrt(5_000))


def test_terms_of_other_documents_are_left_out(of_all: TermStudy) -> None:
    documents = read(of_all, SAMPLE)
    paths = [one.term_documents for one in of_all.measures]
    chosen = set(documents.table["position"].to_pylist())

    (block,) = pairs_of(paths, documents)()

    expected = Counter()
    for path in paths:
        for row in files.read_table(path, term_schemas.TERM_DOCUMENTS).to_pylist():
            if row["position"] in chosen:
                expected[row["position"]] += row["count"]
    found = np.bincount(block.document, block.count, MOST)
    assert found.tolist() == [expected[position] for position in documents.table["position"].to_pylist()]
    (again,) = iter_pairs(paths, documents)
    assert np.array_equal(block.sums["log_ratio"], again.sums["log_ratio"])


def test_counts_and_means_are_of_all_documents(of_all: TermStudy, sampled: TermStudy) -> None:
    of_all.describe()
    ours, theirs = by_term(of_all), by_term(sampled)

    assert ours.keys() == theirs.keys()
    for term, row in ours.items():
        assert {name: row[name] for name in OF_ALL} == {name: theirs[term][name] for name in OF_ALL}
    assert sampled.facts("terms")["n_sampled"] == MOST
    assert of_all.facts("terms")["n_sampled"] == of_all.facts("terms")["n_analysed"] == N_DOCUMENTS


def test_intervals_are_as_wide_as_the_sample_makes_them(of_all: TermStudy, sampled: TermStudy) -> None:
    of_all.describe(n_replicates=400)
    ours, theirs = by_term(of_all), by_term(sampled)
    frequent = [term for term, row in ours.items() if row["document_frequency"] > N_DOCUMENTS // 4]

    assert len(frequent) > 5
    widths = [[row[term]["log_ratio_high"] - row[term]["log_ratio_low"] for term in frequent] for row in (ours, theirs)]
    assert_allclose(np.median(np.divide(*reversed(widths))), np.sqrt(N_DOCUMENTS / MOST), rtol=0.25)
    for term in frequent:
        assert theirs[term]["log_ratio_low"] < ours[term]["log_ratio"] < theirs[term]["log_ratio_high"]
        assert 0 <= theirs[term]["mean_low"] < ours[term]["mean"] < theirs[term]["mean_high"]


def test_terms_in_blocks_have_the_same_bytes(
    sampled: TermStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_replicates = 400
    monkeypatch.setattr(replicates, "MEANS_AT_ONCE", 7 * n_replicates)
    (tmp_path / "measures").symlink_to(sampled.folder / "measures")
    (tmp_path / "statistics").mkdir()
    (tmp_path / "statistics" / "vocabulary.parquet").symlink_to(sampled.output.vocabulary)
    in_blocks = replace(sampled, folder=tmp_path).describe(n_replicates=n_replicates)

    assert len(sampled.rows("terms")) > 3 * 7
    assert in_blocks.output.terms.read_bytes() == sampled.output.terms.read_bytes()


def test_a_term_outside_of_the_sample_has_no_interval(of_all: TermStudy, sampled: TermStudy) -> None:
    documents = read(of_all, SAMPLE)
    (block,) = pairs_of([one.term_documents for one in of_all.measures], documents)()
    names = [row["term"] for row in files.read_table(of_all.output.vocabulary, term_schemas.VOCABULARY).to_pylist()]
    n_in = np.bincount(block.term, minlength=len(names))

    rows = by_term(sampled)
    rare = [names[term] for term in np.flatnonzero(n_in < 2) if names[term] in rows]
    assert rare
    for term in rare:
        assert rows[term]["log_ratio_low"] is None
        assert np.isfinite(rows[term]["shrunken_log_ratio"])


def test_classes_are_compared_in_the_sample(sampled: TermStudy) -> None:
    facts = sampled.facts("class_heads")

    assert (facts["n_sampled"], facts["n_analysed"]) == (MOST, N_DOCUMENTS)
    inside, outside = next(iter(facts["n_units"]["gold"].values()))
    assert inside + outside == MOST
    assert sum(sampled.facts("class_rankings")["n_documents"].values()) == MOST


def test_documents_outside_of_the_sample_have_no_group(of_all: TermStudy, tmp_path: Path) -> None:
    settings = GroupDocuments(seed=13, inference=InferenceSettings(max_documents=MOST))
    group_documents(settings, [one.document_heads for one in of_all.measures], tmp_path / "groups.parquet")

    table = files.read_table(tmp_path / "groups.parquet", term_schemas.DOCUMENT_GROUPS)
    facts = files.read_facts(tmp_path / "groups.parquet", term_schemas.DOCUMENT_GROUPS)
    chosen = read(of_all, SAMPLE).table["position"].to_pylist()
    grouped = [row["position"] for row in table.to_pylist() if row["group"] is not None]
    assert table["position"].to_pylist() == list(range(N_DOCUMENTS))
    assert set(grouped) <= set(chosen)
    assert (facts["n_sampled"], facts["n_analysed"]) == (MOST, N_DOCUMENTS)


def test_equal_bytes_for_any_sharding(sampled: TermStudy, tmp_path: Path) -> None:
    other = replace(
        invented(tmp_path, N_DOCUMENTS, n_shards=1, level="token"), inference=InferenceSettings(max_documents=MOST)
    )
    other.measure().describe(n_replicates=400).compare()

    for name in vars(TermPaths.below(Path())):
        assert getattr(sampled.output, name).read_bytes() == getattr(other.output, name).read_bytes(), name
