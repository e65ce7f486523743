"""The stage export_attention: other tools' formats, with every number and in the site's order."""

import csv
import io
import json
import logging
import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from attviz_files import Imported, document
from corpora import attviz_example
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from synthetic_attention import LABEL_NAMES, write_attention_shards
from synthetic_evidence import N_SAMPLE, N_SMALL, write_evidence
from synthetic_site import HOSTILE_TEXTS

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, evidence_schemas, files, output_schemas
from attviz_pipeline.artifacts.layout import EvidencePaths
from attviz_pipeline.config.settings import ExportSettings
from attviz_pipeline.errors import ArtifactError, ConfigError
from attviz_pipeline.export.attviz_json import write_attviz_json
from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.export.export_attention import FORMATS, export_attention
from attviz_pipeline.export.latex import EAST_ASIAN, ESCAPES, escape, latex_page
from attviz_pipeline.export.neat_vision import write_neat_vision
from attviz_pipeline.stages import ExportAttention
from attviz_pipeline.tasks.multi_label import MultiLabel
from attviz_pipeline.tasks.regression import Regression
from attviz_pipeline.tasks.single_label import SingleLabel

FORMULAS = ["=1+1 text", "+cmd text", "-2 text", "@SUM(A1) text", "plain text"]


def export(
    attention: list[Path],
    output: Path,
    *,
    evidence: EvidencePaths | None = None,
    **settings: Any,  # noqa: ANN401 - the settings are checked
) -> Path:
    wanted = ExportAttention(export=ExportSettings(**{"formats": list(FORMATS), **settings}))
    tables = [evidence.gradients, evidence.leave_one_out] if evidence else None
    export_attention(wanted, attention, output, tables)
    return output


def rows_of(attention: list[Path]) -> list[dict[str, Any]]:
    rows = files.concatenate(attention, attention_schemas.ATTENTION).to_pylist()
    return sorted(rows, key=lambda row: int(row["position"]))


def values_of(row: dict[str, Any]) -> np.ndarray:
    """Self-attention, [head, token]."""
    return np.array(row["self_attention"], np.float32).reshape(-1, len(row["tokens"]))


