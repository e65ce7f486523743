"""File formats of the statistics of terms: by document, by head, and by class."""

import pyarrow as pa

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

VOCABULARY = Schema(
    "vocabulary",
    2,
    "list_terms",
    "Every term that occurs in the analysed documents; those frequent enough for statistics come first, and "
    "their row is their number in other tables. Sorted by `document_frequency`, descending, then by `term`. "
    "Facts: `level`, `n_supported`, `min_document_frequency` (the one used), and what it follows from: `n_documents`, "
    "`smallest_class` (documents of the smallest gold or predicted class, null without classes)",
    pa.schema(
        [
            column("term", pa.string(), "The token, word or lower-cased word"),
            column(
                "special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for words read as [UNK]"
            ),
            column("count", pa.int64(), "Occurrences in the analysed documents"),
            column("document_frequency", pa.int64(), "Documents that contain it"),
        ]
    ),
)

TERM_DOCUMENTS = Schema(
    "term_documents",
    1,
    "measure_shard",
    "One row per document and supported term in it, sorted by document and term; sums over occurrences of the mean "
    "over heads, in fixed point",
    pa.schema(
        [
            column("position", pa.int64(), "Document: position in the site's order"),
            column("term", pa.int32(), "Term: row of `vocabulary`"),
            column("count", pa.int32(), "Occurrences of the term in the document"),
            column("attention", pa.int64(), "Sum of a, in units of 2^-30"),
            column("normalised", pa.int64(), "Sum of n a, in units of 2^-30"),
            column("log_ratio", pa.int64(), "Sum of ln(n a), in units of 2^-30"),
        ]
    ),
)

_SQUARES = "with x the mean over a document's occurrences and c their number, over documents"
_LENGTH = "with b the basis of length curves at the length of a document, scaled to 0..1"
TERM_SUMS = Schema(
    "term_sums",
    2,
    "measure_shard",
    "Exact sums per supported term and head of one shard; adding shards in any order gives the same bits. Measures "
    "are first scaled to 0..1: a unchanged, n a / 2^20, (ln(n a) + 20) / 40. Facts: `n_layers`, `n_heads`",
    pa.schema(
        [
            column("term", pa.int32(), "Term: row of `vocabulary`"),
            column("count", pa.int64(), "Occurrences"),
            column("document_frequency", pa.int64(), "Documents that contain it"),
            column("squared_count", pa.int64(), "Sum over documents of its squared number of occurrences"),
            column("attention", list_of(pa.int64()), "Sum of a, fixed point, [limb, layer, head]"),
            column("attention_squares", list_of(pa.int64()), "Sum of a^2, fixed point, [limb, layer, head]"),
            column("attention_cross", list_of(pa.int64()), f"{_SQUARES}: sum of c^2 x for a, [limb, layer, head]"),
            column("attention_between", list_of(pa.int64()), f"{_SQUARES}: sum of c^2 x^2 for a, [limb, layer, head]"),
            column("normalised", list_of(pa.int64()), "Sum of n a, fixed point, [limb, layer, head]"),
            column("log_ratio", list_of(pa.int64()), "Sum of ln(n a), fixed point, [limb, layer, head]"),
            column(
                "log_ratio_cross", list_of(pa.int64()), f"{_SQUARES}: sum of c^2 x for ln(n a), [limb, layer, head]"
            ),
            column(
                "log_ratio_between", list_of(pa.int64()), f"{_SQUARES}: sum of c^2 x^2 for ln(n a), [limb, layer, head]"
            ),
            *[
                column(
                    f"log_ratio_length_{number}",
                    list_of(pa.int64()),
                    f"{_LENGTH}: sum of c^2 x b for ln(n a) and column {number} of b, [limb, layer, head]",
                )
                for number in range(3)
            ],
            column("length", list_of(pa.int64()), f"{_LENGTH}: sum of c b, [limb, column]"),
            column("length_cross", list_of(pa.int64()), f"{_LENGTH}: sum of c^2 b, [limb, column]"),
            column("length_squares", list_of(pa.int64()), f"{_LENGTH}: sum of c^2 b b', [limb, column, column]"),
            column("min", list_of(pa.float32()), "Smallest a, [layer, head]"),
            column("max", list_of(pa.float32()), "Largest a, [layer, head]"),
        ]
    ),
)

