"""What half precision costs: self-attention of a study's test documents by the CPU's autocast, against float32.

    python benchmarks/precision.py --study results/news

Prints the table of docs/decisions/0005-fused-attention-with-log-sum-exp.md, and whether the processor has instructions
for bfloat16 or emulates it. One thread.
"""

# ruff: noqa: INP001, T201 - a script that prints

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.opening import open_model, open_tokenizer
from attviz_pipeline.attention.precision import processor_has_bfloat16
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model_inputs import pads_left, takes_type_ids


def read_windows(study: Path) -> list[Window]:
    """Cut the test documents of a study into model inputs."""
    rows = files.read_table(study / "dataset" / "documents.parquet", corpus_schemas.DOCUMENTS).to_pylist()
    max_tokens = files.read_json(study / "model" / "model.json", model_schemas.MODEL)["max_tokens"]
    encoder = DocumentEncoder(open_tokenizer(study / "model" / "checkpoint"), AttentionSettings(), max_tokens)
    documents = encoder.encode([row["text"] for row in rows if row["split"] == "test"])
    return [window for document in documents for window in document.windows]


def self_attention(checkpoint: Path, windows: Sequence[Window], precision: str) -> Tensor:
    """Read every window alone, and return the values of all layers, heads and tokens, flat."""
    model = open_model(checkpoint, AttentionSettings(device="cpu"))
    typed = takes_type_ids(model, open_tokenizer(checkpoint))
    reader = AttentionReader(model, pad_token_id=None, left_padded=pads_left(model), typed=typed, precision=precision)
    return torch.cat([reader.read([window])[0].self_attention.flatten() for window in windows])


def main() -> None:
    """Print how far the halves are off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("results/news"), help="folder of a study with its model")
    study = parser.parse_args().study
    torch.set_num_threads(1)
    windows = read_windows(study)
    exact = self_attention(study / "model" / "checkpoint", windows, "float32")
    how = "by the processor's instructions" if processor_has_bfloat16() else "emulated"
    print(f"{len(windows)} inputs, {len(exact):,} values; bfloat16 {how}\n")
    print("| | 99 % of values within | largest | relative, median | relative, 99 % within |\n|---|---|---|---|---|")
    for precision in ("bfloat16", "float16"):
        off = (self_attention(study / "model" / "checkpoint", windows, precision) - exact).abs()
        relative = off / exact
        shares = f"{relative.median():.2%} | {_within(relative):.1%}".replace("%", " %")
        print(f"| {precision} | {_within(off):.2g} | {off.max():.2g} | {shares} |")


def _within(values: Tensor) -> float:
    return float(values.sort().values[int(0.99 * len(values))])


if __name__ == "__main__":
    main()
