"""Formats of the statistics: aggregates, exact sums, tokens, heads, documents and predictions."""

import pyarrow as pa

from attviz_pipeline import aggregates
from attviz_pipeline.artifacts.schema import (
    GOLD,
    IDENTITY,
    MOMENTS,
    PREDICTED,
    PREDICTING_TASK,
    PROBABILITIES,
    Schema,
    column,
    list_of,
)

AGGREGATES = Schema(
    "aggregates",
    1,
    "aggregate_shard",
    "Per token position over all layers and heads, as in the paper's Table 2. If the fact `definition` is `attviz`, "
    "the standard deviation is divided by h, and the entropy is -(1/b) sum p ln p over the b bins of width 0.01 "
    "that hold a share p of the values. Facts: `n_layers`, `n_heads`, `definition`",
    pa.schema(
        [
            *IDENTITY[:2],
            *(
                column(name, list_of(pa.float32()), ", ".join(filter(None, (one.description, "[token]", one.unit))))
                for name, one in aggregates.AGGREGATES.items()
            ),
        ]
    ),
)

_ENTRY = "Vocabulary entry as the tokenizer spells it; null if imported or share-safe"

TOKEN_SUMS = Schema(
    "token_sums",
    2,
    "aggregate_shard",
    "Exact sums per vocabulary entry of one shard; adding shards in any order gives the same bits. "
    "Facts: `n_layers`, `n_heads`",
    pa.schema(
        [
            column("token_id", pa.int32(), "Vocabulary index"),
            column("token", pa.string(), "Vocabulary entry as text"),
            column("entry", pa.string(), _ENTRY, nullable=True),
            column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for [UNK]"),
            column("count", pa.int64(), "Occurrences"),
            column("document_frequency", pa.int64(), "Documents that contain it"),
            column("sum", list_of(pa.int64()), "Sum of self-attention, fixed point, [limb, layer, head]"),
            column("sum_of_squares", list_of(pa.int64()), "Sum of squares, fixed point, [limb, layer, head]"),
            column("min", list_of(pa.float32()), "Minimum, [layer, head]"),
            column("max", list_of(pa.float32()), "Maximum, [layer, head]"),
        ]
    ),
)

HEAD_SUMS = Schema(
    "head_sums",
    1,
    "aggregate_shard",
    "Exact sums per head of one shard, without special tokens",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            column("count", pa.int64(), "Tokens"),
            column("sum", list_of(pa.int64()), "Sum of self-attention, fixed point, [limb]"),
            column("sum_of_squares", list_of(pa.int64()), "Sum of squares, fixed point, [limb]"),
            column("min", pa.float32(), "Minimum; 1 if there is no token"),
            column("max", pa.float32(), "Maximum; 0 if there is no token"),
            column("histogram", list_of(pa.int64()), "Tokens per tenth of a decade: below 1e-8, then 80 bins up to 1"),
        ]
    ),
)

_TOKEN = [
    column("token", pa.string(), "Vocabulary entry as text"),
    column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for [UNK]"),
    column("count", pa.int64(), "Occurrences in the analysed documents"),
    column("document_frequency", pa.int64(), "Documents that contain it"),
]

TOKENS = Schema(
    "tokens",
    2,
    "aggregate_dataset",
    "One row per vocabulary entry that occurs, with moments over its occurrences and all heads; "
    "sorted by `mean`, descending",
    pa.schema([_TOKEN[0], column("entry", pa.string(), _ENTRY, nullable=True), *_TOKEN[1:], *MOMENTS]),
)

HEAD_TOKENS = Schema(
    "head_tokens",
    2,
    "aggregate_dataset",
    "One row per head and vocabulary entry, one row group per head; sorted by layer, head, and `mean`, descending",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            *_TOKEN,
            *MOMENTS,
        ]
    ),
)

