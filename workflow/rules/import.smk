"""
Attention from a file of another tool, with the facts of corpus and model that later stages need.

REQUIRED INPUTS
    the file that `dataset` names
OUTPUTS
    dataset/ledger.parquet      outcome of every document
    dataset/dataset.json        facts of the file
    model/model.json            facts of the classifier in the file
    model/metrics.json          scores of the classifier: none, because the file has no gold labels
    attention/<shard>.parquet   tokens, predictions and self-attention
"""


rule import_attention:
    "Import attention from AttViz's JSON files, instead of extracting it from a corpus with a model."
    input:
        files=existing_files(STUDY.dataset.source),
    output:
        ledger=f"{RESULTS}/dataset/ledger.parquet",
        dataset_card=f"{RESULTS}/dataset/dataset.json",
        model_card=f"{RESULTS}/model/model.json",
        metrics=f"{RESULTS}/model/metrics.json",
        attention=expand(f"{RESULTS}/attention/{{shard}}.parquet", shard=SHARDS),
    log:
        f"{RESULTS}/logs/import_attention.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_attention.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("import_attention"),
        settings=stage_settings("import_attention"),
        attention=all_shards("attention"),
        watched=watched_files(STUDY.dataset.source),
    shell:
        command("import_attention")
