"""The documents that are generated from code, so that they cannot disagree with it.

README.md               the table of stages, between two comments
config/schema.json      for editors: completion and checks while a study file is written
config/README.md        the table of all settings
docs/artifacts.md       the formats of all files
"""

import json
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from attviz_pipeline.artifacts import all_schemas, files
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import Section, section_of
from attviz_pipeline.config.study import Study
from attviz_pipeline.stages import STAGES

CONFIG_INTRODUCTION = """\
# Settings of a study

A study is one YAML file. Only `name`, `dataset.source` (or `dataset.files`) and `model.source` have no default. A study
that imports attention from a file (`dataset.format: attviz_json`) has no `model`.

Before anything runs, the workflow reports all unknown keys, wrong types and values out of range at once. To check only
that, run `python -m attviz_pipeline check-config --config FILE`. If a file, column or model is missing, the stage that
reads it reports the error. Paths are relative to the folder in which the workflow runs.

Quote text that YAML would read as something else: `no` and `on` are booleans, `1234567` is a number, and `1:30` is 90.
On the command line you need both kinds of quotes: `--config "dataset={revision: '\\"1234567\\"'}"`.

    snakemake --cores 4 --configfile config/bbc-news.yaml
    snakemake --cores 4 --configfile config/bbc-news.yaml --config 'dataset={source: bbc.csv, revision: null}'

The second line overrides keys of the file; all other keys stay. Without `--configfile`, the study is
`config/config.yaml`. A study file is never merged with that one: keys that it leaves out have the defaults below.

This page is generated from `attviz_pipeline/config/` by `make reference`.
"""

STAGES_BEGIN, STAGES_END = "<!-- stages: written by `make reference` -->", "<!-- end of stages -->"

RERUNS = """
## What a changed setting runs again

A changed setting runs the stages that read it again, and the stages that need their results. `render_site` shows all
settings except `publish`, so it runs again for each of them; for `report` and `resources`, nothing else does.
`prepare_dataset` and `shard_documents` also depend on `model.mode`, and `prepare_dataset` on whether a study with
`mode: load` sets `documents.split`.

"""

ARTIFACTS_INTRODUCTION = """\
# Files of a study

All results of a study are in `results/<name>/`. Tables are Parquet files, which pandas, polars, DuckDB and
`datasets` can open; the rest is JSON and the usual files of a Hugging Face model.

- Every artifact names its schema and version: a Parquet file in its metadata key `attviz.schema`, a JSON file in its
  first key `schema`. Readers refuse unknown versions.
- Properties of a whole table, called *facts*, are JSON in the metadata key `attviz.facts`.
- Files are written under a temporary name and renamed when complete, so an existing file is complete.
- Every artifact contains the SHA-256 of its own bytes: key `checksum` in JSON, `attviz.checksum` in a Parquet file's
  metadata. It is computed with 64 zeros in its place. Readers refuse a file that does not match.
- Checksums of other files are in the artifact beside them: the model's in `model.json`, figures' in `figures.json`.

    import json
    import pyarrow.parquet as pq

    table = pq.read_table("results/news/attention/00000-of-00002.parquet")
    facts = json.loads(table.schema.metadata[b"attviz.facts"])
    row = table.slice(0, 1).to_pandas().iloc[0]
    self_attention = row.self_attention.reshape(facts["n_layers"], facts["n_heads"], -1)  # [layer, head, token]

The names of shards end in their number. After a change of `documents.n_shards`, the files of the old shards stay until
you delete them. Nothing reads them any more, so include the number in your glob pattern: `*-of-00002.parquet`.

"Written by" names the stage of a usual study. In a study of imported attention, `import_attention` writes `dataset`,
`ledger`, `model`, `metrics` and `attention`. In share-safe mode, `redact_attention` writes a copy of `attention`
without words.

List columns are arrays [axis, axis], flattened in C order (the last axis varies fastest). In formulas, a is the
self-attention of a token in a head and n the number of tokens of its window, including special tokens.
Fixed-point sums are m limbs of 30 bits, the least significant first: value = sum over k of limb[k] * 2^(30 (k - m)).

This page is generated from `attviz_pipeline/artifacts/all_schemas.py` by `make reference`.
"""


