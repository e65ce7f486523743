"""A study of invented words whose own model is compared with a pretrained one and with other seeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from term_study import TermStudy, written

from attviz_pipeline.analysis.heads.profile_heads import profile_heads
from attviz_pipeline.artifacts import files, model_schemas, models_schemas
from attviz_pipeline.artifacts.layout import ModelsPaths
from attviz_pipeline.config.settings import AssessmentSettings, CompareSettings
from attviz_pipeline.models_compared.compare_models import compare_models
from attviz_pipeline.stages import CompareModels

N_DOCUMENTS, N_WORDS, N_HEADS, N_CLASSES, N_EPOCHS = 40, 12, 6, 2, 3
CLASSES = ("class 0", "class 1")
CHANGED, OF_CLASS = 3, 1
"""Head that fine-tuning changes, and head that attends more in documents of class 1."""
WORDS = ["oil", "goal", "match", "bank", "rate", "team", "film", "chip", "vote", "song", "rain", "fish"]
OTHER_HEADS = [4, 2, 0, 5]
"""Heads of the study's own model of which those of the model `other`, with fewer heads and words, are noisy copies."""
OTHER_WORDS = WORDS[:9]
SCORES = {"": 0.8, "seed-14": 0.7, "seed-15": 0.9, "other": 0.6}
WRONG = {"seed-14": 4, "other": 15}
"""Documents that a model misclassifies, the first ones; the others are all classified correctly."""


def write_model(
    folder: Path, name: str, *, n_documents: int = N_DOCUMENTS, label_names: tuple[str, ...] = CLASSES
) -> TermStudy:
    """Write what a study has of one of its models: statistics, measures and scores.

    In the pretrained model, head 3 has less self-attention than after any fine-tuning. Head 1 attends more in class 1
    in the own model and in seed 14, not in seed 15. All else differs between models by chance.
    """
    random = np.random.default_rng(0)
    base = random.normal(0, 1, (n_documents, N_HEADS, N_WORDS))
    labels = [position % N_CLASSES for position in range(n_documents)]
    log_attention = base + np.random.default_rng([1, *name.encode()]).normal(0, 0.3, base.shape) - 4
    if name != "pretrained":
        log_attention[:, CHANGED] += 0.6
    if name in {"", "seed-14"}:
        log_attention[:, OF_CLASS] += np.array(labels)[:, None]
    words = WORDS
    if name == "other":
        words, log_attention = OTHER_WORDS, log_attention[:, OTHER_HEADS, : len(OTHER_WORDS)]
    documents: list[tuple[list[str], NDArray[np.float64]]] = [(words, np.exp(values)) for values in log_attention]
    wrong = WRONG.get(name, 0)
    predictions = [1 - label if place < wrong else label for place, label in enumerate(labels)]
    place = folder / "models" / name if name else folder
    (place / "model").mkdir(parents=True)
    study = (
        written(place, documents, labels=labels, predictions=predictions, label_names=label_names)
        .measure()
        .describe()
        .compare(n_permutations=4999)
    )
    profile_heads(study.attention, place / "statistics" / "head_profiles.parquet")
    splits = {"test": {"n": n_documents, "macro_f1": SCORES[name]}} if name in SCORES else {}
    facts = {"task": "single_label", "label_names": list(label_names)}
    files.write_json(
        place / "model" / "model.json", model_schemas.MODEL, {**facts, "source": "models/base", "mode": "fine_tune"}
    )
    files.write_json(place / "model" / "metrics.json", model_schemas.METRICS, {**facts, "splits": splits})
    return study


def compare(folder: Path, settings: CompareSettings) -> ModelsPaths:
    """Write the models of a study, and compare them."""
    own = write_model(folder, "")
    names = list(settings.named(13, N_EPOCHS))
    for name in names:
        write_model(folder, name)
    return compare_written(folder, own, settings)


def compare_written(
    folder: Path, own: TermStudy, settings: CompareSettings, with_evidence: Sequence[str] = ()
) -> ModelsPaths:
    """Compare models that are written already, some perhaps with evidence."""
    folders = [folder, *(folder / "models" / name for name in settings.named(13, N_EPOCHS))]
    output = ModelsPaths.below(folder / "models")
    compared = settings.named(13, N_EPOCHS)
    stage = CompareModels(
        seed=13, compared=compared, with_evidence=list(with_evidence), assessment=AssessmentSettings(n_resamples=200)
    )
    compare_models(stage, own.measures, folders, output)
    return output


def rows(paths: ModelsPaths, name: str) -> list[dict[str, object]]:
    """Read a table of the comparison."""
    table: list[dict[str, object]] = files.read_table(
        getattr(paths, name), getattr(models_schemas, name.upper())
    ).to_pylist()
    return table
