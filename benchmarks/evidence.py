"""What evidence costs in forward passes: a finished study's documents, CPU seconds of one thread.

    python benchmarks/evidence.py --study results/news

Writes evidence.md, which `docs/statistics/evidence.md` refers to.
"""

# ruff: noqa: INP001, T201 - a script that prints

import argparse
import datetime as dt
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from pairing import HERE, Ratio, paired_ratio

from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import AttentionSettings, EvidenceSettings
from attviz_pipeline.evidence.ablation import Ablation
from attviz_pipeline.evidence.classifier import GatedClassifier
from attviz_pipeline.evidence.compute_gradients import gradient_rows
from attviz_pipeline.evidence.sample import SampledDocument
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.stages import OnSample

PAGE = """\
# What evidence costs

One command measures these numbers and writes this page: `python benchmarks/evidence.py --study results/news`. Two ways
run in turn on the same documents; the table has the median of the pairs' ratios and their range, in CPU seconds of one
thread.

- Machine: {machine}
- Versions: Python {python}, torch {torch}, transformers {transformers}
- Date: {date}
- Model: {n_layers} layers x {n_heads} heads, {n_tokens} tokens per document on average

| what | bar | measured | detail |
|---|---|---|---|
{rows}

Gradients: those of tokens and heads together, for the predicted class, and for the gold class where it is another one:
such a document takes two backward passes. Heads: each head and each layer of a document, one at a time. In theory
passes that begin at the layer of the head take (l + 1) / (2 l) of the time of whole passes in l layers: {theory:.3f}.
"""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("results/news"), help="folder of a finished study")
    parser.add_argument("--documents", type=int, default=20, help="documents of the gradients (default: 20)")
    parser.add_argument("--ablated", type=int, default=2, help="documents of the switched-off heads (default: 2)")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each way (default: 3)")
    parser.add_argument("--page", type=Path, default=HERE / "evidence.md", help="page to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    classifier, documents = load(options.study, options.documents)
    rows = [
        measure_gradients(classifier, documents, options.pairs),
        measure_ablation(classifier, documents[: options.ablated], options.pairs),
    ]
    page = PAGE.format(
        machine=f"{platform.processor() or platform.machine()}, no GPU",
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        date=dt.datetime.now(dt.UTC).date(),
        n_layers=classifier.n_layers,
        n_heads=classifier.n_heads,
        n_tokens=round(sum(len(one.encoded.tokens) for one in documents) / len(documents)),
        rows="\n".join(rows),
        theory=(classifier.n_layers + 1) / (2 * classifier.n_layers),
    )
    options.page.write_text(page, encoding="utf-8")
    print(page)


def load(study: Path, n_documents: int) -> tuple[GatedClassifier, list[SampledDocument]]:
    """Open the study's classifier, and draw some of its documents."""
    settings = OnSample(
        seed=13, attention=AttentionSettings(device="cpu"), evidence=EvidenceSettings(max_documents=n_documents)
    )
    index, shards = study / "statistics" / "document_index.parquet", sorted((study / "shards").glob("*.parquet"))
    sampled = SampledStudy(settings, index, shards, study / "model" / "checkpoint", study / "model" / "model.json")
    return sampled.classifier, list(sampled.documents())


def measure_gradients(classifier: GatedClassifier, documents: Sequence[SampledDocument], n_pairs: int) -> str:
    """Gradients of documents over their forward passes."""
    windows = all_windows(documents)
    ratio = paired_ratio(
        lambda: list(gradient_rows(classifier, documents, gated=True)),
        lambda: classifier.read(windows),
        n_pairs,
        time.process_time,
    )
    n_wrong = sum(one.row["label"] not in (None, one.row["prediction"]) for one in documents)
    detail = f"{len(documents)} documents, of which {n_wrong} with two targets"
    return table_row("gradients / forward passes", "<= 2.6", ratio, detail)


def measure_ablation(classifier: GatedClassifier, documents: Sequence[SampledDocument], n_pairs: int) -> str:
    """Passes from the layer of the head on over whole passes."""
    windows = all_windows(documents)
    cached, naive = (Ablation(classifier, windows, "zero", may_cache=flag) for flag in (True, False))
    if not cached.is_cached:
        raise SystemExit("this model has no list of layers, so there is nothing to compare")

    def read(ablation: Ablation) -> None:
        for window in windows:
            ablation.each_head(window, lambda _n: None)

    ratio = paired_ratio(lambda: read(cached), lambda: read(naive), n_pairs, time.process_time)
    detail = f"{len(documents)} documents, {naive.passes_per_window} passes each"
    return table_row("each head from its layer on / whole passes", "<= 0.60", ratio, detail)


def all_windows(documents: Sequence[SampledDocument]) -> list[Window]:
    """Return the model inputs of documents."""
    return [window for document in documents for window in document.windows]


def table_row(what: str, bar: str, ratio: Ratio, detail: str) -> str:
    """Return one line of the table."""
    return f"| {what} | {bar} | {ratio} | {detail}: {ratio.seconds[0]:.2f} s against {ratio.seconds[1]:.2f} s |"


if __name__ == "__main__":
    main()
