"""
Attention in the formats of other tools; runs only on request, with `make export` or by the rule's name.

REQUIRED INPUTS
    attention/<shard>.parquet   self-attention
    evidence/                   gradients, leave_one_out; with `evidence.enabled`
OUTPUTS
    export/                     the formats in `export.formats`; in share-safe mode redacted_export/
"""

# Two folders, as for the attention itself: files in `export` always contain words.
EXPORT = (
    f"{RESULTS}/{'export' if STUDY.redaction.mode == 'none' else 'redacted_export'}"
)


rule export_attention:
    "Export attention in the formats of other tools that `export.formats` names."
    input:
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        evidence=EVIDENCE[:2],
    output:
        export=directory(EXPORT),
    log:
        f"{RESULTS}/logs/export_attention.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_attention.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("export_attention"),
        settings=stage_settings("export_attention"),
        attention=all_shards("attention"),
        evidence="--evidence" if EVIDENCE else "",
    shell:
        command("export_attention")
