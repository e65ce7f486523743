"""Assign rows to splits: as given, or seeded and stratified, with equal texts in the same split."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attviz_pipeline.config.settings import Split
from attviz_pipeline.dataset.rows import Row
from attviz_pipeline.dataset.sources import SPLITS
from attviz_pipeline.errors import DatasetError, Problem
from attviz_pipeline.strata import apportion, divide_sets, seeded_rank
from attviz_pipeline.tasks.task import Task

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
    task: Task[Any],
) -> None:
    """Set the split of every row.

    Args:
        rows: The usable rows, with their gold values set.
        given: Split of each part of the corpus, or None if its rows are to be split; either all or none are None.
        drawing: How rows without a split get one. If there is a training split but no validation split, the share of
            validation is taken from the training split.
        task: What a gold value is.

    Raises:
        DatasetError: A model is trained on the rows, and a class has too few distinct texts to be in every split.
    """
    for row in rows:
        row.split = given[row.part] or "test"
    if None in given and drawing.shares is not None:
        _divide(rows, {split: drawing.shares.get(split, 0.0) for split in SPLITS}, drawing, task)
    elif "train" in given and "validation" not in given and drawing.shares is not None:
        _carve_validation([row for row in rows if row.split == "train"], drawing, task)
    if None not in given or not drawing.to_learn or task.many_labels:
        _report_absent_classes(rows, task, to_learn=drawing.to_learn)


def count_texts_in_several_splits(rows: Sequence[Row]) -> int:
    """Count the texts that occur in more than one split; this happens only if the splits were given."""
    splits_of: dict[bytes, set[str]] = defaultdict(set)
    for row in rows:
        splits_of[row.text_digest].add(row.split)
    return sum(len(splits) > 1 for splits in splits_of.values())


def _carve_validation(train: Sequence[Row], drawing: Drawing, task: Task[Any]) -> None:
    fractions = drawing.shares or {}
    shares: dict[Split, float] = {split: fractions.get(split, 0.0) for split in SPLITS if split != "test"}
    if not all(shares.values()):
        return
    _divide(train, shares, drawing, task)
    n_carved = sum(row.split == "validation" for row in train)
    logger.info("no validation split is given: %d of %d training rows are set aside for it", n_carved, len(train))


def _divide(rows: Sequence[Row], shares: Mapping[Split, float], drawing: Drawing, task: Task[Any]) -> None:
    """Divide the rows in proportion; rows of equal text stay together, with the gold value of the first row."""
    texts: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        texts[row.text_digest].append(row)
    golds = {text: copies[0].gold for text, copies in texts.items()}
    if drawing.to_learn:
        _check_sizes(golds, sum(share > 0 for share in shares.values()), task)
    for text, split in _draw(golds, shares, drawing.seed, task).items():
        for row in texts[text]:
            row.split = split


def _draw(golds: Mapping[bytes, Any], shares: Mapping[Split, float], seed: int, task: Task[Any]) -> dict[bytes, Split]:
    """Return the split of each text, in proportion within each stratum or, with many labels, for each label."""
    ranked = sorted(golds, key=lambda text: seeded_rank(seed, text))
    splits = list(shares)
    if task.many_labels:
        numbers = divide_sets([golds[text] or () for text in ranked], list(shares.values()))
        return {text: splits[number] for text, number in zip(ranked, numbers, strict=True)}
    strata: dict[int, list[bytes]] = defaultdict(list)
    for text, stratum in zip(ranked, task.strata([golds[text] for text in ranked]), strict=True):
        strata[stratum].append(text)
    drawn: dict[bytes, Split] = {}
    for members in strata.values():
        counts = apportion(len(members), list(shares.values()))
        targets = [split for split, count in zip(splits, counts, strict=True) for _ in range(count)]
        drawn |= dict(zip(members, targets, strict=True))
    return drawn


def _check_sizes(golds: Mapping[bytes, Any], n_splits: int, task: Task[Any]) -> None:
    counts = Counter(label for gold in golds.values() for label in task.labels_in(gold))
    n_texts = {f"{task.noun} {name!r}": counts[index] for index, name in enumerate(task.label_names)}
    if not task.has_labels:
        n_texts = {"the dataset": len(golds)}
    problems = [
        Problem(where, f"{n} distinct text{'' if n == 1 else 's'}") for where, n in n_texts.items() if n < n_splits
    ]
    if problems:
        raise DatasetError(
            f"too few rows to have every {task.noun} in each of {n_splits} splits:",
            problems,
            "Check `dataset.label_column`; if it is right, add rows, remove the class from the dataset, or set the "
            "share of `test` in `dataset.split_fractions` to 0 and analyse another split (`documents.split`). A model "
            "that is trained already needs no rows of every class: set `model.mode: load`.",
        )


def _report_absent_classes(rows: Sequence[Row], task: Task[Any], *, to_learn: bool) -> None:
    """Refuse to train without a row of some class, and warn of classes without a row in another split."""
    labelled = [row for row in rows if not row.unlabelled]
    counts = Counter((row.split, label) for row in labelled for label in task.labels_in(row.gold))
    splits = [split for split in SPLITS if any(row.split == split for row in labelled)]
    names = list(enumerate(task.label_names))
    absent = [(split, name) for split in splits for index, name in names if not counts[split, index]]
    problems = [Problem(f"{task.noun} {name!r}", "no row in split train") for split, name in absent if split == "train"]
    if problems and to_learn:
        raise DatasetError(
            f"{task.nouns} without a row to learn from:", problems, f"Add rows, or remove the {task.nouns}."
        )
    for split, name in absent:
        logger.warning("split %s has no row of %s %r", split, task.noun, name)
