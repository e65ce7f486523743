"""How fast is extraction on this device? Against plain forward passes, the chip's limit, and other procedures."""

# ruff: noqa: INP001 - a folder of scripts

import random
import time
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
from attviz_procedure import extract_like_attviz
from bertviz_procedure import extract_like_bertviz
from checkpoints import MAX_TOKENS, SHAPES
from forward import Ways
from gpu_parts import PRECISIONS, Clock, Missed, Part, Plan
from gpu_texts import invented_text, invented_texts
from pairing import paired_ratio, seconds, spread
from passes import Plain
from stage import stage_with, write_model, write_shard
from transformers import BertConfig

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention.opening import open_model, open_tokenizer
from attviz_pipeline.config.settings import AttentionSettings

LENGTHS = (128, 512)
SHARE_OF_TIME = 0.15  # of what is left, for one precision's run over the corpus
SECONDS_OF_OTHERS = 15  # for AttViz's and BertViz's way each
MOST_TIMES = 10  # texts of the corpus against those of the trial
TFLOPS = {  # dense products, without sparsity, from data sheets: float32, and half precision with float32 sums
    "H200": (67, 989),
    "H100 PCIe": (51, 756),
    "H100": (67, 989),
    "A100": (19.5, 312),
    "A10": (31.2, 125),
    "A40": (37.4, 150),
    "L40S": (91.6, 362),
    "L40": (90.5, 181),
    "L4": (30.3, 121),
    "T4": (8.1, 65),
    "V100": (15.7, 125),
}


def measurements(plan: Plan, folder: Path, clock: Clock) -> list[Part]:
    """Return all measurements, the most important ones first."""
    bench = Bench(plan, folder, clock)
    name = plan.shape
    parts = [
        Part(f"self-attention mode / plain forward, {name}, {n} tokens, {precision}", "<= 1.10",
             partial(bench.forward, "self_attention", n, precision))
        for precision in PRECISIONS for n in LENGTHS
    ]  # fmt: skip
    parts += [
        Part(f"whole stage / plain forward, {name}, {n} tokens, {precision}", "<= 1.10",
             partial(bench.whole_stage, n, precision))
        for precision in PRECISIONS for n in LENGTHS
    ]  # fmt: skip
    for precision in PRECISIONS:
        parts += [
            Part(f"corpus as long as BBC news, whole stage, {precision}", "-", partial(bench.corpus, precision)),
            Part(f"its model alone: share of the chip's limit, {precision}", "-", partial(bench.limit, precision)),
        ]
    parts += [
        Part("AttViz's way / whole stage, per token, float32", ">= 4", bench.attviz),
        Part("BertViz's way / whole stage, per token, float32", "-", bench.bertviz),
        Part(f"fine-tuning, {name}, {plan.n_steps} steps of 16 texts of up to 512 tokens", "-", bench.fine_tune),
    ]
    parts += [
        Part(f"full mode / plain forward, {name}, {n} tokens, {precision}", "-",
             partial(bench.forward, "full", n, precision))
        for precision in PRECISIONS for n in LENGTHS
    ]  # fmt: skip
    parts += [
        Part(f"GPU memory of {label} / plain forward, {name}, 512 tokens", bar, partial(bench.memory, way))
        for way, label, bar in (
            ("self_attention", "self-attention mode", "<= 1.10"),
            ("full", "full mode", "-"),
            ("matrices", "`output_attentions=True`", "-"),
        )
    ]
    return parts


class Speed(NamedTuple):
    """What one run over the corpus took."""

    n_texts: int
    n_tokens: int
    seconds: float


