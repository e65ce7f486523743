"""A `python` that starts in milliseconds: jobs of a workflow are forked from a process that has imported everything.

Most of the time of a small workflow is that of its jobs' imports. A job runs the code of its own checkout, in its own
folder and environment; only modules of other packages are shared. What a library reads from the environment when it is
imported cannot be set for a job, nor can limits of its shell: tests of such things start programs the usual way.
`stage_processes` forks single stages of one checkout, without a shell and without Snakemake.
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = "attviz_pipeline"
PROGRAM_NAMED = "PYTHON_OF_STAGES"
"""The variable of the environment that names the program which jobs are started with."""
MOST_BYTES = 2**20
"""Of a request: arguments, folder and environment of a job."""
AT_IMPORT = {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""What libraries read when they are imported; a second thread would not live on in a fork."""
STARTED: "list[tuple[subprocess.Popen[bytes], TemporaryDirectory[str]]]" = []
# Isolated and without site-packages (-IS), Python starts in 20 ms.
PROGRAM = """#!{python} -IS
import array, os, signal, socket, sys
if sys.argv[1:3] != ["-m", "{package}"]:
    os.execv("{python}", ["{python}", *sys.argv[1:]])
import json
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect("{address}")
request = json.dumps([sys.argv[3:], os.getcwd(), dict(os.environ)]).encode()
server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, {most_bytes})
server.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: server.send(bytes([number])))
status = int(server.recv(16) or 70)
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def python_function(*lines: str) -> str:
    """Return a file for `BASH_ENV`, by which commands of a workflow start the program that `PROGRAM_NAMED` names.

    No place of PATH could do so: Snakemake puts its own Python before all of them.

    Args:
        lines: Lines of shell that run before it, `$*` being its arguments.
    """
    return "\n".join(["python() {", *lines, f'${{{PROGRAM_NAMED}:-command python}} "$@"', "}", ""])


@cache
def warm_python() -> Path:
    """Return a program that forks jobs; `end_warm_python` ends what they are forked from. Beside it: `bash_env`."""
    place = TemporaryDirectory(prefix="warm-")
    folder = Path(place.name)
    address, program = folder / "socket", folder / "python"
    facts = {"python": sys.executable, "package": PACKAGE, "address": address, "most_bytes": MOST_BYTES}
    program.write_text(PROGRAM.format(**facts), encoding="utf-8")
    program.chmod(0o755)
    program.with_name("bash_env").write_text(python_function(), encoding="utf-8")
    code = [sys.executable, "-P", __file__, str(address)]
    server = subprocess.Popen(code, env=os.environ | AT_IMPORT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    STARTED.append((server, place))
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return program


def end_warm_python() -> None:
    """End what jobs were forked from, if there is such a process."""
    for server, place in STARTED:
        server.communicate()
        place.cleanup()
    STARTED.clear()
    warm_python.cache_clear()


def _serve(address: str) -> list[str]:
    """Fork a job for each request until standard input ends; return its arguments in the job."""
    from attviz_pipeline.stages import STAGES  # noqa: PLC0415 - a client of this module needs no stage

    for stage in STAGES.values():
        importlib.import_module(stage.module)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    gc.freeze()  # or every collection in a job would copy all of it
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    events = selectors.DefaultSelector()
    events.register(sys.stdin, selectors.EVENT_READ)
    events.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in events.select():
            if key.fileobj is sys.stdin:
                events.close()
                sys.exit()
            elif key.fileobj is listener:
                arguments = _fork(listener, events)
                if arguments is not None:
                    return arguments
            else:
                key.data(key.fileobj)


def _fork(listener: socket.socket, events: selectors.BaseSelector) -> list[str] | None:
    client, _ = listener.accept()
    size = socket.CMSG_SPACE(3 * array.array("i").itemsize)
    message, ancillary, *_ = client.recvmsg(MOST_BYTES, size)
    files = array.array("i", ancillary[0][2])
    arguments, folder, environment = json.loads(message)
    job = os.fork()
    if not job:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, 1024)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        return list(arguments)
    for file in files:
        os.close(file)
    ended = os.pidfd_open(job)

    def hear(_: object) -> None:
        heard = client.recv(1)
        # A client that is gone was killed.
        os.kill(job, heard[0] if heard else signal.SIGKILL)
        if not heard:
            events.unregister(client)

    def end(_: object) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        events.unregister(ended)
        os.close(ended)
        if client in events.get_map():
            events.unregister(client)
            client.send(str(status).encode())
        client.close()

    events.register(client, selectors.EVENT_READ, hear)
    events.register(ended, selectors.EVENT_READ, end)
    return None


def _run(arguments: list[str]) -> None:
    import torch  # noqa: PLC0415 - the client needs none

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    named = os.environ.get("PYTHONPATH", "")
    sys.path[:0] = [str(Path.cwd()), *filter(None, named.split(os.pathsep))]
    sys.argv = [PACKAGE, *arguments]
    importlib.invalidate_caches()
    status = 1
    try:
        runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        # An ordinary end would take seconds to take down what has been imported.
        os._exit(status)


if __name__ == "__main__":
    _run(_serve(sys.argv[1]))
