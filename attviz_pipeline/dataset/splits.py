"""Assign rows to splits: as given, or seeded and stratified, with equal texts in the same split."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attviz_pipeline.config.settings import Split
from attviz_pipeline.dataset.rows import Row
from attviz_pipeline.dataset.sources import SPLITS
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.strata import apportion, seeded_rank

logger = logging.getLogger(__name__)


class Drawing(NamedTuple):
    """How rows without a split get one.

    Args:
        shares: Shares of the splits; None to put all rows without a split into `test`.
        seed: Seed of the assignment.
        to_learn: True if a model is trained on the rows, so that each split needs rows of every class.
    """

    shares: Mapping[Split, float] | None
    seed: int
    to_learn: bool = True


def assign_splits(
    rows: Sequence[Row],
    given: Sequence[Split | None],
    drawing: Drawing,
    class_names: Sequence[str],
) -> None:
    """Set the split of every row.

    Args:
        rows: The usable rows, with their classes set.
        given: Split of each part of the corpus, or None if its rows are to be split; either all or none are None.
        drawing: How rows without a split get one. If there is a training split but no validation split, the share of
            validation is taken from the training split.
        class_names: Names of the classes, for messages.

    Raises:
        DatasetError: A model is trained on the rows, and a class has too few distinct texts to be in every split.
    """
    for row in rows:
        row.split = given[row.part] or "test"
    if None in given and drawing.shares is not None:
        _divide(rows, {split: drawing.shares.get(split, 0.0) for split in SPLITS}, drawing, class_names)
    elif "train" in given and "validation" not in given and drawing.shares is not None:
        _carve_validation([row for row in rows if row.split == "train"], drawing, class_names)
    if None not in given or not drawing.to_learn:
        _report_absent_classes(rows, class_names, to_learn=drawing.to_learn)


def count_texts_in_several_splits(rows: Sequence[Row]) -> int:
    """Count the texts that occur in more than one split; this happens only if the splits were given."""
    splits_of: dict[bytes, set[str]] = defaultdict(set)
    for row in rows:
        splits_of[row.text_digest].add(row.split)
    return sum(len(splits) > 1 for splits in splits_of.values())


def _carve_validation(train: Sequence[Row], drawing: Drawing, class_names: Sequence[str]) -> None:
    fractions = drawing.shares or {}
    shares: dict[Split, float] = {split: fractions.get(split, 0.0) for split in SPLITS if split != "test"}
    if not all(shares.values()):
        return
    _divide(train, shares, drawing, class_names)
    n_carved = sum(row.split == "validation" for row in train)
    logger.info("no validation split is given: %d of %d training rows are set aside for it", n_carved, len(train))


def _divide(rows: Sequence[Row], shares: Mapping[Split, float], drawing: Drawing, class_names: Sequence[str]) -> None:
    """Divide the rows of each class in proportion; rows of equal text stay together, in the class of the first row."""
    texts: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        texts[row.text_digest].append(row)
    strata: dict[int, list[bytes]] = {index: [] for index in range(len(class_names))}
    for text, copies in texts.items():
        strata[copies[0].class_index].append(text)
    if drawing.to_learn:
        _check_sizes(strata, sum(share > 0 for share in shares.values()), class_names)
    for stratum in strata.values():
        stratum.sort(key=lambda text: seeded_rank(drawing.seed, text))
        counts = apportion(len(stratum), list(shares.values()))
        targets = [split for split, count in zip(shares, counts, strict=True) for _ in range(count)]
        for text, split in zip(stratum, targets, strict=True):
            for row in texts[text]:
                row.split = split


def _check_sizes(strata: Mapping[int, Sequence[bytes]], n_splits: int, class_names: Sequence[str]) -> None:
    problems = [
        Problem(f"class {class_names[index]!r}", f"{len(texts)} distinct text{'' if len(texts) == 1 else 's'}")
        for index, texts in strata.items()
        if len(texts) < n_splits
    ]
    if problems:
        raise DatasetError(
            f"too few rows to have every class in each of {n_splits} splits:",
            problems,
            "Check `dataset.label_column`; if it is right, add rows, remove the class from the dataset, or set the "
            "share of `test` in `dataset.split_fractions` to 0 and analyse another split (`documents.split`). A model "
            "that is trained already needs no rows of every class: set `model.mode: load`.",
        )


def _report_absent_classes(rows: Sequence[Row], class_names: Sequence[str], *, to_learn: bool) -> None:
    counts: Counter[tuple[str, int]] = Counter((row.split, row.class_index) for row in rows)
    splits = [split for split in SPLITS if any(split == found for found, _ in counts)]
    absent = [(split, name) for split in splits for index, name in enumerate(class_names) if not counts[split, index]]
    problems = [Problem(f"class {name!r}", "no row in split train") for split, name in absent if split == "train"]
    if problems and to_learn:
        raise DatasetError("classes without a row to learn from:", problems, "Add rows, or remove the classes.")
    for split, name in absent:
        logger.warning("split %s has no row of class %r", split, name)
