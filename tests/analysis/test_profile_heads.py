"""The stage profile_heads: profiles are those of the matrices, roles those of the rules, for any sharding."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from eager_matrices import eager_stage_matrices
from numpy.testing import assert_allclose
from scipy import stats
from synthetic_attention import write_attention_shards
from tiny_extraction import TEXTS, extract

from attviz_pipeline import cli
from attviz_pipeline.analysis.heads.profile_heads import profile_heads
from attviz_pipeline.analysis.heads.roles import name_roles
from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.profile_schemas import EVENNESS, HEAD_PROFILES, MEASURES, ROLES, SHARES
from attviz_pipeline.errors import ArtifactError

Change = Callable[[dict[str, Any]], None]
N_ROWS = 6


def add_profile(row: dict[str, Any]) -> None:
    """Give a document an invented profile of 2 x 3 heads, as the model would for its own text."""
    random = np.random.default_rng(row["position"])
    shares = random.dirichlet(np.ones(9), N_ROWS).T[: len(SHARES)].astype(np.float32)
    spread = {
        "entropy": random.uniform(0, np.log(10), N_ROWS).astype(np.float32),
        "distance": random.uniform(0, 30, N_ROWS).astype(np.float32),
    }
    row["profile"] = spread | dict(zip(SHARES.values(), shares, strict=True))


def write_full(
    folder: Path, *, n_documents: int = 23, n_shards: int = 1, mode: str = "full", change: Change = lambda _: None
) -> list[Path]:
    """Write shards in full mode."""
    paths = write_attention_shards(folder, n_documents=n_documents, n_shards=n_shards)
    for path in paths:
        rows = files.read_table(path, attention_schemas.ATTENTION).to_pylist()
        for row in rows:
            add_profile(row)
            change(row)
        facts = files.read_facts(path, attention_schemas.ATTENTION) | {"mode": mode}
        columns = {name: [row[name] for row in rows] for name in attention_schemas.ATTENTION.arrow.names}
        files.write_table(path, attention_schemas.ATTENTION, columns, facts)
    return paths


def profile(attention: list[Path], output: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the stage; return rows and facts."""
    profile_heads(attention, output)
    return files.read_table(output, HEAD_PROFILES).to_pylist(), files.read_facts(output, HEAD_PROFILES)


def column(rows: list[dict[str, Any]], name: str) -> npt.NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)


def documents_of(attention: list[Path]) -> list[dict[str, Any]]:
    return [row for path in attention for row in files.read_table(path, attention_schemas.ATTENTION).to_pylist()]


def three_segments_each(row: dict[str, Any]) -> None:
    row["source_id"] = f"source-{row['position'] // 3}"


def special_only(row: dict[str, Any]) -> None:
    row["special"] = [True] * len(row["special"])
    row["profile"] = None


def one_token(row: dict[str, Any]) -> None:
    row["windows"] = [row["windows"][0] | {"n_model_tokens": 1}]
    row["profile"]["entropy"] = np.zeros(N_ROWS, np.float32)


