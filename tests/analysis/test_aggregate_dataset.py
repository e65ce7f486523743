"""The stage aggregate_dataset: the statistics of the raw values, the same to the byte for any sharding."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from synthetic_attention import LABEL_NAMES, write_attention_shards, write_ledger

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.artifacts import all_schemas, attention_schemas, corpus_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.errors import ArtifactError

N_DOCUMENTS = 40


@dataclass(frozen=True)
class Run:
    """Inputs and outputs of one run of the stage."""

    attention: list[Path]
    token_sums: list[Path]
    head_sums: list[Path]
    ledger: Path
    output: StatisticsPaths

    def go(self) -> None:
        for shard, tokens, heads in zip(self.attention, self.token_sums, self.head_sums, strict=True):
            aggregate_shard(shard, tokens.with_name(f"aggregates-{tokens.name}"), tokens, heads)
        aggregate_dataset(self.attention, self.token_sums, self.head_sums, self.ledger, self.output)

    def rows(self, name: str) -> list[dict[str, Any]]:
        schema = next(schema for schema in all_schemas.ALL if schema.name == name)
        table = files.read_table(getattr(self.output, name), schema)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def summary(self) -> dict[str, Any]:
        return files.read_json(self.output.summary, statistics_schemas.SUMMARY)

    def documents(self) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
        """Rows of the attention artifact, each with its values, [head, token]."""
        for path in self.attention:
            for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist():
                yield row, np.array(row["self_attention"]).reshape(-1, len(row["tokens"]))

    def change(self, shard: int, change: Callable[[dict[str, list[Any]]], None]) -> None:
        """Rewrite one shard of attention."""
        path = self.attention[shard]
        columns, facts = (
            files.read_table(path, attention_schemas.ATTENTION).to_pydict(),
            files.read_facts(path, attention_schemas.ATTENTION),
        )
        change(columns)
        files.write_table(path, attention_schemas.ATTENTION, columns, facts)


def prepare(folder: Path, n_shards: int, n_documents: int = N_DOCUMENTS, **options: int | list[str]) -> Run:
    attention = write_attention_shards(folder, n_documents=n_documents, n_shards=n_shards, **options)  # type: ignore[arg-type]
    return Run(
        attention,
        [folder / f"token_sums-{n}.parquet" for n in range(n_shards)],
        [folder / f"head_sums-{n}.parquet" for n in range(n_shards)],
        write_ledger(folder / "ledger.parquet", n_documents=n_documents),
        StatisticsPaths.below(folder / "statistics"),
    )


def finished(folder: Path, n_shards: int, **options: int | list[str]) -> Run:
    run = prepare(folder, n_shards, **options)  # type: ignore[arg-type]
    run.go()
    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished(tmp_path_factory.mktemp("study"), n_shards=2)


@pytest.mark.parametrize("n_shards", [1, 7, 40])
def test_sharding_changes_no_byte(study: Run, tmp_path: Path, n_shards: int) -> None:
    other = finished(tmp_path, n_shards)

    for field in fields(StatisticsPaths):
        ours, theirs = getattr(study.output, field.name), getattr(other.output, field.name)
        assert ours.read_bytes() == theirs.read_bytes(), field.name


def test_unknown_tokens_are_counted_and_marked(tmp_path: Path) -> None:
    run = finished(tmp_path, 3, unknown="market")
    counts = [sum(row["unknown"]) for row, _ in run.documents()]

    assert sum(counts) > 0
    assert run.summary()["n_unknown_tokens"] == sum(counts)
    assert run.summary()["n_documents_with_unknown"] == sum(count > 0 for count in counts)
    special = {row["token"]: row["special"] for row in run.rows("tokens")}
    assert special["[UNK]"]
    assert not special["the"]
    assert {row["token"] for row in run.rows("head_tokens") if row["special"]} == {"[CLS]", "[SEP]", "[UNK]"}
    n_special = sum(sum(row["special"]) for row, _ in run.documents())
    assert run.summary()["n_tokens"] - run.summary()["n_tokens_without_special"] == n_special


def test_the_entry_stands_beside_its_text(tmp_path: Path) -> None:
    run = prepare(tmp_path, 2)

    def spell(columns: dict[str, list[Any]]) -> None:
        columns["entries"] = [[f"_{token}" for token in tokens] for tokens in columns["tokens"]]

    for shard in range(2):
        run.change(shard, spell)
    run.go()
    assert all(row["entry"] == f"_{row['token']}" for row in run.rows("tokens"))


class TestTokens:
    def test_moments_are_those_of_the_raw_values(self, study: Run) -> None:
        values = defaultdict(list)
        for document, matrix in study.documents():
            for token, column in zip(document["tokens"], matrix.T, strict=True):
                values[token].append(column)

        rows = study.rows("tokens")

        assert {row["token"] for row in rows} == set(values)
        for row in rows:
            mine = np.array(values[row["token"]])
            assert row["count"] == len(mine)
            assert_allclose(row["mean"], mine.mean(), rtol=1e-12)
            assert_allclose(row["std"], mine.std(ddof=1), rtol=1e-12)
            assert (row["min"], row["max"]) == (mine.min(), mine.max())
        for row in study.rows("head_tokens"):
            mine = np.array(values[row["token"]])[:, row["layer"] * 3 + row["head"]]
            assert_allclose(row["mean"], mine.mean(), rtol=1e-12)
            assert_allclose(row["std"], mine.std(ddof=1) if len(mine) > 1 else 0, rtol=1e-12)
            assert (row["min"], row["max"]) == (mine.min(), mine.max())

    def test_the_largest_mean_comes_first(self, study: Run) -> None:
        means = [row["mean"] for row in study.rows("tokens")]

        assert means == sorted(means, reverse=True)

    def test_one_row_group_per_head(self, study: Run) -> None:
        tables = list(files.iter_tables(study.output.head_tokens, statistics_schemas.HEAD_TOKENS))

        heads = [set(zip(t["layer"].to_pylist(), t["head"].to_pylist(), strict=True)) for t in tables]
        assert heads == [{(layer, head)} for layer in range(2) for head in range(3)]
        assert all(t["mean"].to_pylist() == sorted(t["mean"].to_pylist(), reverse=True) for t in tables)

    def test_equal_means_are_ordered_by_token(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1)
        run.change(0, lambda c: c.update(self_attention=[[0.25] * len(v) for v in c["self_attention"]]))
        run.go()

        tokens = [row["token"] for row in run.rows("tokens")]
        assert tokens == sorted(tokens)
        assert {row["std"] for row in run.rows("tokens")} == {0.0}


class TestHeads:
    def test_moments_leave_special_tokens_out(self, study: Run) -> None:
        values = np.hstack([matrix[:, ~np.array(row["special"])] for row, matrix in study.documents()])

        rows = study.rows("heads")

        assert [(row["layer"], row["head"]) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
        for row, mine in zip(rows, values, strict=True):
            assert_allclose([row["mean"], row["std"]], [mine.mean(), mine.std(ddof=1)], rtol=1e-12)
            assert (row["min"], row["max"], row["count"]) == (mine.min(), mine.max(), len(mine))
            assert sum(row["histogram"]) == len(mine)


class TestDocumentIndex:
    def test_documents_come_by_position_with_their_mean(self, study: Run) -> None:
        raw = {row["id"]: (row, matrix) for row, matrix in study.documents()}

        rows = study.rows("document_index")

        assert [row["position"] for row in rows] == list(range(N_DOCUMENTS))
        assert files.read_facts(study.output.document_index, statistics_schemas.DOCUMENT_INDEX) == {
            "task": "single_label",
            "label_names": LABEL_NAMES,
        }
        for row in rows:
            document, matrix = raw[row["id"]]
            assert_allclose(row["mean"], matrix[:, ~np.array(document["special"])].mean(), rtol=1e-12)
            assert row["n_tokens"] == len(document["tokens"])
            assert row["n_windows"] == len(document["windows"])
            for name in ("source_id", "split", "label", "prediction", "probabilities", "truncated", "text"):
                assert row[name] == document[name]

    def test_two_documents_at_one_position_are_refused(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 2)
        run.change(0, lambda c: c["position"].__setitem__(0, c["position"][1]))

        with pytest.raises(ArtifactError, match=r"do not belong together:\n  position \d+  occurs more than once"):
            run.go()
        assert not run.output.summary.exists()


class TestLedger:
    def test_every_row_says_what_became_of_it(self, study: Run) -> None:
        before = files.read_table(study.ledger, corpus_schemas.LEDGER).to_pylist()
        documents = {row["id"]: row for row in study.rows("document_index")}

        rows = study.rows("ledger")

        assert [row["id"] for row in rows] == [row["id"] for row in before]
        for row in rows[:N_DOCUMENTS]:
            document = documents[row["id"]]
            windowed = "windowed" if document["n_windows"] > 1 else "shown"
            assert row["status"] == ("truncated" if document["truncated"] else windowed)
            assert row["detail"] == (f"{document['n_windows']} windows" if document["n_windows"] > 1 else "")
        assert [row["status"] for row in rows[N_DOCUMENTS:]] == ["not_analysed", "empty", "duplicate"]
        assert rows[N_DOCUMENTS]["detail"] == "split train is not analysed"
        assert rows[-1]["detail"] == before[-1]["detail"]

    def test_segments_of_one_row_are_counted_together(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1, n_documents=4)

        def make_segments(columns: dict[str, list[Any]]) -> None:
            columns["id"] = [f"doc-0000#{position + 1}" for position in columns["position"]]
            columns["source_id"] = ["doc-0000"] * 4
            columns["truncated"] = [position == 2 for position in columns["position"]]

        run.change(0, make_segments)
        run.go()

        first, *others = run.rows("ledger")[:4]
        windows = sum(row["n_windows"] for row in run.rows("document_index"))
        assert (first["status"], first["detail"]) == (
            "truncated",
            f"4 segments, 1 of them truncated, {windows} windows",
        )
        assert {(row["status"], row["detail"]) for row in others} == {("not_analysed", "not in the sample")}
        assert run.summary()["n_sources"] == 1

    def test_a_detail_is_kept_and_added_to(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1)
        columns = files.read_table(run.ledger, corpus_schemas.LEDGER).to_pydict()
        columns["detail"][0] = "same text as doc-0001"
        files.write_table(run.ledger, corpus_schemas.LEDGER, columns)
        run.go()

        n_windows = run.rows("document_index")[0]["n_windows"]
        assert n_windows > 1
        assert run.rows("ledger")[0]["detail"] == f"same text as doc-0001; {n_windows} windows"

    def test_a_ledger_of_another_corpus_is_refused(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1)
        write_ledger(run.ledger, n_documents=N_DOCUMENTS - 2)

        with pytest.raises(
            ArtifactError, match=r"is not the ledger of the analysed documents:\n  'doc-00\d\d'"
        ) as fault:
            run.go()
        assert len(fault.value.problems) == 2


class TestSummary:
    def test_scores_are_those_of_scikit_learn(self, study: Run) -> None:
        rows, summary = study.rows("document_index"), study.summary()
        gold, predicted = [row["label"] for row in rows], [row["prediction"] for row in rows]

        assert summary["accuracy"] == pytest.approx(accuracy_score(gold, predicted), rel=1e-15)
        expected = f1_score(gold, predicted, labels=range(3), average="macro", zero_division=0)
        assert summary["macro_f1"] == pytest.approx(expected, rel=1e-15)
        assert summary["confusion"] == confusion_matrix(gold, predicted, labels=range(3)).tolist()
        assert summary["mean_confidence"] == pytest.approx(np.mean([max(row["probabilities"]) for row in rows]))

    def test_counts(self, study: Run) -> None:
        rows, summary = study.rows("document_index"), study.summary()
        n_tokens = [row["n_tokens"] for row in rows]

        assert summary["n_documents"] == summary["n_sources"] == N_DOCUMENTS
        assert summary["n_tokens"] == sum(n_tokens)
        assert summary["n_tokens_without_special"] == sum(n_tokens) - 2 * N_DOCUMENTS
        assert summary["tokens_per_document"] == {
            "min": min(n_tokens),
            "mean": pytest.approx(np.mean(n_tokens)),
            "max": max(n_tokens),
        }
        assert (summary["n_layers"], summary["n_heads"]) == (2, 3)
        assert summary["n_vocabulary_entries"] == len(study.rows("tokens"))
        assert summary["label_names"] == LABEL_NAMES
        statuses = [row["status"] for row in study.rows("ledger")]
        assert summary["ledger"] == {status: statuses.count(status) for status in sorted(set(statuses))}

    def test_a_class_that_never_occurs_counts_as_zero(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1)
        run.change(0, lambda c: c.update(label=[0] * N_DOCUMENTS, prediction=[0] * N_DOCUMENTS))
        run.go()

        assert run.summary()["accuracy"] == 1
        assert run.summary()["macro_f1"] == pytest.approx(1 / 3)


class TestHardInput:
    def test_no_document_at_all_is_an_error(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 3, n_documents=0)

        with pytest.raises(ArtifactError, match=r"no document to analyse: all 3 attention shards are empty"):
            run.go()
        assert not run.output.tokens.parent.exists()

    def test_no_shard_at_all_is_an_error(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1)

        with pytest.raises(ArtifactError, match="no attention shard was given"):
            aggregate_dataset([], [], [], run.ledger, run.output)

    def test_a_shard_of_another_model_is_refused(self, tmp_path: Path) -> None:
        run = prepare(tmp_path / "ours", 1)
        other = prepare(tmp_path / "other", 1, n_heads=5)
        for one in (run, other):
            aggregate_shard(one.attention[0], tmp_path / "aggregates", one.token_sums[0], one.head_sums[0])

        with pytest.raises(ArtifactError, match=r"do not fit .+:\n  .*other.* is of another model or corpus") as fault:
            aggregate_dataset(
                run.attention + other.attention,
                run.token_sums + other.token_sums,
                run.head_sums + other.head_sums,
                run.ledger,
                run.output,
            )
        assert [problem.what for problem in fault.value.problems] == [
            "is of another model or corpus",
            "is not of a model with 2 x 3 heads",
        ]

    def test_head_sums_of_another_model_are_refused(self, tmp_path: Path) -> None:
        run, other = prepare(tmp_path / "ours", 1), finished(tmp_path / "other", 1, n_heads=5)
        aggregate_shard(run.attention[0], tmp_path / "aggregates", run.token_sums[0], run.head_sums[0])

        with pytest.raises(ArtifactError, match=r"holds 10 heads, not 2 x 3"):
            aggregate_dataset(run.attention, run.token_sums, other.head_sums, run.ledger, run.output)

    def test_a_document_of_special_tokens_only_has_mean_zero(self, tmp_path: Path) -> None:
        run = prepare(tmp_path, 1, n_documents=3, texts=["one two", " ", "three"])
        run.go()

        rows = run.rows("document_index")
        assert [row["n_tokens"] for row in rows] == [4, 2, 3]
        assert rows[1]["mean"] == 0
        assert rows[0]["mean"] > 0

    def test_hostile_tokens_survive_unchanged(self, tmp_path: Path) -> None:
        texts = ['<script>alert("x")</script> $\\frac \u202eevil 👩‍👩‍👧 ' + "w" * 10_000]
        run = finished(tmp_path, 1, n_documents=5, texts=texts)

        assert {row["token"] for row in run.rows("tokens")} >= set(texts[0].split())
        assert json.loads(run.output.summary.read_text())["n_documents"] == 5
