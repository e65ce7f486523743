"""
The corpus: read, check, record and split every row; then divide the documents to analyse into shards.

REQUIRED INPUTS
    the files or the hub dataset that `dataset` names
OUTPUTS
    dataset/documents.parquet   every usable row with its split
    dataset/ledger.parquet      outcome of every row
    dataset/dataset.json        facts of the corpus
    shards/<shard>.parquet      the documents of one extraction job
"""


rule prepare_dataset:
    "Read the corpus, check every row, and split it."
    input:
        files=existing_files(
            STUDY.dataset.source, *(STUDY.dataset.files or {}).values()
        ),
    output:
        documents=f"{RESULTS}/dataset/documents.parquet",
        ledger=f"{RESULTS}/dataset/ledger.parquet",
        card=f"{RESULTS}/dataset/dataset.json",
    log:
        f"{RESULTS}/logs/prepare_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_dataset.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("prepare_dataset"),
        settings=stage_settings("prepare_dataset"),
        watched=watched_files(
            STUDY.dataset.source, *(STUDY.dataset.files or {}).values()
        ),
    shell:
        command("prepare_dataset")


rule shard_documents:
    "Select the documents to analyse and divide them into shards."
    input:
        documents=f"{RESULTS}/dataset/documents.parquet",
    output:
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
    log:
        f"{RESULTS}/logs/shard_documents.log",
    benchmark:
        f"{RESULTS}/benchmarks/shard_documents.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("shard_documents"),
        settings=stage_settings("shard_documents"),
        shards=all_shards("shards"),
    shell:
        command("shard_documents")
