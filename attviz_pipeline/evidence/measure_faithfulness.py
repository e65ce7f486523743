"""The stage `measure_faithfulness`: does a token score point at the tokens that the prediction depends on?"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats
from transformers import PreTrainedTokenizerBase

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.attention.capture import AttentionReader
from attviz_pipeline.attention.classifier_token import ClassifierToken
from attviz_pipeline.attention.opening import open_model, open_reader
from attviz_pipeline.config.settings import EvidenceSettings, TokenScore
from attviz_pipeline.errors import AttentionError
from attviz_pipeline.evidence.classifier_rows import ClassifierRows
from attviz_pipeline.evidence.removal import Remover, Variants
from attviz_pipeline.evidence.sample import SampledDocument, is_too_short
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.evidence.token_scores import (
    OF_ATTENTION,
    OF_GRADIENTS,
    Score,
    attention_scores,
    random_scores,
    read_attention,
    read_rows,
    top_tokens,
)
from attviz_pipeline.faults import is_out_of_memory, too_long_for_memory
from attviz_pipeline.progress import Progress
from attviz_pipeline.stages import MeasureFaithfulness

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Row = Mapping[str, Any]
ROUNDING = 1e-9  # 0.1 times 30 is a little more than 3
ONLY_FULL_MODE = "only attention.mode: full measures it"


def measure_faithfulness(  # noqa: PLR0913 - one parameter per file
    settings: MeasureFaithfulness,
    own_index: Path,
    document_index: Path,
    shards: Sequence[Path],
    attention: Sequence[Path],
    checkpoint: Path,
    card: Path,
    gradients: Path,
    leave_one_out: Path,
    faithfulness: Path,
) -> None:
    """Remove the tokens that each score ranks highest, or all others, and compare the prediction with the whole.

    Args:
        settings: The sample, the scores, and how tokens are removed.
        own_index: Documents of the study's own model, of which the sample is drawn (schema `document_index`).
        document_index: The same documents with the predictions of this model (schema `document_index`).
        shards: The texts of the same documents (schema `shard`).
        attention: Their attention (schema `attention`).
        checkpoint: Folder with the classifier.
        card: Facts of the classifier (schema `model`).
        gradients: Gradients of the sample (schema `gradients`).
        leave_one_out: Changes of the prediction without each token (schema `leave_one_out`).
        faithfulness: Where to write (schema `document_faithfulness`).

    Raises:
        ArtifactError: An input is missing, damaged, or made with other settings.
        AttentionError: The model returned NaN or infinite values.
        ResourceError: The requested device is not available, or memory is too small.

    Sources: comprehensiveness and sufficiency: DeYoung et al. 2020, "ERASER", section 4; rank correlation with
    leave-one-out: Jain and Wallace 2019, section 4.1.
    """
    evidence = settings.evidence
    study = SampledStudy(settings, own_index, document_index, shards, checkpoint, card)
    documents = [document for document in study.documents() if not is_too_short(document)]
    tables = _Tables(settings, study.sample, attention, gradients, leave_one_out, study.card)
    tables.read_classifier_rows(documents, checkpoint, study.tokenizer)
    remover, classifier = Remover.of(evidence.removal, study.tokenizer), study.classifier
    trials = [_Trial(document, tables.scores(document), evidence, remover) for document in documents]
    n_passes = sum(trial.variants.n_passes for trial in trials)
    classifier.log_cost("measure_faithfulness", n_passes, [window for one in documents for window in one.windows])
    tables.warn_of_unavailable()
    facts = {
        **study.facts,
        "n_layers": study.card["n_layers"],
        "fractions": evidence.fractions,
        "random_rankings": evidence.random_rankings,
        "unavailable": tables.unavailable,
        "removal": remover.how,
        "n_too_short": study.sample.num_rows - len(documents),
    }
    schema = evidence_schemas.DOCUMENT_FAITHFULNESS.of(study.task.name)
    with (
        Progress(total=n_passes, label="measure_faithfulness", unit="forward passes") as progress,
        files.TableWriter(faithfulness, schema, facts) as writer,
    ):
        for trial in trials:
            whole, without = trial.variants.read(classifier, progress.advance)
            rows = list(trial.rows(whole, without, tables.leave_one_out(trial.document)))
            writer.write({name: [row[name] for row in rows] for name in schema.arrow.names})


class _Trial:
    """All scores of one document, and the sets of tokens that they remove."""

    def __init__(
        self, document: SampledDocument, scores: list[Score], evidence: EvidenceSettings, remover: Remover
    ) -> None:
        self.document = document
        self._scores, self._n_fractions = scores, len(evidence.fractions)
        text = document.text_tokens
        # Several scores often agree on the top tokens, so each set is read once.
        self._number: dict[frozenset[int], int] = {}
        self._places: list[list[tuple[int, int]]] = []
        for score in scores:
            places = []
            for fraction in evidence.fractions:
                top = set(text[top_tokens(score, n_removed(fraction, len(text)))].tolist())
                rest = frozenset(set(text.tolist()) - top)
                places.append((self._numbered(frozenset(top)), self._numbered(rest)))
            self._places.append(places)
        self.variants = Variants(document, [sorted(removal) for removal in self._number], remover)

    def rows(self, whole: Floats, without: Floats, leave_one_out: Floats | None) -> Iterator[dict[str, Any]]:
        """Yield one row per score, given the outputs of the whole document and of each variant."""
        task, predicted = self.document.task, self.document.predicted
        falls = task.dependence(task.falls(whole, without - whole, predicted))
        for score, places in zip(self._scores, self._places, strict=True):
            removed, kept = zip(*places, strict=True)
            yield {
                **self.document.identity,
                "score": score.name,
                "layer": score.layer,
                "draw": score.draw,
                "n_text_tokens": len(self.document.text_tokens),
                task.evidence.strength: float(task.strength(whole, predicted)),
                "comprehensiveness": falls[list(removed)],
                "sufficiency": falls[list(kept)],
                "tau": None if score.name == "leave_one_out" else kendall_tau(score.values, leave_one_out),
            }

    def _numbered(self, removal: frozenset[int]) -> int:
        return self._number.setdefault(removal, len(self._number))


def n_removed(fraction: float, n_tokens: int) -> int:
    """Return how many of a document's tokens a fraction is: rounded up, but never all of them."""
    return min(math.ceil(fraction * n_tokens - ROUNDING), n_tokens - 1)


