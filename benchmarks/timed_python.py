"""Run Python, and note what it took as a line of JSON: timed_python.py NOTES ARGUMENTS...

Snakemake's own benchmark files look at a job every half minute, which is too seldom for short ones.
"""

# ruff: noqa: INP001 - a folder of scripts

import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run, note, and end as what was run."""
    notes, *arguments = sys.argv[1:]
    start = time.perf_counter()
    code = subprocess.call([sys.executable, *arguments])  # noqa: S603
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = (time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    if code == 0:
        with Path(notes).open("a", encoding="utf-8") as file:
            file.write(json.dumps([arguments, cost]) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
