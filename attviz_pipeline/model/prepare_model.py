"""The stage `prepare_model`: check and fine-tune the classifier, evaluate it, and save a checkpoint."""

import logging
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerBase

from attviz_pipeline.artifacts import corpus_schemas, files, model_schemas
from attviz_pipeline.attention.precision import require_precision
from attviz_pipeline.attention.trial import AttentionShape, try_classifier
from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import AttentionError, ModelError
from attviz_pipeline.model.compared import faults_of, with_classes_of_own
from attviz_pipeline.model.encoding import Encoded, encode
from attviz_pipeline.model.fine_tune import BYTES_PER_WEIGHT, TITLES, check_splits, deterministic, fine_tune
from attviz_pipeline.model.load import Classifier, load_classifier, quiet_transformers, reset_tokenizer
from attviz_pipeline.model.scoring import predict, score
from attviz_pipeline.model.source import ModelCopy, find_copy
from attviz_pipeline.model.verify import digest_files, verify_copy
from attviz_pipeline.stages import PrepareModel
from attviz_pipeline.tasks.registry import task_of
from attviz_pipeline.tasks.task import Task
from attviz_pipeline.unread import add_up

logger = logging.getLogger(__name__)

SCORED_SPLITS = ("validation", "test")
UNREAD = ("n_tokens", "n_unknown", "n_control")
UNTRAINED: Mapping[str, Any] = {"history": [], "best_epoch": None, "best_epoch_by": None, "stopped_early": False}


@dataclass(frozen=True)
class Corpus:
    """The documents, by split.

    Attributes:
        task: What the gold values are.
        texts: Texts of every split.
        pair_starts: Character at which the second text of each pair begins, of every split; None for single texts.
        golds: Gold values of every split; None for unlabelled texts.
    """

    task: Task[Any]
    texts: dict[str, list[str]]
    pair_starts: dict[str, list[int | None]]
    golds: dict[str, list[Any]]


def prepare_model(settings: PrepareModel, documents: Path, checkpoint: Path, card: Path, metrics: Path) -> None:
    """Find and verify the model, fine-tune it or check that it fits the classes, evaluate it, and save it.

    A model that is to be compared as it is before fine-tuning has an untrained classifier, which is not evaluated.
    With `keeps_epochs`, the checkpoint's folder `epochs` holds a checkpoint of each epoch.

    Args:
        settings: Seed, model and training.
        documents: Artifact `documents`, read.
        checkpoint: Folder, written: config.json, safetensors, tokenizer.
        card: Artifact `model`, written.
        metrics: Artifact `metrics`, written. Texts longer than `model.max_tokens` are truncated; `n_truncated` counts
            them.

    Raises:
        ModelError: The model or the corpus cannot be used; nothing is written then.
        ArtifactError: `documents` is damaged.
        ResourceError: The disk or memory is too small, or the device does not compute in `training.precision`.
    """
    corpus, device = _read_corpus(documents), _device()
    if _learns(settings):
        require_precision("training.precision", settings.training.precision, device)
        check_splits(corpus.golds, corpus.task, settings.training.best_epoch_by)
    with faults_of(settings.compared_as):
        copy = find_copy(settings.model)
        source_digests = verify_copy(copy.folder, settings.model.sha256, settings.model.source)
    with (
        quiet_transformers(),
        faults_of(settings.compared_as),
        deterministic(settings.seed),
        files.scratch_directory(checkpoint.with_name("epochs")) as epochs,
    ):
        task = with_classes_of_own(corpus.task, settings.own_model, copy.folder, settings.model)
        classifier = load_classifier(copy.folder, settings.model, task, settings.close_overlap)
        classifier.model.to(device)  # type: ignore[arg-type]
        shape = _try(classifier, corpus, settings.model)
        keep = partial(_keep_epoch, classifier, copy.folder, epochs) if settings.keeps_epochs else None
        scores = _train_and_score(classifier, corpus, settings, checkpoint, keep)
        digests = _save(classifier, copy.folder, checkpoint, epochs)
    meaning = classifier.task.facts
    files.write_json(metrics, model_schemas.METRICS, {**meaning, **scores})
    facts = _describe(classifier, copy, settings) | shape._asdict()
    files.write_json(
        card,
        model_schemas.MODEL,
        {**facts, **meaning, "source_sha256": source_digests, "sha256": digests},
    )


def _read_corpus(documents: Path) -> Corpus:
    task = task_of(files.read_facts(documents, corpus_schemas.DOCUMENTS))
    corpus = Corpus(task, {}, {}, {})
    names = ["split", task.gold_column, "text", "pair_start"]
    for table in files.iter_tables(documents, corpus_schemas.DOCUMENTS, names):
        for row in table.to_pylist():
            split = row["split"]
            corpus.texts.setdefault(split, []).append(row["text"])
            corpus.pair_starts.setdefault(split, []).append(row["pair_start"])
            corpus.golds.setdefault(split, []).append(task.gold(row))
    return corpus


