"""Formats of evidence: whether attention matters to the prediction."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import GOLD, IDENTITY, Schema, column, list_of

_POSITION, _ID, _SOURCE, _ = IDENTITY
_LABEL = GOLD[0]
_PREDICTION = column("prediction", pa.int32(), "Predicted class, index into the dataset's label names")
_DOCUMENT = [_POSITION, _ID, _SOURCE, _LABEL, _PREDICTION]

_LOG = "log probability, combined over the document's windows"
_KNOWN = "null if the gold class is unknown"
_GATES = "null if the heads have no gates"
_FINITE = "null if a gradient is NaN or infinite"


def _gradients(prefix: str, label: str, also_null: str) -> list[pa.Field]:
    return [
        column(
            f"{prefix}gradient_x_input",
            list_of(pa.float32()),
            f"Gradient of the {label} class's log probability at the token's embedding, before positions and "
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
            f"Gradient of the {label} class's log probability at a factor of the head's output, at 1, "
            f"[layer, head]; {_FINITE}, {_GATES}{also_null}",
            nullable=True,
        ),
    ]


GRADIENTS = Schema(
    "gradients",
    1,
    "compute_gradients",
    "One row per document of the sample `evidence.max_documents`, sorted by `position`. Facts: `n_layers`, `n_heads`, "
    "`model`, `device`, `gates`: why heads have no gates, or null; `n_not_finite`: documents with NaN or infinite "
    "gradients",
    pa.schema(
        [
            *_DOCUMENT,
            column("log_probability", pa.float64(), f"Predicted class: {_LOG}, nats"),
            column("gold_log_probability", pa.float64(), f"Gold class: {_LOG}, nats; {_KNOWN}", nullable=True),
            *_gradients("", "predicted", ""),
            *_gradients("gold_", "gold", f", or {_KNOWN.removeprefix('null ')}"),
        ]
    ),
)

_SHORT = "`n_too_short`: documents with fewer than two tokens of text, which are left out"
_REMOVAL = "`removal`: mask, delete or hide, how tokens were removed"

LEAVE_ONE_OUT = Schema(
    "leave_one_out",
    1,
    "leave_tokens_out",
    "One row per document of the sample `evidence.leave_one_out_documents`, sorted by `position`. "
    f"Facts: `model`, `device`, {_REMOVAL}; {_SHORT}",
    pa.schema(
        [
            *_DOCUMENT,
            column(
                "places", list_of(pa.int32()), "Places of the removed tokens among the document's tokens, [removed]"
            ),
            column("probabilities", list_of(pa.float64()), "Probabilities of the whole document, [class], 0..1"),
            column(
                "changes",
                list_of(pa.float32()),
                "Probabilities without the token minus those of the whole document, [removed, class], -1..1",
            ),
        ]
    ),
)

_SCORE = [
    column("score", pa.string(), "Name of the token score, as in `evidence.scores`, or random"),
    column("layer", pa.int32(), "Layer of `self_layers`, 0-based; else null", nullable=True),
]

DOCUMENT_FAITHFULNESS = Schema(
    "document_faithfulness",
    1,
    "measure_faithfulness",
    "One row per document of the sample `evidence.max_documents` and ranking of its tokens; sorted by `position`. "
    "Facts: `n_layers`, `model`, `device`, `fractions`, `random_rankings`, `unavailable`: names of the scores that "
    f"the study does not have, with reasons, {_REMOVAL}; {_SHORT}",
    pa.schema(
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
    ),
)

_OFF = (
    "`ablation`: zero or mean, what replaces the output of a head; `gates`: why heads cannot be switched off, or null"
)

DOCUMENT_ABLATIONS = Schema(
    "document_ablations",
    1,
    "ablate_heads",
    "One row per document of the sample `evidence.ablation_documents`, sorted by `position`; no rows if heads cannot "
    "be switched off. Facts: `n_layers`, `n_heads`, `label_names`, `model`, `device`, `prefix_cache`: whether passes "
    f"began at the layer of the head, {_OFF}",
    pa.schema(
        [
            *_DOCUMENT,
            column(
                "whole_prediction", pa.int32(), "Class that the whole model predicts here; almost always `prediction`"
            ),
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
    ),
)

CUMULATIVE_ABLATIONS = Schema(
    "cumulative_ablations",
    1,
    "ablate_heads",
    "One row per order of heads, number of heads switched off, and document of the sample "
    "`evidence.cumulative_documents`. "
    "Facts: those of `document_ablations`; `orders`: `order`, `draw` and `heads`, as layer and head, the first to be "
    "switched off first; `held_out`: whether other documents than these decided the orders measured and gradient",
    pa.schema(
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

HEAD_ABLATIONS = Schema(
    "head_ablations",
    1,
    "summarise_evidence",
    "One row per grouping, group and head, then per layer. Facts: those of `document_ablations`, `n_resamples`, `seed`",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based; null if all heads of the layer are switched off", nullable=True),
            *_GROUP,
            *_COUNTS,
            *_mean(
                "change",
                "Mean change of the predicted class's log probability without the head, nats",
                tested="all heads, or all layers, of the group",
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
    ),
)

ABLATION_CURVES = Schema(
    "ablation_curves",
    1,
    "summarise_evidence",
    "One row per order of heads and number of heads switched off. Facts: those of `cumulative_ablations`",
    pa.schema(
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
    ),
)

HEAD_IMPORTANCE = Schema(
    "head_importance",
    1,
    "rank_heads",
    "One row per head. Facts: `n_measured`, `n_gradient`: documents behind the first two measures; `gates`: why heads "
    "cannot be switched off, or null; `correlations`: of every two `measures` that there are, Spearman's rank "
    "correlation over heads: `n_heads`, `value`, `low` and `high` (95 % interval: normal, standard error by bootstrap "
    "over input rows), `by_chance`: the size that 95 % of random orders of heads do not exceed; `n_resamples`, `seed`",
    pa.schema(
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
    ),
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
    "test; `seed`",
    pa.schema(
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
