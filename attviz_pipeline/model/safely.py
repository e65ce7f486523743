"""Call transformers on untrusted files: no code of them is run, and errors are reported in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attviz_pipeline.errors import ModelError

# The libraries must neither run code from a model's files nor access the network.
SAFELY: dict[str, bool] = {"local_files_only": True, "trust_remote_code": False}
LONGEST_REASON = 300


@contextmanager
def faults_reported(folder: Path, part: str) -> Iterator[None]:
    """Convert any exception of a library on a part of a model to a ModelError."""
    try:
        yield
    except ModelError:
        raise
    except Exception as fault:  # noqa: BLE001 - transformers and tokenizers raise bare Exception, too
        reason = " ".join(str(fault).split())[:LONGEST_REASON]
        raise ModelError(f"the {part} in {folder} cannot be loaded: {type(fault).__name__}: {reason}") from None
