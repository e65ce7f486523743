"""Check and measure the extraction on a CUDA GPU; write gpu.md. Run it by `benchmarks/gpu.sh`, which sets the paths.

    benchmarks/gpu.sh check
    benchmarks/gpu.sh measure
    benchmarks/gpu.sh page       # write the page again from its template, and keep the results

The page is written after every row, so that a run that is ended from outside keeps what it found.
"""

# ruff: noqa: INP001, T201, PLC0415 - a script that prints, and imports torch only if it is there

import argparse
import importlib.util
import os
import platform
import re
import sys
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, TEMPLATE = HERE / "gpu.md", HERE / "gpu.template.md"
SECTIONS = ("CHECK", "MEASURE")
NOTHING = "Not yet run on a GPU."
LEAST_PYTHON = (3, 11)
LEAST = {"torch": "2.5", "transformers": "5.0"}
PACKAGES = {  # by the name of the import
    "torch": "torch",
    "transformers": "transformers",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "yaml": "pyyaml",
    "regex": "regex",
    "tqdm": "tqdm",
}
FOR_TRAINING = "accelerate, scipy, scikit-learn, sentencepiece"
SECONDS = {"check": 180, "measure": 240}
GB_OF_GPU = {"check": 4, "measure": 10}


def main() -> int:
    """Run one command; 0 if nothing failed, 1 if a row did, 2 if the machine lacks something."""
    options = _options()
    if options.command == "page":
        _write_page(PAGE, _sections(PAGE))
        return 0
    if problem := lacking() or ("" if options.dry_run else _lacking_gpu(options.command)):
        print(problem, file=sys.stderr)
        return 2
    return _run(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["check", "measure", "page"])
    parser.add_argument("--dry-run", action="store_true", help="every step on the CPU with a tiny model: does it run?")
    parser.add_argument("--page", type=Path, help="where the table goes (default: gpu.md; of a dry run nowhere)")
    parser.add_argument("--seconds", type=float, help="begin no row after this time (default: 180 and 240)")
    return parser.parse_args()


def lacking() -> str:
    """Say which packages are missing or too old, and how to bring them to a machine without network; "" if none."""
    if sys.version_info < LEAST_PYTHON:
        return f"Python {platform.python_version()} is too old: {'.'.join(map(str, LEAST_PYTHON))} or newer is needed."
    absent = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if absent:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"{sys.executable} lacks {', '.join(absent)}. On a machine with network, run\n"
            f"    pip install --target extra --only-binary=:all: --python-version {version} {' '.join(absent)}\n"
            "then bring the folder `extra` along, and set PYTHONPATH to it."
        )
    for name, least in LEAST.items():
        found = metadata.version(name)
        if _numbers(found) < _numbers(least):
            return f"{name} {found} is too old: {least} or newer is needed."
    return ""


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:2]]


def _lacking_gpu(command: str) -> str:
    import torch

    if not torch.cuda.is_available():
        return (
            f"no CUDA device is visible to torch {torch.__version__} (built for CUDA {torch.version.cuda}; "
            f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')}). "
            "Request a GPU, use a torch that is built for CUDA, or try the script with --dry-run."
        )
    free = torch.cuda.mem_get_info()[0] / 1e9
    if free < GB_OF_GPU[command]:
        return f"the GPU has {free:.1f} GB of free memory, and `{command}` needs {GB_OF_GPU[command]} GB."
    return ""


def _run(options: argparse.Namespace) -> int:
    from gpu_parts import DRY, FAILED, ON_GPU, Clock, run_parts

    plan = DRY if options.dry_run else ON_GPU
    page = options.page or (None if options.dry_run else PAGE)
    clock = Clock(options.seconds or SECONDS[options.command])
    _be_quiet()
    with tempfile.TemporaryDirectory() as folder:
        if options.command == "check":
            from gpu_check import checks

            parts = checks(plan, Path(folder))
        else:
            from gpu_measure import measurements

            parts = measurements(plan, Path(folder), clock)
        rows = []
        for row in run_parts(parts, clock):
            print(" | ".join(row), flush=True)
            rows.append(row)
            if page is not None:
                table = [f"| {' | '.join(one)} |" for one in rows]
                title = ["| what | bar | found | detail |", "|---|---|---|---|"]
                section = "\n".join([*_facts(options), "", *title, *table])
                _write_page(page, _sections(page) | {options.command.upper(): section})
    failed = [row.what for row in rows if row.measured.startswith(FAILED)]
    print(f"{len(rows) - len(failed)} of {len(rows)} rows did not fail", *failed, sep="\n- ")
    return 1 if failed else 0


def _be_quiet() -> None:
    import logging

    import transformers

    logging.getLogger("attviz_pipeline").setLevel(logging.ERROR)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _facts(options: argparse.Namespace) -> list[str]:
    import torch
    import transformers

    device = "no GPU: a dry run with a tiny model, whose numbers mean nothing"
    if not options.dry_run:
        chip = torch.cuda.get_device_properties(0)
        device = f"{chip.name}, {chip.total_memory / 1e9:.0f} GB, compute capability {chip.major}.{chip.minor}"
    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}, transformers {transformers.__version__}"
    return [
        f"- Machine: {device}; {os.cpu_count()} cores, {platform.machine()}",
        f"- Versions: Python {platform.python_version()}, {versions}",
        f"- Command: `benchmarks/gpu.sh {options.command}{' --dry-run' if options.dry_run else ''}`",
        f"- Date: {datetime.now(UTC):%Y-%m-%d}",
    ]


def _sections(page: Path) -> dict[str, str]:
    """Return what each command wrote into the page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    found = {name: re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL) for name in SECTIONS}
    return {name: "".join(texts) or NOTHING for name, texts in found.items()}


def _write_page(page: Path, sections: dict[str, str]) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    facts = {name: f"<!-- {name} -->\n{section}\n<!-- end -->" for name, section in sections.items()}
    facts |= {name.upper(): least for name, least in LEAST.items()}
    facts["PACKAGES"] = ", ".join(name for name in PACKAGES.values() if name not in LEAST)
    facts["FOR_TRAINING"] = FOR_TRAINING
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
