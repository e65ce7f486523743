"""The stage `export_attention`: attention in the formats of other tools."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.artifacts.token_evidence import EvidenceVectors
from attviz_pipeline.config.settings import ExportFormat
from attviz_pipeline.errors import ArtifactError, Problem
from attviz_pipeline.export.attviz_json import write_attviz_json
from attviz_pipeline.export.documents import ExportedDocument, choose_vectors, ordered_documents
from attviz_pipeline.export.latex import write_latex
from attviz_pipeline.export.neat_vision import write_neat_vision
from attviz_pipeline.export.tables import write_csv, write_parquet
from attviz_pipeline.stages import ExportAttention
from attviz_pipeline.tasks.task import Task

Format = Callable[[Path, Task[Any], list[str]], AbstractContextManager[Callable[[ExportedDocument], None]]]

FORMATS: Mapping[ExportFormat, Format] = {
    "attviz_json": write_attviz_json,
    "neat_vision": write_neat_vision,
    "latex": write_latex,
    "csv": write_csv,
    "parquet": write_parquet,
}


def export_attention(
    settings: ExportAttention, attention: Sequence[Path], export: Path, evidence: Sequence[Path] | None = None
) -> None:
    """Write the attention of all documents in formats of other tools, in the site's order.

    Args:
        settings: Formats and heads.
        attention: Artifacts `attention` of all shards, read.
        export: Folder, written as a whole; each function of `FORMATS` documents the files that it writes.
        evidence: Artifacts `gradients` and `leave_one_out`; None where there are none.

    Raises:
        ArtifactError: A shard is unusable, the shards come from different models, or the evidence is of other
            documents.
        ConfigError: A chosen head does not exist.
    """
    facts = {path: files.read_facts(path, attention_schemas.ATTENTION) for path in attention}
    first = facts[attention[0]]
    problems = [Problem(str(path), "is of another model or corpus") for path in attention if facts[path] != first]
    if problems:
        raise ArtifactError(f"these shards do not fit {attention[0]}:", problems, files.REBUILD)
    chosen = choose_vectors(first, settings.export.heads)
    measured = EvidenceVectors(*evidence) if evidence else None
    with files.atomic_directory(export) as folder, ExitStack() as stack:
        documents = stack.enter_context(
            ordered_documents(
                attention, chosen, folder, special_tokens=settings.export.special_tokens, evidence=measured
            )
        )
        formats = dict.fromkeys(settings.export.formats)
        writers = [stack.enter_context(FORMATS[name](folder, chosen.task, chosen.names)) for name in formats]
        for document in documents:
            for write in writers:
                write(document)
