"""Write the counts of the last run of the fault tests into docs/reliability.md: write_fault_table.py COUNTS."""

import datetime as dt
import json
import os
import platform
import sys
from collections import Counter
from pathlib import Path

from snakemake import __version__ as snakemake_version

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- counts of the last run: begin -->\n", "<!-- counts of the last run: end -->\n"


def main(counts: Path) -> None:
    """Add up the cases of each fault and put the table between the marks."""
    cases: Counter[str] = Counter()
    for line in counts.read_text(encoding="utf-8").splitlines():
        fault, n_cases = json.loads(line)
        cases[fault] += n_cases
    today = dt.datetime.now(tz=dt.UTC).date()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Snakemake {snakemake_version}"
    rows = [f"| {fault} | {n_cases:,} |" for fault, n_cases in cases.items()]
    table = [f"Run on {today}: {machine}.", "", "| fault | cases |", "|---|---|", *rows]
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text("".join([before, BEGIN, "\n".join(table), "\n", END, after]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
