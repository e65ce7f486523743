"""A first look through a whole file: which documents can be used, and what they have in common."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from attviz_pipeline.dataset.imported.attviz_json import ImportedDocument, repeats
from attviz_pipeline.dataset.rows import Fault


@dataclass(slots=True)
class Entry:
    """What is kept in memory of one document.

    Attributes:
        number: Place in the file, 1-based; also its id.
        faults: Why it cannot be used; empty if it can.
        oddities: What is unusual about it.
        n_vectors: Number of its vectors.
        names: Names of its vectors.
        classes: Names of its classes, in its order.
        twins: For every vector, the first one of the document that it equals to the bit.
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
    """The documents of a file, and what holds for all usable ones.

    Attributes:
        entries: Every document, in the file's order.
        classes: Names of the classes.
        names: Names of the vectors that every usable document has, before any is left out.
        repeated: Vectors that repeat an earlier one in every usable document, with that one.
        token_ids: An index for every token of usable documents, in alphabetical order.
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
    """Look through all documents; those that differ from the majority in vectors or classes get a fault."""
    entries: list[Entry] = []
    vocabulary: set[str] = set()
    # Equal tuples are kept once: a million documents share a few.
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
    return Entry(number, document.faults, document.oddities, len(document.vectors), names, classes, twin)  # type: ignore[arg-type] # what goes in comes out


def _agree_on_shape(found: Survey) -> None:
    """Compare every document with the majority; ties go to the earlier one."""
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
            entry.oddities.append("its vectors bear other names than those of the first document")


def _note_repeats(found: Survey) -> None:
    # Two vectors are the same one in every document where their rows of twins are the same.
    first: dict[tuple[int, ...], int] = {}
    for index, twins in enumerate(zip(*(entry.twins for entry in found.usable), strict=True)):
        earlier = first.setdefault(twins, index)
        if earlier != index:
            found.repeated[index] = earlier
    for entry in found.usable:
        own = [f"{index} repeats {twin}" for index, twin in enumerate(entry.twins) if twin != index]
        if own:
            entry.oddities.append(f"vector {', vector '.join(own)}")
