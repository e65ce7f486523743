"""Datasets of the Hugging Face hub: pinned to a commit, only files of the needed splits, never a repository's code.

`datasets` finds out which files belong to which configuration and split, from the dataset's card or by its name
patterns. It works in a folder with the card, and with empty files named like those of the repository. The files
themselves are then downloaded, and read like local files.
"""

import csv
import dataclasses
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
import huggingface_hub
import yaml

from attviz_pipeline.config.settings import DatasetSettings
from attviz_pipeline.dataset import text_files
from attviz_pipeline.dataset.sources import COMPRESSED_SUFFIXES, FORMAT_OF_SUFFIX, Format, SourceFile
from attviz_pipeline.dataset.unpacking import unpack
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.hub_files import Repository, quiet_client

CARD, STANDALONE_CARD = "README.md", ".huggingface.yaml"
CARD_FILES = (CARD, STANDALONE_CARD, "dataset_infos.json")
# Supported settings of a card's configuration; any other would change how `datasets` reads a file.
KNOWN_PARAMETERS = {"name", "version", "description", "data_files", "data_dir", "features", "sep", "delimiter"}
REMEDY = "Download the files, and give the paths of CSV, TSV, JSON lines or Parquet files as `dataset.files`."


@dataclass(frozen=True)
class HubDataset:
    """The needed splits of a hub dataset.

    Attributes:
        commit: The commit of all files.
        splits: Downloaded files by name of the repository's split, in its order.
        class_names: Class names in the dataset's card, by column.
    """

    commit: str
    splits: Mapping[str, Sequence[SourceFile]]
    class_names: Mapping[str, tuple[str, ...]]


def load(settings: DatasetSettings, cache: Path) -> HubDataset:
    """Download the needed splits of a hub dataset: those named in `dataset.splits`, or all.

    Args:
        settings: The section `dataset`; `source` is a hub id.
        cache: A temporary folder, for files that are unpacked or rewritten.

    Raises:
        DatasetError: No revision is given; the repository, the revision, a configuration, a split or the network is
            missing; or the format of the data is not supported.
    """
    repository = _repository(settings)
    names = repository.list_files()
    _refuse_script(repository, names)
    card = repository.fetch(name for name in CARD_FILES if name in names)
    with quiet_client():
        outline = _lay_out(names, card, cache / "outline")
        builder = _find_builder(settings, outline)
    files = {
        str(split): [Path(file).relative_to(outline).as_posix() for file in files]
        for split, files in builder.config.data_files.items()
    }
    wanted = _choose_splits(settings, files)
    _check_kinds(settings, [name for names in wanted.values() for name in names])
    folder = repository.fetch(name for names in wanted.values() for name in names)
    separator = getattr(builder.config, "delimiter", None) or getattr(builder.config, "sep", None)
    splits = {
        split: [_source_file(folder, name, split, separator, cache / "plain" / name) for name in names]
        for split, names in wanted.items()
    }
    return HubDataset(repository.commit, splits, _class_names(builder.info.features or {}))


def _repository(settings: DatasetSettings) -> Repository:
    if settings.revision is None:
        raise DatasetError(
            f"there is no file {settings.source}, so it is read as a dataset of the hub, "
            "and `dataset.revision` is missing.",
            remedy="Give the dataset's commit as `dataset.revision`, or the path of a local file as `dataset.source`.",
        )
    return Repository("dataset", str(settings.source), settings.revision).at_commit()


def _refuse_script(repository: Repository, names: Sequence[str]) -> None:
    script = f"{repository.name.rpartition('/')[2]}.py"
    if script in names:
        raise DatasetError(
            f"{repository.name} is made by its script {script}, and code of a repository is never run.",
            remedy="Try `revision: refs/convert/parquet`, where the hub keeps tables of many such datasets. " + REMEDY,
        )


# Configurations and splits


def _lay_out(names: Sequence[str], card: Path, outline: Path) -> Path:
    """Make a folder with empty files named like those of a repository, and copies of its card files."""
    _check_card(card)
    outline.mkdir(parents=True)
    for name in names:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\0" in name:
            continue
        with suppress(FileExistsError, NotADirectoryError):  # a name that no repository can have
            (outline / place).parent.mkdir(parents=True, exist_ok=True)
            (outline / place).touch()
    for name in CARD_FILES:
        if (card / name).is_file():
            shutil.copyfile(card / name, outline / name)
    return outline.resolve()


def _check_card(folder: Path) -> None:
    """Reject a card that names files outside its repository, on this machine or on other hosts."""
    try:
        configurations = list(_configurations(folder))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OSError) as fault:
        reason = " ".join(str(fault).split())[:300]
        raise DatasetError(f"the dataset's card {CARD} is damaged: {reason}", remedy=REMEDY) from None
    for pattern in _strings([(entry.get("data_files"), entry.get("data_dir")) for entry in configurations]):
        if "::" in pattern or "://" in pattern or pattern.startswith(("/", "~")) or ".." in Path(pattern).parts:
            raise DatasetError(
                f"the dataset's card names files outside its repository or in an archive, {pattern[:100]!r}, "
                "which are not read.",
                remedy=REMEDY,
            )