_NO_TERM = "empty if the document has no counted term"
DOCUMENT_HEADS = Schema(
    "document_heads",
    3,
    "measure_shard",
    "One row per document: its prediction, and its means over terms in every head. Facts: `n_layers`, `n_heads`, "
    f"{PREDICTING_TASK}",
    pa.schema(
        [
            *IDENTITY,
            *GOLD,
            *PREDICTED,
            PROBABILITIES,
            column("n_terms", pa.int32(), "Occurrences of terms; special tokens and punctuation only if configured"),
            column("n_tokens", pa.int32(), "Tokens, including special ones"),
            column("attention", list_of(pa.float32()), f"Mean of a, [layer, head]; {_NO_TERM}"),
            column("log_ratio", list_of(pa.float32()), f"Mean of ln(n a), [layer, head]; {_NO_TERM}"),
            column(
                "evenness",
                list_of(pa.float32()),
                "H / ln(n_terms) of the terms' shares of the self-attention in a head, 0..1, [layer, head]; "
                "empty if there are fewer than two terms or no attention at all",
            ),
        ]
    ),
)

DISTRIBUTIONS = Schema(
    "distributions",
    2,
    "measure_shard, per shard; added up by describe_terms",
    "How self-attention is distributed over occurrences of terms, by gold class or label and by layer. Documents with "
    f"several labels count for each. Facts: {PREDICTING_TASK}",
    pa.schema(
        [
            column("documents", pa.string(), "label: those of `label`; no_label: those without any known one; all"),
            column("label", pa.int32(), "Gold class or label, index into `label_names`; null otherwise", nullable=True),
            column("layer", pa.int32(), "Layer, 0-based; null for the heads of all layers", nullable=True),
            column("statistic", pa.string(), "max, mean or min over the heads, one value per occurrence"),
            column(
                "histogram", list_of(pa.int64()), "Occurrences per tenth of a decade: below 1e-8, then 80 bins up to 1"
            ),
        ]
    ),
)

_CURVE = [
    column("axis", pa.string(), "position: of the term's first token in its document, from 0; length: n of its window"),
    column("layer", pa.int32(), "Layer, 0-based; null for the heads of all layers", nullable=True),
    column("first", pa.int64(), "First position or length of the bin; the next bin starts at the bound"),
    column("count", pa.int64(), "Occurrences of terms"),
]

CURVE_SUMS = Schema(
    "curve_sums",
    1,
    "measure_shard",
    "Sums of the mean over heads by position and length, in fixed point",
    pa.schema(
        [
            *_CURVE,
            column("attention", pa.int64(), "Sum of a, in units of 2^-30"),
            column("log_ratio", pa.int64(), "Sum of ln(n a), in units of 2^-30"),
        ]
    ),
)

CURVES = Schema(
    "curves",
    1,
    "describe_terms",
    "Mean self-attention by position in the document and by length of the window; empty bins are left out",
    pa.schema(
        [
            *_CURVE,
            column("attention", pa.float64(), "Mean of a over occurrences and heads, 0..1"),
            column("log_ratio", pa.float64(), "Mean of ln(n a) over occurrences and heads; 0 is even attention"),
        ]
    ),
)


def _interval(name: str, what: str, how: str) -> list[pa.Field]:
    bounds = {"low": "Lower", "high": "Upper"}
    return [
        column(f"{name}_{end}", pa.float64(), f"{bound} bound of {what}: {how}; null if there is none", nullable=True)
        for end, bound in bounds.items()
    ]


