"""Is extraction right on this device? Kernels, models and stages against eager attention, and what faults do."""

# ruff: noqa: INP001 - a folder of scripts

import gc
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from architectures import ARCHITECTURES, make_model, make_windows
from checkpoints import SHAPES
from forward import window_of
from gpu_parts import LONGEST_REASON, PRECISIONS, Missed, Part, Plan, within
from gpu_texts import invented_texts
from stage import prepare_stage, stage_with, write_shard
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from attviz_pipeline.artifacts import attention_schemas, files
from attviz_pipeline.attention import diagonal
from attviz_pipeline.attention.capture import AttentionReader, Batch, Reading
from attviz_pipeline.attention.full_statistics import FullStatistics
from attviz_pipeline.attention.windows import Window
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.model_inputs import pads_left
from attviz_pipeline.stages import ExtractAttention

HEAD_SIZES = (8, 32, 64, 128)
LENGTHS = (7, 64, 129, 512)  # tokens: odd, aligned, one more than aligned, the longest
BATCHES = ((20, 13, 8, 5), (8, 8), (1,))  # tokens of the inputs: padded, equal, a single token
HALVED = ("Bert", "ModernBert", "GPT2")
MOST_OF_MODELS = {"float32": 1e-4, "bfloat16": 0.03, "float16": 0.004}
SMALL_BATCH, LARGE_BATCH = 8, 32  # inputs
LOST = "CUDA error: unspecified launch failure"
LOSES_THE_GPU = f"""
import sys
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.cli import main
launch, calls = AttentionReader.launch, []
def fail_the_third_time(reader, windows):
    calls.append(windows)
    if len(calls) == 3:
        raise RuntimeError({LOST!r})
    return launch(reader, windows)
AttentionReader.launch = fail_the_third_time
sys.exit(main(sys.argv[1:]))
"""


def checks(plan: Plan, folder: Path) -> list[Part]:
    """Return all checks, the most important ones first."""
    device = plan.device
    jobs = Jobs(plan, folder)
    parts = [
        Part(f"{name}: fused kernel passes its own check", "for every head size", partial(_kernel, device, name))
        for name in PRECISIONS
    ]
    for name in PRECISIONS:
        most = diagonal.TOLERANCE[getattr(torch, name)]
        bar = f"<= {most[0]:g} and {most[1]:g}"
        parts += [
            Part(f"{name}, {mask}: output and self-attention", bar, partial(_masked, device, name, make))
            for mask, make in MASKS.items()
        ]
    parts += [
        Part(f"{name}, {plan.shape}, 512 tokens: self-attention", _bar(name), partial(_large_model, plan, name))
        for name in PRECISIONS
    ]
    parts += [
        Part("float32, every architecture: self-attention", _bar("float32"), partial(_architectures, device)),
        Part("float32, every architecture, full mode: attention received", _bar("float32"), partial(_full, device)),
    ]
    parts += [
        Part(f"{name}, {', '.join(HALVED)}: self-attention", _bar(name), partial(_halves, device, name))
        for name in PRECISIONS[1:]
    ]
    return [
        *parts,
        Part("batches in a queue against batches one by one", "same bits", partial(_queued, plan)),
        Part("a job extracts a shard", "it ends well", jobs.extract),
        Part("its values against those of the CPU", _bar("float32"), jobs.compare_with_cpu),
        Part("a killed job leaves nothing half-written", "no file", jobs.kill),
        Part("the same job again after the kill", "same bytes", jobs.repeat),
        Part("a GPU that is lost (simulated) ends the job, and earlier results stay", "exit code 2", jobs.lose_gpu),
        Part("a batch that does not fit into memory is read in halves", _bar("float32"), jobs.run_out_of_memory),
    ]


def _bar(precision: str) -> str:
    return f"<= {MOST_OF_MODELS[precision]:g}"


def _kernel(device: str, precision: str) -> tuple[str, str]:
    dtype = getattr(torch, precision)
    refused = [n for n in HEAD_SIZES if diagonal.checked_kernel(device, dtype, n) is not diagonal.KERNELS[device]]
    if refused:
        raise Missed("refused", f"eager attention is used instead for heads of {refused} numbers")
    return "used", f"heads of {', '.join(map(str, HEAD_SIZES))} numbers"