class TestAgainstTheTextbook:
    def test_real_attention(self, tmp_path: Path) -> None:
        attention = extract(tmp_path, TEXTS, mode="full", mantissa_bits=23)
        rows, facts = profile([attention], tmp_path / "profiles.parquet")
        found: dict[str, list[npt.NDArray[np.float64]]] = {
            name: [] for name in ("entropy", EVENNESS, "on_next", "distance")
        }
        documents = [row for row in documents_of([attention]) if not all(row["special"])]
        for row in documents:
            text = ~np.array(row["special"])
            matrices = eager_stage_matrices(tmp_path / "checkpoint", row["text"])
            places = np.arange(matrices.shape[-1])
            entropy = stats.entropy(matrices[:, :, text], axis=-1).mean(axis=-1)
            found["entropy"].append(entropy)
            found[EVENNESS].append(entropy / np.log(len(places)))
            found["on_next"].append((matrices * np.eye(len(places), k=1)).sum(axis=-1)[:, :, text].mean(axis=-1))
            distances = abs(places[:, None] - places)
            found["distance"].append((matrices * distances).sum(axis=-1)[:, :, text].mean(axis=-1))

        assert facts["n_documents"] == len(documents)
        assert facts["n_documents_without_text"] == len(TEXTS) - len(documents)
        for name, values in found.items():
            assert_allclose(column(rows, name), np.mean(values, axis=0).ravel(), rtol=1e-4, err_msg=name)

    def test_even_attention_to_delimiters(self, tmp_path: Path) -> None:
        texts = ["Match, goal. Team!", "bank", "film film, film"]
        attention = extract(tmp_path, texts, mode="full")
        _, facts = profile([attention], tmp_path / "profiles.parquet")

        # Replace every matrix by an even one: the shares are those of the tokens.
        expected = []
        for row in documents_of([attention]):
            counts = [row["tokens"].count("[CLS]"), row["tokens"].count("[SEP]"), sum(row["punctuation"])]
            expected.append(np.array(counts) / len(row["tokens"]))
        assert_allclose(
            [facts["even"][name] for name in ("on_cls", "on_sep", "on_punctuation")], np.mean(expected, axis=0)
        )
        assert min(facts["even"].values()) > 0

    def test_even_attention_in_several_windows(self, tmp_path: Path) -> None:
        attention = extract(tmp_path, [" ".join(["match", ",", "goal"] * 50)], mode="full", window_overlap=10)
        [document] = documents_of([attention])
        _, facts = profile([attention], tmp_path / "profiles.parquet")

        special = np.array(document["special"])
        parts = [(window["first_token"], window["n_tokens"]) for window in document["windows"]]
        weights = [(~special[first : first + n]).sum() for first, n in parts]
        lengths = np.array([window["n_model_tokens"] for window in document["windows"]])
        assert len(lengths) > 2
        assert facts["even"]["on_cls"] == pytest.approx(np.average(1 / lengths, weights=weights))
        expected = np.average((lengths - 2) / lengths / 3, weights=weights)
        assert facts["even"]["on_punctuation"] == pytest.approx(expected)

    def test_evenness_of_several_windows_is_weighted_by_their_text(self, tmp_path: Path) -> None:
        words = ["match", "goal", "team", "bank", "film"] * 30
        attention = extract(tmp_path, [" ".join(words)], mode="full", window_overlap=10, mantissa_bits=23)
        [document] = documents_of([attention])
        rows, _ = profile([attention], tmp_path / "profiles.parquet")

        of_token = [
            np.log(window["n_model_tokens"])
            for window in document["windows"]
            for place in range(window["first_token"], window["first_token"] + window["n_tokens"])
            if not document["special"][place]
        ]
        assert len(of_token) == len(words)
        assert len({window["n_model_tokens"] for window in document["windows"]}) > 1
        expected = np.array(document["profile"]["entropy"], np.float64) / np.mean(of_token)
        assert_allclose(column(rows, EVENNESS), expected, rtol=1e-9)


class TestIntervals:
    @pytest.mark.parametrize("name", MEASURES)
    def test_documents_that_are_whole_texts(self, name: str, tmp_path: Path) -> None:
        attention = write_full(tmp_path)
        rows, _ = profile(attention, tmp_path / "profiles.parquet")

        values = np.array([row["profile"][name] for row in documents_of(attention)], np.float64)
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(axis=0), stats.sem(values, axis=0))
        assert_allclose(column(rows, name), values.mean(axis=0), rtol=1e-9)
        assert_allclose(column(rows, f"{name}_low"), low, rtol=1e-9)
        assert_allclose(column(rows, f"{name}_high"), high, rtol=1e-9)

    def test_segments_of_one_text_are_not_independent(self, tmp_path: Path) -> None:
        attention = write_full(tmp_path, change=three_segments_each)
        rows, facts = profile(attention, tmp_path / "profiles.parquet")

        documents = documents_of(attention)
        values = np.array([row["profile"]["distance"] for row in documents], np.float64)
        member = np.array([[row["source_id"] == f"source-{n}" for row in documents] for n in range(8)], np.float64)
        residuals = member @ (values - values.mean(axis=0))
        half = stats.t.ppf(0.975, 7) * np.sqrt((residuals**2).sum(axis=0) * 8 / 7) / len(documents)
        assert facts["n_sources"] == 8
        assert_allclose(column(rows, "distance"), values.mean(axis=0), rtol=1e-9)
        assert_allclose(column(rows, "distance_high") - column(rows, "distance"), half, rtol=1e-6)

    def test_one_document_has_no_interval(self, tmp_path: Path) -> None:
        rows, facts = profile(write_full(tmp_path, n_documents=1, n_shards=3), tmp_path / "profiles.parquet")

        assert facts["n_documents"] == facts["n_sources"] == 1
        for row in rows:
            assert row["role"] in ROLES
            for name in (*MEASURES, EVENNESS):
                assert row[name] is not None
                assert row[f"{name}_low"] is row[f"{name}_high"] is None


