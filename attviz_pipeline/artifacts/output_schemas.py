"""Formats of what a study gives away: figures, exported tokens, the site in a few facts."""

import pyarrow as pa

from attviz_pipeline.artifacts.schema import IDENTITY, Schema, column

FIGURES = Schema(
    "figures",
    5,
    "draw_figures, and draw_word_clouds for word clouds alone",
    "List of figures: `name`, `title`, `kind`, `layer` and `head` or null, `group`: class or label or null, "
    "files `svg`, `png`, `csv`, `parquet`, "
    "`caption`, `alt`, `width` and `height` in pixels, `sha256` of each file, `chapter` of docs/statistics/ that "
    "explains it or null, `names_words`: whether picture or `alt` show words of documents, `reason`: why there is "
    "nothing to draw, empty if there is; `formulas` by kind; `provenance`: corpus, model, seed and code of all, also "
    "in the metadata of each figure's Parquet file, under `attviz.provenance`",
)

STUDY = Schema(
    "study",
    1,
    "render_site",
    "The configuration of the study whose results are in this folder: `settings`, all sections but `publish`, with "
    "defaults. It is in `study.json` and not in the site, because it has the paths of the machine",
)

RUN = Schema(
    "run",
    2,
    "render_site",
    "Summary of the site, for an index of several sites: `name`, `title`, `description`, `n_documents`, "
    "`n_layers`, `n_heads`, `model`, `commit` of the code, `redaction` and its `min_document_frequency`; "
    "`compared_studies`: names of the studies that `compare-studies` compared with this one, else empty; `digests`: "
    "for each folder of the site the SHA-256 over one line per file, sorted, with its SHA-256 and path. In the site "
    "it is `run.json`, which no digest includes",
)

EXPORTED_TOKENS = Schema(
    "exported_tokens",
    3,
    "export_attention",
    "One row per document, vector and token, sorted by `position`. Facts: `task`, `label_names`, "
    "`thresholds` of multi_label, `vector_names`",
    pa.schema(
        [
            IDENTITY[0],
            IDENTITY[1],
            column("gold", pa.string(), "Gold class, labels joined by `; `, or value; null if unknown", nullable=True),
            column("prediction", pa.string(), "Predicted class, labels or value, likewise"),
            column("token_index", pa.int32(), "Position of the token in the document, 0-based"),
            column("token", pa.string(), "Vocabulary entry as text"),
            column("start", pa.int32(), "First character in the document's text, code points"),
            column(
                "end", pa.int32(), "First character after the token; equals `start` for tokens that cover no character"
            ),
            column("special", pa.bool_(), "True for special tokens such as [CLS] and [SEP]"),
            column("vector", pa.string(), "Head, or layer over whose heads the mean is taken"),
            column("self_attention", pa.float32(), "Self-attention, 0..1"),
        ]
    ),
)