@pytest.fixture(scope="module")
def attention(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_attention_shards(tmp_path_factory.mktemp("shards"), n_documents=12, n_shards=3)


@pytest.fixture(scope="module")
def folder(attention: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(attention, tmp_path_factory.mktemp("out") / "export", heads="all")


class TestAttvizJson:
    def test_has_the_keys_and_the_strings_that_the_viewer_reads(self, attention: list[Path], folder: Path) -> None:
        documents = json.loads((folder / "attviz.json").read_text(encoding="utf-8"))

        for content, row in zip(documents, rows_of(attention), strict=True):
            assert list(content) == ["text", "sets", "output_activations"]
            assert content["text"] == " ".join(row["tokens"])
            (only,) = content["sets"]
            assert only["tokens"] == row["tokens"]
            assert [vector["name"] for vector in only["attention_vectors"]] == [
                f"L{x} H{y}" for x in range(2) for y in range(3)
            ]
            strings = [vector["vectors"] for vector in only["attention_vectors"]]
            assert all(isinstance(value, str) for vector in strings for value in vector)
            assert np.array_equal(np.array(strings, np.float64), values_of(row).astype(np.float64))
            assert [activation["name"] for activation in content["output_activations"]] == LABEL_NAMES

    def test_published_file_comes_back_as_it_was(self, tmp_path: Path) -> None:
        published = attviz_example()
        imported = Imported(tmp_path, None, source=str(published), n_shards=3)

        output = export(list(imported.output.attention), tmp_path / "export", formats=["attviz_json"], heads="all")

        again = json.loads((output / "attviz.json").read_text(encoding="utf-8"))
        assert again == json.loads(published.read_text(encoding="utf-8"))

    def test_texts_with_markup_are_warned_of(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        shards = write_attention_shards(tmp_path, n_documents=8, n_shards=1, texts=HOSTILE_TEXTS)
        with caplog.at_level(logging.WARNING):
            export(shards, tmp_path / "export", formats=["attviz_json"])

        assert "AttViz's viewer runs" in caplog.text


class TestVectors:
    def test_means_of_layers(self, attention: list[Path], tmp_path: Path) -> None:
        output = export(attention, tmp_path / "export", formats=["attviz_json"])

        content = json.loads((output / "attviz.json").read_text(encoding="utf-8"))[4]
        vectors = content["sets"][0]["attention_vectors"]
        means = values_of(rows_of(attention)[4]).reshape(2, 3, -1).mean(axis=1)
        assert [vector["name"] for vector in vectors] == ["layer 0 mean", "layer 1 mean"]
        assert_allclose(np.array([vector["vectors"] for vector in vectors], float), means, rtol=1e-6)

    def test_single_heads_without_special_tokens(self, attention: list[Path], tmp_path: Path) -> None:
        output = export(
            attention, tmp_path / "export", formats=["attviz_json"], heads=["1.2", "0.0"], special_tokens=False
        )

        content = json.loads((output / "attviz.json").read_text(encoding="utf-8"))[0]["sets"][0]
        row = rows_of(attention)[0]
        assert content["tokens"] == row["tokens"][1:-1]
        assert [float(value) for value in content["attention_vectors"][0]["vectors"]] == values_of(row)[
            5, 1:-1
        ].tolist()

    def test_heads_that_are_not_there_are_named(self, attention: list[Path], tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            export(attention, tmp_path / "export", heads=["0.3", "7.1", "1.1"])

        assert "export.heads 0.3" in str(caught.value)
        assert "export.heads 7.1" in str(caught.value)
        assert "layers are 0 to 1, heads 0 to 2" in str(caught.value)
        assert not list(tmp_path.iterdir())


def test_number_of_shards_changes_no_byte(folder: Path, tmp_path: Path) -> None:
    one = export(write_attention_shards(tmp_path, n_documents=12, n_shards=1), tmp_path / "export", heads="all")

    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(names) == 5 + 12
    assert names == sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (one / name).read_bytes() for name in names)


class TestNeatVision:
    def test_samples_and_labels(self, attention: list[Path], folder: Path) -> None:
        samples = json.loads((folder / "neat_vision_samples.json").read_text(encoding="utf-8"))
        labels = json.loads((folder / "neat_vision_labels.json").read_text(encoding="utf-8"))

        assert {index: entry["name"] for index, entry in labels.items()} == dict(zip("012", LABEL_NAMES, strict=True))
        for sample, row in zip(samples, rows_of(attention), strict=True):
            assert sample["text"] == row["tokens"]
            assert (sample["label"], sample["prediction"], sample["id"]) == (row["label"], row["prediction"], row["id"])
            mean = values_of(row).mean(axis=0, dtype=np.float64)
            assert_allclose(sample["attention"], mean / mean.sum(), rtol=1e-9)
            # The tool takes a softmax of the posterior: that must give the probabilities again.
            exponentials = [math.exp(value) for value in sample["posterior"]]
            assert_allclose(np.array(exponentials) / sum(exponentials), row["probabilities"], atol=1e-6)

    def test_unknown_gold_has_a_name_and_is_warned_of(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        imported = Imported(tmp_path, [document("a b"), document("c d")])
        with caplog.at_level(logging.WARNING):
            output = export(list(imported.output.attention), tmp_path / "export", formats=["neat_vision"])

        samples = json.loads((output / "neat_vision_samples.json").read_text(encoding="utf-8"))
        labels = json.loads((output / "neat_vision_labels.json").read_text(encoding="utf-8"))
        # The tool looks the name of every label and every prediction up.
        assert [labels[str(sample["label"])]["name"] for sample in samples] == ["unknown", "unknown"]
        assert [labels[str(sample["prediction"])]["name"] for sample in samples] == ["business", "business"]
        assert "neat-vision shows it as unknown, and counts them as misclassified" in caplog.text


SAMPLED, LEFT_OUT_TOO = 9, 3


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The attention of a study with evidence."""
    return write_attention_shards(tmp_path_factory.mktemp("measured"), n_documents=20, n_shards=2)


@pytest.fixture(scope="module")
def evidence(measured: list[Path], tmp_path_factory: pytest.TempPathFactory) -> EvidencePaths:
    return write_evidence(tmp_path_factory.mktemp("evidence"), measured)


@pytest.fixture(scope="module")
def exported(measured: list[Path], evidence: EvidencePaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(measured, tmp_path_factory.mktemp("exported") / "export", evidence=evidence)


class TestEvidence:
    def test_attviz_has_a_second_set_where_it_was_measured(
        self, measured: list[Path], evidence: EvidencePaths, exported: Path
    ) -> None:
        documents = json.loads((exported / "attviz.json").read_text(encoding="utf-8"))

        assert [len(content["sets"]) for content in documents] == [2] * N_SAMPLE + [1] * (20 - N_SAMPLE)
        for position, names in {
            LEFT_OUT_TOO: ["gradient x input", "fall without the token"],
            SAMPLED: ["gradient x input"],
        }.items():
            first, second = documents[position]["sets"]
            row = rows_of(measured)[position]
            assert second["name"] == "evidence"
            assert second["tokens"] == first["tokens"] == row["tokens"]
            vectors = {
                vector["name"]: np.array(vector["vectors"], np.float32) for vector in second["attention_vectors"]
            }
            assert list(vectors) == names
            expected = {
                "gradient x input": gradient_of(evidence, position),
                "fall without the token": falls_of(evidence, row),
            }
            for name, values in vectors.items():
                assert np.array_equal(values, expected[name])

    def test_attviz_comes_back_without_it(self, measured: list[Path], exported: Path, tmp_path: Path) -> None:
        imported = Imported(tmp_path, None, source=str(exported / "attviz.json"))

        rows = rows_of(list(imported.output.attention))
        assert [row["tokens"] for row in rows] == [row["tokens"] for row in rows_of(measured)]
        means = [values_of(row).reshape(2, 3, -1).mean(axis=1) for row in rows_of(measured)]
        for row, expected in zip(rows, means, strict=True):
            assert_allclose(values_of(row), expected, rtol=1e-6)
        ledger = files.read_table(imported.output.ledger, corpus_schemas.LEDGER)["detail"].to_pylist()
        assert sum("'gradient x input' is what the prediction depends on" in detail for detail in ledger) == N_SAMPLE

    def test_neat_vision_has_a_file_for_each_measure(
        self, measured: list[Path], evidence: EvidencePaths, exported: Path
    ) -> None:
        plain = json.loads((exported / "neat_vision_samples.json").read_text(encoding="utf-8"))
        assert len(plain) == 20
        for name, n_documents in {"gradient_x_input": N_SAMPLE, "leave_one_out": N_SMALL}.items():
            samples = json.loads((exported / f"neat_vision_{name}.json").read_text(encoding="utf-8"))
            assert [sample["id"] for sample in samples] == [sample["id"] for sample in plain[:n_documents]]
            for row, sample, other in zip(rows_of(measured), samples, plain, strict=False):
                values = (
                    gradient_of(evidence, row["position"]) if name == "gradient_x_input" else falls_of(evidence, row)
                )
                assert_allclose(sample["values"], values, rtol=1e-6)
                assert_allclose(sample["attention"], np.abs(values) / np.abs(values).sum(), rtol=1e-5)
                unchanged = sample.keys() - {"attention", "values"}
                assert {key: sample[key] for key in unchanged} == {key: other[key] for key in unchanged}

    def test_special_tokens_are_left_out_there_too(
        self, measured: list[Path], evidence: EvidencePaths, tmp_path: Path
    ) -> None:
        output = export(measured, tmp_path / "x", evidence=evidence, formats=["attviz_json"], special_tokens=False)

        second = json.loads((output / "attviz.json").read_text(encoding="utf-8"))[0]["sets"][1]
        row = rows_of(measured)[0]
        kept = ~np.array(row["special"])
        assert second["tokens"] == [token for token, keep in zip(row["tokens"], kept, strict=True) if keep]
        for vector, expected in zip(
            second["attention_vectors"], (gradient_of(evidence, 0), falls_of(evidence, row)), strict=True
        ):
            assert np.array_equal(np.array(vector["vectors"], np.float32), expected[kept])

    def test_other_formats_are_the_same_bytes(self, measured: list[Path], exported: Path, tmp_path: Path) -> None:
        without = export(measured, tmp_path / "export")

        for name in ("tokens.csv", "tokens.parquet", "neat_vision_samples.json", "latex/000003.tex"):
            assert (without / name).read_bytes() == (exported / name).read_bytes()
        assert not list(without.glob("neat_vision_*_*.json"))

    def test_evidence_of_other_documents_is_refused(self, evidence: EvidencePaths, tmp_path: Path) -> None:
        others = write_attention_shards(tmp_path, n_documents=20, n_shards=2, texts=["one word", "two more words here"])

        with pytest.raises(ArtifactError, match=r"gradients\.parquet is of other documents"):
            export(others, tmp_path / "export", evidence=evidence)
        assert not (tmp_path / "export").exists()


def gradient_of(evidence: EvidencePaths, position: int) -> np.ndarray:
    rows = files.read_table(evidence.gradients, evidence_schemas.GRADIENTS).to_pylist()
    return np.array(rows[position]["gradient_x_input"], np.float32)


def falls_of(evidence: EvidencePaths, document: dict[str, Any]) -> np.ndarray:
    """Falls of the predicted class, 0 for special tokens; zeros where they were not measured."""
    values = np.zeros(len(document["tokens"]), np.float32)
    for row in files.read_table(evidence.leave_one_out, evidence_schemas.LEAVE_ONE_OUT).to_pylist():
        if row["position"] == document["position"]:
            changes = np.array(row["changes"], np.float32).reshape(-1, len(row["probabilities"]))
            values[row["places"]] = -changes[:, row["prediction"]]
    return values


class TestTables:
    def test_csv_and_parquet_hold_every_number(self, attention: list[Path], folder: Path) -> None:
        expected = np.concatenate([values_of(row).ravel() for row in rows_of(attention)])

        table = files.read_table(folder / "tokens.parquet", output_schemas.EXPORTED_TOKENS)
        assert np.array_equal(table["self_attention"].to_numpy(), expected)
        assert files.read_facts(folder / "tokens.parquet", output_schemas.EXPORTED_TOKENS)["label_names"] == LABEL_NAMES
        rows = list(csv.DictReader(io.StringIO((folder / "tokens.csv").read_text(encoding="utf-8"))))
        assert list(rows[0]) == table.column_names
        assert np.array_equal(
            np.array([row["self_attention"] for row in rows], np.float64), expected.astype(np.float64)
        )
        assert [row["vector"] for row in rows] == table["vector"].to_pylist()
        assert pq.read_table(folder / "tokens.parquet").num_rows == len(rows)

    def test_no_cell_of_the_csv_is_a_formula(self, tmp_path: Path) -> None:
        shards = write_attention_shards(tmp_path, n_documents=5, n_shards=1, texts=FORMULAS)
        output = export(shards, tmp_path / "export", formats=["csv", "parquet"])

        cells = [
            cell for row in csv.reader(io.StringIO((output / "tokens.csv").read_text(encoding="utf-8"))) for cell in row
        ]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert "'=1+1" in cells
        assert (
            "=1+1" in files.read_table(output / "tokens.parquet", output_schemas.EXPORTED_TOKENS)["token"].to_pylist()
        )


def latex_body(text: str, spans: list[tuple[int, int]]) -> str:
    """What stands in a page for a text whose tokens have the given spans."""
    document = ExportedDocument(
        *(0, "doc", text, 0, 0, [1.0], ["t"] * len(spans)),
        *([start for start, _ in spans], [end for _, end in spans], [False] * len(spans)),
        vectors=np.full((1, len(spans)), 0.5, np.float32),
    )
    return latex_page(document, SingleLabel(("news",)), 1).partition("\\begin{document}\n")[2].partition("\n\\par")[0]


def printed(text: str, spans: list[tuple[int, int]]) -> str:
    """What a reader of the page sees of the text, tokens in small print left out."""
    unnamed = re.sub(r"\\named\{\d+\}\{t\}|\\allowbreak(\{\}| )", "", latex_body(text, spans))
    return re.sub(r"\\tok\{\d+\}\{(.*?)\}", r"\1", unnamed)


class TestLatex:
    @given(st.text(max_size=80))
    def test_nothing_in_a_text_is_a_command(self, text: str) -> None:
        escaped = escape(text)

        rest = escaped
        for replacement in sorted(ESCAPES.values(), key=len, reverse=True):
            rest = rest.replace(replacement, "")
        assert not set(rest) & set(ESCAPES)
        assert "\n" not in escaped

    @given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
    def test_what_is_escaped_reads_as_before(self, text: str) -> None:
        back = {replacement: character for character, replacement in ESCAPES.items()}
        pattern = "|".join(re.escape(replacement) for replacement in sorted(back, key=len, reverse=True))

        assert re.sub(pattern, lambda found: back[found[0]], escape(text)) == text

    def test_colours_are_the_values(self, attention: list[Path], folder: Path) -> None:
        row = rows_of(attention)[2]
        page = (folder / "latex" / "000002.tex").read_text(encoding="utf-8")
        body = page.partition("\\begin{document}")[2].partition("\\par")[0]

        mean = values_of(row).mean(axis=0, dtype=np.float64)
        largest = mean[1:-1].max()
        expected = [round(100 * min(value / largest, 1)) for value in mean.tolist()]
        assert [int(weight) for weight in re.findall(r"\\(?:tok|named)\{(\d+)\}", body)] == expected
        assert "ctex" not in page

    def test_tokens_that_share_a_character_print_it_once(self) -> None:
        spans = [(0, 1), (2, 3), (2, 3), (2, 3), (3, 5)]

        assert printed("a 😀bc", spans) == "a 😀bc"
        assert latex_body("a 😀bc", spans).count("\\named") == 2

    @given(st.text("ab 😀中", max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8))
    def test_what_is_printed_is_the_text(self, rest: str, edges: list[tuple[int, int]]) -> None:
        text = f"a{rest}"
        inside = sorted((min(pair), min(max(pair), len(text))) for pair in edges)
        spans = [(start, end) for start, end in inside if start < end]

        assert printed(text, spans).split() == text.split()

    @pytest.mark.slow
    def test_every_character_compiles(self, tmp_path: Path) -> None:
        ascii_text = "".join(chr(code) for code in range(32, 127))
        hostile = [ascii_text, "\\input{x} \\end{document} ``quotes'' -- --- %", "😀 \ufffe e\u0301", *HOSTILE_TEXTS]
        compile_pages([text for text in hostile if not EAST_ASIAN.search(text)], tmp_path, needed=())

    @pytest.mark.slow
    def test_chinese_japanese_and_korean_compile(self, tmp_path: Path) -> None:
        hostile = ["中文\uff0c注意力 カナ 😀", "한국어", *filter(EAST_ASIAN.search, HOSTILE_TEXTS)]
        compile_pages(hostile, tmp_path, needed=("ctex.sty",))


def compile_pages(texts: list[str], folder: Path, needed: tuple[str, ...]) -> None:
    """Compile the pages of some texts with nothing but XeLaTeX and the files that are needed beside it."""
    if reason := why_no_latex(needed):
        if os.environ.get("ATTVIZ_REQUIRE_LATEX") == "1":
            pytest.fail(f"{reason}, and ATTVIZ_REQUIRE_LATEX=1 asks for it")
        pytest.skip(reason)
    shards = write_attention_shards(folder, n_documents=len(texts), n_shards=1, texts=texts)
    output = export(shards, folder / "export", formats=["latex"])
    for page in sorted((output / "latex").iterdir()):
        assert ("{ctex}" in page.read_text(encoding="utf-8")) == ("ctex.sty" in needed)
        command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "-output-directory", folder, page]
        finished = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert finished.returncode == 0, finished.stdout.decode(errors="replace")[-2000:]


def why_no_latex(needed: tuple[str, ...]) -> str:
    """Say what of LaTeX is not installed; empty where nothing is missing."""
    if shutil.which("xelatex") is None:
        return "xelatex is not installed (tests/support/provide_latex.sh)"
    missing = [
        name for name in needed if subprocess.run(["kpsewhich", name], capture_output=True, check=False).returncode
    ]
    return f"LaTeX has no {', '.join(missing)} (tests/support/provide_latex.sh)" if missing else ""


def invented(position: int, gold: Any, predicted: Any, probabilities: list[float]) -> ExportedDocument:  # noqa: ANN401 - of each task
    tokens = ["[CLS]", "bank", "[SEP]"]
    vectors = np.array([[0.25, 0.5, 0.25]], np.float32)
    places = [0, 0, 4], [0, 4, 4], [True, False, True]
    return ExportedDocument(position, f"d{position}", "bank", gold, predicted, probabilities, tokens, *places, vectors)


class TestNeatVisionOfOtherTasks:
    def test_label_sets_are_vectors_and_the_posterior_is_log_odds(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        task = MultiLabel(("sport", "tech"), (0.5, 0.5))
        with write_neat_vision(tmp_path, task, ["mean"]) as write, caplog.at_level(logging.WARNING):
            write(invented(0, (1,), (0, 1), [0.75, 0.5]))
            write(invented(1, None, (), [0.0, 1.0]))
        one, two = json.loads((tmp_path / "neat_vision_samples.json").read_text(encoding="utf-8"))

        assert (one["label"], one["prediction"], one["attention"]) == ([0, 1], [1, 1], [0.25, 0.5, 0.25])
        assert_allclose(one["posterior"], [math.log(3), 0])
        assert (two["label"], two["prediction"]) == ([-1, -1], [0, 0])
        assert np.isfinite(two["posterior"]).all()
        assert json.loads((tmp_path / "neat_vision_labels.json").read_text(encoding="utf-8")) == {
            "0": {"name": "sport", "desc": "sport"},
            "1": {"name": "tech", "desc": "tech"},
        }
        assert "1 document has no gold label: neat-vision shows -1 for each of their labels" in caplog.text

    def test_values_are_numbers_and_documents_without_one_are_left_out(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with write_neat_vision(tmp_path, Regression(), ["mean"]) as write, caplog.at_level(logging.WARNING):
            write(invented(0, 2.5, 3.0, []))
            write(invented(1, None, 1.0, []))
        [sample] = json.loads((tmp_path / "neat_vision_samples.json").read_text(encoding="utf-8"))

        assert (sample["label"], sample["prediction"], "posterior" in sample) == (2.5, 3.0, False)
        assert not (tmp_path / "neat_vision_labels.json").exists()
        assert "no gold value: neat-vision compares values, so the documents are left out" in caplog.text


def test_attviz_has_the_activation_of_each_label_or_the_value(tmp_path: Path) -> None:
    for name, task, made in (
        ("labels", MultiLabel(("sport", "tech"), (0.5, 0.5)), invented(0, (1,), (0, 1), [0.75, 0.5])),
        ("value", Regression(), invented(0, 2.5, 3.0, [])),
    ):
        (tmp_path / name).mkdir()
        with write_attviz_json(tmp_path / name, task, ["mean"]) as write:
            write(made)
    activations = {
        name: json.loads((tmp_path / name / "attviz.json").read_text(encoding="utf-8"))[0]["output_activations"]
        for name in ("labels", "value")
    }

    assert activations["labels"] == [{"value": "0.75", "name": "sport"}, {"value": "0.5", "name": "tech"}]
    assert activations["value"] == [{"value": "3.0", "name": "value"}]
