"""What may not happen whatever the input: code run from data, files outside the site, pages that reach out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import synthetic_site
from synthetic_attention import write_attention_shards
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import ExportSettings
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.export.export_attention import export_attention
from attviz_pipeline.model.load import SAFELY
from attviz_pipeline.report import links
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import ExportAttention

ROOT = Path(__file__).resolve().parents[2]
IDS = [
    "..",
    "../../outside",
    "/etc/passwd",
    "~/.ssh/id",
    "C:\\outside",
    "a\0b",
    "CASE",
    "case",
    "x" * 300,
    "con",
    "a\nb",
    "$(touch outside)",
]
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "yaml.load"}
NEVER_IMPORTED = {"pickle", "dill", "joblib", "shelve", "marshal"}


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in (ROOT / "attviz_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def called(call: ast.Call) -> str:
    """Return the dotted name of what is called."""
    return ast.unparse(call.func)


def test_no_code_is_made_of_data() -> None:
    for path, call in calls():
        assert called(call) not in NEVER_CALLED, f"{path}:{call.lineno} {called(call)}"
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert given.get("shell", "False") == "False", f"{path}:{call.lineno}"
        assert given.get("allow_pickle", "False") == "False", f"{path}:{call.lineno}"


def test_models_are_opened_without_remote_code_and_from_safetensors_only() -> None:
    opened = [(path, call) for path, call in calls() if called(call).endswith(".from_pretrained")]
    assert len(opened) >= 4
    assert SAFELY == {"local_files_only": True, "trust_remote_code": False}
    for path, call in opened:
        given = {word.arg or ast.unparse(word.value): ast.unparse(word.value) for word in call.keywords}
        if "SAFELY" not in given:
            assert given.get("trust_remote_code") == "False", f"{path}:{call.lineno}"
            assert given.get("local_files_only") == "True", f"{path}:{call.lineno}"
        if "Model" in called(call):
            assert given.get("use_safetensors") == "True", f"{path}:{call.lineno}"


def test_nothing_that_pickles_is_imported() -> None:
    for path in (ROOT / "attviz_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & NEVER_IMPORTED, path


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_hostile_ids_write_nothing_outside_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_site, "HOSTILE_IDS", IDS)
    monkeypatch.chdir(tmp_path)
    inputs = write_site_inputs(tmp_path / "inputs", n_documents=len(IDS), hostile=True)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    before = tree(tmp_path)
    write_site(site_settings(), inputs, tmp_path / "deep" / "er" / "site")

    assert {name for name in tree(tmp_path) - before if not name.startswith("deep/er/site")} == set()
    pages = (tmp_path / "deep" / "er" / "site" / "documents").iterdir()
    assert {page.name for page in pages} == {f"{position:06d}.html" for position in range(len(IDS))}


def test_hostile_ids_write_nothing_outside_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_site, "HOSTILE_IDS", IDS)
    shards = write_attention_shards(tmp_path / "attention", n_documents=len(IDS), n_shards=1)
    synthetic_site._rename(shards[0], attention_schemas.ATTENTION, {})
    assert "a\0b 0005" in files.read_table(shards[0], attention_schemas.ATTENTION)["id"].to_pylist()
    before = tree(tmp_path)
    formats = ["attviz_json", "neat_vision", "latex", "csv", "parquet"]
    export_attention(ExportAttention(export=ExportSettings(formats=formats)), shards, tmp_path / "export")

    assert {name for name in tree(tmp_path) - before if not name.startswith("export")} == set()
    assert all(re.fullmatch(r"[\w./-]+", name) for name in tree(tmp_path) - before)


def test_a_site_that_is_a_link_is_replaced_and_what_it_led_to_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (tmp_path / "site").symlink_to(outside)
    with files.atomic_directory(tmp_path / "site") as folder:
        (folder / "index.html").write_text("new")

    assert tree(outside) == {"kept"}
    assert not (tmp_path / "site").is_symlink()
    assert (tmp_path / "site" / "index.html").read_text() == "new"


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "a\0b", "..", "", "x" * 65])
def test_names_of_studies_and_folders_are_no_paths(name: str) -> None:
    for changes in ({"name": name}, {"name": "a", "publish": {"folder": name}}):
        with pytest.raises(ConfigError, match=r"should match pattern|must be a string|String should match"):
            parse_study({"dataset": {"source": "a.csv"}, "model": {"source": "m"}, **changes}, "a study")


def policy_of(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8")
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert text.index("Content-Security-Policy") < text.index("<link"), page
    return dict(directive.strip().split(" ", 1) for directive in policy.split(";"))


def test_pages_forbid_what_they_do_not_need(hostile_site: Path, site: Path) -> None:
    allowed = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    framing = {hostile_site / links.COMPARE, site / links.COMPARE}
    for page in (*hostile_site.rglob("*.html"), *site.rglob("*.html")):
        # Only the page that puts two others side by side may frame, and pages of this site only.
        assert policy_of(page) == allowed | ({"frame-src": "'self'"} if page in framing else {}), page
    assert all(page.is_file() for page in framing)
