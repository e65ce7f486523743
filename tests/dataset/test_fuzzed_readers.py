"""Readers of what users write, on random input: they read it or refuse it with a message, and never fail otherwise.

ATTVIZ_FUZZED_INPUTS says how many inputs each reader gets; `make faults` gives each 16,000.
"""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from harm import count
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attviz_pipeline.config.reading import parse_settings, parse_study, read_study, typed_overrides
from attviz_pipeline.config.settings import DatasetSettings, DocumentsSettings, Section, section_of
from attviz_pipeline.config.study import Study
from attviz_pipeline.dataset import loading
from attviz_pipeline.dataset.imported import import_attention as stage
from attviz_pipeline.dataset.prepare_dataset import prepare_dataset
from attviz_pipeline.dataset.sources import list_files
from attviz_pipeline.dataset.unpacking import unpack
from attviz_pipeline.errors import AttvizError
from attviz_pipeline.stages import ImportAttention, PrepareDataset

N_INPUTS = int(os.environ.get("ATTVIZ_FUZZED_INPUTS", "150"))
ROOT = Path(__file__).resolve().parents[2]

words = st.sampled_from(["text", "label", "a", "", '"', '""', " ", "\t", ",", "\n", "\r\n", "ü", "\ufeff", "NaN", "1"])
cells = st.one_of(words, st.text(max_size=12))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), cells)


