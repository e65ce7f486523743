"""Fine-tuning with `transformers.Trainer`: seeded, with early stopping by the scores of the validation split."""

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import EvalPrediction, PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments

from attviz_pipeline.artifacts import files
from attviz_pipeline.attention.freeing import reuse_memory
from attviz_pipeline.attention.last_layer import compute_all_tokens, compute_first_token_alone
from attviz_pipeline.config.settings import EpochCriterion, TrainingSettings
from attviz_pipeline.errors import ModelError, Problem
from attviz_pipeline.model.encoding import Collator, Encoded
from attviz_pipeline.model.load import Classifier, non_finite
from attviz_pipeline.model.scoring import TEXTS_PER_BATCH, predictions_of, score
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import PrepareModel
from attviz_pipeline.tasks.task import Task

logger = logging.getLogger(__name__)

BYTES_PER_WEIGHT = 4
COPIES_ON_DISK = 3  # the best epoch so far, the epoch that is being saved, and the checkpoint
TRAINERS_NAME: Mapping[EpochCriterion, str] = {"validation_loss": "loss", "macro_f1": "macro_f1", "r2": "r2"}
TITLES: Mapping[EpochCriterion, str] = {"validation_loss": "validation loss", "macro_f1": "macro F1", "r2": "R2"}
SCORES_OF_EPOCHS = ("macro_f1", "accuracy", "micro_f1", "exact_match", "hamming_loss", "mse", "mae", "r2", "spearman")
LOWER_RATE = "Lower training.learning_rate, or raise training.warmup_fraction."


def check_splits(golds: Mapping[str, Sequence[Any]], task: Task[Any], criterion: EpochCriterion) -> None:
    """Check that the training split has texts of every class or label, and that the validation split has texts.

    Args:
        golds: Gold values of every split.
        task: The study's task.
        criterion: What chooses the best epoch.

    Raises:
        ModelError: A split has no texts, texts without a gold value, or no training texts of a class, or the criterion
            is no score of the task; all problems are listed.
    """
    problems = [
        Problem(f"split {split}", f"has no texts, and fine-tuning {purpose}")
        for split, purpose in (("train", "learns from it"), ("validation", "selects the best epoch by it"))
        if not golds.get(split)
    ]
    learned = [gold for split in ("train", "validation") for gold in golds.get(split, ())]
    if None in learned:
        problems.append(Problem(task.gold_column, f"{learned.count(None)} texts have no gold value to learn from"))
    elif golds.get("train"):
        there = {label for gold in golds["train"] for label in task.labels_in(gold)}
        absent = [name for index, name in enumerate(task.label_names) if index not in there]
        problems += [Problem(f"{task.noun} {name!r}", "has no text in the training split") for name in absent]
    if criterion not in {"validation_loss", task.criterion}:
        what = f"{criterion} is no score of {task.title}: set it to validation_loss or {task.criterion}"
        problems.append(Problem("training.best_epoch_by", what))
    elif not task.has_labels and criterion == task.criterion and len(set(golds.get("validation", (0, 1)))) == 1:
        problems.append(Problem("split validation", "has equal values only, for which R2 is undefined"))
    if problems:
        raise ModelError(
            "the dataset cannot be fine-tuned on:",
            problems,
            "Change dataset.files, dataset.splits or dataset.split_fractions; or set model.mode: load.",
        )


