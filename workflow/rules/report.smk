"""
The site: static pages per document and per head, with indexes, token table, figures and provenance.

REQUIRED INPUTS
    artifacts of all earlier stages
OUTPUTS
    site/index.html and all pages it links to; opens by double-click
    study.json        the configuration, for `compare-studies`
"""


rule render_site:
    "Render the static site."
    input:
        **named_of_own_model("aggregate_dataset"),
        dataset_card=f"{RESULTS}/dataset/dataset.json",
        model_card=f"{RESULTS}/model/model.json",
        metrics=f"{RESULTS}/model/metrics.json",
        vocabulary=f"{RESULTS}/statistics/vocabulary.parquet",
        terms=of_own_model("describe_terms"),
        classes=of_own_model("compare_classes"),
        comparison=rules.compare_heads.output,
        profiles=of_own_model("profile_heads"),
        groups=rules.group_documents.output,
        assessment=rules.assess_predictions.output,
        maps=SHOWN_MAPS,
        model_maps=[
            f"{folder}maps/maps.parquet" for folder in MODEL_FOLDERS[1:] if SHOWN_MAPS
        ],
        evidence=EVIDENCE,
        models=MODELS,
        figures=f"{RESULTS}/figures",
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        aggregates=expand(f"{RESULTS}/aggregates/{{shard}}.parquet", shard=SHARDS),
    output:
        site=directory(f"{RESULTS}/site"),
        study=f"{RESULTS}/study.json",
    log:
        f"{RESULTS}/logs/render_site.log",
    benchmark:
        f"{RESULTS}/benchmarks/render_site.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("render_site"),
        settings=stage_settings("render_site"),
        attention=all_shards("attention"),
        aggregates=all_shards("aggregates"),
        statistics=subpath(input.summary, parent=True),
        results=folders_of_models,
        maps="--maps" if SHOWN_MAPS else "",
        evidence="--evidence" if EVIDENCE else "",
        models="--models" if MODELS else "",
    shell:
        command("render_site")
