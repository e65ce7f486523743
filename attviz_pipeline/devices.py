"""One GPU per process, also on a machine without a scheduler.

SLURM makes only the allocated GPUs visible to a job. Without SLURM, and in a SLURM job with several GPUs, processes
reserve GPUs with lock files: one file per GPU, locked as long as the process lives. The kernel releases the lock
however the process ends.
"""

import fcntl
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
SLURM_JOB = "SLURM_JOB_ID"
SECONDS_BETWEEN_TRIES = 0.5


@contextmanager
def reserved_gpu(n_gpus: int) -> Iterator[None]:
    """Make one free GPU the only visible one and reserve it against other processes of this user.

    Has no effect with `n_gpus=0`, in a SLURM job with at most one GPU, and on a machine without GPUs; the stage then
    chooses the device, or fails if the device is missing. Enter it before torch is first used.

    Args:
        n_gpus: 1 to reserve one, 0 for none.
    """
    gpus = _gpus(os.environ) if n_gpus else []
    if not gpus:
        yield
        return
    before = os.environ.get(VISIBLE)
    with _first_free(gpus) as gpu:
        os.environ[VISIBLE] = gpu
        logger.info("reserved GPU %s, one of %d", gpu, len(gpus))
        try:
            yield
        finally:
            os.environ.pop(VISIBLE)
            os.environ.update({} if before is None else {VISIBLE: before})


def _gpus(environment: Mapping[str, str]) -> list[str]:
    """Return the GPUs to choose from, by their names in CUDA."""
    named = [gpu.strip() for gpu in environment.get(VISIBLE, "").split(",") if gpu.strip()]
    if SLURM_JOB in environment:
        logger.info("SLURM gave this job %s=%s", VISIBLE, environment.get(VISIBLE, ""))
        return named if len(named) > 1 else []
    if VISIBLE in environment:
        return named
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        logger.warning("a GPU was requested, but nvidia-smi lists none on this machine")
        return []
    return listing.stdout.split()


@contextmanager
def _first_free(gpus: list[str]) -> Iterator[str]:
    folder = Path(tempfile.gettempdir()) / f"attviz-pipeline-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # SLURM numbers each job's GPUs from 0, so the same number can mean different GPUs in two jobs.
    job = os.environ.get(SLURM_JOB, "")
    prefix = f"slurm-{job}-" if job else ""
    warned = False
    while True:
        for gpu in gpus:
            with (folder / f"{prefix}{gpu.replace('/', '_')}.lock").open("a") as file:
                if _locked(file):
                    yield gpu
                    return
        if not warned:
            logger.warning("all %d GPUs are in use: waiting for one (snakemake --resources gpu=%d)", *[len(gpus)] * 2)
            warned = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def _locked(file: IO[str]) -> bool:
    # A record lock belongs to this process alone. Child processes, which may outlive it, do not inherit it.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
