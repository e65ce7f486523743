"""The mutation tester, and the list of mutants that no test need notice."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from mutations import mutants_of

ROOT = Path(__file__).resolve().parents[2]
SOURCE = '''
LIMIT: int = 3


class Sum:
    """No text changes -1."""

    @cached(1)
    def share(self, values: tuple[1, 2]) -> float:
        logger.info("%d", 1 + 1)
        return min(values) / 2 if not values and len(values) >= LIMIT else dict(zip(values, strict=True))


def add(total, value):
    total += value
'''


def test_every_kind_of_fault_is_found_and_nothing_else() -> None:
    found = [(mutant.function, mutant.line, mutant.becomes) for mutant in mutants_of(SOURCE)]

    start, end = "return min(values) / 2 if", "else dict(zip(values, strict=True))"
    condition = "not values and len(values) >= LIMIT"
    assert sorted(found) == sorted(
        [
            ("", 2, "LIMIT: int = (4)"),
            ("", 2, "LIMIT: int = (2)"),
            ("Sum.share", 11, f"return (min(values) * 2) if {condition} {end}"),
            ("Sum.share", 11, f"return (max(values)) / 2 if {condition} {end}"),
            ("Sum.share", 11, f"return min(values) / (3) if {condition} {end}"),
            ("Sum.share", 11, f"return min(values) / (1) if {condition} {end}"),
            ("Sum.share", 11, f"{start} (not values or len(values) >= LIMIT) {end}"),
            ("Sum.share", 11, f"{start} (values) and len(values) >= LIMIT {end}"),
            ("Sum.share", 11, f"{start} not values and (len(values) > LIMIT) {end}"),
            ("Sum.share", 11, f"{start} not values and (len(values) < LIMIT) {end}"),
            ("add", 15, "total -= value"),
        ]
    )


def test_a_mutant_differs_from_its_file_in_one_place() -> None:
    file = ROOT / "attviz_pipeline" / "strata.py"
    source = file.read_text(encoding="utf-8")
    mutants = list(mutants_of(source))

    assert len({(mutant.function, mutant.becomes) for mutant in mutants}) == len(mutants) > 30
    for mutant in mutants:
        compile(mutant.source, file.name, "exec")
        assert 0 <= len(source.splitlines()) - len(mutant.source.splitlines()) <= 2
        assert mutant.source != source


def test_listed_mutants_are_still_there_and_have_a_reason() -> None:
    listed = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["survivor"]
    for file in {entry["file"] for entry in listed}:
        found = {(m.function, m.becomes) for m in mutants_of((ROOT / file).read_text(encoding="utf-8"))}
        mine = {(entry["function"], entry["becomes"]) for entry in listed if entry["file"] == file}
        assert not mine - found, f"tests/mutants.toml lists mutants of {file} that are no more"
    assert all(len(entry["reason"]) > 20 for entry in listed)


@pytest.mark.slow
def test_a_checkout_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    files = {
        "attviz_pipeline/__init__.py": "",
        "attviz_pipeline/analysis/__init__.py": "",
        "attviz_pipeline/analysis/double.py": (
            "def double(x):\n    return x * 2\n\n\ndef half(x):\n    return x / 2\n\n\n"
            "def one():\n    return 1\n\n\nONE = one()\n"
        ),
        "tests/test_double.py": (
            "import pytest\nfrom attviz_pipeline.analysis.double import ONE, double, half\n\n\n"
            "@pytest.fixture(scope='module')\ndef four():\n    return double(2)\n\n\n"
            "def test_half(four):\n    assert half(4) < 4\n\n\ndef test_four(four):\n    assert four * ONE == 4\n"
        ),
        "tests/mutants.toml": "survivor = []\n",
        "pyproject.toml": "[tool.pytest.ini_options]\nmarkers = ['slow', 'browser']\n",
        ".gitignore": ".mutants\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "tests" / "support").mkdir()
    for name in ("mutants.py", "mutations.py", "call_recorder.py"):
        shutil.copy2(ROOT / "tests" / "support" / name, tmp_path / "tests" / "support")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = [sys.executable, "tests/support/mutants.py", "--tests", "tests"]

    first, again = (subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False) for _ in "12")

    assert "noticed: attviz_pipeline/analysis/double.py:2 return x * (3)" in first.stdout, first.stdout + first.stderr
    assert "survived: attviz_pipeline/analysis/double.py:6 return x / (3)" in first.stdout
    assert "noticed anew: attviz_pipeline/analysis/double.py:10 return (2)" in first.stdout  # called at import only
    assert "8 mutants: 87.5% noticed; 1 survived, 1 without a reason" in first.stdout
    assert "noticed: " not in again.stdout
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert (first.returncode, again.returncode) == (1, 1)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files} == files
