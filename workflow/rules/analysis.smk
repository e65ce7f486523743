"""
Statistics: each document aggregated over heads (the paper's Table 2), each shard summed per token and head,
and the sums of all shards added up. The sums are exact, so the number of shards changes nothing.

REQUIRED INPUTS
    attention/<shard>.parquet               self-attention
    dataset/ledger.parquet                  what became of every row
OUTPUTS
    aggregates/<shard>.parquet              Table 2 of each document
    aggregates/<shard>.token_sums.parquet   exact sums per token and head
    aggregates/<shard>.head_sums.parquet    exact sums per head
    statistics/                             tokens, head_tokens, heads, document_index, ledger, summary
"""


rule aggregate_shard:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=f"{RESULTS}/attention/{{shard}}.parquet",
    output:
        aggregates=f"{RESULTS}/aggregates/{{shard}}.parquet",
        token_sums=f"{RESULTS}/aggregates/{{shard}}.token_sums.parquet",
        head_sums=f"{RESULTS}/aggregates/{{shard}}.head_sums.parquet",
    log:
        f"{RESULTS}/logs/aggregate_shard/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_shard/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    shell:
        "python -m attviz_pipeline aggregate-shard --log {log:q} --attention {input.attention:q}"
        " --aggregates {output.aggregates:q} --token-sums {output.token_sums:q} --head-sums {output.head_sums:q}"


rule aggregate_dataset:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=expand(f"{RESULTS}/attention/{{shard}}.parquet", shard=SHARDS),
        token_sums=expand(
            f"{RESULTS}/aggregates/{{shard}}.token_sums.parquet", shard=SHARDS
        ),
        head_sums=expand(
            f"{RESULTS}/aggregates/{{shard}}.head_sums.parquet", shard=SHARDS
        ),
        ledger=f"{RESULTS}/dataset/ledger.parquet",
    output:
        tokens=f"{RESULTS}/statistics/tokens.parquet",
        head_tokens=f"{RESULTS}/statistics/head_tokens.parquet",
        heads=f"{RESULTS}/statistics/heads.parquet",
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        ledger=f"{RESULTS}/statistics/ledger.parquet",
        summary=f"{RESULTS}/statistics/summary.json",
    log:
        f"{RESULTS}/logs/aggregate_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_dataset.tsv"
    conda:
        "../../environment.yml"
    params:
        statistics=subpath(output.summary, parent=True),
    shell:
        "python -m attviz_pipeline aggregate-dataset --log {log:q} --attention {input.attention:q}"
        " --token-sums {input.token_sums:q} --head-sums {input.head_sums:q} --ledger {input.ledger:q}"
        " --statistics {params.statistics:q}"
