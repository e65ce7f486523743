"""
Self-attention of every token: the diagonal of the softmaxed attention matrix of every layer and head.
Selected documents also get token-to-token maps, after all predictions are known.

REQUIRED INPUTS
    shards/<shard>.parquet      documents
    model/checkpoint/           the classifier
    model/model.json            facts of the classifier
    statistics/                 document_index
OUTPUTS
    attention/<shard>.parquet   tokens, predictions and self-attention of the shard
    maps/map_selection.json     selected documents, with reasons
    maps/maps.parquet           token-to-token attention of these documents
"""


rule extract_attention:
    "Extract the self-attention of every layer and head for the documents of one shard."
    input:
        shard=f"{RESULTS}/shards/{{shard}}.parquet",
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
    output:
        attention=f"{OF_MODEL}attention/{{shard}}.parquet",
    log:
        f"{OF_MODEL}logs/extract_attention/{{shard}}.log",
    benchmark:
        f"{OF_MODEL}benchmarks/extract_attention/{{shard}}.tsv"
    priority: 2  # all other stages wait for it
    conda:
        "../../environment.yml"
    threads: WHILE_EXTRACTING
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("extract_attention"),
        settings=stage_settings("extract_attention"),
    shell:
        command("extract_attention")


rule select_maps:
    "Select the documents that get token-to-token maps."
    input:
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{RESULTS}/model/checkpoint",
        card=f"{RESULTS}/model/model.json",
    output:
        selection=f"{RESULTS}/maps/map_selection.json",
    log:
        f"{RESULTS}/logs/select_maps.log",
    benchmark:
        f"{RESULTS}/benchmarks/select_maps.tsv"
    priority: 1  # a chain of jobs on one core, on which the site waits
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("select_maps"),
        settings=stage_settings("select_maps"),
        shards=all_shards("shards"),
    shell:
        command("select_maps")


rule extract_maps:
    "Extract the token-to-token attention of the selected documents in every head."
    input:
        selection=f"{RESULTS}/maps/map_selection.json",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
    output:
        maps=f"{OF_MODEL}maps/maps.parquet",
    log:
        f"{OF_MODEL}logs/extract_maps.log",
    benchmark:
        f"{OF_MODEL}benchmarks/extract_maps.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("extract_maps"),
        settings=stage_settings("extract_maps"),
        shards=all_shards("shards"),
    shell:
        command("extract_maps")