class Bench:
    """One device, one corpus, and what several rows share."""

    def __init__(self, plan: Plan, folder: Path, clock: Clock) -> None:
        self._plan, self._place, self._clock = plan, folder, clock
        self._speeds: dict[str, Speed] = {}
        self.flops = cache(self._flops)

    @cached_property
    def _texts(self) -> list[str]:
        return invented_texts(self._plan.n_texts)

    def forward(self, way: str, n_tokens: int, precision: str) -> tuple[str, str]:
        """Run one mode and plain forward passes in turn, with inputs of equal length."""
        lengths = [n_tokens] * (self._plan.tokens_per_batch // n_tokens)
        ways = Ways(self._plan.shape, lengths, self._plan.device, precision)
        ratio = paired_ratio(getattr(ways, way), ways.plain, self._plan.n_pairs)
        rate = self._plan.tokens_per_batch / ratio.seconds[0]
        taken = " against ".join(f"{1000 * one:.1f} ms" for one in ratio.seconds)
        return str(ratio), f"{self._plan.tokens_per_batch:,} tokens: {taken}; {rate:,.0f} tokens per second"

    def whole_stage(self, n_tokens: int, precision: str) -> tuple[str, str]:
        """Run the stage and the forward passes of its batches in turn."""
        place, settings = self._place / f"equal{n_tokens}", self._settings(precision)
        n_texts = self._plan.stage_tokens // n_tokens
        chance = random.Random(n_tokens)  # noqa: S311 - no secrets
        texts = [invented_text(n_tokens, chance) for _ in range(n_texts)]
        cut = settings.model_copy(update={"long_texts": "truncate"})
        if not place.exists():
            write_model(place, self._plan.shape, texts, n_tokens)
            write_shard(place, texts)
        stage, opening = stage_with(place, cut), partial(open_model, place / "checkpoint", cut)
        model = Plain(place, cut, n_tokens)
        ratio = paired_ratio(stage, model.run, 1)
        loading = seconds(opening)
        whole, plain = ratio.seconds[0] - loading, ratio.seconds[1]
        detail = (
            f"{n_texts:,} texts: {whole:.2f} s against {plain:.2f} s, {model.n_tokens / whole:,.0f} tokens per second; "
            f"loading the model: {loading:.2f} s; {cut.tokens_per_batch:,} tokens per batch"
        )
        return f"{whole / plain:.3f}", detail

    def corpus(self, precision: str) -> tuple[str, str]:
        """Run the stage over as many texts as the time allows; a tenth of them comes first, to find out."""
        settings = self._settings(precision)
        n_trial = max(1, self._plan.n_texts // MOST_TIMES)
        trial = self._stage_speed(n_trial, settings)
        affordable = int(n_trial * SHARE_OF_TIME * self._clock.left() / max(trial.seconds, 1e-3))
        speed = trial
        if affordable > 2 * n_trial:
            speed = self._stage_speed(min(self._plan.n_texts, affordable), settings)
        self._speeds[precision] = speed
        detail = (
            f"{speed.n_texts:,} texts, {speed.n_tokens:,} tokens in {speed.seconds:.1f} s; "
            f"{speed.n_texts / speed.seconds:,.1f} texts per second"
        )
        return f"{speed.n_tokens / speed.seconds:,.0f} tokens per second", detail

    def limit(self, precision: str) -> tuple[str, str]:
        """Run the model alone over the corpus's batches; compare its operations per second with the chip's peak."""
        self._prepare_corpus(max(1, self._plan.n_texts // MOST_TIMES))
        model = Plain(self._place / "corpus", self._settings(precision), MAX_TOKENS, precision)
        ratio = paired_ratio(model.read, model.run, min(3, self._plan.n_pairs))
        rates = [sum(map(self.flops, model.lengths)) / one / 1e12 for one in ratio.seconds]
        detail = (
            f"{rates[0]:.3g} TFLOP/s with self-attention, {rates[1]:.3g} of plain forward passes ({ratio}); "
            f"{model.n_tokens / ratio.seconds[0]:,.0f} tokens per second"
        )
        chip = torch.cuda.get_device_name() if self._plan.device == "cuda" else ""
        peak = next((rates for name, rates in TFLOPS.items() if name in chip), None)
        if peak is None:
            return "unknown", f"{detail}; the peak of this chip is not in the script's table"
        most = peak[precision != "float32"]
        return f"{rates[0] / most:.1%}".replace("%", " %"), f"{detail}; the chip's peak: {most:g} TFLOP/s"

    def attviz(self) -> tuple[str, str]:
        """Time AttViz's way on the same device."""
        output, device = self._place / "attviz.json", self._plan.device
        return self._other(lambda texts: extract_like_attviz(self._checkpoint, texts, output, MAX_TOKENS, device))

    def bertviz(self) -> tuple[str, str]:
        """Time BertViz's way on the same device."""
        return self._other(lambda texts: extract_like_bertviz(self._checkpoint, texts, MAX_TOKENS, self._plan.device))

    def fine_tune(self) -> tuple[str, str]:
        """Run the project's own fine-tuning for a few steps, its evaluation and its saving included."""
        # Here, because it needs packages that extraction does not.
        from attviz_pipeline.config.settings import ModelSettings, TrainingSettings  # noqa: PLC0415
        from attviz_pipeline.model.encoding import encode  # noqa: PLC0415
        from attviz_pipeline.model.fine_tune import deterministic, fine_tune  # noqa: PLC0415
        from attviz_pipeline.model.load import load_classifier  # noqa: PLC0415
        from attviz_pipeline.stages import PrepareModel  # noqa: PLC0415
        from attviz_pipeline.tasks.single_label import SingleLabel  # noqa: PLC0415

        self._prepare_corpus(1)
        training = TrainingSettings(epochs=2, batch_size=16)
        model = ModelSettings(source=str(self._checkpoint))
        settings = PrepareModel(seed=13, model=model, training=training)
        n_texts = self._plan.n_steps // training.epochs * training.batch_size
        texts, labels = spread(self._texts * 40, n_texts), [index % 2 for index in range(n_texts)]
        with deterministic(settings.seed):
            classifier = load_classifier(self._checkpoint, model, SingleLabel(("a", "b")))
            classifier.model.to(self._plan.device)  # type: ignore[arg-type]
            encoded = {"train": encode(classifier.tokenizer, texts, labels, MAX_TOKENS)}
            encoded["validation"] = encode(classifier.tokenizer, texts[:16], labels[:16], MAX_TOKENS)
            started = time.perf_counter()
            found = fine_tune(classifier, encoded, settings, self._place)
            taken = time.perf_counter() - started
        losses = [f"{epoch['train_loss']:.3f}" for epoch in found["history"]]
        n_tokens = training.epochs * sum(map(len, encoded["train"].token_ids))
        detail = f"training loss by epoch: {', '.join(losses)}; {n_tokens / taken:,.0f} tokens per second"
        return f"{taken / self._plan.n_steps:.3f} s per step", f"{detail}; evaluation and saving included"

    def memory(self, way: str) -> tuple[str, str]:
        """Compare the peaks of the device's memory, weights included."""
        if self._plan.device != "cuda":
            return "unknown", "torch counts the memory of GPUs only"
        ways = Ways(self._plan.shape, [MAX_TOKENS] * self._plan.n_longest, self._plan.device)
        peaks = [_peak_mb(getattr(ways, name)) for name in (way, "plain")]
        detail = f"{self._plan.n_longest} inputs, float32: {peaks[0]:,.0f} MB against {peaks[1]:,.0f} MB"
        return f"{peaks[0] / peaks[1]:.2f}", detail

    @property
    def _checkpoint(self) -> Path:
        return self._place / "corpus" / "checkpoint"

    def _settings(self, precision: str) -> AttentionSettings:
        wanted = self._plan.stage_precision(precision)
        budget = self._plan.tokens_per_batch
        return AttentionSettings(device=self._plan.device, precision=wanted, tokens_per_batch=budget)

    def _prepare_corpus(self, n_texts: int) -> int:
        """Write a shard of texts that are spread over the corpus; return their number."""
        if not self._checkpoint.exists():
            write_model(self._place / "corpus", self._plan.shape, self._texts)
        chosen = spread(self._texts, n_texts)
        write_shard(self._place / "corpus", chosen)
        return len(chosen)

    def _stage_speed(self, n_texts: int, settings: AttentionSettings) -> Speed:
        n_texts = self._prepare_corpus(n_texts)
        taken = seconds(stage_with(self._place / "corpus", settings))
        taken -= seconds(partial(open_model, self._checkpoint, settings))
        return Speed(n_texts, _n_tokens(self._place / "corpus"), taken)

    def _other(self, extract: Callable[[Sequence[str]], object]) -> tuple[str, str]:
        """Time another procedure on a few texts, then on as many as the time allows; divide by the stage's speed."""
        ours = self._speeds.get("float32")
        if ours is None:
            raise Missed("nothing to compare with", "the run over the corpus in float32 failed")
        loading = seconds(lambda: extract(()))
        few = spread(self._texts, 8)
        each = max(1e-3, (seconds(lambda: extract(few)) - loading) / len(few))
        texts = spread(self._texts, max(8, int(min(SECONDS_OF_OTHERS, self._clock.left() / 2) / each)))
        taken = seconds(lambda: extract(texts)) - loading
        encoded = open_tokenizer(self._checkpoint)(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
        n_tokens = sum(map(len, encoded))
        rates = n_tokens / taken, ours.n_tokens / ours.seconds
        detail = f"{len(texts)} texts: {rates[0]:,.0f} against {rates[1]:,.0f} tokens per second, models loaded"
        return f"{rates[1] / rates[0]:.1f}", detail

    def _flops(self, n_tokens: int) -> float:
        """Return the operations of one input: two per weight of the layers and token, and those of attention.

        Attention multiplies queries by keys, and weights by values: 2 x 2 operations per pair of tokens and number.
        """
        config = BertConfig(**SHAPES[self._plan.shape])
        width, inner = config.hidden_size, config.intermediate_size
        weights = 4 * width * width + 2 * width * inner
        return config.num_hidden_layers * (2 * weights * n_tokens + 4 * n_tokens * n_tokens * width)


def _n_tokens(place: Path) -> int:
    tokens = files.read_table(place / "attention.parquet", attention_schemas.ATTENTION, ["tokens"]).column("tokens")
    return sum(len(document) for document in tokens)


def _peak_mb(way: Callable[[], object]) -> float:
    way()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    way()
    return torch.cuda.max_memory_allocated() / 1e6
