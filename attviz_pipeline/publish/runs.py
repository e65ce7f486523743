"""The studies that are already published on a branch."""

import logging
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.publish.branch import PagesBranch

RUN = "run.json"
OURS = b'"schema": "attviz/run/'
KINDS: dict[str, type] = {
    "name": str,
    "title": str,
    "description": str,
    "n_documents": int,
    "n_layers": int,
    "n_heads": int,
    "model": str,
    "commit": str,
    "redaction": str,
}

logger = logging.getLogger(__name__)


def published(branch: PagesBranch) -> dict[str, dict[str, Any]]:
    """Read the metadata of each study on the branch, by its folder; only the title if another version wrote it.

    A folder without a `run.json` of this project is not a study.
    """
    found = {}
    for name, entry in branch.entries().items():
        content = branch.read(f"{name}/{RUN}") if entry.kind == "tree" else None
        if content is not None and OURS in content:
            found[name] = _facts(content, name)
    return found


def _facts(content: bytes, folder: str) -> dict[str, Any]:
    try:
        facts = files.parse_json(content, Path(folder, RUN), output_schemas.RUN)
    except ArtifactError as fault:
        logger.warning("the index lists %s by its name alone: %s", folder, fault)
        return {"title": folder}
    wrong = [name for name, kind in KINDS.items() if type(facts.get(name)) is not kind]
    if wrong:
        what = "the index lists %s by its name alone: %s missing or of a wrong type in its %s"
        logger.warning(what, folder, ", ".join(wrong), RUN)
        return {"title": folder}
    return facts
