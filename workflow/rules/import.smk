"""
Attention from a file of another tool, with all that later stages know of corpus and model.

REQUIRED INPUTS
    the file that `dataset` names
OUTPUTS
    dataset/ledger.parquet      what became of every document
    dataset/dataset.json        facts of the file
    model/model.json            what the file says of the classifier
    model/metrics.json          its scores: none, since the file holds no gold labels
    attention/<shard>.parquet   tokens, predictions and self-attention
"""


rule import_attention:
    "Import attention from AttViz's JSON files, instead of extracting it from a corpus with a model."
    input:
        code=stage_code("import_attention"),
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
        settings=stage_settings("import_attention"),
        braced=braced_files(STUDY.dataset.source),
    shell:
        command("import_attention")
