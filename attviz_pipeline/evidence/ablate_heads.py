"""The stage `ablate_heads`: what the prediction becomes without heads."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from attviz_pipeline.artifacts import evidence_schemas, files, statistics_schemas
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.config.settings import EvidenceSettings
from attviz_pipeline.evidence.ablation import Ablation
from attviz_pipeline.evidence.orders import Order, head_orders, numbers_switched_off
from attviz_pipeline.evidence.sample import SampledDocument, draw_sample
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.evidence.target import outputs_of, predictions_of, target
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import AblateHeads
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

Row = dict[str, Any]
Logits = tuple[Tensor, Tensor, Tensor]
"""Of one document: whole, without each head, without each layer; [..., window, output]."""


def ablate_heads(  # noqa: PLR0913 - one parameter per file
    settings: AblateHeads,
    own_index: Path,
    document_index: Path,
    shards: Sequence[Path],
    checkpoint: Path,
    card: Path,
    gradients: Path,
    heads: Path,
    ablations: Path,
    cumulative: Path,
) -> None:
    """Switch off every head and every layer, one at a time, then more and more heads in several orders.

    Args:
        settings: The samples, and what replaces a head.
        own_index: Documents of the study's own model, of which the sample is drawn (schema `document_index`).
        document_index: The same documents with the predictions of this model (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        gradients: Gradients of the sample (schema `gradients`).
        heads: Statistics of heads (schema `heads`).
        ablations: Where to write (schema `document_ablations`).
        cumulative: Where to write (schema `cumulative_ablations`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returned NaN or infinite values.
        ResourceError: The requested device is not available, or memory is too small.

    Source: Michel, Levy and Neubig 2019, "Are Sixteen Heads Really Better than One?", sections 3 and 4.
    """
    evidence = settings.evidence
    study = SampledStudy(settings, own_index, document_index, shards, checkpoint, card)
    task, classifier = study.task, study.classifier
    each, many = (list(study.documents(part)) for part in draw_parts(study.sample, task, evidence, settings.seed))
    windows = [window for document in (*each, *many) for window in document.windows]
    fault = classifier.gates_fault(windows[0]) if windows else ""
    if fault:
        logger.warning("no head is switched off: %s", fault)
    ablation = Ablation(classifier, windows, evidence.ablation) if windows and not fault else None
    facts = {
        **study.facts,
        "n_layers": classifier.n_layers,
        "n_heads": classifier.n_heads,
        "label_names": files.read_facts(document_index, statistics_schemas.DOCUMENT_INDEX)["label_names"],
        "ablation": evidence.ablation,
        "gates": fault or None,
        "prefix_cache": ablation is not None and ablation.is_cached,
    }
    if ablation is not None:
        classifier.log_cost("ablate_heads", _n_passes(each, many, ablation, evidence), windows)
    rows = [] if ablation is None else list(_each_rows(each, ablation))
    _write(ablations, evidence_schemas.DOCUMENT_ABLATIONS.of(task.name), rows, facts)

    held_out = {document.row["position"] for document in many}
    mean = files.read_table(heads, statistics_schemas.HEADS, ["mean"])["mean"].to_numpy()
    of_gradients = files.read_table(gradients, evidence_schemas.GRADIENTS).to_pylist()
    orders = list(head_orders(rows, of_gradients, mean, held_out, (evidence.random_rankings, settings.seed)))
    cut = [] if ablation is None else list(_cut_rows(many, orders, ablation, classifier.n_heads, evidence))
    facts |= {
        "orders": [_described(order, classifier.n_heads) for order in orders],
        "held_out": {
            "measured": any(row["position"] not in held_out for row in rows),
            "gradient": any(row["position"] not in held_out for row in of_gradients),
        },
    }
    _write(cumulative, evidence_schemas.CUMULATIVE_ABLATIONS.of(task.name), cut, facts)


def draw_parts(sample: pa.Table, task: Task[Any], evidence: EvidenceSettings, seed: int) -> tuple[pa.Table, pa.Table]:
    """Draw the documents without each head, and those without more and more heads.

    If the sample is large enough, no document is in both: an importance that was measured on the same documents would
    make its own order look too good.

    Args:
        sample: The sample of all evidence.
        task: The task of the study.
        evidence: Sizes of the two parts.
        seed: The same seed gives the same parts.
    """
    many = draw_sample(sample, task, evidence.cumulative_documents, seed)
    others = sample.filter(pc.invert(pc.is_in(sample["position"], many["position"].combine_chunks())))
    enough = others.num_rows >= min(evidence.ablation_documents, sample.num_rows)
    return draw_sample(others if enough else sample, task, evidence.ablation_documents, seed), many


def _n_passes(
    each: Sequence[SampledDocument], many: Sequence[SampledDocument], ablation: Ablation, evidence: EvidenceSettings
) -> float:
    """Forward passes of the whole stage; in practice some sets of heads are the same, so it is at most this."""
    n_windows, n_cut = (sum(len(one.windows) for one in documents) for documents in (each, many))
    n_settings = evidence.cumulative_sizes * (evidence.random_rankings + 3)
    return ablation.cost_per_window * n_windows + n_settings * n_cut


def _described(order: Order, n_heads: int) -> dict[str, Any]:
    return {"order": order.name, "draw": order.draw, "heads": [divmod(head, n_heads) for head in order.heads]}


def _write(path: Path, schema: Schema, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    files.write_table(path, schema, {name: [row[name] for row in rows] for name in schema.arrow.names}, facts)


def _each_rows(documents: Sequence[SampledDocument], ablation: Ablation) -> Iterator[Row]:
    total = ablation.passes_per_window * sum(len(document.windows) for document in documents)
    with Progress(total=total, label="ablate_heads: each head", unit="forward passes") as progress:
        for document in documents:
            readings = [ablation.each_head(window, progress.advance) for window in document.windows]
            whole, heads, layers = (torch.stack(parts, dim=-2) for parts in zip(*readings, strict=True))
            task = document.task
            [prediction] = predictions_of(outputs_of(whole, task), task)
            row = {**document.identity, f"whole_{task.predicted_column}": prediction}
            row |= _changes("", document.predicted, task, (whole, heads, layers))
            row |= _gold_changes(document, (whole, heads, layers))
            if task.outcomes:
                row[task.evidence.without_head] = predictions_of(outputs_of(heads, task), task)
                row["layer_predictions"] = predictions_of(outputs_of(layers, task), task)
            yield row


def _changes(prefix: str, value: Any, task: Task[Any], logits: Logits) -> Row:  # noqa: ANN401 - a value of any task
    """Return the columns of the target of one value: a class, a label set, or a number."""
    whole, heads, layers = logits
    names = (f"{prefix}{task.evidence.target}", f"{prefix}changes", f"layer_{prefix}changes")
    before = target(whole, value, task)
    changes = (target(heads, value, task) - before).reshape(-1), target(layers, value, task) - before
    return dict(zip(names, (float(before), *(values.numpy() for values in changes)), strict=True))


def _gold_changes(document: SampledDocument, logits: Logits) -> Row:
    """Return the columns of the gold value, all null if it is unknown; of a number, the changes of the error."""
    task, gold = document.task, document.gold
    if gold is None:
        return dict.fromkeys((f"gold_{task.evidence.target}", "gold_changes", "layer_gold_changes"))
    if task.outcomes:
        return _changes("gold_", gold, task, logits)
    whole, *without = logits
    before = (target(whole, gold, task) - gold).abs()
    changes = [(target(cut, gold, task) - gold).abs() - before for cut in without]
    return {"gold_changes": changes[0].reshape(-1).numpy(), "layer_gold_changes": changes[1].numpy()}


def _cut_rows(
    documents: Sequence[SampledDocument],
    orders: Sequence[Order],
    ablation: Ablation,
    n_heads: int,
    evidence: EvidenceSettings,
) -> Iterator[Row]:
    windows = [window for document in documents for window in document.windows]
    if not windows:
        return
    n_all = len(orders[0].heads)
    sizes = numbers_switched_off(n_all, evidence.cumulative_sizes)
    # With no head or all heads switched off, all orders are the same.
    sets = list(dict.fromkeys(frozenset(order.heads[:size]) for order in orders for size in sizes))
    found: dict[frozenset[int], list[Tensor]] = {}
    with Progress(
        total=len(sets) * len(windows), label="ablate_heads: more and more heads", unit="forward passes"
    ) as progress:
        for off in sets:
            gates = torch.ones(n_all)
            gates[list(off)] = 0
            logits = iter(ablation.some_heads(windows, gates.reshape(-1, n_heads)))
            found[off] = [torch.stack([next(logits) for _ in document.windows]) for document in documents]
            progress.advance(len(windows))
    for order in orders:
        for size in sizes:
            for document, whole, cut in zip(
                documents, found[frozenset()], found[frozenset(order.heads[:size])], strict=True
            ):
                task, value = document.task, document.predicted
                before, after = (predictions_of(outputs_of(logits, task), task)[0] for logits in (whole, cut))
                yield {
                    "order": order.name,
                    "draw": order.draw,
                    "n_switched_off": size,
                    **document.identity,
                    f"whole_{task.predicted_column}": before,
                    f"cut_{task.predicted_column}": after,
                    "change": float(target(cut, value, task) - target(whole, value, task)),
                }
