"""How transformers is called on files that others wrote: nothing of them is run, and faults are reported in a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attviz_pipeline.errors import ModelError

# What the libraries may not do whatever a model's files say: run code, unpickle, ask the network.
SAFELY: dict[str, bool] = {"local_files_only": True, "trust_remote_code": False}
LONGEST_REASON = 300


@contextmanager
def faults_reported(folder: Path, part: str) -> Iterator[None]:
    """Turn whatever a library raises on a part of a model into a ModelError."""
    try:
        yield
    except ModelError:
        raise
    except Exception as fault:  # noqa: BLE001 - transformers and tokenizers raise bare Exception, too
        reason = " ".join(str(fault).split())[:LONGEST_REASON]
        raise ModelError(f"the {part} in {folder} cannot be loaded: {type(fault).__name__}: {reason}") from None