def write_reference(root: Path) -> list[Path]:
    """Write all generated documents below the repository's top folder, and return their paths."""
    documents = render_reference(root)
    for name, text in documents.items():
        files.write_text(root / name, text)
    return [root / name for name in documents]


def render_reference(root: Path) -> dict[str, str]:
    """Return the text of each generated document by its path in the repository, whose top folder is `root`."""
    return {
        "README.md": _with_stages((root / "README.md").read_text(encoding="utf-8")),
        "config/schema.json": json.dumps(Study.model_json_schema(), indent=2, sort_keys=True) + "\n",
        "config/README.md": CONFIG_INTRODUCTION + "".join(_config_sections()) + RERUNS + _reruns_table(),
        "docs/artifacts.md": ARTIFACTS_INTRODUCTION + "".join(_artifact(schema) for schema in all_schemas.ALL),
    }


def _with_stages(text: str) -> str:
    """Put the table of stages between the two comments that hold its place."""
    before, _, rest = text.partition(STAGES_BEGIN)
    _, _, after = rest.partition(STAGES_END)
    rows = [f"| `{stage.name}` | {stage.summary} |" for stage in STAGES.values()]
    table = "\n".join(["| rule | what it does |", "|---|---|", *rows])
    return f"{before}{STAGES_BEGIN}\n\n{table}\n\n{STAGES_END}{after}"


def _config_sections() -> Iterator[str]:
    top = {name: field for name, field in Study.model_fields.items() if _section(field) is None}
    yield f"\n## Top level\n\n{_settings_table('', top)}"
    for name, field in Study.model_fields.items():
        section = _section(field)
        if section is not None:
            yield f"\n## `{name}`\n\n{section.__doc__}\n\n{_settings_table(f'{name}.', section.model_fields)}"


def _section(field: FieldInfo) -> type[Section] | None:
    return section_of(field.annotation)


def _reruns_table() -> str:
    slices = {name: stage.settings.model_fields for name, stage in STAGES.items() if stage.settings}
    readers = {key: [name for name, fields in slices.items() if key in fields] for key in Study.model_fields}
    readers["name"] = []  # another folder, another study
    rows = [f"| `{key}` | {', '.join(f'`{name}`' for name in names)} |" for key, names in readers.items() if names]
    return "\n".join(["| key or section | stages that read it |", "|---|---|", *rows]) + "\n"


def _settings_table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `{prefix}{name}` | {_type(field.annotation)} | {_default(field)} | {field.description} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _type(annotation: Any) -> str:  # noqa: ANN401
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(argument) for argument in arguments if argument is not types.NoneType)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping from {_type(arguments[0])} to {_type(arguments[1])}"
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    plain = {str: "text", int: "integer", float: "number", bool: "`true`, `false`"}
    return "mappings" if issubclass(annotation, Section) else plain[annotation]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return "" if field.default in (None, "") else f"`{json.dumps(field.default)}`"


def _artifact(schema: Schema) -> str:
    heading = f"\n## `{schema.identifier}`\n\nWritten by {schema.stage}. {schema.description}.\n"
    if not len(schema.arrow):
        return heading
    return "".join(
        [f"{heading}\n{_columns(list(schema.arrow))}", *(_of_task(schema, task) for task in schema.of_tasks)]
    )


def _of_task(schema: Schema, task: str) -> str:
    """Return what differs in the tables of another task."""
    base, own = schema.arrow, schema.of_tasks[task]
    fields = [field for field in own if not any(field.equals(one, check_metadata=True) for one in base)]
    gone = [f"`{name}`" for name in base.names if name not in own.names]
    without = f" There is no {', '.join(gone)}." if gone else ""
    return f"\nOf the task `{task}`, in place of these or besides them:{without}\n\n{_columns(fields)}"


def _columns(fields: Sequence[pa.Field]) -> str:
    rows = [f"| `{field.name}` | {_arrow_type(field.type)} | {_description(field)} |" for field in fields]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _arrow_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_arrow_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        return ", ".join(f"`{field.name}`: {_arrow_type(field.type)}" for field in kind)
    return str(kind)


def _description(field: pa.Field) -> str:
    return str(field.metadata[b"description"].decode()).replace("|", "\\|")
