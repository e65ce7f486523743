"""In how many documents a term must occur to be described."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from attviz_pipeline.tasks.task import Task

FEWEST = 3
MOST = 10
DOCUMENTS_PER_ONE = 100
CLASS_DOCUMENTS_PER_ONE = 5


@dataclass
class CorpusSize:
    """Documents counted as they are read, also by class.

    Attributes:
        n_documents: All of them.
        gold: Those of each gold class or label.
        predicted: Those of each predicted class or label.
    """

    n_documents: int = 0
    gold: Counter[int] = field(default_factory=Counter)
    predicted: Counter[int] = field(default_factory=Counter)

    def add(self, documents: pa.Table, task: Task[Any]) -> None:
        """Count the rows of a table with the columns of the task's gold values and predictions."""
        self.n_documents += documents.num_rows
        for classes, column in ((self.gold, task.gold_column), (self.predicted, task.predicted_column)):
            for value in documents[column].to_pylist():
                if value is not None:
                    classes.update(task.labels_in(value))

    @property
    def smallest_class(self) -> int | None:
        """Documents of the smallest gold class or label that has any, or predicted one; None where none is known."""
        return min((self.gold or self.predicted).values(), default=None)

    def least_documents(self, wanted: int | Literal["auto"]) -> int:
        """Return in how many documents a term must occur: what the study wants, or what fits its size.

        A term that only one class uses occurs in no more documents than the class has. So the smallest class bounds the
        threshold, too.
        """
        if wanted != "auto":
            return wanted
        fitting = [self.n_documents // DOCUMENTS_PER_ONE, MOST]
        if self.smallest_class is not None:
            fitting.append(self.smallest_class // CLASS_DOCUMENTS_PER_ONE)
        return max(FEWEST, min(fitting))
