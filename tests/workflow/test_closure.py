"""Which files a stage's results depend on: an edit of one of them reruns it, an edit of another does not."""

import ast
import shutil
from functools import cache
from pathlib import Path

import pytest

from attviz_pipeline import closure
from attviz_pipeline.closure import source_files
from attviz_pipeline.stages import STAGES, Stage

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "attviz_pipeline").rglob("*.py"))


def names(stage: str) -> set[str]:
    return {path.as_posix().removeprefix("attviz_pipeline/") for path in source_files(STAGES[stage])}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_the_closure_holds_the_stage_and_ends_at_files_that_exist(stage: Stage) -> None:
    files = source_files(stage)

    assert Path(*stage.module.split(".")).with_suffix(".py") in files
    assert all((ROOT / path).is_file() for path in files)
    assert not [path for path in files if path.parts[1:2] == ("config",) or path.name in {"stages.py", "cli.py"}]


def test_what_a_module_imports_is_followed() -> None:
    assert {"words.py", "artifacts/files.py", "artifacts/corpus_schemas.py", "strata.py"} <= names("render_site")
    assert {"attention/maps/selection.py", "strata.py"} <= names("select_maps")
    assert {"attention/maps/reduction.py", "attention/windows.py", "model_inputs.py"} <= names("extract_maps")


@pytest.mark.parametrize(
    ("schemas", "reader"),
    [("term_schemas", "list_terms"), ("statistics_schemas", "aggregate_shard"), ("output_schemas", "render_site")],
)
def test_formats_of_later_stages_rerun_no_earlier_one(schemas: str, reader: str) -> None:
    readers = {name for name in STAGES if f"artifacts/{schemas}.py" in names(name)}

    assert reader in readers
    assert not readers & {"prepare_dataset", "shard_documents", "prepare_model", "extract_attention"}


def test_an_edit_changes_the_digest_and_a_move_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGES["list_terms"]
    digest = closure.source_digest(stage)
    copy = tmp_path / "attviz_pipeline"
    shutil.copytree(closure.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "PACKAGE", copy)
    for name in ("_file", "_imports"):
        monkeypatch.setattr(closure, name, cache(getattr(closure, name).__wrapped__))

    assert closure.source_digest(stage) == digest
    with (copy / "words.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert closure.source_digest(stage) != digest
    with (copy / "words.py").open("w", encoding="utf-8") as file:
        file.write((ROOT / "attviz_pipeline" / "words.py").read_text(encoding="utf-8"))
    with (copy / "publish" / "publish.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert closure.source_digest(stage) == digest


def test_pages_depend_on_their_templates_and_descriptions() -> None:
    files = {path.as_posix() for path in source_files(STAGES["render_site"])}

    assert {"templates/base.html", "templates/assets/js/core/main.js", "docs/statistics/tokens.md"} <= files
    assert not [path for path in source_files(STAGES["draw_figures"]) if path.parts[0] == "templates"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_imports_at_the_top_are_all_there_are(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    top = closure.DEFINITION.split(text, maxsplit=1)[0]
    imported = [set(closure._imported_names(ast.parse(part))) for part in (top, text)]
    below = {name for name in imported[1] - imported[0] if name.startswith("attviz_pipeline")}

    assert not below or module.name in {"cli.py", "__init__.py"}


def test_packages_hold_no_code_that_a_stage_runs() -> None:
    for module in MODULES:
        # `attviz_pipeline` finds its names, and `attviz_pipeline.report` can be called: no stage does either.
        names = module.parent in {ROOT / "attviz_pipeline", ROOT / "attviz_pipeline" / "report"}
        if module.name == "__init__.py" and not names:
            assert [type(node) for node in ast.parse(module.read_text(encoding="utf-8")).body] == [ast.Expr], module
