"""Whether this machine has what a study needs to read attention, asked before any stage runs."""

from importlib import import_module

from attviz_pipeline.config.study import Study


def require_machine(study: Study) -> None:
    """Check that this machine has the device of `attention.device`, and computes in `attention.precision`.

    Args:
        study: The configuration; its stages will run on this machine.

    Raises:
        ResourceError: A GPU, or instructions for the precision, are missing.
    """
    wanted = study.attention
    if study.imported or (wanted.device != "cuda" and wanted.precision == "float32"):
        return
    # Loaded as a stage is, when it is needed: torch takes seconds.
    import_module("attviz_pipeline.attention.opening").device_of(wanted)
