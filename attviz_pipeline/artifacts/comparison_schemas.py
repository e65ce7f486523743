"""File formats of the comparison of heads."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import Schema, column

_FACTS = (
    "Facts: `n_layers`, `n_heads`, `seed`, `n_permutations`, `min_document_frequency`, `n_tokens` compared by `fuji`, "
    "`n_documents` compared by `jensen_shannon`, `constant_heads` (numbers, layer by layer, of heads whose tokens in a "
    "document are typically within the factor `even_within` of each other), `n_even_heads` (whose n a is typically "
    "within it of 1), `head_variation` (standard deviation of ln(n a) within documents) and `head_deviation` (mean of "
    "|ln(n a)|), [head], empty if no document was compared"
)

_MEASURE = column("measure", pa.string(), "fuji (similarity of token rankings) or jensen_shannon (distance)")

_PAIR = [
    column("layer_a", pa.int32(), "Layer of the first head, 0-based"),
    column("head_a", pa.int32(), "First head, 0-based"),
    column("layer_b", pa.int32(), "Layer of the second head, 0-based"),
    column("head_b", pa.int32(), "Second head, 0-based"),
]

_NULL = [
    column("null_mean", pa.float64(), "Mean of `value` over the permutations"),
    column("null_low", pa.float64(), "2.5 % quantile of the permutations"),
    column("null_high", pa.float64(), "97.5 % quantile of the permutations"),
]

HEAD_PAIRS = Schema(
    "head_pairs",
    2,
    "compare_heads",
    "One row per measure and pair of heads, the first before the second; one row group per measure. "
    "A measure without enough tokens or documents has no rows. " + _FACTS,
    pa.schema(
        [
            _MEASURE,
            *_PAIR,
            column(
                "value",
                pa.float64(),
                "fuji: area below the FUJI curve, 0..1, 1 is the same ranking; jensen_shannon: root of the mean "
                "divergence over documents, 0..1, 0 is the same attention",
            ),
            *_NULL,
            column(
                "p",
                pa.float64(),
                "Permutation p of heads at least as similar; never 0; 1 (not tested) with a constant head",
            ),
            column("q", pa.float64(), "`p` adjusted over all tested pairs of the measure (Benjamini-Hochberg)"),
        ]
    ),
)

HEAD_CLUSTERS = Schema(
    "head_clusters",
    2,
    "compare_heads",
    "One row per measure and head, sorted by layer, head. " + _FACTS + ", and under `measures` for each: "
    "`n_clusters`, `outcome` (`not_compared`: fewer than four heads vary; `nothing_found`: not grouped better than "
    "clouds without groups; `found`), `silhouette` (mean of the best cut, found or not), `silhouette_by_chance` with "
    "`mean` and `quantile_95`, `silhouette_p`, `stress` of the map, `linkage` [merge, 4] as scipy writes it",
    pa.schema(
        [
            _MEASURE,
            column("layer", pa.int32(), "Layer, 0-based"),
            column("head", pa.int32(), "Head, 0-based"),
            column("order", pa.int32(), "Position along the dendrogram, 0-based"),
            column(
                "cluster",
                pa.int32(),
                "Group, numbered along the dendrogram from 0; 0 for all heads unless groups were found",
            ),
            column("silhouette", pa.float64(), "-1..1; 0 for a head alone in its group, or if there is only one group"),
            column("x", pa.float64(), "Position on the map, in units of the distance (of fuji: 1 - area)"),
            column("y", pa.float64(), "Position on the map"),
        ]
    ),
)

FUJI_CURVES = Schema(
    "fuji_curves",
    1,
    "compare_heads",
    "FUJI curves of the two heads with the most similar token rankings and of the two with the least "
    "similar; one row per length. " + _FACTS,
    pa.schema(
        [
            column("kind", pa.string(), "nearest or furthest"),
            *_PAIR,
            column("length", pa.int64(), "Length of each head's list of tokens"),
            column("value", pa.float64(), "FUJI at this length, 0..1"),
            *_NULL,
        ]
    ),
)

ALL: tuple[Schema, ...] = (HEAD_PAIRS, HEAD_CLUSTERS, FUJI_CURVES)
