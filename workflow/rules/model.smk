"""
The classifier: find it, verify its digests, fine-tune it if configured, and evaluate it.

REQUIRED INPUTS
    dataset/documents.parquet   every usable row with its split
    the model that `model` names
OUTPUTS
    model/checkpoint/           the classifier and its tokenizer, for `from_pretrained`
    model/model.json            facts of the classifier
    model/metrics.json          scores of the classifier
"""


rule prepare_model:
    "Check the classifier, fine-tune it if configured, and evaluate it."
    input:
        documents=f"{RESULTS}/dataset/documents.parquet",
        files=model_files,
    output:
        checkpoint=directory(f"{OF_MODEL}model/checkpoint"),
        card=f"{OF_MODEL}model/model.json",
        metrics=f"{OF_MODEL}model/metrics.json",
    log:
        f"{OF_MODEL}logs/prepare_model.log",
    benchmark:
        f"{OF_MODEL}benchmarks/prepare_model.tsv"
    conda:
        "../../environment.yml"
    threads: STUDY.resources.threads  # with fewer, compared models would start first, and training would wait for them
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("prepare_model"),
        settings=stage_settings("prepare_model"),
        watched=watched_model_files,
    shell:
        command("prepare_model")
