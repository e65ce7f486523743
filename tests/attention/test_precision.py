"""A precision is refused, with the reason, on a device that would only emulate it."""

import pytest
import torch

from attviz_pipeline.attention.precision import BFLOAT16_INSTRUCTIONS, require_precision
from attviz_pipeline.config.study import Study
from attviz_pipeline.errors import ResourceError
from attviz_pipeline.machine import require_machine

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def set_processor(monkeypatch: pytest.MonkeyPatch, **flags: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx2": True, **flags})


@pytest.mark.parametrize("flags", [{"avx512_bf16": True}, {"amx_bf16": True, "avx512_bf16": False}])
def test_a_processor_with_instructions_for_bfloat16_may_use_it(
    flags: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_processor(monkeypatch, **flags)

    require_precision("attention.precision", "bfloat16", CPU)


@pytest.mark.parametrize("flags", [{}, {"avx512_f": True, "avx512_bf16": False, "amx_int8": True}])
def test_bfloat16_is_refused_on_any_other_processor(flags: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    set_processor(monkeypatch, **flags)

    with pytest.raises(ResourceError, match=r"training\.precision is `bfloat16`, .* no instructions .*AVX512-BF16"):
        require_precision("training.precision", "bfloat16", CPU)


def test_float16_is_refused_on_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    set_processor(monkeypatch, avx512_bf16=True, amx_bf16=True)

    with pytest.raises(ResourceError, match=r"attention\.precision is `float16`, which needs a GPU, .* CPU"):
        require_precision("attention.precision", "float16", CPU)


def test_a_gpu_needs_instructions_for_bfloat16_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)

    require_precision("attention.precision", "float16", GPU)
    with pytest.raises(ResourceError, match=r"this GPU has no instructions for it"):
        require_precision("attention.precision", "bfloat16", GPU)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    require_precision("attention.precision", "bfloat16", GPU)


def test_float32_is_never_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_processor(monkeypatch)

    for device in (CPU, GPU):
        require_precision("attention.precision", "float32", device)


def test_names_of_instructions_are_those_of_torch() -> None:
    found = torch.cpu.get_capabilities()

    if found["architecture"] == "x86_64":
        assert set(BFLOAT16_INSTRUCTIONS) <= set(found)


@pytest.mark.parametrize(
    ("attention", "fault"),
    [
        ({"precision": "bfloat16"}, r"attention\.precision is `bfloat16`"),
        ({"device": "cuda"}, r"attention\.device is `cuda`, but no GPU is visible"),
        ({}, None),
    ],
)
def test_a_machine_that_lacks_what_extraction_needs_is_refused_before_any_stage(
    attention: dict[str, str], fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_processor(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    study = Study.model_validate(
        {"name": "tiny", "dataset": {"source": "texts.csv"}, "model": {"source": "bert"}, "attention": attention}
    )

    if fault is None:
        require_machine(study)
    else:
        with pytest.raises(ResourceError, match=fault):
            require_machine(study)
