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
    evidence/leave_one_out.parquet  changes of the probabilities without each token
    evidence/document_faithfulness.parquet  falls of the prediction without the tokens that scores rank highest
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


rule leave_tokens_out:
    "Compute what the prediction becomes without each token of a document."
    input:
        code=stage_code("leave_tokens_out"),
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{RESULTS}/model/checkpoint",
        card=f"{RESULTS}/model/model.json",
    output:
        leave_one_out=f"{RESULTS}/evidence/leave_one_out.parquet",
    log:
        f"{RESULTS}/logs/leave_tokens_out.log",
    benchmark:
        f"{RESULTS}/benchmarks/leave_tokens_out.tsv"
    conda:
        "../../environment.yml"
    threads: STUDY.resources.threads
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        settings=stage_settings("leave_tokens_out"),
    shell:
        command("leave_tokens_out")


rule measure_faithfulness:
    "Measure whether token scores point at the tokens that the prediction depends on."
    input:
        code=stage_code("measure_faithfulness"),
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{RESULTS}/model/checkpoint",
        card=f"{RESULTS}/model/model.json",
        # Without redaction, for the numbers only: what is written contains no words.
        attention=expand(f"{RESULTS}/attention/{{shard}}.parquet", shard=SHARDS),
        gradients=f"{RESULTS}/evidence/gradients.parquet",
        leave_one_out=f"{RESULTS}/evidence/leave_one_out.parquet",
    output:
        faithfulness=f"{RESULTS}/evidence/document_faithfulness.parquet",
    log:
        f"{RESULTS}/logs/measure_faithfulness.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_faithfulness.tsv"
    conda:
        "../../environment.yml"
    threads: STUDY.resources.threads
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        settings=stage_settings("measure_faithfulness"),
    shell:
        command("measure_faithfulness")
