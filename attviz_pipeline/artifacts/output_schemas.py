"""Formats of what a study gives away: figures, exported tokens, the site in a few facts."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import IDENTITY, Schema, column

FIGURES = Schema(
    "figures",
    3,
    "draw_figures",
    "List of figures: `name`, `kind`, `layer` and `head` or null, files `svg`, `png`, `csv`, `parquet`, `caption`, "
    "`alt`, `width` and `height` in pixels, `sha256` of each file, `chapter` of docs/statistics/ that explains it or "
    "null, `names_words` if picture or `alt` show words of documents; `formulas` by kind; `provenance`: corpus, model, "
    "seed and code of all, also in the metadata of each figure's Parquet file, under `attviz.provenance`",
)

RUN = Schema(
    "run",
    2,
    "render_site",
    "The site in a few facts, for an index of several sites: `name`, `title`, `description`, `n_documents`, "
    "`n_layers`, `n_heads`, `model`, `commit` of the code, `redaction` and its `min_document_frequency`; `digests`: "
    "of each folder of the site the SHA-256 over a line per file, sorted, with its SHA-256 and path; lies in the site "
    "as `run.json`, which is in no digest",
)

EXPORTED_TOKENS = Schema(
    "exported_tokens",
    2,
    "export_attention",
    "One row per document, vector and token, sorted by `position`. Facts: `label_names`, `vector_names`",
    pa.schema(
        [
            IDENTITY[0],
            IDENTITY[1],
            column("gold", pa.string(), "Gold class; null where it is not known", nullable=True),
            column("prediction", pa.string(), "Predicted class"),
            column("token_index", pa.int32(), "Place of the token in the document, 0-based"),
            column("token", pa.string(), "Vocabulary entry as text"),
            column("start", pa.int32(), "First character in the document's text, code points"),
            column("end", pa.int32(), "Character behind; equals `start` for tokens that cover none"),
            column("special", pa.bool_(), "True for [CLS], [SEP] and the like"),
            column("vector", pa.string(), "Head, or layer whose heads are averaged"),
            column("self_attention", pa.float32(), "Self-attention, 0..1"),
        ]
    ),
)
