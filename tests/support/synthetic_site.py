"""A whole site from an invented corpus and model: attention is invented, statistics are computed by the real stages."""
# ruff: noqa: ANN401 - keywords are handed on to functions that type them

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from site_statistics import add_full_mode, compute_statistics
from synthetic_attention import write_attention_shards, write_ledger
from synthetic_evidence import write_evidence
from synthetic_maps import write_maps
from synthetic_models import MODELS, write_models

from attviz_pipeline.artifacts import (
    attention_schemas,
    corpus_schemas,
    files,
    map_schemas,
    model_schemas,
    output_schemas,
)
from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.dataset.imported.import_attention import ImportedFiles
from attviz_pipeline.report.inputs import MapInputs, SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import RenderSite
from attviz_pipeline.tasks.registry import task_of

HOSTILE_TEXTS = [
    "</script><script>alert('script')</script> closes <!-- the element",
    '<img src=x onerror="alert(1)"> <a href="javascript:alert(2)">click</a> "quotes" \'and\' `ticks` & &amp; entities',
    "right to left \u202eevil\u202c and \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 marks",
    "emoji 👩‍👩‍👧 🇸🇮 😀 then words after astral \U0001d518\U0001d52b\U0001d526 text",
    "combining Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘ e\u0301 and n\u0303",
    "long " + "w" * 10_000 + " word",
    "line separators \u2028 and \u2029 here\r\nwindows line end\r\n\r\ntab\there",
    "{{ view.payload }} {% raw %} ${template} \\u003c \\ backslash ]]> null",
]


# Documents with token-to-token maps: one in windows, one without vectors, one of ordinary length.
MAPPED = {3: "misclassified", 5: "low_confidence", 7: "sample"}
HOSTILE_LABELS = ["</title><script>alert(3)</script>", '"><img src=x onerror=alert(4)>', "' onclick='alert(5)"]
HOSTILE_IDS = ["../../etc/passwd", "</script><script>alert(6)</script>", "javascript:alert(7)", "con.html?#%2e%2e"]


def write_site_inputs(  # noqa: PLR0913 - each is a property of the site that some test varies
    folder: Path,
    *,
    n_documents: int = 24,
    n_shards: int = 2,
    hostile: bool = False,
    full: bool = True,
    evidence: bool = True,
    models: bool = False,
    change: Callable[[Path], object] | None = None,
    n_permutations: int | str = 99,
    map_reasons: Mapping[int, str] = MAPPED,
    **options: Any,
) -> SiteInputs:
    """Write every artifact that a site needs.

    Args:
        folder: Where they go.
        n_documents: Number of documents.
        n_shards: Number of shards.
        hostile: Whether texts, ids and class names try to break out of the page.
        full: Whether the attention was read in full mode, so that heads have profiles and tokens more measures.
        evidence: Whether there is evidence.
        models: Whether other models are compared.
        change: Changes each shard of attention before anything is computed from it.
        n_permutations: Of the tests of classes.
        map_reasons: Why documents have maps, by position.
        options: Passed to `write_attention_shards`.
    """
    if hostile:
        options["texts"] = HOSTILE_TEXTS
    attention = write_attention_shards(folder / "attention", n_documents=n_documents, n_shards=n_shards, **options)
    if hostile:
        for path in attention:
            _rename(path, attention_schemas.ATTENTION, {"label_names": HOSTILE_LABELS})
    for path in attention if change else ():
        change(path)
    task = task_of(files.read_facts(attention[0], attention_schemas.ATTENTION)).facts
    ledger = write_ledger(folder / "ledger.parquet", n_documents=n_documents)
    if hostile:
        _rename(ledger, corpus_schemas.LEDGER, {})
    for path in attention if full else ():
        add_full_mode(path)
    mapped = {position: reason for position, reason in map_reasons.items() if position < n_documents}
    return SiteInputs(
        dataset=_card(
            folder / "dataset.json",
            corpus_schemas.DATASET,
            source="news.csv",
            revision=None,
            n_rows=99,
            **task,
        ),
        model=_card(
            folder / "model.json",
            model_schemas.MODEL,
            source="synthetic/bert",
            revision="1" * 40,
            n_parameters=1234,
            sha256={"a": "b"},
            **task,
        ),
        metrics=_card(folder / "metrics.json", model_schemas.METRICS, **_metrics(task["task"])),
        attention=attention,
        figures=_write_figures(folder / "figures"),
        provenance={"git commit": "0" * 40, "python": "3.11"},
        **compute_statistics(folder, attention, ledger, n_permutations=n_permutations).fields(),
        maps=MapInputs(
            write_maps(folder / "maps.parquet", attention, mapped),
            _card(folder / "map_selection.json", map_schemas.MAP_SELECTION, **_selection(mapped)),
        ),
        evidence=write_evidence(folder / "evidence", attention) if evidence else None,
        models=write_models(folder / "models", task["label_names"], evidence=evidence) if models else None,
        model_maps=_maps_of_models(folder, attention, mapped) if models else {},
    )


