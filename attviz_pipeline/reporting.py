"""From Python to a site: `report` runs the stages of the workflow in this process, on objects or on names."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from attviz_pipeline.artifacts.files import scratch_directory
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.dataset.in_memory import rows_of_dataset, write_texts
from attviz_pipeline.errors import ConfigError, Problem
from attviz_pipeline.faults import explained
from attviz_pipeline.model.in_memory import save_model
from attviz_pipeline.model.load import quiet_transformers
from attviz_pipeline.new_study import Wanted, plan_study
from attviz_pipeline.results import Results
from attviz_pipeline.running import run_study

NAME = "report"


def report(  # noqa: PLR0913 - one argument per choice, all named
    model: object,
    tokenizer: object,
    texts: object,
    labels: Iterable[object] | None = None,
    folder: str | Path = "site",
    *,
    ids: Iterable[object] | None = None,
    output_names: Sequence[str] | None = None,
    title: str | None = None,
    description: str = "",
    mode: Literal["self_attention", "full"] = "full",
    evidence: bool = False,
    sensitive: bool = False,
    max_documents: int | None = None,
    revision: str | None = None,
    columns: Mapping[str, str] | None = None,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    progress: bool = True,
) -> Results:
    """Read the attention of a classifier over texts, and write the site.

    The stages of the workflow run one after the other in this process; texts are never all in memory. A model in
    memory is saved to a temporary folder and loaded from there: its weights, its mode and its device stay as they are.

    Args:
        model: A finished text classifier of transformers; or its folder, or its hub id.
        tokenizer: Its tokenizer; None if the model is named.
        texts: Texts, or pairs of texts, in any iterable; a `datasets.Dataset`; or the path of a file.
        labels: The gold class of each text: a name of one of the model's outputs, or its index. None if the texts are a
            dataset or a file, whose columns hold the labels.
        folder: The site to write. The results are written beside it, in `<folder>-results`; what an earlier call wrote
            to these two folders is replaced.
        ids: A unique id of each text; by default texts are numbered from 1.
        output_names: Names of the model's outputs in order, if its config only numbers them.
        title: Title of the site; by default it names the model.
        description: One paragraph for the start page.
        mode: `full` also measures attention to other tokens.
        evidence: Also measure whether attention matters to the prediction; takes longer.
        sensitive: Hide texts until the reader asks for them.
        max_documents: Maximum number of texts, a seeded sample.
        revision: Commit of a model on the hub.
        columns: Columns of a dataset or a file, for example `{"text_column": "review"}`; found out by default.
        settings: Further settings of the study by section, for example `{"terms": {"level": "token"}}`.
        progress: Show on stderr which stage runs.

    Returns:
        The results; `show()` shows the site's start page in a notebook.

    Raises:
        AttvizError: Model, texts or labels cannot be used, or the machine is too small; the message says what to do.
    """
    site = Path(folder)
    results = site.with_name(f"{site.name}-results")
    _require_own(site, results)
    with explained(), quiet_transformers(), scratch_directory(results / "input") as scratch:
        # With absolute paths, the site shows the names of these temporary files without their folders.
        source = _model_source(model, tokenizer, scratch.resolve())
        data, given = _texts(texts, labels, ids, dict(columns or {}), scratch.resolve())
        planned = plan_study(Wanted(NAME, [data], source, revision, given, output_names, mode="load"))
        content = planned.content
        chosen: dict[str, dict[str, object]] = {
            "documents": {"max_documents": max_documents, "n_shards": 1},
            "attention": {"mode": mode},
            "evidence": {"enabled": evidence},
            "report": {
                "title": title or f"Self-attention of {Path(source).name}",
                "description": description,
                "sensitive": sensitive,
            },
        }
        for section, values in chain(chosen.items(), (settings or {}).items()):
            content[section] = {**content.get(section, {}), **values}
        run_study(parse_study(content, "report()"), results, site, progress=progress)
    return Results(results, site)


def _require_own(site: Path, results: Path) -> None:
    """Refuse folders that something else wrote: they would be replaced."""
    signs = {site: "run.json", results: "dataset"}
    foreign = [folder for folder, sign in signs.items() if folder.exists() and not (folder / sign).exists()]
    foreign = [folder for folder in foreign if not folder.is_dir() or any(folder.iterdir())]
    if foreign:
        problems = [Problem(str(folder), "exists, and was not written by report()") for folder in foreign]
        raise ConfigError("the site cannot be written:", problems, "Name another folder.")


def _model_source(model: object, tokenizer: object, scratch: Path) -> str:
    """Return the folder or the hub id of a model; one in memory is saved."""
    if not isinstance(model, str | Path):
        return str(save_model(model, tokenizer, scratch))
    if tokenizer is not None:
        raise ConfigError("model is a name, and its tokenizer is read from the same place: set tokenizer to None.")
    return str(model)


def _texts(
    texts: Any,  # noqa: ANN401 - an iterable, a dataset of a library that is not imported here, or a path
    labels: Iterable[object] | None,
    ids: Iterable[object] | None,
    columns: dict[str, str],
    scratch: Path,
) -> tuple[str, dict[str, str]]:
    """Return the path of a file with the texts, and its columns by their keys in `dataset`."""
    if isinstance(texts, str | Path):
        _require_absent("texts is a path, and its columns hold", labels=labels, ids=ids)
        return str(texts), columns
    path = scratch / "texts.parquet"
    if hasattr(texts, "column_names"):
        _require_absent("texts is a dataset, and its columns hold", labels=labels, ids=ids)
        labelled = {"label_column": "label"} if "label" in (texts.column_names or ()) else {}
        given = {"text_column": "text"} | labelled | columns
        cells: Mapping[str, Iterable[object]] = rows_of_dataset(
            texts, {key.removesuffix("_column"): name for key, name in given.items()}
        )
    else:
        _require_absent("texts is no dataset, so it has no", columns=columns or None)
        cells = {name: given for name, given in (("text", texts), ("label", labels), ("id", ids)) if given is not None}
    names = write_texts(cells, path)
    return str(path), {f"{name}_column": name for name in names}


def _require_absent(why: str, **given: object) -> None:
    if extra := [name for name, value in given.items() if value is not None]:
        raise ConfigError(f"{why} {' and '.join(extra)}: leave out {' and '.join(extra)}.")
