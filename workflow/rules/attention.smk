"""
Self-attention: the diagonal of the softmaxed attention matrix of every layer and head, for every token.

REQUIRED INPUTS
    shards/<shard>.parquet      documents
    model/checkpoint/           the classifier
    model/model.json            its facts
OUTPUTS
    attention/<shard>.parquet   tokens, predictions and self-attention of the shard
"""


rule extract_attention:
    input:
        code=stage_code("attviz_pipeline/attention"),
        shard=f"{RESULTS}/shards/{{shard}}.parquet",
        checkpoint=f"{RESULTS}/model/checkpoint",
        card=f"{RESULTS}/model/model.json",
    output:
        attention=f"{RESULTS}/attention/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/extract_attention/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/extract_attention/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    threads: STUDY.resources.threads
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=STUDY.resources.memory_mb,
        runtime=STUDY.resources.runtime_minutes,
    params:
        settings=stage_settings("extract_attention"),
    shell:
        "python -m attviz_pipeline extract-attention --settings {params.settings:q} --log {log:q} --threads {threads}"
        " --shard {input.shard:q} --checkpoint {input.checkpoint:q} --card {input.card:q}"
        " --attention {output.attention:q}"
