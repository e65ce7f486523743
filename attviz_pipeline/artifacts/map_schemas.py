"""File formats of token-to-token attention."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import IDENTITY, Schema, column, list_of

_CODE = "uint8 code of `attviz_pipeline.artifacts.log_code.ATTENTION_CODE`: off by at most 2.76 % from 1e-6 on, 0 below"
_VECTORS = (
    "[layer, head, token, size], half precision (rounded to 11 bits); null if the model does not expose them, or "
    "if they do not reproduce the rows"
)

MAPS = Schema(
    "maps",
    3,
    "extract_maps",
    "Token-to-token attention of the documents in `map_selection`, one row and row group per window, sorted by "
    "`position`, `window`; tokens are those of the whole window. Of a compared model, without vectors, and only of "
    "documents with as many tokens and windows as in the own model. Facts: `n_layers`, `n_heads`, `thumbnail_size`, "
    "`entries_per_row`, `code` (name, values of the codes 1 and 255), `model`",
    pa.schema(
        [
            *IDENTITY[:2],
            column("window", pa.int32(), "Number of the window in its document, 0-based"),
            column(
                "first_kept",
                pa.int32(),
                "First token that the document keeps; schema `attention` contains only kept ones",
            ),
            column("n_kept", pa.int32(), "Tokens that the document keeps"),
            column("tokens", list_of(pa.string()), "Vocabulary entries as text, [token], including special tokens"),
            column("token_ids", list_of(pa.int32()), "Vocabulary indices, [token]"),
            column("starts", list_of(pa.int32()), "First character of each token in the text, code points, [token]"),
            column("ends", list_of(pa.int32()), "First character after each token, [token]"),
            column("special", list_of(pa.bool_()), "True for special tokens such as [CLS] and [SEP], [token]"),
            column(
                "thumbnails",
                list_of(pa.uint8()),
                "Thumbnail of each matrix, [layer, head, query cell, key cell], with min(`thumbnail_size`, n_tokens) "
                "cells per side: the share of attention that a cell's queries, on average, give to its keys; rows sum "
                "to the same as the matrix's: 1, or less if an attention sink takes a part. "
                f"{_CODE}",
            ),
            column(
                "entry_keys",
                list_of(pa.uint16()),
                "The strongest keys of each query, strongest first, ties by position, "
                "[layer, head, query, entry], with min(`entries_per_row`, n_tokens) entries",
            ),
            column(
                "entry_values",
                list_of(pa.uint8()),
                f"Attention to those keys, [layer, head, query, entry]. {_CODE}",
            ),
            column(
                "rest",
                list_of(pa.uint8()),
                "Attention to all other keys, [layer, head, query]: the sum of the matrix's row (1, or less if an "
                f"attention sink takes a part) minus the sum of the entries. {_CODE}",
            ),
            column(
                "offset_sums",
                list_of(pa.float32()),
                "Attention between text tokens, summed over queries that the document keeps, by the offset of the key "
                "from the query, [layer, head, bin]; first and last offset of each bin in "
                "`attviz_pipeline.artifacts.offsets.OFFSET_BINS`",
            ),
            column("offset_pairs", list_of(pa.int64()), "Pairs of query and key in each of these sums, [bin]"),
            column(
                "keys_before",
                list_of(pa.int32()),
                "Maximum distance a query attends back: query - key, [layer]; a local window is "
                "smaller than n_tokens - 1",
            ),
            column(
                "keys_after",
                list_of(pa.int32()),
                "Maximum distance a query attends ahead: key - query, [layer]; 0 in a causal model",
            ),
            column(
                "queries",
                list_of(pa.float16()),
                f"Query vectors, {_VECTORS}",
                nullable=True,
            ),
            column("keys", list_of(pa.float16()), f"Key vectors, {_VECTORS}", nullable=True),
            column(
                "scale",
                list_of(pa.float32()),
                "Factor of the scores, [layer]: softmax over keys of scale * query . key, without keys farther than "
                "`keys_before` and `keys_after`, is the row of the matrix; null without vectors",
                nullable=True,
            ),
            column(
                "vectors_error",
                list_of(pa.float32()),
                "Largest difference between that softmax of the stored vectors and the matrix, [layer], measured, "
                "at most 0.05; null without vectors",
                nullable=True,
            ),
        ]
    ),
)

MAP_SELECTION = Schema(
    "map_selection",
    4,
    "select_maps",
    "Documents that have token-to-token maps, in the order chosen: `documents` with `position`, `id`, `reason` "
    "(named, misclassified, low_confidence, large_error, sample), `n_tokens`, `n_windows`, `vectors` (whether it has "
    "query and key vectors), `models` (whether compared models have maps of it, too), `estimated_bytes` (size of its "
    "maps of the study's own model in a site, by those of a few documents); `max_documents` (null without a limit), "
    "`max_bytes`, `estimated_bytes` of all; `left_out`: how many misclassified "
    "and other documents each of the settings `max_documents` and `max_megabytes` excluded; `n_layers`, `n_heads` and "
    "`model` (SHA-256 of its files) of the own model",
)

ALL: tuple[Schema, ...] = (MAPS, MAP_SELECTION)
