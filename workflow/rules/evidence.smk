"""
Evidence beside attention: does the prediction change with what attention points at? Only with `evidence.enabled`.
Each stage reads a sample of all documents, so none is divided into shards.

REQUIRED INPUTS
    shards/<shard>.parquet      documents
    model/checkpoint/           the classifier
    model/model.json            facts of the classifier
    statistics/                 document_index
OUTPUTS
    evidence/gradients.parquet  gradients at token embeddings and heads
"""


rule compute_gradients:
    "Compute how the prediction depends on each token's embedding and on each head (gradients)."
    input:
        code=stage_code("compute_gradients"),
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{RESULTS}/model/checkpoint",
        card=f"{RESULTS}/model/model.json",
    output:
        gradients=f"{RESULTS}/evidence/gradients.parquet",
    log:
        f"{RESULTS}/logs/compute_gradients.log",
    benchmark:
        f"{RESULTS}/benchmarks/compute_gradients.tsv"
    conda:
        "../../environment.yml"
    threads: STUDY.resources.threads
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        settings=stage_settings("compute_gradients"),
    shell:
        command("compute_gradients")
