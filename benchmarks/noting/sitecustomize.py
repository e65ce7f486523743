"""Note what each stage took, as a line of JSON in the file that ATTVIZ_COSTS names.

Python imports this module when it starts, if its folder is in PYTHONPATH. Snakemake's own benchmark files look at a job
every half minute, which is too seldom for short ones.
"""

# ruff: noqa: INP001 - a folder of scripts

import atexit
import json
import os
import re
import sys
import time
from pathlib import Path

START = time.perf_counter()
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def note(notes: Path, arguments: list[str]) -> None:
    """Add the command, and seconds, CPU seconds with those of child processes, and the most memory in MB."""
    # The peak that getrusage reports can be that of the process which started this one.
    (peak_kb,) = PEAK.findall(Path("/proc/self/status").read_text(encoding="ascii"))
    cost = (time.perf_counter() - START, sum(os.times()[:4]), int(peak_kb) / 1024)
    with notes.open("a", encoding="utf-8") as file:
        file.write(json.dumps([arguments, cost]) + "\n")


if sys.orig_argv[1:3] == ["-m", "attviz_pipeline"] and "ATTVIZ_COSTS" in os.environ:
    atexit.register(note, Path(os.environ["ATTVIZ_COSTS"]), sys.orig_argv[1:])
