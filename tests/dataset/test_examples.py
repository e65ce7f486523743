"""The bundled corpus keeps what its data card promises."""

import csv
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def read_rows() -> list[dict[str, str]]:
    with (EXAMPLES / "news.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_corpus_is_what_its_card_says() -> None:
    rows = read_rows()

    assert [row["id"] for row in rows] == [f"news-{number:03d}" for number in range(1, 341)]
    assert set(Counter(row["label"] for row in rows).values()) == {68}
    assert all(44 <= len(row["text"].split()) <= 120 for row in rows)
    assert all("\n" not in row["text"] for row in rows)


def test_texts_are_no_template_with_swapped_words() -> None:
    texts = [row["text"].lower().split() for row in read_rows()]
    beginnings = Counter(tuple(words[:3]) for words in texts)
    sequences = Counter(run for words in texts for run in {tuple(words[i : i + 7]) for i in range(len(words) - 6)})

    assert max(beginnings.values()) == 1
    assert max(sequences.values()) == 1


def test_card_names_the_items_between_two_topics() -> None:
    card = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    labels = {row["id"]: row["label"] for row in read_rows()}
    between = [
        (label, other, re.findall(r"news-\d+", ids))
        for label, other, ids in re.findall(r"\| (\w+) \| (\w+) \| (news.*) \|", card)
    ]

    named = [item for _, _, ids in between for item in ids]
    assert 0.08 <= len(named) / len(labels) <= 0.13
    assert len(set(named)) == len(named)
    assert all(labels[item] == label != other for label, other, ids in between for item in ids)
    assert all(first[:2] < second[:2] for first, second in pairwise(between))