_TERM = [
    column("term", pa.string(), "The token, word or lower-cased word"),
    column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP], and for words read as [UNK]"),
    column("count", pa.int64(), "Occurrences in the analysed documents"),
    column("document_frequency", pa.int64(), "Documents that contain it"),
    *MOMENTS,
]
_BOOTSTRAP = "95 % interval from a bootstrap over input rows; requires two documents"
_ROBUST = "95 % interval from the variance between documents; requires two"
_CORRECTED = (
    "Mean of ln(n a) corrected for length: minus what the curve of length gives for the documents that contain the "
    "term, plus its mean over all documents"
)
_SHRUNKEN = (
    "`corrected_log_ratio` shrunk towards the mean of all terms; the fewer documents, the stronger the shrinkage"
)
_POSTERIOR = "95 % posterior interval, which holds for the first of a ranking, too"
_RANKED = [
    column("shrunken_log_ratio", pa.float64(), _SHRUNKEN),
    *_interval("shrunken_log_ratio", "`shrunken_log_ratio`", _POSTERIOR),
]
_SAMPLED = (
    "`n_sampled` and `n_analysed` (documents that intervals and tests are computed from, and all; fewer only in a "
    "sample)"
)
_TERM_FACTS = (
    "`level`, `n_supported`, `min_document_frequency` (the one used), `n_documents`, `smallest_class`, `length_curve` "
    "(none, line or spline), `length_knots`, `n_replicates`, `seed`, `shrinkage` (prior mean and standard deviation, "
    f"standard deviation between documents), {_SAMPLED}"
)

TERMS = Schema(
    "terms",
    3,
    "describe_terms",
    "One row per supported term, over its occurrences and all heads; sorted by `shrunken_log_ratio`, descending. "
    f"Facts: {_TERM_FACTS}, `n_replicates_first` (bootstrap replicates in which the first term is first again)",
    pa.schema(
        [
            *_TERM,
            *_interval("mean", "`mean`", _BOOTSTRAP),
            column("normalised", pa.float64(), "Mean of n a; 1 is even attention"),
            *_interval("normalised", "`normalised`", _BOOTSTRAP),
            column("log_ratio", pa.float64(), "Mean of ln(n a); 0 is even attention"),
            *_interval("log_ratio", "`log_ratio`", _BOOTSTRAP),
            column("corrected_log_ratio", pa.float64(), _CORRECTED),
            *_interval("corrected_log_ratio", "`corrected_log_ratio`", _BOOTSTRAP),
            *_RANKED,
        ]
    ),
)

HEAD_TERMS = Schema(
    "head_terms",
    3,
    "describe_terms",
    "One row per head and supported term, one row group per head; sorted by layer, head, and `shrunken_log_ratio`, "
    f"descending. Facts: {_TERM_FACTS} per head",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            *_TERM,
            *_interval("mean", "`mean`", _ROBUST),
            column("normalised", pa.float64(), "Mean of n a; 1 is even attention"),
            column("log_ratio", pa.float64(), "Mean of ln(n a); 0 is even attention"),
            *_interval("log_ratio", "`log_ratio`", _ROBUST),
            column("corrected_log_ratio", pa.float64(), _CORRECTED),
            *_interval("corrected_log_ratio", "`corrected_log_ratio`", _ROBUST),
            *_RANKED,
        ]
    ),
)

CLASS_RANKINGS = Schema(
    "class_rankings",
    1,
    "describe_terms",
    "One row per gold class or label and term that at least `min_document_frequency` of its documents contain, over "
    "these documents and all heads, without special tokens; by class, then `shrunken_log_ratio`, descending. No rows "
    "in regression. Facts: `task`, `grouping` (gold, or predicted if no gold value is known), `level`, "
    "`min_document_frequency`, `length_curve`; per group `n_documents`, `n_terms` and `shrinkage`",
    pa.schema(
        [
            column("group", pa.string(), "Class or label"),
            column("term", pa.string(), "The token, word or lower-cased word"),
            column("count", pa.int64(), "Occurrences in the documents of the class"),
            column("document_frequency", pa.int64(), "Documents of the class that contain it"),
            column("mean", pa.float64(), "Mean of a over these occurrences and all heads, 0..1"),
            column(
                "corrected_log_ratio",
                pa.float64(),
                "Mean of ln(n a) over them, corrected for length by the curve of all documents",
            ),
            column(
                "shrunken_log_ratio",
                pa.float64(),
                "`corrected_log_ratio` shrunk towards the mean of all terms of the class",
            ),
            *_interval("shrunken_log_ratio", "`shrunken_log_ratio`", _POSTERIOR),
        ]
    ),
)

