"""The index of several sites that are published side by side, each in a folder of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attviz_pipeline.report import assets
from attviz_pipeline.report.render import environment, templates_folder

STYLE = "runs.css"
STYLES = ("core", "runs")


@dataclass(frozen=True)
class RunView:
    """One site: its address, and its facts (schema RUN); of one by another version, its title alone."""

    page: str
    title: str
    description: str = ""
    n_documents: int = 0
    n_layers: int = 0
    n_heads: int = 0
    model: str = ""
    commit: str = ""
    redaction: str = "none"


def render_runs(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Render the index page.

    Args:
        runs: Facts of each site (artifact `run`) by its folder.

    Returns:
        Text of each file by its name: the page and its style sheet, to lie beside the folders.
    """
    templates = templates_folder()
    page = environment(templates).get_template("runs.html")
    return {
        "index.html": page.render(runs=_views(runs), style=STYLE),
        STYLE: assets.joined(source for name in STYLES for source in assets.bundle(templates, "css", name)),
    }


def _views(runs: Mapping[str, Mapping[str, Any]]) -> Sequence[RunView]:
    names = [name for name in RunView.__dataclass_fields__ if name != "page"]
    return [
        RunView(page=f"{folder}/index.html", **{name: facts[name] for name in names if name in facts})
        for folder, facts in sorted(runs.items())
    ]
