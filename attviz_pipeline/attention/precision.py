"""Which precisions a device computes in: it must have instructions for them, because emulation saves nothing."""

import torch

from attviz_pipeline.errors import ResourceError

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""Names in torch of what multiplies matrices in bfloat16 on a processor; one of them is enough."""


def require_precision(setting: str, precision: str, device: torch.device) -> None:
    """Check that a device computes in a precision.

    Args:
        setting: Full name of the setting, for the message.
        precision: float32, bfloat16 or float16.
        device: Where the model runs.

    Raises:
        ResourceError: The device has no instructions for it.
    """
    if precision == "float32":
        return
    if device.type == "cpu" and precision == "float16":
        raise ResourceError(
            f"{setting} is `float16`, which needs a GPU, but the model runs on the CPU: "
            "set `float32`, or request a GPU."
        )
    if device.type == "cpu" and not processor_has_bfloat16():
        raise ResourceError(
            f"{setting} is `bfloat16`, but the model runs on the CPU, and this processor has no instructions for it "
            "(AVX512-BF16 or AMX-BF16): set `float32`, or use a GPU or another processor."
        )
    if device.type == "cuda" and precision == "bfloat16" and not _gpu_has_bfloat16():
        raise ResourceError(
            f"{setting} is `bfloat16`, but this GPU has no instructions for it (compute capability below 8.0): "
            "set `float32`, or use another GPU."
        )


def processor_has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in BFLOAT16_INSTRUCTIONS)


def _gpu_has_bfloat16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
