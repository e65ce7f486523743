"""The training of a fine-tuned model on the page About: losses of every epoch, and which epoch was kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from attviz_pipeline.formats import percent, significant
from attviz_pipeline.report.sentences.scores import chosen_epoch
from attviz_pipeline.report.views.curve import TickView
from attviz_pipeline.report.views.study import StudyView

WIDTH, HEIGHT = 420, 140
N_STEPS = 4
_SCORES = {
    "macro_f1": "Macro F1",
    "accuracy": "Accuracy",
    "micro_f1": "Micro F1",
    "exact_match": "Exact match",
    "hamming_loss": "Hamming loss",
    "mae": "Mean absolute error",
    "r2": "R\u00b2",
    "spearman": "Spearman's \u03c1",
}
_NO_SHARES = {"mae", "r2", "spearman"}
_LOSSES = {
    "softmax": "Mean cross-entropy per text in nats",
    "sigmoid": "Mean binary cross-entropy per label in nats",
    "identity": "Mean squared error per text",
}


@dataclass(frozen=True)
class EpochView:
    """Losses and validation scores of one epoch."""

    number: int
    train_loss: float
    validation_loss: float
    scores: list[str]
    kept: bool


@dataclass(frozen=True)
class TrainingView:
    """The curves of training and validation loss, as two paths, and their table; the axis of losses begins at 0.

    `loss` says what the losses are, `titles` names the scores on the validation split.
    """

    sentence: str
    loss: str
    titles: list[str]
    epochs: list[EpochView]
    width: int
    height: int
    train_path: str
    validation_path: str
    kept_at: tuple[float, float]
    x_ticks: list[TickView]
    y_ticks: list[TickView]


def training_view(study: StudyView) -> TrainingView | None:
    """Draw the curves; None where the model was not fine-tuned."""
    metrics, history = study.metrics, study.metrics.get("history")
    if not history:
        return None
    best, highest = metrics["best_epoch"], max(max(e["train_loss"], e["validation_loss"]) for e in history)
    columns = {name: [epoch[name] for epoch in history] for name in ("train_loss", "validation_loss")}
    every = -(-len(history) // 12)
    n_classes = None if study.task.many_labels else len(study.label_names) or None
    return TrainingView(
        sentence=chosen_epoch(metrics, study.settings, n_classes),
        loss=_LOSSES[study.task.activation],
        titles=[title for name, title in _SCORES.items() if name in history[0]],
        epochs=[
            EpochView(
                number=epoch["epoch"],
                train_loss=epoch["train_loss"],
                validation_loss=epoch["validation_loss"],
                scores=[_written(name, epoch[name]) for name in _SCORES if name in history[0]],
                kept=epoch["epoch"] == best,
            )
            for epoch in history
        ],
        width=WIDTH,
        height=HEIGHT,
        train_path=_path(columns["train_loss"], highest),
        validation_path=_path(columns["validation_loss"], highest),
        kept_at=(_x(best, len(history)), _y(columns["validation_loss"][best - 1], highest)),
        x_ticks=[TickView(_x(number, len(history)), str(number)) for number in range(1, len(history) + 1, every)],
        y_ticks=[
            TickView(_y(highest * step / N_STEPS, highest), significant(highest * step / N_STEPS))
            for step in range(N_STEPS + 1)
        ],
    )


def _path(losses: Sequence[float], highest: float) -> str:
    return "M" + "L".join(f"{_x(n, len(losses))} {_y(loss, highest)}" for n, loss in enumerate(losses, start=1))


def _x(number: int, n_epochs: int) -> float:
    return round(WIDTH * (number - 0.5) / n_epochs, 1)


def _y(loss: float, highest: float) -> float:
    return round(HEIGHT * (1 - loss / highest), 1) if highest > 0 else float(HEIGHT)


def _written(name: str, score: float | None) -> str:
    """Write a score: shares in percent, the others with three digits."""
    if score is None:
        return "\N{EN DASH}"
    return significant(score, 3) if name in _NO_SHARES else percent(score, 1)
