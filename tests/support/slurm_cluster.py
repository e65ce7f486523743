"""A real SLURM of two nodes on this machine: its own keys, ports and folder, so that the system's SLURM is not touched.

Both nodes' daemons listen on the loopback only. There is no accounting, and each node pretends to have two GPUs.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "srun", "setpriv")
# A GPU needs a character device of its own: a plain file, or a count alone, is scheduled but never assigned.
NODES = {"node1": ("/dev/null", "/dev/zero"), "node2": ("/dev/full", "/dev/random")}

CONFIGURATION = """\
ClusterName=attviz
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthInfo=socket={folder}/munge/socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SlurmdTimeout=10
JobRequeue=0
ReturnToService=2
MinJobAge=7200
KillWait=2
GresTypes=gpu
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Say why no SLURM can be started here; empty where one can."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=_search_path()) is None]
    if missing:
        return f"SLURM is not installed: no {', '.join(missing)} (tests/support/provide_slurm.sh)"
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return "the machine's own name does not resolve (tests/support/provide_slurm.sh)"
    return ""


class SlurmJob(NamedTuple):
    """What was asked for one job, and where it runs or ran."""

    id: str
    node: str
    memory: int
    """Megabytes."""
    minutes: int
    gpus: str
    """`gres:gpu:1`, or `N/A`."""


class SlurmCluster:
    """The daemons, and the environment in which SLURM's commands find them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        # No environment is activated: jobs find their interpreter by themselves.
        programs = os.pathsep.join([str(folder / "bin"), _search_path(without=Path(sys.executable).parent)])
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": programs}

    def start(self) -> None:
        """Configure and start everything, and wait until both nodes are idle."""
        self._configure()
        munge = self._folder / "munge"
        places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={munge / name}" for option, name in places.items()]
        # Forced, because it would refuse a folder that others may not enter, which the tests' is.
        self._start("munged", "--foreground", "--force", *options)
        wait((munge / "socket").exists, "munge")
        self._start("slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        wait(lambda: self.command("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES), "idle nodes")

    def start_node(self, node: str) -> None:
        """Start the daemon of one node."""
        self._start("slurmd", "-D", "-N", node, name=node)

    def kill_node(self, node: str) -> None:
        """End a node as a power failure would: its daemon and all its jobs at once, without a word."""
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        for process in _processes_on(node):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """Cancel what still runs, and stop the daemons."""
        if "slurmctld" in self._daemons:
            self.command("scancel", f"--user={getpass.getuser()}")
            wait(lambda: not self.command("squeue", "-h"), "an empty queue")
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            daemon.wait(timeout=30)

    def command(self, *words: str) -> str:
        """Run one of SLURM's commands and return what it prints."""
        finished = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        return finished.stdout.strip()

    def jobs(self, rule: str, state: str = "all") -> list["SlurmJob"]:
        """Return the jobs that were submitted for a rule, alone or in a group, in the order of their ids."""
        columns = ("Comment:400", "JobID:20", "NodeList:40", "MinMemory:20", "TimeLimit:20", "tres-per-job:40")
        # Of GPUs, `--gpus` asks per job, which none of the short formats (`%b`: per node) shows.
        listing = self.command("squeue", "-h", "-t", state, "-S", "i", "-O", "|,".join(columns))
        fields = [[cell.strip() for cell in line.split("|")] for line in listing.splitlines()]
        return [
            SlurmJob(job, node, int(memory.removesuffix("M")), _minutes(limit), gpus)
            for comment, job, node, memory, limit, gpus in fields
            if rule in comment
        ]

    def add_program(self, name: str, line: str) -> None:
        """Put a program of one line before all others that jobs find."""
        program = self._folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def _configure(self) -> None:
        for name in ("munge", "state", "bin", *(f"spool-{node}" for node in NODES)):
            (self._folder / name).mkdir()
        self._folder.chmod(0o755)
        key = self._folder / "munge" / "key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        host = socket.gethostname().partition(".")[0]
        node = f"NodeName={{}} NodeHostname={host} NodeAddr=127.0.0.1 Port={{}} CPUs=1 RealMemory=32000 Gres=gpu:2\n"
        lines = [CONFIGURATION.format(host=host, user=getpass.getuser(), folder=self._folder, port=_free_port())]
        lines += [node.format(name, _free_port()) for name in NODES]
        (self._folder / "slurm.conf").write_text("".join(lines))
        gpus = [f"NodeName={name} Name=gpu File={device}\n" for name, pair in NODES.items() for device in pair]
        (self._folder / "gres.conf").write_text("".join(gpus))
        # Inside a job, Snakemake's slurm-jobstep drops SLURM_CONF before it calls srun, which then finds no cluster.
        srun = shutil.which("srun", path=_search_path())
        self.add_program("srun", f'SLURM_CONF={self._folder}/slurm.conf exec {srun} "$@"')

    def _start(self, program: str, *options: str, name: str = "") -> None:
        log = (self._folder / f"{name or program}.log").open("ab")
        with log:
            self._daemons[name or program] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", program, *options],  # however the tests end, no daemon stays
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is true, and say what was waited for in vain."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)


def _search_path(without: Path | None = None) -> str:
    # Daemons lie where the path of a user who is not root does not lead.
    folders = [*os.environ["PATH"].split(os.pathsep), "/usr/sbin", "/usr/local/sbin"]
    return os.pathsep.join(folder for folder in folders if folder != str(without))


def _minutes(limit: str) -> int:
    """Read a time limit as SLURM writes it: days-hours:minutes:seconds, from the left as far as needed."""
    days, _, clock = limit.rpartition("-")
    hours, minutes = ["0", *clock.split(":")][-3:-1]
    return int(days or 0) * 24 * 60 + int(hours) * 60 + int(minutes)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _processes_on(node: str) -> list[int]:
    """Return the processes of a node's jobs; first the daemons above them, which would report the others' deaths."""
    mark = f"SLURMD_NODENAME={node}".encode()
    marked, daemons = [], set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                marked.append(int(folder.name))
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if Path(f"/proc/{parent}/comm").read_text().startswith("slurmstepd"):
                    daemons.add(parent)
        except OSError:
            continue  # it has ended meanwhile
    return [*daemons, *marked]