def _try(classifier: Classifier, corpus: Corpus, settings: ModelSettings) -> AttentionShape:
    """Check that the model's attention can be read, before training or evaluation."""
    texts = list(chain.from_iterable(corpus.texts.values()))
    pair_starts = list(chain.from_iterable(corpus.pair_starts.values()))
    by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    longest_and_shortest = by_length[-1], by_length[0]
    try:
        return try_classifier(
            classifier.model,
            classifier.tokenizer,
            [texts[index] for index in longest_and_shortest],
            [pair_starts[index] for index in longest_and_shortest],
            settings.max_tokens,
        )
    except AttentionError as fault:
        raise ModelError(
            f"the model {settings.source} cannot be used: {fault.summary}", fault.problems, fault.remedy
        ) from None


def _train_and_score(
    classifier: Classifier,
    corpus: Corpus,
    settings: PrepareModel,
    checkpoint: Path,
    keep: Callable[[int], object] | None,
) -> dict[str, Any]:
    max_tokens = settings.model.max_tokens
    if not settings.is_trained:
        return {"splits": {}, **UNTRAINED}
    wanted = SCORED_SPLITS if settings.model.mode == "load" else ("train", *SCORED_SPLITS)
    learns = _learns(settings)
    targets = {
        split: [classifier.task.target(gold) for gold in golds] if learns else []
        for split, golds in corpus.golds.items()
    }
    encoded = {
        split: encode(classifier.tokenizer, corpus.texts[split], targets[split], max_tokens, corpus.pair_starts[split])
        for split in wanted
        if split in corpus.texts
    }
    _warn_of_unread(classifier, encoded)
    training = UNTRAINED
    if learns:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        training = fine_tune(classifier, encoded, settings, checkpoint.parent, keep)
    scores = {}
    for split in (split for split in SCORED_SPLITS if split in encoded):
        scores[split] = _scores(classifier, encoded[split], corpus.golds[split], split)
        scores[split]["n_truncated"] = encoded[split].n_truncated
        scores[split] |= {name: getattr(encoded[split].unread, name) for name in UNREAD}
    return {"splits": scores, **training}


def _learns(settings: PrepareModel) -> bool:
    return settings.model.mode == "fine_tune" and settings.is_trained


def _scores(classifier: Classifier, encoded: Encoded, golds: Sequence[Any], split: str) -> dict[str, Any]:
    """Score the labelled texts of a split; if there are none, there are no scores, and nothing is predicted."""
    task = classifier.task
    if all(gold is None for gold in golds):
        return {"n": 0}
    predicted = predict(classifier, encoded, split)
    known = [(gold, value) for gold, value in zip(golds, predicted, strict=True) if gold is not None]
    scores = score(task, *(list(values) for values in zip(*known, strict=True)))
    main = scores[task.criterion]
    shown = "undefined" if main is None else f"{main:.4f}"
    logger.info("%s: %s %s on %d texts", split, TITLES[task.criterion], shown, scores["n"])
    return scores


def _warn_of_unread(classifier: Classifier, encoded: Mapping[str, Encoded]) -> None:
    if encoded:
        add_up([split.unread for split in encoded.values()]).warn(classifier.tokenizer)


def _device() -> torch.device:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    logger.info("computing on %s", _name_device(device))
    return device


def _name_device(device: torch.device) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def _save(classifier: Classifier, source: Path, checkpoint: Path, epochs: Path) -> dict[str, str]:
    files.require_space(checkpoint, _bytes_of(classifier), "the checkpoint")
    with files.atomic_directory(checkpoint) as folder:
        _write(classifier, source, folder)
        for kept in epochs.iterdir():
            (folder / "epochs").mkdir(exist_ok=True)
            kept.rename(folder / "epochs" / kept.name)
        return digest_files(folder)


def _keep_epoch(classifier: Classifier, source: Path, epochs: Path, epoch: int) -> None:
    files.require_space(epochs, _bytes_of(classifier), f"the weights of epoch {epoch}")
    _write(classifier, source, epochs / str(epoch))


def _bytes_of(classifier: Classifier) -> int:
    model: Any = classifier.model
    return BYTES_PER_WEIGHT * int(model.num_parameters())


def _write(classifier: Classifier, source: Path, folder: Path) -> None:
    model: Any = classifier.model
    reset_tokenizer(classifier.tokenizer)
    model.save_pretrained(folder)
    _save_tokenizer(classifier.tokenizer, source, folder)


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, source: Path, folder: Path) -> None:
    tokenizer.save_pretrained(folder)
    if tokenizer.is_fast:
        return
    # Some slow tokenizers cannot read the vocabularies that they write (BERTweet loses its merges).
    for name in tokenizer.vocab_files_names.values():
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _describe(classifier: Classifier, copy: ModelCopy, settings: PrepareModel) -> dict[str, Any]:
    model: Any = classifier.model
    return {
        "source": settings.model.source,
        "revision": copy.revision,
        "copy": copy.kind,
        "mode": settings.model.mode if settings.is_trained else "pretrained",
        "architecture": {"model_type": model.config.model_type, "class": type(model).__name__},
        "n_parameters": model.num_parameters(),
        "max_tokens": settings.model.max_tokens,
        "offsets": classifier.tokenizer.is_fast,
        "output_to_label": classifier.output_to_label,
        "padding": {"token_id": model.config.pad_token_id, "of": classifier.padding},
        "seed": settings.seed,
        "training": settings.training.model_dump(mode="json") if _learns(settings) else None,
        "device": _name_device(model.device),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
        },
    }