def kendall_tau(values: Floats, others: Floats | None) -> float | None:
    """Return Kendall's tau-b of two scores of a document's tokens; None if one is missing or constant.

    Source: Kendall 1945, with ties.
    """
    if others is None:
        return None
    tau = float(stats.kendalltau(values, others).statistic)
    return tau if math.isfinite(tau) else None


class _Tables:
    """What scores are made of, for the documents of the sample."""

    def __init__(  # noqa: PLR0913 - one argument per table
        self,
        settings: MeasureFaithfulness,
        sample: pa.Table,
        attention: Sequence[Path],
        gradients: Path,
        leave_one_out: Path,
        card: Row,
    ) -> None:
        self._settings, self._card = settings, card
        self._attention = read_attention(attention, sample)
        self._gradients = read_rows([gradients], evidence_schemas.GRADIENTS, sample)
        self._leave_one_out = read_rows([leave_one_out], evidence_schemas.LEAVE_ONE_OUT, sample)
        self._classifier_rows: dict[int, Floats] = {}
        self.unavailable: dict[TokenScore, str] = {}
        """Reasons why scores are missing for every document, by name."""
        for name in settings.evidence.scores:
            if name in OF_ATTENTION and not self._is_there(name):
                exposed = any(row["rollout"] is not None for row in self._attention.values())
                self.unavailable[name] = "the model does not expose its value vectors" if exposed else ONLY_FULL_MODE
            elif name == "leave_one_out" and not self._leave_one_out:
                self.unavailable[name] = "evidence.leave_one_out_documents leaves no document for it"
            elif name in OF_GRADIENTS and all(row[name] is None for row in self._gradients.values()):
                self.unavailable[name] = "no document has finite gradients"

    def read_classifier_rows(
        self, documents: Sequence[SampledDocument], checkpoint: Path, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Compute the score `classifier_row`, which no table holds."""
        if "classifier_row" not in self._settings.evidence.scores or not documents:
            return
        attention = self._settings.attention.model_copy(update={"precision": "float32"})
        model = open_model(checkpoint, attention)
        observer = ClassifierRows(ClassifierToken(model.config, tokenizer.cls_token_id))
        reader = open_reader(model, tokenizer, attention, observer)
        try:
            for document in documents:
                self._classifier_rows[document.row["position"]] = _classifier_row(reader, observer, document)
        except AttentionError as fault:
            self._classifier_rows.clear()
            self.unavailable["classifier_row"] = fault.summary

    def warn_of_unavailable(self) -> None:
        """Log which scores are missing for every document, and why."""
        for name, reason in self.unavailable.items():
            logger.warning("the faithfulness of `%s` is not measured: %s", name, reason)

    def scores(self, document: SampledDocument) -> list[Score]:
        """Return all scores of a document, of its text tokens; random ones come last."""
        evidence, position = self._settings.evidence, document.row["position"]
        found = list(attention_scores(self._attention[position], evidence.scores, self._card["n_layers"]))
        row = self._gradients.get(position, {})
        found += [
            Score(name, None, None, document.task.dependence(np.asarray(row[name], np.float64)))
            for name in OF_GRADIENTS
            if name in evidence.scores and row.get(name) is not None
        ]
        if position in self._classifier_rows:
            found.append(Score("classifier_row", None, None, self._classifier_rows[position]))
        text = document.text_tokens
        found = [score._replace(values=score.values[text]) for score in found]
        fall = self.leave_one_out(document)
        if fall is not None and "leave_one_out" in evidence.scores:
            found.append(Score("leave_one_out", None, None, fall))
        seed = self._settings.seed
        return [*found, *random_scores(document.row["id"], len(text), evidence.random_rankings, seed)]

    def leave_one_out(self, document: SampledDocument) -> Floats | None:
        """Return how far the prediction depends on each text token alone; None outside the sample."""
        row = self._leave_one_out.get(document.row["position"])
        if row is None:
            return None
        changes = np.asarray(row["changes"], np.float64).reshape(len(row["places"]), -1)
        task = document.task
        whole = np.asarray(row[task.evidence.outputs], np.float64)
        return task.dependence(task.falls(whole, changes, document.predicted))

    def _is_there(self, name: TokenScore) -> bool:
        n_layers = self._card["n_layers"]
        return any(OF_ATTENTION[name](row, n_layers) is not None for row in self._attention.values())


def _classifier_row(reader: AttentionReader, observer: ClassifierRows, document: SampledDocument) -> Floats:
    parts = []
    for window in document.windows:
        try:
            reader.read([window])
        except (RuntimeError, MemoryError) as fault:
            if is_out_of_memory(fault):
                raise too_long_for_memory(window.n_tokens) from None
            raise
        parts.append(observer.rows()[0][window.first : window.stop].double().numpy())
    return np.concatenate(parts)
