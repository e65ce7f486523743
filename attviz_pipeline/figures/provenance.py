"""What a figure's numbers are: their formula, and the corpus, model, seed and code that they come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attviz_pipeline.artifacts import files, schemas
from attviz_pipeline.published import published_card

# a is the self-attention of a token occurrence in a head, n the tokens of its window. The docs tell each at length.
FORMULAS: Mapping[str, str] = {
    "top_tokens": "mean of a over all occurrences of a token and all heads (Škrlj et al. 2021)",
    "top_terms": "mean of ln(n a) over occurrences and heads, shrunken; 95 % interval of a bootstrap over input rows",
    "head_means": "mean of a over all tokens of all documents, per head",
    "confusion": "documents by gold and predicted class",
    "reliability": "ECE = sum over bins k of n_k / n |accuracy_k - mean confidence_k|",
    "confidence_entropy": "a document's confidence against the mean over its tokens of the aggregate entropy",
    "head_likeness": "FUJI area (Petković et al. 2020); Jensen-Shannon distance of the heads (Clark et al. 2019)",
    "head_map": "multidimensional scaling of 1 - FUJI area, and of Jensen-Shannon distances",
    "fuji_curves": "FUJI(i) = 1 / |U| sum over f in U of min(1, s_1(f) / t_1, s_2(f) / t_2) (Petković et al. 2020)",
    "head_profiles": "per query: entropy -sum a ln a, shares and distance of what it attends to (Clark et al. 2019)",
    "log_distributions": "occurrences of terms by log10 of the max, mean and min of a over heads (Škrlj et al. 2021)",
    "normal_quantiles": "log10 of the max, mean and min of a against normal quantiles of the share below",
    "curves": "mean of a and of ln(n a) by place in the text and by length of the window",
    "class_heads": "Hedges' g of documents' mean ln(n a), group against rest; permutation p; Benjamini-Hochberg q",
    "class_terms": "log-odds with an informative Dirichlet prior (Monroe et al. 2008), plain and weighted by n a",
    "word_cloud": "mean of a over a token's occurrences in the head, or in all heads",
}
_CARD_FACTS = ("source", "subset", "revision", "sha256", "files", "source_sha256")


def study_provenance(dataset: Path, model: Path, seed: int, software: Mapping[str, str]) -> dict[str, Any]:
    """Say where all figures of a study come from.

    Args:
        dataset: Card of the corpus (schema DATASET).
        model: Card of the classifier (schema MODEL).
        seed: Seed of the study.
        software: Commit of the code, and versions of what it ran on.

    Raises:
        ArtifactError: A card is missing or damaged.
    """
    cards = {"dataset": files.read_json(dataset, schemas.DATASET), "model": files.read_json(model, schemas.MODEL)}
    origin = {name: _origin(card) for name, card in cards.items()}
    return {**origin, "seed": seed, "software": dict(software)}


def figure_provenance(study: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Add the formula of a kind of figure."""
    return {"formula": FORMULAS[kind], **study}


def _origin(card: Mapping[str, Any]) -> dict[str, Any]:
    shown = published_card(card)
    return {name: shown[name] for name in _CARD_FACTS if shown.get(name) is not None}
