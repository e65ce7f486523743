"""A corpus of invented words: no download, and as long as the articles of BBC news."""

# ruff: noqa: INP001 - a folder of scripts

import random

# Words of the 2,225 articles: the smallest number, every twentieth part, the largest number.
WORDS_OF_BBC = (
    *(89, 162, 191, 213, 228, 246, 260, 277, 294, 313, 332),
    *(357, 384, 410, 437, 471, 505, 550, 616, 729, 4432),
)
N_WORDS = 20_000
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]


def invented_texts(n_texts: int, seed: int = 0) -> list[str]:
    """Return texts of invented words, some words far more frequent than others, with the lengths of BBC news."""
    chance = random.Random(seed)  # noqa: S311 - no secrets
    return [invented_text(round(_length(chance)), chance) for _ in range(n_texts)]


def invented_text(n_words: int, chance: random.Random) -> str:
    """Return a text of so many words."""
    # By this power a few hundred words make up half of a text, as in a language.
    return " ".join(_word(int(N_WORDS ** chance.random()) - 1) for _ in range(n_words))


def _length(chance: random.Random) -> float:
    place = chance.random() * (len(WORDS_OF_BBC) - 1)
    below, above = WORDS_OF_BBC[int(place)], WORDS_OF_BBC[int(place) + 1]
    return below + (above - below) * (place % 1)


def _word(rank: int) -> str:
    word = SYLLABLES[rank % len(SYLLABLES)]
    while rank := rank // len(SYLLABLES):
        word += SYLLABLES[rank % len(SYLLABLES)]
    return word
