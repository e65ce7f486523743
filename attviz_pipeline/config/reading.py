"""Study files and settings of the command line, read strictly: every problem at once, each with its key."""

import difflib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from attviz_pipeline.config.settings import Section, section_of
from attviz_pipeline.config.study import Study
from attviz_pipeline.errors import ConfigError, Problem

# How pydantic names the kinds that one value may have, among the keys that lead to it.
KIND = re.compile(r"(list|dict)\[.*\]|constrained-str|int|float|literal\[.*\]|constrained-int|\[key\]")

_Section = TypeVar("_Section", bound=Section)


def require_utf8() -> None:
    """Refuse an environment in which names and settings that are not ASCII would be misread.

    Raises:
        ConfigError: Python is set not to use UTF-8, or the locale has another encoding.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise ConfigError(f"names of files are read as {encoding} here, not as UTF-8: set PYTHONUTF8=1 and try again.")


def read_study(path: Path) -> Study:
    """Read and check one study file.

    Raises:
        ConfigError: The file is missing, no YAML or has problems; all of them are listed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: name a study file, for example config/config.yaml") from None
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not UTF-8 (byte {fault.start}): save it as UTF-8") from None
    except OSError as fault:
        raise ConfigError(f"{path} cannot be read: {fault.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(fault).split())}") from None
    return parse_study(content, str(path))


def parse_study(content: object, origin: str) -> Study:
    """Check a configuration that is already a mapping, for example Snakemake's.

    Raises:
        ConfigError: With every problem, each with its key, its fault and, where there is one, the nearest valid key.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{origin} must hold a mapping of keys to values, got {_kind(content)}")
    return _validate(Study, content, origin)


def typed_overrides(value: Any) -> Any:  # noqa: ANN401
    """Give values of the command line the types they would have in a YAML file.

    Snakemake reads what is nested in `--config key={...}` as strings: `null`, `3` and `true` among them. Quotes within
    quotes keep text as it is: `'"no"'`.
    """
    if isinstance(value, Mapping):
        return {key: typed_overrides(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed_overrides(part) for part in value]
    if not isinstance(value, str):
        return value
    try:
        scalar = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    quoted = value[:1] in {"'", '"'} and isinstance(scalar, str)
    return scalar if quoted or isinstance(scalar, bool | int | float | None) else value


def parse_settings(stage: type[_Section], text: str) -> _Section:
    """Check the settings of one stage, given as JSON on its command line.

    Raises:
        ConfigError: The text is no JSON or does not fit the stage.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"--settings is not valid JSON: {fault}") from None
    return _validate(stage, content, "--settings")


def _validate(model: type[_Section], content: object, origin: str) -> _Section:
    try:
        return model.model_validate(content)
    except ValidationError as fault:
        problems = [_problem(model, error) for error in _of_the_given_kind(fault.errors(include_url=False))]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError(
        f"{origin} has {count}:", problems, "Every key, its type and its default: config/README.md"
    ) from None


def _of_the_given_kind(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what pydantic says of the kinds that a value could have had too: a list's faults where it is a list."""
    paths = [_key_path(error) for error in errors]
    containers = {path[:length] for path in paths for length in range(len(path))}
    return [error for error, path in zip(errors, paths, strict=True) if path not in containers]


def _key_path(error: ErrorDetails) -> tuple[str, ...]:
    """Return the keys that lead to a value, without pydantic's names of kinds."""
    return tuple(str(part) for part in error["loc"] if not (isinstance(part, str) and KIND.fullmatch(part)))


def _problem(model: type[BaseModel], error: ErrorDetails) -> Problem:
    path = list(_key_path(error))
    where = ".".join(path) or "(top level)"
    if error["type"] == "extra_forbidden":
        return Problem(where, f"unknown key{_suggestion(path[-1], _siblings(model, path))}")
    if error["type"] == "missing":
        return Problem(where, "missing; this key has no default")
    if error["type"] == "string_type" and (reading := _yaml_reading(error["input"])):
        return Problem(where, f"must be text, got {reading}: put it in quotes")
    message = error["msg"].removeprefix("Value error, ")
    message = f"must be {message.removeprefix('Input should be ')}" if message.startswith("Input should") else message
    got = "" if error["type"] == "value_error" else f", got {_show(error['input'])}"
    return Problem(where, message + got + _unquoted(error))


def _yaml_reading(value: object) -> str:
    """Say how YAML reads a scalar without quotes that was meant as text; empty for what no quotes make text."""
    if isinstance(value, bool):
        words = "yes, on and true" if value else "no, off and false"
        return f"the truth value {str(value).lower()} (YAML reads {words} without quotes so)"
    if value is None:
        return "nothing (YAML reads null and ~ without quotes so)"
    if isinstance(value, int | float):
        return f"the number {_show(value)} (YAML reads digits without quotes so, and times such as 1:30)"
    return f"the date {value.isoformat()}" if isinstance(value, date) else ""


def _unquoted(error: ErrorDetails) -> str:
    wanted = {"int_type": int, "float_type": float, "bool_type": bool}.get(error["type"])
    given = typed_overrides(error["input"]) if isinstance(error["input"], str) else None
    number = wanted is not None and isinstance(given, (int, float) if wanted is float else wanted)
    return ": remove the quotes" if number else ""


def _siblings(model: type[BaseModel], path: list[str]) -> list[str]:
    for name in path[:-1]:
        if name.isdecimal():  # one of a list
            continue
        field = model.model_fields.get(name)
        section = None if field is None else section_of(field.annotation)
        if section is None:
            return []
        model = section
    return list(model.model_fields)


def _suggestion(word: str, valid: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(valid), n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; valid here: {', '.join(valid)}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
