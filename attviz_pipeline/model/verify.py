"""Checks of a model's files before any library loads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.errors import ModelError, Problem
from attviz_pipeline.hub_files import damaged_files
from attviz_pipeline.model.sentencepiece_files import file_fault, sentencepiece_files
from attviz_pipeline.model.source import MODEL_FILES
from attviz_pipeline.model.weights import INDEX, first_weight_file, missing_weights, read_config, weight_files

VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.spm")
REMOTE_CODE = (
    "`auto_map` requires Python code from the repository, which is not run: use a model with a class of transformers"
)
DAMAGED_IN_CACHE = "damaged in the hub client's cache: its digest is not the hub's"
# Remedies by the beginning of the problem.
REMEDIES = {
    "wrong digest": "Download the file again: it is damaged or of another version. Correct model.sha256 only if you "
    "trust the file.",
    "damaged in": "Delete the model's folder in the cache, and download it again.",
    "missing": "Save a model and its tokenizer to one folder with save_pretrained, and name it in model.source.",
}


def verify_copy(folder: Path, sha256: Mapping[str, str], name: str) -> dict[str, str]:
    """Check that a folder contains the expected model, and no files that would run code.

    Args:
        folder: The model's files.
        sha256: Expected digests by file name; other files are hashed without a comparison.
        name: Configured name of the model, for messages.

    Returns:
        Digest of every file of the model, by file name.

    Raises:
        ModelError: Wrong digests, missing or damaged files, pickled weights, or remote code; all problems are listed.
    """
    digests = digest_files(folder)
    problems = [
        *_check_digests(folder, sha256, digests),
        *(Problem(name, DAMAGED_IN_CACHE) for name in damaged_files(folder, digests)),
        *_check_config(folder),
        *_check_tokenizer(folder),
        *_check_weights(folder),
    ]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        where = name if Path(name) == folder else f"{name} ({folder})"
        raise ModelError(f"the model {where} has {count}:", problems, _remedy(problems))
    return digests


def _remedy(problems: Sequence[Problem]) -> str:
    begins = {start for start in REMEDIES for problem in problems if problem.what.startswith(start)}
    return "\n".join(remedy for start, remedy in REMEDIES.items() if start in begins)


def digest_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 digest of every file of a model that transformers reads, by name, sorted."""
    files = [file for pattern in MODEL_FILES for file in folder.glob(pattern)]
    first = first_weight_file([file.name for file in folder.iterdir()], read_config(folder))
    files += [folder / first] if first else []
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        files += weight_files(folder)
    return {file.name: digest(file) for file in sorted(set(files)) if file.parent == folder and file.is_file()}


def _check_digests(folder: Path, expected: Mapping[str, str], digests: Mapping[str, str]) -> Iterator[Problem]:
    present = {file.name for file in folder.iterdir() if file.is_file()}
    for name, wanted in expected.items():
        if name not in present:
            yield Problem(name, "named in model.sha256, but not among the model's files")
            continue
        found = digests.get(name) or digest(folder / name)
        if found != wanted:
            yield Problem(name, f"wrong digest: model.sha256 says {wanted}, the file has {found}")


def _check_config(folder: Path) -> Iterator[Problem]:
    config, problem = _read_object(folder / "config.json")
    if problem is not None:
        yield problem
    elif "auto_map" in config:
        yield Problem("config.json", REMOTE_CODE)
    elif not isinstance(config.get("model_type"), str):
        yield Problem("config.json", "names no `model_type`, so its architecture is unknown")
    if (folder / "adapter_config.json").exists():
        yield Problem("adapter_config.json", "an adapter is no whole model: merge it into its base model and save that")


def _check_tokenizer(folder: Path) -> Iterator[Problem]:
    if not any(file.is_file() for pattern in VOCABULARIES for file in folder.glob(pattern)):
        known = ", ".join(VOCABULARIES[1:])
        yield Problem("tokenizer.json", f"missing, and so are the other known vocabularies: {known}")
    for file in sentencepiece_files(folder):
        if fault := file_fault(file):
            yield Problem(file.name, fault)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            content, problem = _read_object(folder / name)
            if problem is not None:
                yield problem
            elif "auto_map" in content:
                yield Problem(name, REMOTE_CODE)


def _check_weights(folder: Path) -> Iterator[Problem]:
    try:
        files = weight_files(folder)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Problem(INDEX, "is damaged: it must hold a JSON object with a `weight_map` of tensors to files")
        return
    if not files:
        yield Problem(*missing_weights([file.name for file in folder.iterdir()]))
    for file in files:
        if file.parent != folder or not file.is_file():
            yield Problem(file.name, f"named in {INDEX} or config.json, but not among the model's files")
        elif (fault := _damage(file)) is not None:
            yield Problem(file.name, fault)


def _damage(file: Path) -> str | None:
    try:
        with safe_open(file, framework="numpy") as tensors:
            return None if list(tensors.keys()) else "holds no tensors"
    except (SafetensorError, OSError) as fault:
        return f"is truncated, damaged or no safetensors file: {str(fault).splitlines()[0]}"


def _read_object(path: Path) -> tuple[dict[str, Any], Problem | None]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, Problem(path.name, "missing")
    except (ValueError, OSError, RecursionError) as fault:
        return {}, Problem(path.name, f"is not valid JSON: {str(fault).splitlines()[0]}")
    if not isinstance(content, dict):
        return {}, Problem(path.name, f"must hold a JSON object, got {type(content).__name__}")
    return content, None
