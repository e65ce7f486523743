"""The interpreter of Snakemake is that of the jobs, activated or not, and one without the packages is named."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from tiny_workflow import ROOT, command, write_study

from attviz_pipeline import environment
from attviz_pipeline.errors import ResourceError

DEPENDENCIES = '[project]\ndependencies = ["numpy==2", "no-such-package>=1; python_version > \'3\'", "another.one"]\n'
REMEDY = "pip install -c constraints.txt -e ."


@pytest.fixture
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which nothing is activated."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.mark.usefixtures("_bare")
def test_jobs_find_this_interpreter_and_this_code_first(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = ['numpy==2']\n")
    environment.use_this_interpreter(tmp_path)
    environment.use_this_interpreter(tmp_path)  # as every job's own Snakemake does

    assert os.environ["PATH"] == f"{Path(sys.executable).parent}:/usr/bin:/bin"
    assert os.environ["PYTHONPATH"] == str(tmp_path)


@pytest.mark.usefixtures("_bare")
def test_all_missing_packages_are_named_before_any_job(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(DEPENDENCIES)
    with pytest.raises(ResourceError, match=r"lacks .*: no-such-package, another\.one\.") as caught:
        environment.use_this_interpreter(tmp_path)
    assert sys.executable in str(caught.value)
    assert REMEDY in str(caught.value)


@pytest.mark.usefixtures("_bare")
def test_an_interpreter_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    with pytest.raises(ResourceError, match="has no program `python`, which the rules call"):
        environment.use_this_interpreter(tmp_path)


@pytest.mark.usefixtures("_bare")
@pytest.mark.slow
def test_snakemake_needs_no_activated_environment(tmp_path: Path) -> None:
    write_study(tmp_path)
    documents = "results/tiny/dataset/documents.parquet"
    call, _ = command(tmp_path, "--", documents)
    finished = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (tmp_path / documents).is_file()


def test_a_stage_without_its_packages_names_them_and_the_remedy() -> None:
    without = "import sys; sys.modules['pyarrow'] = None; from attviz_pipeline.cli import main; sys.exit(main())"
    paths = [f"--{name}=x" for name in ("documents", "ledger", "card")]
    finished = run_python("-c", without, "prepare-dataset", "--config", "config/config.yaml", *paths)

    assert finished.returncode == 2
    assert f"{sys.executable} lacks packages that this project needs: pyarrow." in finished.stderr
    assert REMEDY in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "report" not in finished.stderr


def test_an_interpreter_without_any_package_is_named() -> None:
    finished = run_python("-S", "-m", "attviz_pipeline", "check-config", "--config", "config/config.yaml")

    assert finished.returncode == 2
    assert f"{sys.executable} lacks packages that this project needs: " in finished.stderr
    assert "Traceback" not in finished.stderr


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, *arguments]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_pins_install_on_the_oldest_python_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [oldest] = re.findall(r"\d+\.\d+", project["requires-python"])
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    needs = {}
    for name, pinned in pins.items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        assert found.version.partition("+")[0] == pinned, f"{name} is installed as {found.version}"
        needs[name] = found.metadata["Requires-Python"] or ""

    assert len(needs) > 100
    assert [name for name, asked in needs.items() if f"{oldest}.0" not in SpecifierSet(asked)] == []