_OVER_ROWS = "95 % interval from the variance between input rows; requires two"
HEAD_INTERVALS = Schema(
    "head_intervals",
    1,
    "describe_terms",
    "One row per head: means over documents, each document counting once; sorted by layer, head",
    pa.schema(
        [
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            column("n_documents", pa.int64(), "Documents with terms"),
            column("attention", pa.float64(), "Mean of a, 0..1; null without documents", nullable=True),
            *_interval("attention", "`attention`", _OVER_ROWS),
            column("log_ratio", pa.float64(), "Mean of ln(n a); null without documents", nullable=True),
            *_interval("log_ratio", "`log_ratio`", _OVER_ROWS),
            column("n_even_documents", pa.int64(), "Documents with at least two terms, for which evenness is defined"),
            column("evenness", pa.float64(), "Mean of H / ln n, 0..1; null without documents", nullable=True),
            *_interval("evenness", "`evenness`", _OVER_ROWS),
        ]
    ),
)

_COMPARISON = [
    column(
        "grouping",
        pa.string(),
        "gold, predicted, or correct (right against other predictions); in regression gold, predicted or error",
    ),
    column(
        "group",
        pa.string(),
        "Class or label whose documents are compared with all others; `right` and `wrong` (single_label) or `all "
        "right` and `not right` (multi_label); in regression `gold value`, `predicted value` or `absolute error`",
    ),
]
_TEST = [
    column("n_inside", pa.int64(), "Documents of the group; in regression all documents with a value"),
    column("n_outside", pa.int64(), "Other documents; 0 in regression"),
    column(
        "mean_inside",
        pa.float64(),
        "Mean over the group's documents of their mean ln(n a); null in regression",
        nullable=True,
    ),
    column("mean_outside", pa.float64(), "The same over the other documents", nullable=True),
    column(
        "effect",
        pa.float64(),
        "Hedges' g (g) of that difference within strata of similar length; 0 if nothing varies within the groups, or "
        "length determines the group. In regression, Spearman's partial rank correlation (rho) of the documents' mean "
        "ln(n a) with the value given the number of tokens, -1..1; 0 if one of the two does not vary",
        nullable=True,
    ),
    column(
        "effect_low",
        pa.float64(),
        "Lower bound of the 95 % interval of `effect`, with input rows as units; null with one row on a side, or if "
        "length determines the group; of a rank correlation, null with too few rows",
        nullable=True,
    ),
    column("effect_high", pa.float64(), "Upper bound of that interval", nullable=True),
    column(
        "shrunken_effect",
        pa.float64(),
        "`effect` after empirical-Bayes shrinkage over all rows of the grouping",
        nullable=True,
    ),
    column("p", pa.float64(), "Two-sided permutation p, within strata of similar length", nullable=True),
    column(
        "q",
        pa.float64(),
        "False discovery rate of `p` over all tests of all groupings, of heads and of terms",
        nullable=True,
    ),
]
_COMPARED = (
    "Facts: `n_permutations` (most that a test got), `smallest_p`, `length_strata`, `seed`, `permuted` (what was "
    "permuted per grouping: rows or documents; documents only if some of one input row differ in group), "
    "`not_compared` (groupings and groups left out, with the reason), `families` (tests that were adjusted together, "
    "each `grouping`, `tests`: heads, attention (of terms) or use, `n_tests`, `simes_p`, `selected`, `n_permutations`, "
    "`n_wanted`: what q < 0.05 of a single finding of the family needs, null if there were as many, "
    "`floor_sets_q`: true if more permutations would lower the smallest q), `effects` (per grouping, what `effect` is: "
    "g or rho), `detectable_effect` (per grouping and group, the g or rho that one test at p < 0.05 finds in 80 % of "
    "samples), `n_units` (per grouping and group, the permuted rows or documents inside and outside of it; of a value, "
    f"all and 0), {_SAMPLED}"
)