HEADS = Schema(
    "heads",
    1,
    "aggregate_dataset",
    "One row per head, over all non-special tokens; sorted by layer, head",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            column("count", pa.int64(), "Tokens"),
            *MOMENTS,
            column("histogram", list_of(pa.int64()), "Tokens per tenth of a decade: below 1e-8, then 80 bins up to 1"),
        ]
    ),
)

DOCUMENT_INDEX = Schema(
    "document_index",
    3,
    "aggregate_dataset",
    f"One row per analysed document, sorted by `position`. Facts: {PREDICTING_TASK}",
    pa.schema(
        [
            *IDENTITY,
            *GOLD,
            *PREDICTED,
            PROBABILITIES,
            column("n_tokens", pa.int32(), "Tokens, including special ones"),
            column("n_windows", pa.int32(), "Number of its windows"),
            column("truncated", pa.bool_(), "True if the end of the text was truncated"),
            column("mean", pa.float64(), "Mean self-attention over heads and non-special tokens, 0..1"),
            column("text", pa.string(), "The document's text, unchanged"),
        ]
    ),
)

SUMMARY = Schema(
    "summary",
    4,
    "aggregate_dataset",
    "Counts and scores of the analysed documents: `n_documents`, `n_sources` (input rows), `n_windowed_documents`, "
    "`n_truncated_documents`, `n_tokens`, `n_tokens_without_special`, `n_unknown_tokens` (read as [UNK]), "
    "`n_documents_with_unknown`, `tokens_per_document` (min, mean, max), "
    f"`n_vocabulary_entries`, `n_layers`, `n_heads`, {PREDICTING_TASK}, `mean_confidence` (null in regression), "
    "`n_labelled` (documents with a known gold value) and, over these, null if there are none: `accuracy`, `macro_f1` "
    "and `confusion` [gold, predicted] (single_label); `exact_match`, `hamming_loss`, `micro_f1`, `macro_f1` and "
    "`outcomes` (documents by outcome) (multi_label); `mse`, `mae`, `r2` and `spearman` (regression); `ledger` counts "
    "per status",
)

_ESTIMATE = "`value` with a 95 % interval `low`, `high`, null if undefined"
_CALIBRATION = (
    "`overconfidence` (mean confidence minus accuracy), `ece_equal_width` and `ece_equal_mass` (expected calibration "
    "error, never an interval), and by simulation `ece_of_a_calibrated_model` and "
    "`overconfidence_of_a_calibrated_model`"
)

ASSESSMENT = Schema(
    "assessment",
    3,
    "assess_predictions",
    f"Assessment of the classifier on the analysed documents: {PREDICTING_TASK}, counts, `splits` (documents by "
    "split), `settings`, `seed`, `aggregates` (the definition of entropy); by task as follows, each score "
    f"{_ESTIMATE}. "
    "single_label: `predictions`: documents per predicted class (`counts`, [class]), `n_distinct` predicted classes, "
    "the most frequent one (`label`) and its `share`; `scores`, empty without gold labels: `accuracy` (Wilson "
    "interval, with the `design_effect` of documents of one input row), `macro_f1` (bootstrap over input rows; no "
    f"interval with few rows in a class or few mistakes), {_CALIBRATION}; `majority_baseline`: scores of always "
    "predicting the largest gold class (`label`; `n_classes_as_large` classes have as many documents); `confusion` "
    "[gold, predicted]; `per_class` scores, precision and recall with Wilson intervals (`precision_low`, ...). "
    "multi_label: `predictions`: documents per predicted label (`counts`, [label]), `n_without` any, `n_distinct` "
    "labels, `n_distinct_sets` of labels, the most frequent set (`labels`) and its `share`, `co_occurrence` [label, "
    "label]; `scores`: `exact_match` (proportion of documents with all labels right) and `hamming_loss` (proportion of "
    "wrong decisions about a label), both with Wilson intervals, `micro_f1` and `macro_f1` (bootstrap, as above), "
    "`outcomes` (documents by outcome), `majority_baseline` (scores of always predicting the most frequent gold set, "
    "`labels`), `co_occurrence` of gold labels [label, label], and `missed_and_added` [label, label]: documents in "
    "which the first label was missed and the second wrongly predicted; `per_label`: `threshold`, `n_gold`, "
    "`n_predicted`, `n_hits` (both), precision, recall and F1 with intervals, `f1_of_always_predicting` the label, "
    f"`mean_probability`, and of the label's probability {_CALIBRATION}. "
    "regression: `predictions` and `scores.gold`: min, mean, median, max and standard deviation; `scores`: `mse`, "
    "`mae`, `mean_error` (predicted minus gold), `r2` and `spearman` (bootstrap over input rows, no interval with "
    "fewer than 50), `mean_baseline` (scores of always predicting the mean gold `value`), `error_quantiles` and "
    "`absolute_error_quantiles` (`share` of documents at or below the `value`). "
    "`confidence_and_entropy` (all documents, and those of each outcome) or in regression `error_and_entropy` (of the "
    "absolute error): rank correlation `spearman` with mean entropy, and `spearman_at_equal_length`, the partial one "
    "given the number of tokens, with intervals of a bootstrap over input rows",
)