@pytest.mark.parametrize("change", [lambda _: None, three_segments_each])
def test_any_sharding_gives_the_same_bytes(change: Change, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{n}.parquet" for n in (1, 2, 7)]
    for n, output in zip((1, 2, 7), outputs, strict=True):
        profile_heads(write_full(tmp_path / str(n), n_shards=n, change=change), output)

    assert outputs[0].read_bytes() == outputs[1].read_bytes() == outputs[2].read_bytes()


class TestOddInput:
    def test_self_attention_mode_gives_an_empty_table(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        attention = write_attention_shards(tmp_path, n_documents=4, n_shards=2)
        with caplog.at_level(logging.INFO, logger="attviz_pipeline"):
            rows, facts = profile(attention, tmp_path / "profiles.parquet")

        assert rows == []
        assert facts["mode"] == "self_attention"
        assert facts["even"] is None
        assert [record.levelname for record in caplog.records if "attention.mode" in record.message] == ["INFO"]

    def test_documents_without_text_are_counted_and_left_out(self, tmp_path: Path) -> None:
        def every_fourth(row: dict[str, Any]) -> None:
            if row["position"] % 4 == 0:
                special_only(row)

        attention = write_full(tmp_path, n_documents=8, change=every_fourth)
        rows, facts = profile(attention, tmp_path / "profiles.parquet")

        values = [row["profile"]["on_sep"] for row in documents_of(attention) if row["profile"] is not None]
        assert (facts["n_documents"], facts["n_documents_without_text"]) == (6, 2)
        assert {row["n_documents"] for row in rows} == {6}
        assert_allclose(column(rows, "on_sep"), np.mean(np.array(values, np.float64), axis=0), rtol=1e-9)

    def test_no_document_with_text_is_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        rows, facts = profile(write_full(tmp_path, n_documents=3, change=special_only), tmp_path / "profiles.parquet")

        assert rows == []
        assert (facts["mode"], facts["n_documents"], facts["n_documents_without_text"]) == ("full", 0, 3)
        assert "no document has a token of text" in caplog.text

    def test_evenness_leaves_out_documents_of_one_token(self, tmp_path: Path) -> None:
        def first_has_one(row: dict[str, Any]) -> None:
            if row["position"] == 0:
                one_token(row)

        attention = write_full(tmp_path, n_documents=3, change=first_has_one)
        rows, _ = profile(attention, tmp_path / "profiles.parquet")

        expected = [
            np.array(row["profile"]["entropy"], np.float64) / np.log(row["windows"][0]["n_model_tokens"])
            for row in documents_of(attention)
            if row["position"] > 0 and len(row["windows"]) == 1
        ]
        assert {(row["n_documents"], row["n_even_documents"]) for row in rows} == {(3, 2)}
        assert_allclose(column(rows, EVENNESS), np.mean(expected, axis=0), rtol=1e-9)

    def test_evenness_is_null_where_no_document_has_two_tokens(self, tmp_path: Path) -> None:
        rows, _ = profile(write_full(tmp_path, n_documents=2, change=one_token), tmp_path / "profiles.parquet")

        assert {(row[EVENNESS], row["evenness_low"], row["n_even_documents"]) for row in rows} == {(None, None, 0)}
        assert "broad" not in {row["role"] for row in rows}

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("on_self", [0.1, 0.2, 1.5, 0, 0, 0]),
            ("entropy", [float("nan")] * 6),
            ("distance", [-1.0] * 6),
            ("on_cls", [0.5]),
        ],
    )
    def test_damaged_profiles_are_named(self, name: str, values: list[float], tmp_path: Path) -> None:
        def damage(row: dict[str, Any]) -> None:
            if row["position"] == 2:
                row["profile"][name] = values

        attention = write_full(tmp_path, n_documents=5, change=damage)
        with pytest.raises(ArtifactError, match=r"'doc-0002'  its profile"):
            profile_heads(attention, tmp_path / "profiles.parquet")
        assert not (tmp_path / "profiles.parquet").exists()

    def test_shards_of_two_modes_are_refused(self, tmp_path: Path) -> None:
        attention = [*write_full(tmp_path / "a"), *write_attention_shards(tmp_path / "b", n_documents=2, n_shards=1)]

        with pytest.raises(ArtifactError, match=r"is of mode self_attention, not full"):
            profile_heads(attention, tmp_path / "profiles.parquet")

    def test_shares_a_little_over_one_by_rounding_are_taken(self, tmp_path: Path) -> None:
        def round_up(row: dict[str, Any]) -> None:
            row["profile"]["on_cls"] = np.full(N_ROWS, 1.0001, np.float32)

        rows, _ = profile(write_full(tmp_path, n_documents=4, change=round_up), tmp_path / "profiles.parquet")

        assert {row["on_cls"] for row in rows} == {1.0}
        assert {row["on_cls_high"] for row in rows} == {1.0}