CLASS_HEADS = Schema(
    "class_heads",
    6,
    "compare_classes",
    "Which heads differ between classes or labels, or go with a value; sorted by grouping, group, layer, head. "
    f"{_COMPARED}, `winners` (per "
    "grouping, the `group`, `layer` and `head` with the largest significant |`shrunken_effect`|, and `n_won`: in "
    "how many of `n_halves` random halves of the input rows it is the largest again), `least_q` (per grouping and "
    "group, none of a value: q of a head if it alone differed, more than in any other arrangement of the documents "
    "within strata; from 0.05 on, no single head can be found)",
    pa.schema(
        [
            *_COMPARISON,
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            *_TEST,
        ]
    ),
)

CLASS_TERMS = Schema(
    "class_terms",
    6,
    "compare_classes",
    "Which supported terms differ between classes or labels, or go with a value; sorted by grouping, group, and "
    f"`log_odds_z` (in regression `use_rho`), descending. {_COMPARED}, "
    "`min_document_frequency` (fewest documents of a compared term)",
    pa.schema(
        [
            *_COMPARISON,
            column("term", pa.string(), "The token, word or lower-cased word"),
            *_TEST,
            column(
                "log_odds",
                pa.float64(),
                "Log-odds ratio of its counts, with an informative Dirichlet prior; null in regression, as the next "
                "three of its kind",
                nullable=True,
            ),
            column("log_odds_z", pa.float64(), "`log_odds` over its standard deviation", nullable=True),
            column(
                "use_rho",
                pa.float64(),
                "In regression, Spearman's partial rank correlation of the value with the term's share of the "
                "document's terms, given the number of tokens, -1..1; null in other tasks",
                nullable=True,
            ),
            column(
                "use_p",
                pa.float64(),
                "Two-sided permutation p of the occurrences, 1 where these and `log_odds` differ in direction; or of "
                "`use_rho`",
                nullable=True,
            ),
            column("use_q", pa.float64(), "False discovery rate of `use_p`, adjusted like `q`", nullable=True),
            column(
                "attention_log_odds",
                pa.float64(),
                "`log_odds` with every occurrence counted n a times",
                nullable=True,
            ),
            column(
                "attention_log_odds_z",
                pa.float64(),
                "`attention_log_odds` over its standard deviation",
                nullable=True,
            ),
        ]
    ),
)

DOCUMENT_GROUPS = Schema(
    "document_groups",
    3,
    "group_documents",
    "One row per analysed document, sorted by `position`: groups of documents in which the same heads are more active "
    "than usual at their length. Facts: `n_layers`, `n_heads`, `n_documents` (with terms, in the sample), `outcome` "
    "(`not_compared`: fewer than 20 documents; `nothing_found`: not grouped better than clouds without groups; "
    "`found`), `silhouette` "
    "of the best grouping (null if there is none), `silhouette_by_chance` with `mean` and `quantile_95` over `n_draws` "
    "clouds without groups, `p`, `length_curve` that was taken off (none, line or spline), `length_eta_squared` (share "
    "of the variance of ln n between groups) and `length_eta_squared_by_chance` (null without groups), "
    "`groups` (empty unless found), each `n_documents` and the three `heads` that deviate most from the mean, `layer`, "
    f"`head`, `z`; {_SAMPLED}",
    pa.schema(
        [
            column("position", pa.int64(), "Position in the site's order, 0-based"),
            column(
                "group",
                pa.int32(),
                "Group, the largest first, 0-based; null without terms, outside of the sample, or if none were found",
                nullable=True,
            ),
            column(
                "distance",
                pa.float64(),
                "Root mean square over heads of the difference from the group's mean, in standard deviations; null "
                "without a group",
                nullable=True,
            ),
        ]
    ),
)

ALL: tuple[Schema, ...] = (
    VOCABULARY,
    TERM_DOCUMENTS,
    TERM_SUMS,
    DOCUMENT_HEADS,
    DISTRIBUTIONS,
    CURVE_SUMS,
    CURVES,
    TERMS,
    HEAD_TERMS,
    CLASS_RANKINGS,
    HEAD_INTERVALS,
    CLASS_HEADS,
    CLASS_TERMS,
    DOCUMENT_GROUPS,
)