def _configurations(folder: Path) -> Iterator[dict[str, Any]]:
    cards = [huggingface_hub.DatasetCard.load(folder / CARD).data.to_dict()] if (folder / CARD).is_file() else []
    if (folder / STANDALONE_CARD).is_file():
        cards.append(yaml.safe_load((folder / STANDALONE_CARD).read_text(encoding="utf-8")) or {})
    for card in cards:
        yield from card.get("configs") or []


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def _find_builder(settings: DatasetSettings, outline: Path) -> Any:  # noqa: ANN401 - the library has no types
    """Find the configuration and the files of its splits with `datasets`."""
    try:
        names = list(map(str, datasets.get_dataset_config_names(str(outline))))
        default = datasets.get_dataset_default_config_name(str(outline))
        subset = settings.subset or default or names[0]
        known = subset in names and (settings.subset or default or len(names) == 1)
        builder = known and datasets.load_dataset_builder(str(outline), subset, cache_dir=str(outline.parent / "arrow"))
    except Exception as fault:  # noqa: BLE001 - the library raises many types for invalid cards and names
        reason = " ".join(str(fault).replace(f"{outline}/", "").replace(str(outline), "it").split())[:300]
        raise DatasetError(f"no data files are found in {settings.source}: {reason}", remedy=REMEDY) from None
    if not builder:
        what = f"{settings.subset!r} is none of them" if settings.subset else "name one of them"
        raise DatasetError(f"dataset.subset: the dataset has the configurations {', '.join(names)}; {what}.")
    _check_parameters(builder.config)
    return builder


def _check_parameters(config: Any) -> None:  # noqa: ANN401 - the library has no types
    default = type(config)()
    changed = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in KNOWN_PARAMETERS and getattr(config, field.name) != getattr(default, field.name)
    }
    changed.pop("encoding" if str(changed.get("encoding", "")).lower() in {"utf-8", "utf8"} else "", None)
    if changed:
        shown = ", ".join(f"{name}: {value!r}"[:100] for name, value in changed.items())
        raise DatasetError(f"the dataset's card has settings of a reader that is not used: {shown}", remedy=REMEDY)


def _choose_splits(settings: DatasetSettings, files: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    if settings.splits is None:
        return dict(files)
    problems = [
        Problem(f"dataset.splits.{split}", f"{name!r} is no split of {settings.source}; there are {', '.join(files)}")
        for split, name in settings.splits.items()
        if name not in files
    ]
    problems += [
        Problem("dataset.splits", f"gives the split {name!r} two roles")
        for name, n_roles in Counter(settings.splits.values()).items()
        if n_roles > 1
    ]
    if problems:
        raise DatasetError("`dataset.splits` does not fit the dataset:", problems)
    return {name: files[name] for name in settings.splits.values()}


def _class_names(features: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    return {name: names for name, feature in features.items() if (names := names_of_feature(feature))}


def names_of_feature(feature: object) -> tuple[str, ...]:
    """Return the class names of a feature that is a `ClassLabel` or a list of it; empty for any other."""
    inner = feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", feature)
    return tuple(inner.names) if isinstance(inner, datasets.ClassLabel) else ()


# Files


def _check_kinds(settings: DatasetSettings, names: Sequence[str]) -> None:
    problems = [Problem(name, "is of a kind that is not read") for name in names if _format(name) is None]
    if problems:
        raise DatasetError(f"files of {settings.source} cannot be read:", problems, REMEDY)


def _format(name: str) -> Format | None:
    path = Path(name)
    packed = path.suffix.lower() in COMPRESSED_SUFFIXES
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    found = FORMAT_OF_SUFFIX.get(suffix, "json" if suffix == ".json" else None)
    return None if packed and found == "parquet" else found


def _source_file(folder: Path, name: str, split: str, separator: str | None, plain: Path) -> SourceFile:
    """Return a downloaded file as a source file; a file with other delimiters than commas or tabs is rewritten."""
    file = SourceFile(f"{split} ({name})", folder / name, _format(name) or "csv", None)
    if file.format not in {"csv", "tsv"} or separator in {None, ","}:
        return file
    if separator == "\t":
        return file._replace(format="tsv")
    return _to_csv(unpack(file, plain), plain, str(separator))


def _to_csv(file: SourceFile, folder: Path, separator: str) -> SourceFile:
    if len(separator) != 1:
        raise DatasetError(f"the dataset's card says that fields end at {separator!r}, which is not read.", [], REMEDY)
    if problems := text_files.encoding_problems(file.path, file.given):
        raise DatasetError("the dataset's files cannot be read:", problems)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "rows.csv"
    try:
        with target.open("w", encoding="utf-8", newline="") as lines:
            records = text_files.read_records(file.path, text_files.Layout(separator, quoted=True))
            csv.writer(lines).writerows(record.fields for record in records)
    except text_files.MalformedRecordError as fault:
        raise DatasetError(f"{file.given} row {fault.row} (line {fault.line}): {fault.what}", remedy=REMEDY) from None
    return file._replace(path=target, format="csv")