# Masks: given the number of tokens and the precision, what is added to the scores or which keys are visible.


class Masked(NamedTuple):
    """How attention is masked.

    Attributes:
        mask: As transformers passes it, [document, 1 or head, 1 or query, key]; None for none.
        causal: Whether a kernel hides later keys without a mask.
        n_key_heads: Heads that have keys of their own, of four.
    """

    mask: Tensor | None = None
    causal: bool = False
    n_key_heads: int = 4


def _padding(n_tokens: int, _dtype: torch.dtype) -> Masked:
    visible = torch.ones(2, 1, 1, n_tokens, dtype=torch.bool)
    visible[1, ..., -3:] = False
    return Masked(visible)


def _local_window(n_tokens: int, dtype: torch.dtype) -> Masked:
    places = torch.arange(n_tokens)
    padding = _padding(n_tokens, dtype).mask
    assert padding is not None  # noqa: S101 - as above
    return Masked(padding & ((places[:, None] - places).abs() <= 2))


def _of_each_head(n_tokens: int, _dtype: torch.dtype) -> Masked:
    chance = torch.Generator().manual_seed(1)
    visible = torch.rand(2, 4, n_tokens, n_tokens, generator=chance) < 0.5
    return Masked(visible | torch.eye(n_tokens, dtype=torch.bool))


def _bias(n_tokens: int, dtype: torch.dtype) -> Masked:
    chance = torch.Generator().manual_seed(1)
    return Masked(torch.randn(2, 4, n_tokens, n_tokens, generator=chance).to(dtype))


MASKS: Mapping[str, Callable[[int, torch.dtype], Masked]] = {
    "no mask": lambda *_: Masked(),
    "padding": _padding,
    "padding and a local window": _local_window,
    "a mask of each head": _of_each_head,
    "numbers added to the scores of each head": _bias,
    "causal": lambda *_: Masked(causal=True),
    "keys that two heads share": lambda *_: Masked(n_key_heads=2),
}


def _masked(device: str, precision: str, make: Callable[[int, torch.dtype], Masked]) -> tuple[str, str]:
    """Compare attention with the softmax in double precision, for each length; the larger difference of all."""
    dtype = getattr(torch, precision)
    off = np.max([_attention_off(device, dtype, n_tokens, make(n_tokens, dtype)) for n_tokens in LENGTHS], axis=0)
    found, detail = f"{off[0]:.2g} and {off[1]:.2g}", f"{', '.join(map(str, LENGTHS))} tokens"
    if not (off <= diagonal.TOLERANCE[dtype]).all():
        raise Missed(found, detail)
    return found, detail


def _attention_off(device: str, dtype: torch.dtype, n_tokens: int, masked: Masked) -> tuple[float, float]:
    chance = torch.Generator().manual_seed(0)
    # The memory layout is that of projections.
    query = torch.randn(2, n_tokens, 4, 64, generator=chance).to(device, dtype).transpose(1, 2)
    pair = torch.randn(2, 2, n_tokens, masked.n_key_heads, 64, generator=chance).clamp_(-2, 2)
    key, value = pair.to(device, dtype).transpose(2, 3)
    mask = None if masked.mask is None else masked.mask.to(device)
    with torch.inference_mode(), torch.autocast(device, dtype, enabled=dtype != torch.float32):
        output, found = diagonal.self_attention_forward(
            torch.nn.Module(), query, key, value, mask, is_causal=masked.causal
        )
    shared = 4 // masked.n_key_heads
    key, value = (tensor.double().repeat_interleave(shared, dim=1) for tensor in (key, value))
    scores = query.double() @ key.mT / 64**0.5
    visible = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=device)
    if masked.causal:
        visible = visible.tril()
    elif mask is not None and mask.dtype == torch.bool:
        visible = mask
    elif mask is not None:
        scores = scores + mask.double()
    matrix = scores.masked_fill(~visible, -torch.inf).softmax(dim=-1)
    seeing = visible.any(dim=-1).expand(scores.shape[:3])  # what a query sees that sees nothing is no matter
    expected = (matrix.nan_to_num() @ value).transpose(1, 2)
    outputs = (output.double() - expected).abs()[seeing.transpose(1, 2)].max()
    diagonals = (found.double() - matrix.diagonal(dim1=-2, dim2=-1)).abs()[seeing].max()
    return float(outputs), float(diagonals)


