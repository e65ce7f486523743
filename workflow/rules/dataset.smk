"""
The corpus: every row read, checked, accounted for and split; then the documents to analyse, dealt out to shards.

REQUIRED INPUTS
    the files or the hub dataset that `dataset` names
OUTPUTS
    dataset/documents.parquet   every usable row with its split
    dataset/ledger.parquet      what became of every row
    dataset/dataset.json        facts of the corpus
    shards/<shard>.parquet      the documents of one extraction job
"""


rule prepare_dataset:
    input:
        code=stage_code(
            "attviz_pipeline/dataset",
            "attviz_pipeline/model_inputs.py",
            "attviz_pipeline/strata.py",
        ),
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
        settings=stage_settings("prepare_dataset"),
        braced=braced_files(STUDY.dataset.source, *(STUDY.dataset.files or {}).values()),
    shell:
        "python -m attviz_pipeline prepare-dataset --settings {params.settings:q} --log {log:q}"
        " --documents {output.documents:q} --ledger {output.ledger:q} --card {output.card:q}"


rule shard_documents:
    input:
        code=stage_code("attviz_pipeline/dataset", "attviz_pipeline/strata.py"),
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
        settings=stage_settings("shard_documents"),
    shell:
        "python -m attviz_pipeline shard-documents --settings {params.settings:q} --log {log:q}"
        " --documents {input.documents:q} --shards {output.shards:q}"
