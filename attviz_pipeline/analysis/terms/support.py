"""In how many documents a term must occur to be described."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

FEWEST = 3
MOST = 10
DOCUMENTS_PER_ONE = 100
CLASS_DOCUMENTS_PER_ONE = 5


@dataclass
class CorpusSize:
    """Documents counted as they are read, also by class.

    Attributes:
        n_documents: All of them.
        gold: Those of each gold class.
        predicted: Those of each predicted class.
    """

    n_documents: int = 0
    gold: Counter[int] = field(default_factory=Counter)
    predicted: Counter[int] = field(default_factory=Counter)

    def add(self, documents: pa.Table) -> None:
        """Count the rows of a table with the columns `label` and `prediction`."""
        self.n_documents += documents.num_rows
        for classes, column in ((self.gold, "label"), (self.predicted, "prediction")):
            classes.update(number for number in documents[column].to_pylist() if number is not None)

    @property
    def smallest_class(self) -> int | None:
        """Documents of the smallest gold class that has any, or predicted class; None where no class is known."""
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