def _maps_of_models(folder: Path, attention: Sequence[Path], mapped: Collection[int]) -> dict[str, Path]:
    names = [name for name, kind, _ in MODELS if kind != "own"]
    return {name: write_maps(folder / f"maps-{name}.parquet", attention, mapped, name) for name in names}


def site_of_import(folder: Path, imported: ImportedFiles) -> Path:
    """Render the site of attention that was imported, with statistics of the real stages."""
    inputs = SiteInputs(
        dataset=imported.dataset_card,
        model=imported.model_card,
        metrics=imported.metrics,
        attention=imported.attention,
        figures=_write_figures(folder / "figures", n_layers=1, n_heads=2),
        provenance={},
        **compute_statistics(folder, imported.attention, imported.ledger).fields(),
    )
    study = {"name": "imported", "dataset": {"source": "explanations.json", "format": "attviz_json"}}
    write_site(RenderSite(study=parse_study(study, "test")), inputs, folder / "site")
    return folder / "site"


def site_settings(max_megabytes: float = 900, **report: Any) -> RenderSite:
    """Settings of a study with the given report section."""
    study = {"name": "synthetic", "dataset": {"source": "news.csv"}, "model": {"source": "folder"}, "report": report}
    study["site"] = {"max_megabytes": max_megabytes}
    return RenderSite(study=parse_study(study, "test"))


_SCORES = {
    "single_label": {"accuracy": 0.875, "macro_f1": 0.861},
    "multi_label": {"macro_f1": 0.71, "micro_f1": 0.78, "exact_match": 0.55, "hamming_loss": 0.125},
    "regression": {"mse": 1.21, "mae": 0.9, "r2": 0.62, "spearman": 0.8},
}


def _metrics(task: str) -> dict[str, Any]:
    return {
        "splits": {"validation": {"n": 40}, "test": {"n": 40, "n_truncated": 0, **_SCORES[task]}},
        "history": [
            {"epoch": n, "train_loss": 1 / n, "validation_loss": 0.5 + 0.1 * abs(n - 2)}
            | {name: round(score - 0.06, 3) for name, score in _SCORES[task].items()}
            for n in (1, 2, 3)
        ],
        "best_epoch": 2,
        "best_epoch_by": "validation_loss",
        "stopped_early": False,
    }


_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200"><rect width="320" height="99"/></svg>'
# A single grey pixel.
_PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cch\x00\x00\x00\x82\x00\x81w\xcd r\x00\x00\x00\x00IEND\xaeB`\x82"
)


def _rename(path: Path, schema: Schema, facts: dict[str, Any]) -> None:
    table = files.read_table(path, schema)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for name in {"id", "source_id"} & set(columns):
        columns[name] = [_hostile_id(value) for value in columns[name]]
    files.write_table(path, schema, columns, {**files.read_facts(path, schema), **facts})


def _hostile_id(name: str) -> str:
    number = name.removeprefix("doc-")
    return f"{HOSTILE_IDS[int(number) % len(HOSTILE_IDS)]} {number}" if number.isdigit() else name


def _card(path: Path, schema: Schema, **content: Any) -> Path:
    files.write_json(path, schema, content)
    return path


def _selection(reasons: dict[int, str]) -> dict[str, Any]:
    documents = [{"position": position, "reason": reason, "models": True} for position, reason in reasons.items()]
    return {"max_documents": 3, "max_bytes": 10**6, "estimated_bytes": 10**5, "documents": documents, "left_out": {}}


def _write_figures(folder: Path, *, n_layers: int = 2, n_heads: int = 3) -> Path:
    heads = [(layer, head) for layer in range(n_layers) for head in range(n_heads)]
    entries = [_figure(folder, kind, kind, None, None) for kind in ("top_tokens", "reliability")]
    entries += [_figure(folder, f"word_cloud-L{x:02d}-H{y:02d}", "word_cloud", x, y) for x, y in heads]
    files.write_json(folder / "figures.json", output_schemas.FIGURES, {"figures": entries})
    return folder


def _figure(folder: Path, name: str, kind: str, layer: int | None, head: int | None) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.svg").write_text(_SVG)
    (folder / f"{name}.png").write_bytes(_PNG)
    (folder / f"{name}.csv").write_text("token,mean\n")
    pq.write_table(pa.table({"token": ["the"]}), folder / f"{name}.parquet")
    names = {suffix: f"{name}.{suffix}" for suffix in ("svg", "png", "csv", "parquet")}
    digests = {file: digest(folder / file) for file in names.values()}
    return {"name": name, "kind": kind, "layer": layer, "head": head, "group": None, **names,
            "caption": f"Caption of {name}.",
            "sha256": digests, "title": f"Title of {name}", "reason": "", "chapter": None,
            "names_words": kind != "reliability",
            "alt": f"Picture of {name}", "width": 320, "height": 200}  # fmt: skip
