"""Formats of evidence: whether attention matters to the prediction.

The columns of single-label classification are written out. Those of the other tasks are the same, but for the columns
that `_instead` replaces or leaves out.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from attviz_pipeline.artifacts.schema import GOLD, IDENTITY, PREDICTED, Schema, column, list_of

_POSITION, _ID, _SOURCE, _ = IDENTITY
_LABEL = GOLD[0]
_PREDICTION = column("prediction", pa.int32(), "Predicted class, index into the dataset's label names")
_DOCUMENT = [_POSITION, _ID, _SOURCE, _LABEL, _PREDICTION]
_SET = "predicted label set"
_VALUE = "whole_predicted_value"
_TASK = "; of other tasks than single_label, `task`, `label_names` and `thresholds`"
Instead = Mapping[str, Sequence[pa.Field]]
"""What stands in the place of columns, by name; nothing for those that are left out."""
_DOCUMENT_OF: Mapping[str, Instead] = {
    "multi_label": {"label": [GOLD[1]], "prediction": [PREDICTED[1]]},
    "regression": {"label": [GOLD[2]], "prediction": [PREDICTED[2]]},
}


def _instead(columns: pa.Schema, task: str, changes: Instead) -> pa.Schema:
    of_task = {**_DOCUMENT_OF[task], **changes}
    return pa.schema([field for one in columns for field in of_task.get(one.name, [one])])


def _of_tasks(columns: pa.Schema, multi_label: Instead, regression: Instead) -> dict[str, pa.Schema]:
    return {
        "multi_label": _instead(columns, "multi_label", multi_label),
        "regression": _instead(columns, "regression", regression),
    }


def _named(*fields: pa.Field) -> dict[str, list[pa.Field]]:
    """Replace the columns of the same names."""
    return {field.name: [field] for field in fields}


def _without(*names: str) -> dict[str, list[pa.Field]]:
    return {name: [] for name in names}


_LOG = "log probability, combined over the document's windows"
_KNOWN = "null if the gold class is unknown"
_GATES = "null if the heads have no gates"
_FINITE = "null if a gradient is NaN or infinite"
_OF_GRADIENTS = ("gradient_x_input", "gradient_norm", "head_gradients")


def _gradients(prefix: str, of: str, also_null: str) -> list[pa.Field]:
    return [
        column(
            f"{prefix}gradient_x_input",
            list_of(pa.float32()),
            f"Gradient of {of} at the token's embedding, before positions and "
            f"normalisation, times the embedding, summed over its components, [token]; {_FINITE}{also_null}",
            nullable=True,
        ),
        column(
            f"{prefix}gradient_norm",
            list_of(pa.float32()),
            "Norm of the same products, [token]; null where these are",
            nullable=True,
        ),
        column(
            f"{prefix}head_gradients",
            list_of(pa.float32()),
            f"Gradient of {of} at a factor of the head's output, at 1, [layer, head]; {_FINITE}, {_GATES}{also_null}",
            nullable=True,
        ),
    ]


_GRADIENTS = pa.schema(
    [
        *_DOCUMENT,
        column("log_probability", pa.float64(), f"Predicted class: {_LOG}, nats"),
        column("gold_log_probability", pa.float64(), f"Gold class: {_LOG}, nats; {_KNOWN}", nullable=True),
        *_gradients("", "the predicted class's log probability", ""),
        *_gradients("gold_", "the gold class's log probability", f", or {_KNOWN.removeprefix('null ')}"),
    ]
)
_LOG_OF_SETS = _named(
    column(
        "log_probability", pa.float64(), f"{_SET.capitalize()}: sum over labels of the {_LOG}, of the decision, nats"
    ),
    column(
        "gold_log_probability",
        pa.float64(),
        "The same of the gold label set; null if the gold labels are unknown",
        nullable=True,
    ),
)
_WHOLE_VALUE = column(_VALUE, pa.float64(), "Predicted value here: `predicted_value` but for rounding")
GRADIENTS = Schema(
    "gradients",
    1,
    "compute_gradients",
    "One row per document of the sample `evidence.max_documents`, sorted by `position`. Facts: `n_layers`, `n_heads`, "
    "`model`, `device`, `gates`: why heads have no gates, or null; `n_not_finite`: documents with NaN or infinite "
    f"gradients{_TASK}",
    _GRADIENTS,
    _of_tasks(
        _GRADIENTS,
        _LOG_OF_SETS
        | _named(
            *_gradients("", f"the {_SET}'s log probability", ""),
            *_gradients("gold_", "the gold label set's log probability", ", or if the gold labels are unknown"),
        ),
        {"log_probability": [_WHOLE_VALUE]}
        | _without("gold_log_probability", *(f"gold_{name}" for name in _OF_GRADIENTS))
        | _named(*_gradients("", "the predicted value", "")),
    ),
)

_SHORT = "`n_too_short`: documents with fewer than two tokens of text, which are left out"
_REMOVAL = "`removal`: mask, delete or hide, how tokens were removed"

_LEAVE_ONE_OUT = pa.schema(
    [
        *_DOCUMENT,
        column("places", list_of(pa.int32()), "Places of the removed tokens among the document's tokens, [removed]"),
        column("probabilities", list_of(pa.float64()), "Probabilities of the whole document, [class], 0..1"),
        column(
            "changes",
            list_of(pa.float32()),
            "Probabilities without the token minus those of the whole document, [removed, class], -1..1",
        ),
    ]
)
LEAVE_ONE_OUT = Schema(
    "leave_one_out",
    1,
    "leave_tokens_out",
    "One row per document of the sample `evidence.leave_one_out_documents`, sorted by `position`. "
    f"Facts: `model`, `device`, {_REMOVAL}; {_SHORT}{_TASK}",
    _LEAVE_ONE_OUT,
    _of_tasks(
        _LEAVE_ONE_OUT,
        {},
        {"probabilities": [column("outputs", list_of(pa.float64()), "Predicted value of the whole document, [1]")]}
        | _named(
            column(
                "changes",
                list_of(pa.float32()),
                "Predicted value without the token minus that of the whole document, [removed], in its unit",
            )
        ),
    ),
)

_SCORE = [
    column("score", pa.string(), "Name of the token score, as in `evidence.scores`, or random"),
    column("layer", pa.int32(), "Layer of `self_layers`, 0-based; else null", nullable=True),
]

_DOCUMENT_FAITHFULNESS = pa.schema(
    [
        *_DOCUMENT,
        *_SCORE,
        column("draw", pa.int32(), "Number of the random ranking, 0-based; else null", nullable=True),
        column("n_text_tokens", pa.int32(), "Ranked tokens: those that are not special"),
        column("probability", pa.float64(), "Probability of the predicted class, 0..1"),
        column(
            "comprehensiveness",
            list_of(pa.float64()),
            "Fall of that probability when the highest-ranked tokens are removed, [fraction], -1..1",
        ),
        column(
            "sufficiency",
            list_of(pa.float64()),
            "Fall of that probability when all other tokens are removed, [fraction], -1..1",
        ),
        column(
            "tau",
            pa.float64(),
            "Kendall's tau-b with the fall without each token, -1..1; null outside the sample "
            "`evidence.leave_one_out_documents`, for leave_one_out itself, and if one of the two is constant",
            nullable=True,
        ),
    ]
)
_BY = {"comprehensiveness": "the highest-ranked tokens are removed", "sufficiency": "all other tokens are removed"}
DOCUMENT_FAITHFULNESS = Schema(
    "document_faithfulness",
    1,
    "measure_faithfulness",
    "One row per document of the sample `evidence.max_documents` and ranking of its tokens; sorted by `position`. "
    "Facts: `n_layers`, `model`, `device`, `fractions`, `random_rankings`, `unavailable`: names of the scores that "
    f"the study does not have, with reasons, {_REMOVAL}; {_SHORT}{_TASK}",
    _DOCUMENT_FAITHFULNESS,
    _of_tasks(
        _DOCUMENT_FAITHFULNESS,
        _named(column("probability", pa.float64(), f"Probability of the {_SET}, 0..1")),
        {"probability": [_WHOLE_VALUE]}
        | _named(
            *(
                column(name, list_of(pa.float64()), f"Absolute change of that value when {what}, [fraction]")
                for name, what in _BY.items()
            )
        ),
    ),
)

_OFF = (
    "`ablation`: zero or mean, what replaces the output of a head; `gates`: why heads cannot be switched off, or null"
)

_DOCUMENT_ABLATIONS = pa.schema(
    [
        *_DOCUMENT,
        column("whole_prediction", pa.int32(), "Class that the whole model predicts here; almost always `prediction`"),
        column("log_probability", pa.float64(), f"Predicted class: {_LOG}, nats"),
        column("gold_log_probability", pa.float64(), f"Gold class: {_LOG}, nats; {_KNOWN}", nullable=True),
        *[
            field
            for prefix, of, axes in (
                ("", "head", "[layer, head]"),
                ("layer_", "layer, all its heads at once", "[layer]"),
            )
            for field in (
                column(
                    f"{prefix}changes",
                    list_of(pa.float32()),
                    f"`log_probability` without the {of}, minus that of the whole model, {axes}",
                ),
                column(
                    f"{prefix}gold_changes",
                    list_of(pa.float32()),
                    f"The same of `gold_log_probability`, {axes}; {_KNOWN}",
                    nullable=True,
                ),
                column(f"{prefix}predictions", list_of(pa.int32()), f"Predicted class without the {of}, {axes}"),
            )
        ],
    ]
)
_SETS = list_of(list_of(pa.int32()))
_CHANGES_OF_VALUES = [
    field
    for prefix, of, axes in (("", "head", "[layer, head]"), ("layer_", "layer, all its heads at once", "[layer]"))
    for field in (
        column(f"{prefix}changes", list_of(pa.float32()), f"`{_VALUE}` without the {of}, minus that with all, {axes}"),
        column(
            f"{prefix}gold_changes",
            list_of(pa.float32()),
            f"The same of the absolute error, {axes}; null if the gold value is unknown",
            nullable=True,
        ),
    )
]
DOCUMENT_ABLATIONS = Schema(
    "document_ablations",
    1,
    "ablate_heads",
    "One row per document of the sample `evidence.ablation_documents`, sorted by `position`; no rows if heads cannot "
    "be switched off. Facts: `n_layers`, `n_heads`, `label_names`, `model`, `device`, `prefix_cache`: whether passes "
    f"began at the layer of the head, {_OFF}{_TASK}",
    _DOCUMENT_ABLATIONS,
    _of_tasks(
        _DOCUMENT_ABLATIONS,
        _LOG_OF_SETS
        | {
            "whole_prediction": [
                column("whole_predictions", list_of(pa.int32()), "Labels that the whole model predicts")
            ],
            "predictions": [column("head_predictions", _SETS, "Predicted labels without the head, [layer, head]")],
            "layer_predictions": [column("layer_predictions", _SETS, "Predicted labels without the layer, [layer]")],
        },
        {"whole_prediction": [_WHOLE_VALUE]}
        | _without("log_probability", "gold_log_probability", "predictions", "layer_predictions")
        | _named(*_CHANGES_OF_VALUES),
    ),
)

_CUMULATIVE_ABLATIONS = pa.schema(
    [
        column(
            "order",
            pa.string(),
            "Importance by which heads are switched off, the least important first: measured, gradient, "
            "self_attention, or random",
        ),
        column("draw", pa.int32(), "Number of the random order, 0-based; else null", nullable=True),
        column("n_switched_off", pa.int32(), "Heads that are switched off"),
        *_DOCUMENT,
        column("whole_prediction", pa.int32(), "Class that the whole model predicts here"),
        column("cut_prediction", pa.int32(), "Class that the model predicts without these heads"),
        column("change", pa.float64(), "Log probability of `prediction` without these heads, minus that with all"),
    ]
)
CUMULATIVE_ABLATIONS = Schema(
    "cumulative_ablations",
    1,
    "ablate_heads",
    "One row per order of heads, number of heads switched off, and document of the sample "
    "`evidence.cumulative_documents`. "
    "Facts: those of `document_ablations`; `orders`: `order`, `draw` and `heads`, as layer and head, the first to be "
    "switched off first; `held_out`: whether other documents than these decided the orders measured and gradient",
    _CUMULATIVE_ABLATIONS,
    _of_tasks(
        _CUMULATIVE_ABLATIONS,
        {
            "whole_prediction": [
                column("whole_predictions", list_of(pa.int32()), "Labels that the whole model predicts")
            ],
            "cut_prediction": [column("cut_predictions", list_of(pa.int32()), "Labels predicted without these heads")],
            "change": [
                column(
                    "change", pa.float64(), "Log probability of `predictions` without these heads, minus that with all"
                )
            ],
        },
        {
            "whole_prediction": [_WHOLE_VALUE],
            "cut_prediction": [column("cut_predicted_value", pa.float64(), "Predicted value without these heads")],
            "change": [column("change", pa.float64(), f"`cut_predicted_value` minus `{_VALUE}`")],
        },
    ),
)

_INTERVAL = "Student's t over input rows; null with fewer than two"


def _mean(name: str, description: str, *, tested: str = "", interval: str = _INTERVAL) -> list[pa.Field]:
    fields = [
        column(name, pa.float64(), f"{description}; null without documents", nullable=True),
        column(f"{name}_low", pa.float64(), f"Lower 95 % bound of `{name}`: {interval}", nullable=True),
        column(f"{name}_high", pa.float64(), f"Upper 95 % bound of `{name}`: {interval}", nullable=True),
    ]
    if tested:
        fields += [
            column(f"{name}_p", pa.float64(), f"Two-sided p of a mean of 0: {_INTERVAL}", nullable=True),
            column(f"{name}_q", pa.float64(), f"Benjamini-Hochberg q of `{name}_p` over {tested}", nullable=True),
        ]
    return fields


_CHANGE_TESTED = "all heads, or all layers, of the group"
_GROUP = [
    column("grouping", pa.string(), "all, gold, or correct (right and wrong predictions)"),
    column("group", pa.string(), "Class, or `right` or `wrong`; empty for all documents"),
]
_COUNTS = [
    column("n_documents", pa.int64(), "Documents with a value"),
    column("n_sources", pa.int64(), "Their input rows"),
]

FAITHFULNESS = Schema(
    "faithfulness",
    1,
    "summarise_evidence",
    "One row per grouping, group, measure, fraction and score, for those that some document has. Facts: those of "
    "`document_faithfulness`, and `label_names`",
    pa.schema(
        [
            *_SCORE,
            *_GROUP,
            column("measure", pa.string(), "comprehensiveness, sufficiency or tau, as in `document_faithfulness`"),
            column(
                "fraction",
                pa.float64(),
                "Share of the tokens; null for the mean over all fractions, and for tau",
                nullable=True,
            ),
            *_COUNTS,
            *_mean("mean", "Mean over documents, a document's value under random being the mean of its rankings"),
            column("floor", pa.float64(), "Mean of random over the same documents; null for random", nullable=True),
            *_mean(
                "difference",
                "Mean over documents of the value minus that of random; null for random",
                tested="the scores of the same group, measure and fraction",
            ),
        ]
    ),
)

_HEAD_ABLATIONS = pa.schema(
    [
        column("layer", pa.int32(), "Layer, 0-based"),
        column("head", pa.int32(), "Head, 0-based; null if all heads of the layer are switched off", nullable=True),
        *_GROUP,
        *_COUNTS,
        *_mean(
            "change",
            "Mean change of the predicted class's log probability without the head, nats",
            tested=_CHANGE_TESTED,
        ),
        *_mean("gold_change", "The same of the gold class, where it is known", tested="the same"),
        *_mean("flips", "Share of documents with another prediction than that of the whole model, 0..1"),
        *_mean("accuracy_change", "Change of the accuracy, where the gold class is known", tested="the same"),
        *_mean(
            "macro_f1_change",
            "Change of macro F1, in rows of all documents",
            interval="bootstrap over input rows; null with fewer than two",
        ),
    ]
)
HEAD_ABLATIONS = Schema(
    "head_ablations",
    1,
    "summarise_evidence",
    "One row per grouping, group and head, then per layer. Facts: those of `document_ablations`, `n_resamples`, `seed`",
    _HEAD_ABLATIONS,
    _of_tasks(
        _HEAD_ABLATIONS,
        _named(
            *_mean(
                "change", f"Mean change of the {_SET}'s log probability without the head, nats", tested=_CHANGE_TESTED
            ),
            *_mean("gold_change", "The same of the gold label set, where it is known", tested="the same"),
            *_mean("flips", "Share of documents with another label set than that of the whole model, 0..1"),
            *_mean("accuracy_change", "Change of exact match, where the gold labels are known", tested="the same"),
        ),
        _named(
            *_mean("change", "Mean change of the predicted value without the head, in its unit", tested=_CHANGE_TESTED),
            *_mean("gold_change", "The same of the absolute error, where the gold value is known", tested="the same"),
        )
        | _without(*(name for name in _HEAD_ABLATIONS.names if name.startswith(("flips", "accuracy", "macro_f1")))),
    ),
)

_ABLATION_CURVES = pa.schema(
    [
        column("order", pa.string(), "measured, gradient, self_attention or random, as in `cumulative_ablations`"),
        column("n_switched_off", pa.int32(), "Heads that are switched off"),
        column("n_left", pa.int32(), "Heads that are left"),
        *_COUNTS,
        column("n_labelled", pa.int64(), "Documents with a known gold class"),
        *_mean("accuracy", "Accuracy over these, 0..1; in random order the mean over the random orders"),
        *_mean("accuracy_difference", "Mean over these of the document's difference from random; null for random"),
        *_mean("agreement", "Share of documents with the prediction of the whole model, 0..1"),
        *_mean("agreement_difference", "The same as a difference from random; null for random"),
        *_mean("change", "Mean change of the log probability of `prediction`, nats"),
    ]
)
ABLATION_CURVES = Schema(
    "ablation_curves",
    1,
    "summarise_evidence",
    "One row per order of heads and number of heads switched off. Facts: those of `cumulative_ablations`",
    _ABLATION_CURVES,
    _of_tasks(
        _ABLATION_CURVES,
        _named(
            *_mean("accuracy", "Exact match over these, 0..1; in random order the mean over the random orders"),
            *_mean("change", "Mean change of the log probability of `predictions`, nats"),
        ),
        _without(*(name for name in _ABLATION_CURVES.names if name.startswith(("accuracy", "agreement", "change_"))))
        | {
            "change": [
                *_mean("error", "Mean absolute error over these; in random order the mean over the random orders"),
                *_mean("error_difference", "Mean over these of the document's difference from random; null for random"),
                *_mean("change", "Mean absolute change of the predicted value; in random order as above"),
                *_mean("change_difference", "The same as a difference from random; null for random"),
            ]
        },
    ),
)

_HEAD_IMPORTANCE = pa.schema(
    [
        column("layer", pa.int32(), "Layer, 0-based"),
        column("head", pa.int32(), "Head, 0-based"),
        column(
            "measured",
            pa.float64(),
            "Mean absolute change of the predicted class's log probability without the head, nats; null if it "
            "was not switched off",
            nullable=True,
        ),
        column(
            "gradient",
            pa.float64(),
            "Mean absolute gradient of the same log probability at a factor of the head's output; null without "
            "finite gradients",
            nullable=True,
        ),
        column("self_attention", pa.float64(), "Mean self-attention over all analysed documents, 0..1"),
    ]
)


def _importance(of: str) -> dict[str, list[pa.Field]]:
    return _named(
        column(
            "measured",
            pa.float64(),
            f"Mean absolute change of {of} without the head; null if it was not switched off",
            nullable=True,
        ),
        column(
            "gradient",
            pa.float64(),
            f"Mean absolute gradient of {of} at a factor of the head's output; null without finite gradients",
            nullable=True,
        ),
    )


HEAD_IMPORTANCE = Schema(
    "head_importance",
    1,
    "rank_heads",
    "One row per head. Facts: `n_measured`, `n_gradient`: documents behind the first two measures; `gates`: why heads "
    "cannot be switched off, or null; `correlations`: of every two `measures` that there are, Spearman's rank "
    "correlation over heads: `n_heads`, `value`, `low` and `high` (95 % interval: normal, standard error by bootstrap "
    "over input rows), `by_chance`: the size that 95 % of random orders of heads do not exceed; `n_resamples`, `seed`"
    f"{_TASK}",
    _HEAD_IMPORTANCE,
    _of_tasks(
        _HEAD_IMPORTANCE,
        _importance(f"the {_SET}'s log probability"),
        _importance("the predicted value"),
    ),
)

_TERM_EVIDENCE = pa.schema(
    [
        column(
            "measure",
            pa.string(),
            "leave_one_out: fall of the predicted class's probability without the token, -1..1 (minus `changes` of "
            "`leave_one_out`); gradient_x_input: as in `gradients`, nats",
        ),
        column("grouping", pa.string(), "all, or predicted"),
        column("group", pa.string(), "Predicted class; empty for all documents"),
        column("term", pa.string(), "The token, word or lower-cased word; in share-safe mode without its words"),
        column("count", pa.int64(), "Occurrences in the measured documents of the group"),
        *_COUNTS,
        *_mean("mean", "Mean over documents with the term"),
        column("floor", pa.float64(), "Mean over the same documents of the mean over all terms in each"),
        *_mean(
            "rank",
            "Mean over the same documents of the share of the document's terms that the term exceeds, 0..1; 0.5 "
            "for random terms",
        ),
        column(
            "shrunken_rank",
            pa.float64(),
            "`rank`, drawn towards the mean of all terms of the group: more where documents are few",
        ),
        column("shrunken_rank_low", pa.float64(), "Lower bound of its 95 % posterior interval"),
        column("shrunken_rank_high", pa.float64(), "Upper bound of the same"),
        column(
            "p",
            pa.float64(),
            "One-sided: as many random occurrences of terms of the same documents have a mean rank as high",
        ),
        column("q", pa.float64(), "Benjamini-Hochberg q over all terms and groups of the measure and grouping"),
    ]
)
TERM_EVIDENCE = Schema(
    "term_evidence",
    1,
    "compare_terms",
    "One row per measure, grouping, group and term that is in enough of the group's measured documents, by "
    "`shrunken_rank`, descending, then by `p`. A document's value is the mean over the occurrences of the term, "
    "that of an occurrence the sum over its tokens. Facts: `level` of the terms; `label_names`; `removal`: mask, "
    "delete or hide; "
    "`measures`: of each measure `n_documents`, those that were measured, `n_predicted`, the same by predicted class, "
    "`min_document_frequency`, in how many of a group's documents a term must be; `n_draws`: most random draws of a "
    "test; `seed`"
    f"{_TASK}",
    _TERM_EVIDENCE,
    _of_tasks(
        _TERM_EVIDENCE,
        _named(
            column(
                "measure",
                pa.string(),
                f"leave_one_out: fall of the {_SET}'s probability without the token, -1..1; gradient_x_input: as in "
                "`gradients`, nats",
            ),
            column("group", pa.string(), "Predicted label; empty for all documents"),
        ),
        _named(
            column(
                "measure",
                pa.string(),
                "leave_one_out: absolute change of the predicted value without the token, the sum over the tokens of "
                "an occurrence; gradient_x_input: absolute value of that of `gradients`, likewise",
            ),
            column("grouping", pa.string(), "all"),
        ),
    ),
)

ALL: tuple[Schema, ...] = (
    GRADIENTS,
    LEAVE_ONE_OUT,
    DOCUMENT_FAITHFULNESS,
    DOCUMENT_ABLATIONS,
    CUMULATIVE_ABLATIONS,
    FAITHFULNESS,
    HEAD_ABLATIONS,
    ABLATION_CURVES,
    HEAD_IMPORTANCE,
    TERM_EVIDENCE,
)
