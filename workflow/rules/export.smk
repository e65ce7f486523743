"""
Attention in the formats of other tools; made only when asked for, by `make export` or by the rule's name.

REQUIRED INPUTS
    attention/<shard>.parquet   self-attention
OUTPUTS
    export/                     what `export.formats` names; in share-safe mode redacted_export/
"""

# Two places, as of the attention itself: what is in `export` always has words.
EXPORT = (
    f"{RESULTS}/{'export' if STUDY.redaction.mode == 'none' else 'redacted_export'}"
)


rule export_attention:
    "Write attention in the formats of other tools; `export.formats` names them."
    input:
        code=stage_code("export_attention"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
    output:
        export=directory(EXPORT),
    log:
        f"{RESULTS}/logs/export_attention.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_attention.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("export_attention"),
    shell:
        command("export_attention")
