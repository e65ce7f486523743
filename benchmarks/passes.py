"""The whole stage against plain forward passes over the same batches."""

# ruff: noqa: INP001 - a folder of scripts

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import torch
from checkpoints import MAX_TOKENS
from pairing import Row, ratio_of, seconds, spread
from sizes import Sizes
from stage import prepare_stage, write_shard

from attviz_pipeline.artifacts import corpus_schemas, files
from attviz_pipeline.attention.batching import batch_windows
from attviz_pipeline.attention.capture import IMPLEMENTATION
from attviz_pipeline.attention.opening import open_model, open_reader, open_tokenizer
from attviz_pipeline.attention.windows import DocumentEncoder, Window
from attviz_pipeline.config.settings import AttentionSettings

TOKENS_PER_BATCH = 2_048
BARS = {"MiniLM-L6": "<= 1.10", "BERT-base": "<= 1.05"}


class Plain:
    """Plain forward passes over the batches that the stage makes of its shard, and the same batches with attention."""

    def __init__(self, place: Path, settings: AttentionSettings, max_tokens: int, precision: str | None = None) -> None:
        tokenizer = open_tokenizer(place / "checkpoint")
        self._model = open_model(place / "checkpoint", settings)
        if precision is not None:
            settings = settings.model_copy(update={"precision": precision})
        self._reader = open_reader(self._model, tokenizer, settings)
        dtype = getattr(torch, settings.precision)
        self._autocast = torch.autocast(settings.device, dtype, enabled=dtype != torch.float32)
        encoder = DocumentEncoder(tokenizer, settings, max_tokens)
        self._batches: list[list[Window]] = []
        rows = files.read_table(place / "shard.parquet", corpus_schemas.SHARD).to_pylist()
        for block in sorted({row["block"] for row in rows}):
            documents = encoder.encode([row["text"] for row in rows if row["block"] == block])
            windows = [window for document in documents for window in document.windows]
            batches = batch_windows(windows, settings.tokens_per_batch)
            self._batches += [[windows[index] for index in batch] for batch in batches]
        self.lengths = [window.n_tokens for batch in self._batches for window in batch]
        self.n_tokens = sum(self.lengths)

    def run(self) -> None:
        """Classify."""
        self._model.set_attn_implementation("sdpa")
        with torch.inference_mode(), self._autocast:
            logits = [self._model(**self._reader.inputs(batch)).logits for batch in self._batches]
        torch.cat(logits).float().cpu()

    def read(self) -> None:
        """Classify and read self-attention, one batch behind the device, as the stage does."""
        self._model.set_attn_implementation(IMPLEMENTATION)
        before = None
        for windows in self._batches:
            batch = self._reader.launch(windows)
            if before is not None:
                before.readings()
            before = batch
        if before is not None:
            before.readings()


def measure_passes(sizes: Sizes, texts: Sequence[str]) -> Iterator[Row]:
    """Measure the stage without its start-up over plain forward passes, and self-attention alone over them.

    In CPU seconds of one thread; those of the stage's other threads, which convert and write, are added.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for shape, n_texts in sizes.n_passes:
        with tempfile.TemporaryDirectory() as folder:
            place, chosen = Path(folder), spread(texts, n_texts)
            settings = AttentionSettings(device="cpu", tokens_per_batch=TOKENS_PER_BATCH)
            stage = prepare_stage(place, shape, texts, chosen[:1], tokens_per_batch=TOKENS_PER_BATCH)
            start_up = median(seconds(stage, time.process_time) for _ in range(3))
            write_shard(place, chosen)
            model = Plain(place, settings, MAX_TOKENS)
            model.run()
            taken = []
            for _ in range(sizes.n_stage_pairs):
                whole, read, plain = (seconds(way, time.process_time) for way in (stage, model.read, model.run))
                taken.append((whole - start_up, read, plain))
        name = f"{shape}, {len(chosen):,} texts, {model.n_tokens:,} tokens, CPU seconds of one thread"
        for what, bar, place_of in (("whole stage", BARS.get(shape, "-"), 0), ("its reading alone", "-", 1)):
            ratio = ratio_of([(one[place_of], one[2]) for one in taken])
            detail = " against ".join(f"{each:.1f} s" for each in ratio.seconds)
            yield Row(f"{what} / plain SDPA passes over the same batches, {name}", bar, str(ratio), detail)
    torch.set_num_threads(n_threads)