def role_of(evenness: float = 0.5, **shares: float) -> str:
    means = {measure: np.array([shares.get(role, 0.0)]) for role, measure in SHARES.items()}
    [role] = name_roles(means | {EVENNESS: np.array([evenness])})
    return role


class TestRoles:
    @pytest.mark.parametrize("role", SHARES)
    def test_half_of_the_attention_names_the_role(self, role: str) -> None:
        assert role_of(**{role: 0.5}) == role
        assert role_of(**{role: 0.6}, evenness=0.95) == role

    def test_the_largest_of_overlapping_shares_names_it(self) -> None:
        assert role_of(previous=0.6, cls=0.7) == "cls"
        assert role_of(previous=0.7, cls=0.6, sep=0.1) == "previous"
        assert role_of(cls=0.6, previous=0.6) == "previous"

    def test_delimiters_add_up(self) -> None:
        assert role_of(cls=0.25, sep=0.125, punctuation=0.125, evenness=0.9) == "delimiter"
        assert role_of(cls=0.25, sep=0.125, punctuation=0.12, evenness=0.9) == "broad"
        assert role_of(self=0.49, previous=0.49) == "mixed"

    @pytest.mark.parametrize(("evenness", "role"), [(0.8, "broad"), (0.7999, "mixed"), (float("nan"), "mixed")])
    def test_evenness(self, evenness: float, role: str) -> None:
        assert role_of(evenness=evenness, self=0.4999) == role

    def test_each_head_has_its_own(self) -> None:
        means = {measure: np.array([0.0, 0.0]) for measure in SHARES.values()}
        means |= {"on_next": np.array([0.5, 0.1]), EVENNESS: np.array([0.1, 0.9])}

        assert name_roles(means) == ["next", "broad"]


def test_command_line(tmp_path: Path) -> None:
    attention = write_full(tmp_path, n_shards=2)
    profile_heads(attention, tmp_path / "expected.parquet")

    options = ["--attention", *map(str, attention), "--head-profiles", str(tmp_path / "head_profiles.parquet")]
    assert cli.main(["profile-heads", *options]) == 0

    assert (tmp_path / "head_profiles.parquet").read_bytes() == (tmp_path / "expected.parquet").read_bytes()


def test_example_of_the_documentation() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "statistics" / "head-profiles.md"
    lines = [line[4:] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
    first = next(number for number, line in enumerate(lines) if line.startswith("import"))
    names: dict[str, Any] = {}
    exec("\n".join(lines[first:-1]), names)  # noqa: S102 - the project's own page
    expression, _, expected = lines[-1].partition("#")

    assert expected.strip() == str(eval(expression, names))  # noqa: S307 - the project's own page
