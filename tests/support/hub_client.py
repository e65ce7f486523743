"""Stages that read a hub, run in a process of their own: the hub's clients read their environment when imported.

As a command it reads one request per line, `{"stage": ..., "settings": ..., "folder": ..., "token": ...}`,
runs the stage, and answers with one line: `error`, `log` and what the stage found.
"""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from attviz_pipeline.errors import AttvizError


@dataclass
class Client:
    """A running process with a cache and a hub of its own."""

    home: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[str]" = field(init=False)

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_HOME": str(self.home), "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONUNBUFFERED": "1"}
        environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*", **self.environment}
        command = [sys.executable, __file__]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, encoding="utf-8"
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def ask(self, stage: str, folder: Path, *, token: str = "", **settings: object) -> dict[str, Any]:
        """Run a stage as the owner of a token, and return its answer."""
        assert self.process.stdin
        assert self.process.stdout
        folder.mkdir(parents=True, exist_ok=True)
        request = {"stage": stage, "settings": settings, "folder": str(folder), "token": token}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


def find_model(settings: dict[str, Any], _: Path) -> dict[str, Any]:
    """Find and verify a model as `prepare_model` does, without training it."""
    from attviz_pipeline.config.settings import ModelSettings  # noqa: PLC0415 - only what the stage needs is imported
    from attviz_pipeline.model.source import find_copy  # noqa: PLC0415
    from attviz_pipeline.model.verify import verify_copy  # noqa: PLC0415

    chosen = ModelSettings.model_validate(settings)
    copy = find_copy(chosen)
    digests = verify_copy(copy.folder, chosen.sha256, chosen.source)
    return {"digests": digests, "folder": str(copy.folder), "revision": copy.revision}


def prepare_dataset(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the stage `prepare_dataset`."""
    from attviz_pipeline.artifacts import corpus_schemas, files  # noqa: PLC0415
    from attviz_pipeline.dataset.prepare_dataset import prepare_dataset as run  # noqa: PLC0415
    from attviz_pipeline.stages import PrepareDataset  # noqa: PLC0415

    targets = (folder / "documents.parquet", folder / "ledger.parquet", folder / "dataset.json")
    run(PrepareDataset.model_validate({"seed": 1, "dataset": settings}), *targets)
    documents = files.read_table(targets[0], corpus_schemas.DOCUMENTS).to_pylist()
    ledger = files.read_table(targets[1], corpus_schemas.LEDGER).to_pylist()
    return {"documents": documents, "ledger": ledger, "card": files.read_json(targets[2], corpus_schemas.DATASET)}


STAGES = {"find_model": find_model, "prepare_dataset": prepare_dataset}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run one request; an error that a user can cause is part of the answer, any other ends the process."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger("attviz_pipeline")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    found: dict[str, Any] = {"error": None}
    os.environ["HF_TOKEN"] = request["token"]
    try:
        with redirect_stdout(sys.stderr):
            found |= STAGES[request["stage"]](request["settings"], Path(request["folder"]))
    except AttvizError as fault:
        found |= {"error": str(fault), "may_pass": fault.may_pass}
    logger.removeHandler(handler)
    return {**found, "log": log.getvalue()}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)  # noqa: T201 - the answer goes to the caller