def fuzz(inputs: st.SearchStrategy[Any], read: Callable[[Any], object], name: str, n_inputs: int = N_INPUTS) -> None:
    """Give random inputs to a reader, and count them."""
    n_read = 0

    # Without a database and with a fixed seed, unless many inputs are requested: the same inputs everywhere.
    @settings(
        max_examples=n_inputs,
        deadline=None,
        database=None,
        derandomize=n_inputs < 1000,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def one(content: object) -> None:
        nonlocal n_read
        n_read += 1
        try:
            read(content)
        except AttvizError as fault:
            assert str(fault).strip()  # noqa: PT017 - both ends are right, but none without a word

    one()
    assert n_read >= n_inputs / 2
    count(f"random input: {name}", n_read)


@st.composite
def harmed(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Overwrite, insert or cut a few bytes."""
    content = bytearray(draw(contents))
    for place, n_cut, inserted in draw(
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.binary(max_size=3)), max_size=4)
    ):
        start = place % (len(content) + 1)
        content[start : start + n_cut] = inserted
    return bytes(content)


def rows_of_text(rows: list[list[str]], delimiter: str) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([["id", "text", "label"], *rows])
    return buffer.getvalue().encode("utf-8", "surrogatepass")


def tables(delimiter: str) -> st.SearchStrategy[bytes]:
    rows = st.lists(st.lists(cells, min_size=2, max_size=4), max_size=5)
    return harmed(rows.map(lambda some: rows_of_text(some, delimiter))) | st.binary(max_size=200)


objects = st.dictionaries(st.sampled_from(["text", "label", "id", "x"]), scalars | st.lists(scalars, max_size=2))
lines = st.lists(objects, max_size=5).map(lambda rows: "\n".join(map(json.dumps, rows)).encode())


arrays = st.lists(objects, max_size=5).map(lambda rows: json.dumps(rows).encode())
arrow_files = st.lists(st.text(max_size=9), min_size=1, max_size=5).map(lambda some: as_arrow_file([*some]))


def as_arrow_file(texts: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"text": pa.array(texts, pa.large_string()), "label": range(len(texts))})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read_corpus(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    given_settings = DatasetSettings(source=str(path))
    plain = [unpack(file, path.parent / "unpacked") for file in list_files(given_settings)]
    for file, layout, columns in loading._look_through(plain, given_settings):
        for _ in loading._text_cells(str(file.path), layout, columns) if file.format != "parquet" else ():
            pass


@pytest.mark.parametrize(
    ("suffix", "contents"),
    [
        ("csv", tables(",")),
        ("tsv", tables("\t")),
        ("jsonl", harmed(lines) | st.binary(max_size=200)),
        ("json", harmed(arrays)),
        ("arrow", harmed(arrow_files)),
        ("csv.gz", harmed(tables(",").map(gzip.compress))),
    ],
)
def test_corpora_are_read_or_refused(tmp_path: Path, suffix: str, contents: st.SearchStrategy[bytes]) -> None:
    fuzz(contents, lambda content: read_corpus(tmp_path / f"rows.{suffix}", content), suffix.upper())


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "contents"), [("csv", tables(",")), ("jsonl", lines)])
def test_corpora_are_prepared_or_refused(tmp_path: Path, suffix: str, contents: st.SearchStrategy[bytes]) -> None:
    source = tmp_path / f"rows.{suffix}"
    wanted = PrepareDataset(seed=1, dataset=DatasetSettings(source=str(source), id_column="id", bad_rows="skip"))
    targets = (tmp_path / "documents.parquet", tmp_path / "ledger.parquet", tmp_path / "dataset.json")

    def prepare(content: bytes) -> None:
        source.write_bytes(content)
        prepare_dataset(wanted, *targets)

    fuzz(contents, prepare, f"{suffix.upper()}, the whole stage", 100 + N_INPUTS // 40)


vectors = st.lists(scalars, max_size=3)
fields_of_attviz = {
    "text": scalars,
    "sets": st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "tokens": st.lists(scalars, max_size=3) | scalars,
                "attention_vectors": st.lists(
                    st.fixed_dictionaries({}, optional={"name": scalars, "vectors": vectors | scalars}), max_size=2
                )
                | scalars,
            },
        )
        | scalars,
        max_size=2,
    )
    | scalars,
    "output_activations": st.lists(
        st.fixed_dictionaries({}, optional={"name": scalars, "value": scalars}) | scalars, max_size=2
    )
    | scalars,
}
documents = st.lists(st.fixed_dictionaries({}, optional=fields_of_attviz) | scalars, max_size=3)


def test_attention_in_attviz_json_is_read_or_refused(tmp_path: Path) -> None:
    source = tmp_path / "explanations.json"
    wanted = ImportAttention(
        seed=1,
        dataset=DatasetSettings(source=str(source), format="attviz_json"),
        documents=DocumentsSettings(),
    )

    def read(content: bytes) -> None:
        source.write_bytes(content)
        (file,) = list_files(wanted.dataset)
        stage._report_bad_documents(stage.survey(stage._documents(file, wanted)), file, wanted)

    texts = documents.map(lambda content: json.dumps(content).encode())
    fuzz(harmed(texts) | texts | st.binary(max_size=100), read, "AttViz JSON")


def values_for(model: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    """Give sections of known keys with odd values."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        inner = values_for(section) if section else st.sampled_from([field.get_default()])
        fields[name] = inner | scalars | st.lists(scalars, max_size=2) | st.dictionaries(cells, scalars, max_size=2)
    return st.fixed_dictionaries({}, optional=fields)


def test_study_files_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    default = (ROOT / "config" / "config.yaml").read_bytes()

    def read(content: bytes) -> None:
        path.write_bytes(content)
        read_study(path)

    fuzz(harmed(st.just(default)) | st.binary(max_size=100), read, "study files")


def test_settings_are_read_or_refused() -> None:
    def read(content: dict[str, Any]) -> None:
        parse_study(content, "a study")

    fuzz(values_for(Study), read, "settings")


def test_settings_of_the_command_line_are_read_or_refused() -> None:
    def read(content: dict[str, Any]) -> None:
        text = json.dumps(typed_overrides(yaml.safe_load(yaml.safe_dump(content))))
        parse_settings(PrepareDataset, text)

    fuzz(st.fixed_dictionaries({"seed": scalars, "dataset": values_for(DatasetSettings)}), read, "settings as JSON")