CALIBRATION = Schema(
    "calibration",
    3,
    "assess_predictions",
    "Points of the reliability diagram: one row per binning and non-empty bin, in multi-label classification for each "
    "label; empty without gold labels, and in regression",
    pa.schema(
        [
            column("binning", pa.string(), "equal_width or equal_mass"),
            column(
                "label",
                pa.string(),
                "Label whose probability is compared with the share of documents that have it (multi_label); null for "
                "the predicted class (single_label)",
                nullable=True,
            ),
            column("bin", pa.int32(), "Bin, 0-based, by increasing confidence"),
            column("lower", pa.float64(), "Lower edge of confidence, exclusive, 0..1"),
            column("upper", pa.float64(), "Upper edge of confidence, inclusive, 0..1"),
            column("n_documents", pa.int64(), "Documents"),
            column("mean_confidence", pa.float64(), "Mean probability of the predicted class, or of the label, 0..1"),
            column(
                "accuracy",
                pa.float64(),
                "Proportion of correctly classified documents, or of documents that have the label, 0..1",
            ),
            column(
                "accuracy_low",
                pa.float64(),
                "Lower bound of the 95 % Wilson interval of `accuracy`; null if several documents are all of one "
                "input row",
                nullable=True,
            ),
            column(
                "accuracy_high",
                pa.float64(),
                "Upper bound of the 95 % Wilson interval of `accuracy`; null if several documents are all of one "
                "input row",
                nullable=True,
            ),
        ]
    ),
)

CONFIDENCES = Schema(
    "confidences",
    2,
    "assess_predictions",
    f"One row per analysed document, sorted by `position`. Facts: {PREDICTING_TASK}",
    pa.schema(
        [
            IDENTITY[0],
            *GOLD,
            *PREDICTED,
            column(
                "outcome",
                pa.string(),
                "right, partly_right (multi_label: the sets of labels differ, but share one) or wrong; null if "
                "unlabelled, and in regression",
                nullable=True,
            ),
            column("error", pa.float64(), "Predicted minus gold value; null except in regression", nullable=True),
            column(
                "confidence",
                pa.float64(),
                "Probability of the predicted class (single_label), or the smallest probability of a decision over "
                "labels, p if predicted and 1 - p if not (multi_label), 0..1; null in regression",
                nullable=True,
            ),
            column(
                "mean_entropy",
                pa.float64(),
                "Mean of the aggregate `entropy` over the document's non-special tokens, "
                "nats; null without such tokens",
                nullable=True,
            ),
            column("n_tokens", pa.int32(), "Tokens, including special ones"),
        ]
    ),
)
