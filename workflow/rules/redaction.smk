"""
Share-safe mode (`redaction.mode`): a copy of the attention artifact with shapes or tags in place of words.
ATTENTION is the copy, and every later rule reads it.

REQUIRED INPUTS
    attention/<shard>.parquet   self-attention with its words, all shards
    the key file, if any
OUTPUTS
    redacted/<shard>.parquet    the copies without words
"""


rule redact_attention:
    "Copy the self-attention of all shards without its words (share-safe mode)."
    input:
        key=existing_files(STUDY.redaction.key_file),
        attention=expand(
            f"{OF_MODEL}attention/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
    output:
        redacted=expand(
            f"{OF_MODEL}redacted/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
    log:
        f"{OF_MODEL}logs/redact_attention.log",
    benchmark:
        f"{OF_MODEL}benchmarks/redact_attention.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("redact_attention"),
        settings=stage_settings("redact_attention"),
        attention=all_shards("attention"),
        redacted=all_shards("redacted"),
        watched=watched_files(STUDY.redaction.key_file),
    shell:
        command("redact_attention")
