"""Stages as processes that start in milliseconds: forked from a process that has imported what all of them use.

They are processes as any others, which are killed, run out of disk and exit; only the imports are shared.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock

from attviz_pipeline import cli
from attviz_pipeline.stages import STAGES

CONTEXT = multiprocessing.get_context("forkserver")
AS_IN_A_JOB = {
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""What libraries read when they are imported, as Snakemake and the command line set it."""
STARTING = Lock()


class StageProcess:
    """A stage at work, with as much of the interface of `subprocess.Popen` as the tests need."""

    def __init__(self, arguments: Sequence[str], folder: Path, checkout: Path) -> None:
        """Start `python -m attviz_pipeline` with these arguments in a folder, as the leader of a process group.

        The code is that of the first checkout that is named: all of them are copies of one.
        """
        _start_server(checkout)
        with NamedTemporaryFile(delete=False) as output:
            self._output = Path(output.name)
        started, sender = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=_run, args=(list(arguments), folder, self._output, sender))
        self._process.start()
        sender.close()
        started.recv_bytes()

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float = 600) -> tuple[str, None]:
        """Wait for the end and return what was printed."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"still running after {timeout} s"
        text = self._output.read_text(encoding="utf-8")
        self._output.unlink()
        return text, None


def _start_server(checkout: Path) -> None:
    """Start the process that stages are forked from, once."""
    # One thread at a time: a second one would take this one's environment for the one to go back to.
    with STARTING:
        _ensure_running(checkout)


def _ensure_running(checkout: Path) -> None:
    before = dict(os.environ)
    places = [str(checkout), str(Path(__file__).parent)]
    # Without the first place of the path, the working directory: pytest's is another checkout.
    os.environ.update(AS_IN_A_JOB, PYTHONPATH=os.pathsep.join(places), PYTHONSAFEPATH="1")
    CONTEXT.set_forkserver_preload([*sorted({stage.module for stage in STAGES.values()}), __name__])
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(arguments: list[str], folder: Path, output: Path, sender: Connection) -> None:
    os.setsid()
    os.chdir(folder)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sender.send_bytes(b"started")
    sys.exit(cli.main(arguments))
