"""The notebook in `examples/`: it runs from top to bottom, and its saved pages work without a kernel."""

import shutil
import warnings
from pathlib import Path

import pytest
from site_visits import Visitor

ROOT = Path(__file__).resolve().parents[2]
NAME = "report.ipynb"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the notebook as a reader does, and save it as HTML."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook's libraries about each other
        nbformat, exporters, preprocessors = (
            pytest.importorskip(name) for name in ("nbformat", "nbconvert.exporters", "nbconvert.preprocessors")
        )
        folder = tmp_path_factory.mktemp("notebook")
        shutil.copy(ROOT / "examples" / "news.csv", folder)
        notebook = nbformat.read(ROOT / "examples" / NAME, as_version=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(ROOT))
            runner = preprocessors.ExecutePreprocessor(timeout=1200, kernel_name="python3")
            runner.preprocess(notebook, {"metadata": {"path": str(folder)}})
        text, _ = exporters.HTMLExporter().from_notebook_node(notebook)
    (folder / "saved.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_it_runs_and_writes_a_site(saved: Path) -> None:
    assert (saved / "news-site" / "index.html").is_file()
    assert (saved / "news-site-results" / "statistics").is_dir()


@pytest.mark.slow
@pytest.mark.browser
def test_its_pages_work_without_a_kernel(saved: Path, visitor: Visitor, tmp_path: Path) -> None:
    for folder in saved.glob("news-site*"):
        folder.rename(tmp_path / folder.name)
    visit = visitor(saved)
    # Jupyter's own page loads its scripts from elsewhere, which has nothing to do with ours.
    visit.page.route("https://**", lambda route: route.abort())
    visit.page.goto(f"{visit.root}saved.html")

    start, document = (visit.page.frame_locator("iframe").nth(n) for n in (0, 1))
    start.locator("html[data-ready]").wait_for(state="attached")
    document.locator("html[data-ready]").wait_for(state="attached")
    assert "Two layers of MiniLM on news items" in start.locator("h1").inner_text()
    assert document.locator("#text .tk").count() > 40
    visit.faults[:] = [fault for fault in visit.faults if "https://" not in fault and "net::ERR_" not in fault]