def fine_tune(
    classifier: Classifier,
    encoded: Mapping[str, Encoded],
    settings: PrepareModel,
    scratch: Path,
    keep: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Train all weights in place; the result is the best epoch on the validation split by `training.best_epoch_by`.

    Args:
        classifier: Model and tokenizer; new weights of the model are already initialised.
        encoded: Texts of the splits `train`, and `validation` for the selection of the best epoch.
        settings: Seed and hyperparameters; the device must compute in `training.precision`.
        scratch: An existing folder for the epochs' weights, which are removed afterwards.
        keep: Called after each epoch with its number, from 1, while the classifier has its weights.

    Returns:
        `history` (per epoch: train and validation loss, and the task's scores on the validation split), `best_epoch`
        (1-based), `best_epoch_by`, `stopped_early`.

    Raises:
        ModelError: The loss or the weights became NaN or infinite.
        ResourceError: The disk is too small for the epochs' weights.
    """
    model: Any = classifier.model
    files.require_space(scratch, COPIES_ON_DISK * BYTES_PER_WEIGHT * model.num_parameters(), "fine-tuning")
    with files.scratch_directory(scratch / "fine_tune") as folder:
        trainer = _make_trainer(classifier, encoded, settings, folder)
        steps = math.ceil(len(encoded["train"]) / settings.training.batch_size) * settings.training.epochs
        with (
            _trained_fast(classifier, encoded["train"]),
            Progress(total=steps, label="prepare_model: fine-tuning", unit="steps") as bar,
        ):
            trainer.add_callback(_ShowProgress(bar, classifier.task.criterion))
            if keep is not None:
                trainer.add_callback(_KeepEpochs(keep))
            trainer.train()
    return _summarise(trainer, settings.training)


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Seed every generator and allow only deterministic algorithms, for identical results on the same machine."""
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    options: Any = torch.utils.deterministic
    fill = options.fill_uninitialized_memory
    # cuBLAS is only reproducible with a workspace of fixed size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    transformers.set_seed(seed)
    torch.use_deterministic_algorithms(mode=True)
    # Filling memory only guards against reads before writes, and takes a tenth of a step's time.
    options.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        options.fill_uninitialized_memory = fill


@contextmanager
def _trained_fast(classifier: Classifier, encoded: Encoded) -> Iterator[None]:
    """Leave out of each step what changes no gradient, and choose the faster attention for the device."""
    model: Any = classifier.model
    reuse_memory()
    collator = Collator.of(classifier.model, classifier.tokenizer)
    by_length = sorted(range(len(encoded)), key=lambda index: len(encoded.token_ids[index]))
    batch = collator([encoded[by_length[0]], encoded[by_length[-1]]])
    inputs = {name: tensor.to(model.device) for name, tensor in batch.items() if name != "labels"}
    model.eval()
    usual = model.config._attn_implementation  # noqa: SLF001 - no public name
    if model.device.type == "cpu":
        # The fused kernel of the CPU has no dropout. What replaces it takes longer than the model's own code.
        model.set_attn_implementation("eager")
    compute_first_token_alone(classifier.model, lambda: model(**inputs).logits)
    try:
        yield
    finally:
        compute_all_tokens(classifier.model)
        model.set_attn_implementation(usual)


class _Trainer(Trainer):
    """Trains in a lower precision by autocast. Validation stays in float32: its scores are those of the saved model."""

    def __init__(self, precision: str, **given: Any) -> None:  # noqa: ANN401 - the Trainer's
        super().__init__(**given)
        self._precision = getattr(torch, precision)

    def compute_loss(self, model: torch.nn.Module, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - the Trainer's
        lower = model.training and self._precision != torch.float32
        with torch.autocast(self.args.device.type, self._precision if lower else None, enabled=lower):
            return super().compute_loss(model, *given, **options)


class _ShowProgress(TrainerCallback):
    def __init__(self, bar: Progress, criterion: EpochCriterion) -> None:
        self._bar, self._criterion = bar, criterion

    def on_step_end(self, *_: object, **__: object) -> None:
        self._bar.advance(1)

    def on_evaluate(self, args: object, state: TrainerState, *_: object, **__: object) -> None:  # noqa: ARG002 - fixed
        found = state.log_history[-1]
        of_task = found.get(f"eval_{self._criterion}", math.nan)
        message = "epoch %.0f: validation loss %.4f, %s %.4f"
        logger.info(message, found["epoch"], found["eval_loss"], TITLES[self._criterion], of_task)


class _KeepEpochs(TrainerCallback):
    def __init__(self, keep: Callable[[int], object]) -> None:
        self._keep = keep

    def on_epoch_end(self, args: object, state: TrainerState, *_: object, **__: object) -> None:  # noqa: ARG002 - fixed
        self._keep(round(state.epoch or 0))


def _make_trainer(
    classifier: Classifier, encoded: Mapping[str, Encoded], settings: PrepareModel, folder: Path
) -> Trainer:
    callbacks: list[TrainerCallback] = []
    if settings.training.early_stopping_patience is not None:
        callbacks.append(transformers.EarlyStoppingCallback(settings.training.early_stopping_patience))
    trainer = _Trainer(
        settings.training.precision,
        model=classifier.model,
        args=_arguments(settings, folder),
        data_collator=Collator.of(classifier.model, classifier.tokenizer),
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"].by_length(),
        compute_metrics=partial(_measure, classifier),
        preprocess_logits_for_metrics=_logits_alone,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _logits_alone(outputs: Any, _: Any) -> Any:  # noqa: ANN401 - the Trainer's signature
    """Drop other outputs than the logits, because the Trainer would keep them for every text."""
    return outputs[0] if isinstance(outputs, tuple | list) else outputs


def _measure(classifier: Classifier, found: EvalPrediction) -> dict[str, float]:
    """Return the scores of the task that are numbers."""
    logits = torch.from_numpy(np.asarray(found.predictions))
    predicted = predictions_of(logits, classifier.task, classifier.output_to_label)
    gold = [classifier.task.of_target(target) for target in np.asarray(found.label_ids).tolist()]
    scores = score(classifier.task, gold, predicted)
    return {name: value for name, value in scores.items() if isinstance(value, float)}


def _arguments(settings: PrepareModel, folder: Path) -> TrainingArguments:
    training = settings.training
    on_gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=TEXTS_PER_BATCH,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_fraction,
        lr_scheduler_type="linear",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="best",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        load_best_model_at_end=True,
        metric_for_best_model=TRAINERS_NAME[training.best_epoch_by],
        greater_is_better=training.best_epoch_by != "validation_loss",
        save_only_model=True,
        save_total_limit=1,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - the only way to keep the batch size on many GPUs
    return arguments


def _summarise(trainer: Trainer, training: TrainingSettings) -> dict[str, Any]:
    logs = trainer.state.log_history
    losses = [log["loss"] for log in logs if "loss" in log]
    evaluations = [log for log in logs if "eval_loss" in log]
    names = [name for name in SCORES_OF_EPOCHS if any(f"eval_{name}" in log for log in evaluations)]
    history = [
        {
            "epoch": epoch,
            "train_loss": loss,
            "validation_loss": log["eval_loss"],
            **{name: log[f"eval_{name}"] for name in names if f"eval_{name}" in log},
        }
        for epoch, (loss, log) in enumerate(zip(losses, evaluations, strict=True), start=1)
    ]
    bad_losses = [epoch for epoch in history if not math.isfinite(epoch["train_loss"] + epoch["validation_loss"])]
    if bad_losses or non_finite(trainer.model):  # type: ignore[arg-type]
        raise ModelError("fine-tuning diverged: the loss became NaN or infinite.", remedy=LOWER_RATE)
    best = best_epoch(history, training.best_epoch_by)
    stopped_early = len(history) < training.epochs
    reason = f" (stopped early: {training.best_epoch_by} did not improve)" if stopped_early else ""
    logger.info("fine-tuned for %d of %d epochs%s; epoch %d is kept", len(history), training.epochs, reason, best)
    return {
        "history": history,
        "best_epoch": best,
        "best_epoch_by": training.best_epoch_by,
        "stopped_early": stopped_early,
    }


def best_epoch(history: Sequence[Mapping[str, float]], criterion: EpochCriterion) -> int:
    """Return the number of the best epoch, the first of equals, as the Trainer does.

    Args:
        history: At least one epoch, in order; the first has number 1.
        criterion: Which of its scores is compared: the lowest loss is best, or the highest macro F1.
    """
    scores = [epoch[criterion] for epoch in history]
    return 1 + scores.index(min(scores) if criterion == "validation_loss" else max(scores))