def _large_model(plan: Plan, precision: str) -> tuple[str, str]:
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**SHAPES[plan.shape])).eval().to(plan.device)
    windows = [window_of(n) for n in (512, 512, 500, 430)]
    exact = _eager_readings(model, windows)
    found = _reader(model, precision).read(windows)
    relative = max(
        float(((one.self_attention - other.self_attention) / other.self_attention).abs().max())
        for one, other in zip(found, exact, strict=True)
    )
    logits = max(float((one.logits - other.logits).abs().max()) for one, other in zip(found, exact, strict=True))
    most = MOST_OF_MODELS[precision]
    return within(_off(found, exact), most, f"relative: {relative:.2g}; logits: {logits:.2g}; padded batch of 4")


def _eager_readings(model: PreTrainedModel, windows: Sequence[Window]) -> list[Reading]:
    """Read each window alone, the textbook way, in float32."""
    readings = []
    model.set_attn_implementation("eager")
    for window in windows:
        logits, matrices = _eager(model, window)
        readings.append(Reading(logits, matrices.diagonal(dim1=-2, dim2=-1).cpu()))
    return readings


def _eager(model: PreTrainedModel, window: Window) -> tuple[Tensor, Tensor]:
    """Return the logits and the matrices [layer, head, query, key] of one window."""
    with torch.no_grad():
        output = model(input_ids=torch.tensor([window.token_ids], device=model.device), output_attentions=True)
    return output.logits[0].cpu(), torch.stack(output.attentions)[:, 0]


def _reader(
    model: PreTrainedModel, precision: str = "float32", observer: FullStatistics | None = None
) -> AttentionReader:
    pad, left = model.config.pad_token_id, pads_left(model)
    return AttentionReader(
        model, pad_token_id=pad, left_padded=left, typed=False, precision=precision, observer=observer
    )


def _off(found: Sequence[Reading], expected: Sequence[Reading]) -> float:
    pairs = zip(found, expected, strict=True)
    return max(float((one.self_attention - other.self_attention).abs().max()) for one, other in pairs)


def _architectures(device: str) -> tuple[str, str]:
    def off(architecture: str) -> float:
        model = make_model(architecture).to(device)
        batches = [make_windows(*lengths) for lengths in BATCHES]
        expected = [_eager_readings(model, windows) for windows in batches]
        reader = _reader(model)
        return max(_off(reader.read(windows), other) for windows, other in zip(batches, expected, strict=True))

    return _largest(off, ARCHITECTURES, MOST_OF_MODELS["float32"])


class _NoSpecialTokens:
    cls_token_id = sep_token_id = None


def _full(device: str) -> tuple[str, str]:
    def off(architecture: str) -> float:
        model, windows = make_model(architecture).to(device), make_windows(*BATCHES[0])
        expected = [_eager(model, window)[1].mean(dim=2).cpu() for window in windows]
        statistics = FullStatistics(model, _NoSpecialTokens())  # type: ignore[arg-type]
        _reader(model, observer=statistics).read(windows)
        pairs = zip(statistics.readings(), expected, strict=True)
        return max(float((found.received.cpu() - other).abs().max()) for found, other in pairs)

    return _largest(off, ARCHITECTURES, MOST_OF_MODELS["float32"])


def _halves(device: str, precision: str) -> tuple[str, str]:
    def off(architecture: str) -> float:
        model = make_model(architecture, initializer_range=0.005).to(device)
        windows = make_windows(20, 13, 5)
        expected = _eager_readings(model, windows)
        return _off(_reader(model, precision).read(windows), expected)

    return _largest(off, HALVED, MOST_OF_MODELS[precision])


def _largest(off: Callable[[str], float], architectures: Collection[str], most: float) -> tuple[str, str]:
    """Return the largest difference of several architectures; one that fails does not hide the others."""
    found: dict[str, float] = {}
    faults: list[str] = []
    for name in architectures:
        try:
            found[name] = off(name)
        except Exception as fault:  # noqa: BLE001 - the other architectures are to be checked
            faults.append(f"{name}: {type(fault).__name__}: {fault}")
    worst = max(found, key=lambda name: found[name], default="")
    detail = f"{len(found)} of {len(architectures)} architectures, the largest in {worst}"
    over = [f"{name} {value:.2g}" for name, value in found.items() if not value <= most]
    if over or faults:
        raise Missed(f"{found.get(worst, float('nan')):.2g}", "; ".join([detail, *over, *faults]))
    return f"{found[worst]:.2g}", detail


