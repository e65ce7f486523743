"""First pass over a file: which documents can be used, and their common classes, vectors and tokens."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from attviz_pipeline.dataset.imported.attviz_json import ImportedDocument, repeats
from attviz_pipeline.dataset.rows import Fault


@dataclass(slots=True)
class Entry:
    """Metadata of one document.

    Attributes:
        number: Position in the file, 1-based; also its id.
        faults: Reasons why it cannot be used; empty if it can.
        oddities: Unusual properties.
        n_vectors: Number of its vectors.
        names: Names of its vectors.
        classes: Names of its classes, in its order.
        twins: Index of the first identical vector in the document, for every vector.
    """

    number: int
    faults: list[Fault]
    oddities: list[str]
    n_vectors: int
    names: tuple[str, ...]
    classes: tuple[str, ...]
    twins: tuple[int, ...]


@dataclass
class Survey:
    """The documents of a file, and the common properties of all usable ones.

    Attributes:
        entries: Every document, in the file's order.
        classes: Names of the classes.
        names: Names of the vectors of every usable document, including repeated ones.
        repeated: Index of the earlier vector, by index of each vector that repeats it in every usable document.
        token_ids: Index of every token of usable documents, in alphabetical order.
    """

    entries: list[Entry]
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    repeated: dict[int, int] = field(default_factory=dict)
    token_ids: dict[str, int] = field(default_factory=dict)

    @property
    def usable(self) -> list[Entry]:
        """The documents without a fault."""
        return [entry for entry in self.entries if not entry.faults]


def survey(documents: Iterable[ImportedDocument]) -> Survey:
    """Check all documents; those that differ from the majority in vectors or classes get a fault."""
    entries: list[Entry] = []
    vocabulary: set[str] = set()
    # Equal tuples are stored once, because a million documents share a few.
    known: dict[tuple[object, ...], tuple[object, ...]] = {}
    for number, document in enumerate(documents, start=1):
        entries.append(_entry(number, document, known))
        if not document.faults:
            vocabulary.update(document.tokens)
    found = Survey(entries, token_ids={token: index for index, token in enumerate(sorted(vocabulary))})
    if found.usable:
        _agree_on_shape(found)
        _note_repeats(found)
    return found


def _entry(number: int, document: ImportedDocument, known: dict[tuple[object, ...], tuple[object, ...]]) -> Entry:
    twins = dict(repeats(document.vectors))
    lists = (
        tuple(document.names),
        tuple(document.activations),
        tuple(twins.get(index, index) for index in range(len(document.vectors))),
    )
    names, classes, twin = (known.setdefault(values, values) for values in lists)
    return Entry(number, document.faults, document.oddities, len(document.vectors), names, classes, twin)  # type: ignore[arg-type] # the values keep their types


def _agree_on_shape(found: Survey) -> None:
    """Compare every document with the majority; in a tie the earlier value wins."""
    usable = found.usable
    n_vectors = Counter(entry.n_vectors for entry in usable).most_common(1)[0][0]
    classes = Counter(frozenset(entry.classes) for entry in usable).most_common(1)[0][0]
    for entry in usable:
        if entry.n_vectors != n_vectors:
            what = f"has {entry.n_vectors} vectors, where most documents have {n_vectors}"
            entry.faults.append(Fault("sets", "unreadable_attention", what))
        if frozenset(entry.classes) != classes:
            what = (
                f"names the classes {', '.join(entry.classes)[:80]}; most documents have {', '.join(sorted(classes))}"
            )
            entry.faults.append(Fault("output_activations", "unreadable_attention", what[:300]))
    first = found.usable[0] if found.usable else usable[0]
    found.classes, found.names = first.classes, first.names
    for entry in found.usable:
        if entry.names != found.names:
            entry.oddities.append("its vectors have other names than those of the first document")


def _note_repeats(found: Survey) -> None:
    # Vectors with the same twins in all documents are identical in all documents.
    first: dict[tuple[int, ...], int] = {}
    for index, twins in enumerate(zip(*(entry.twins for entry in found.usable), strict=True)):
        earlier = first.setdefault(twins, index)
        if earlier != index:
            found.repeated[index] = earlier
    for entry in found.usable:
        own = [f"{index} repeats {twin}" for index, twin in enumerate(entry.twins) if twin != index]
        if own:
            entry.oddities.append(f"vector {', vector '.join(own)}")