def _queued(plan: Plan) -> tuple[str, str]:
    """Launch batches of several sizes before any is read, as extraction does."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**SHAPES[plan.shape])).eval().to(plan.device)
    reader = _reader(model)
    batches = [[window_of(n)] * 4 for n in (512, 33, 128, 256, 17, 400)]
    alone = [reader.read(batch) for batch in batches]
    queue = [reader.launch(batch) for batch in batches]
    pairs = zip((batch.readings() for batch in queue), alone, strict=True)
    off = max(_off(found, expected) for found, expected in pairs)
    return within(off, 0, f"{len(batches)} batches of 17 to 512 tokens")


class Jobs:
    """Extraction of one shard by its command, in processes of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan, self._place = plan, folder
        self._output = folder / "attention.parquet"
        self._first = b""

    def extract(self) -> tuple[str, str]:
        """Extract, undisturbed, on a reserved GPU."""
        started = time.monotonic()
        finished = subprocess.run(self._command, check=False, capture_output=True, text=True)  # noqa: S603 - its own
        if finished.returncode != 0:
            raise Missed(f"exit code {finished.returncode}", _end(finished.stderr))
        self._first = self._output.read_bytes()
        reserved = [line for line in finished.stderr.splitlines() if "reserved GPU" in line]
        device = files.read_facts(self._output, attention_schemas.ATTENTION)["device"]
        said = reserved[0].partition("reserved")[1:] if reserved else ("no GPU reserved",)
        taken = f"{time.monotonic() - started:.0f} s with the start of Python"
        return "exit code 0", f"on {device}; {''.join(said)}; {taken}"

    def compare_with_cpu(self) -> tuple[str, str]:
        """Extract the shortest texts on the CPU, with the same model."""
        self._require_first()
        found = _vectors(self._output)
        few = self._place / "few"
        write_shard(few, sorted(self._texts, key=len)[:20])
        for name in ("checkpoint", "model.json"):
            (few / name).symlink_to(self._place / name)
        stage_with(few, AttentionSettings(device="cpu"))()
        pairs = list(zip(_vectors(few / "attention.parquet"), found, strict=False))
        return within(_vectors_off(pairs), MOST_OF_MODELS["float32"], f"the {len(pairs)} shortest texts")

    def kill(self) -> tuple[str, str]:
        """Kill the command while it computes."""
        self._require_first()
        self._output.unlink()
        process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
        while process.poll() is None and not list(self._partial()):
            time.sleep(0.002)
        process.kill()
        ended = process.wait()
        if ended >= 0:
            raise Missed(f"exit code {ended}", "the job ended before it was killed")
        if self._output.exists():
            raise Missed("a file", "the output has its name, although the job was killed")
        return "no file", f"ended by signal {-ended}, with {len(list(self._partial()))} temporary file beside it"

    def repeat(self) -> tuple[str, str]:
        """Run the command again."""
        self._require_first()
        finished = subprocess.run(self._command, check=False, capture_output=True, text=True)  # noqa: S603 - its own
        if finished.returncode != 0:
            raise Missed(f"exit code {finished.returncode}", _end(finished.stderr))
        left = len(list(self._partial()))
        if left or self._output.read_bytes() != self._first:
            again, first = _vectors(self._output), self._place / "first.parquet"
            first.write_bytes(self._first)
            off = _vectors_off(zip(again, _vectors(first), strict=True))
            raise Missed("other bytes", f"values differ by up to {off:.2g}; {left} temporary files are left")
        return "same bytes", f"{len(self._first) / 1e6:.1f} MB; no temporary file is left"

    def lose_gpu(self) -> tuple[str, str]:
        """Raise CUDA's error in the third batch."""
        before = self._output.read_bytes()
        command = [sys.executable, "-c", LOSES_THE_GPU, *self._command[3:]]
        finished = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - its own
        said = finished.stderr.partition("the GPU failed: ")[2]
        if finished.returncode != 2 or LOST not in said:
            raise Missed(f"exit code {finished.returncode}", _end(finished.stderr))
        if self._output.read_bytes() != before:
            raise Missed("other bytes", "the file of the job before was changed")
        return "exit code 2", f"the GPU failed: {said}"

    def run_out_of_memory(self) -> tuple[str, str]:
        """Give the process less memory than a large batch takes; on the CPU, raise the error that torch raises."""
        place, device = self._place / "memory", self._plan.device
        texts = [" ".join((text.split() * 7)[:600]) for text in invented_texts(2 * LARGE_BATCH, seed=2)]
        prepare_stage(place, self._plan.shape, self._texts, texts)
        peaks: list[int] = []

        def read(n_inputs: int) -> list[Vector]:
            wanted = AttentionSettings(device=device, tokens_per_batch=n_inputs * 512, long_texts="truncate")
            with _peak_of(peaks, device):
                stage_with(place, wanted)()
            return _vectors(place / "attention.parquet")

        read(SMALL_BATCH)
        expected = read(LARGE_BATCH)
        with _warnings() as warnings, _little_memory(sum(peaks) // 2, device):
            found = read(LARGE_BATCH)
        halved = [warning for warning in warnings if "out of memory" in warning]
        if not halved:
            raise Missed("not halved", "every batch fitted into memory")
        off = _vectors_off(zip(found, expected, strict=True))
        return within(off, MOST_OF_MODELS["float32"], f"{len(halved)} times {halved[0]}")

    @cached_property
    def _texts(self) -> list[str]:
        return [" ".join(text.split()[:120]) for text in invented_texts(self._plan.n_job_texts)]

    @cached_property
    def _command(self) -> list[str]:
        prepare_stage(self._place, self._plan.shape, self._texts, self._texts)
        settings = ExtractAttention(attention=AttentionSettings(device=self._plan.device))
        gpus = "1" if self._plan.device == "cuda" else "0"
        places = {"shard": "shard.parquet", "checkpoint": "checkpoint", "card": "model.json"}
        paths = [text for name, file in places.items() for text in (f"--{name}", str(self._place / file))]
        command = [sys.executable, "-m", "attviz_pipeline", "extract-attention", "--settings"]
        return [*command, json.dumps(settings.model_dump()), "--gpus", gpus, *paths, "--attention", str(self._output)]

    def _partial(self) -> Iterator[Path]:
        return self._place.glob(f".{self._output.name}.*{files.PARTIAL}")

    def _require_first(self) -> None:
        if not self._first:
            raise Missed("nothing to compare with", "the first job failed")


Vector = npt.NDArray[np.float32]


def _vectors(attention: Path) -> list[Vector]:
    """Return the self-attention of each document, flat."""
    column = files.read_table(attention, attention_schemas.ATTENTION, ["self_attention"]).column("self_attention")
    return [values.values.to_numpy() for values in column]


def _vectors_off(pairs: Iterable[tuple[Vector, Vector]]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in pairs)


def _end(log: str) -> str:
    return log[-LONGEST_REASON:]


@contextmanager
def _peak_of(peaks: list[int], device: str) -> Iterator[None]:
    """Append the most bytes of GPU memory that the block has."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield
    peaks.append(torch.cuda.max_memory_reserved() if device == "cuda" else 0)


@contextmanager
def _little_memory(n_bytes: int, device: str) -> Iterator[None]:
    """Limit what this process may take of the GPU's memory; the GPU itself is left as it is."""
    if device == "cuda":
        torch.cuda.set_per_process_memory_fraction(n_bytes / torch.cuda.get_device_properties(0).total_memory)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    launch = AttentionReader.launch

    def refuse(reader: AttentionReader, windows: Sequence[Window]) -> Batch:
        if len(windows) > SMALL_BATCH:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return launch(reader, windows)

    with mock.patch.object(AttentionReader, "launch", refuse):
        yield


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings of the package."""
    found: list[str] = []
    handler, package = logging.Handler(logging.WARNING), logging.getLogger("attviz_pipeline")
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.WARNING)
    try:
        yield found
    finally:
        package.setLevel(level)
        package.removeHandler(handler)
