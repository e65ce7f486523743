"""
The site: static pages per document and per head, with indexes, token table, figures and provenance.

REQUIRED INPUTS
    every artefact of the stages before
OUTPUTS
    site/index.html and all it links to; opens by double-click
"""


rule render_site:
    input:
        **rules.aggregate_dataset.output,
        code=stage_code(
            "attviz_pipeline/report",
            "attviz_pipeline/provenance.py",
            "attviz_pipeline/strata.py",
            "attviz_pipeline/published.py",
            "templates",
            "docs/statistics",
        ),
        dataset_card=f"{RESULTS}/dataset/dataset.json",
        model_card=f"{RESULTS}/model/model.json",
        metrics=f"{RESULTS}/model/metrics.json",
        terms=rules.describe_terms.output,
        classes=rules.compare_classes.output,
        comparison=rules.compare_heads.output,
        profiles=rules.profile_heads.output,
        groups=rules.group_documents.output,
        assessment=rules.assess_predictions.output,
        maps=SHOWN_MAPS,
        figures=f"{RESULTS}/figures",
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        aggregates=expand(f"{RESULTS}/aggregates/{{shard}}.parquet", shard=SHARDS),
    output:
        site=directory(f"{RESULTS}/site"),
    log:
        f"{RESULTS}/logs/render_site.log",
    benchmark:
        f"{RESULTS}/benchmarks/render_site.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("render_site"),
        statistics=subpath(input.summary, parent=True),
        maps="--maps" if SHOWN_MAPS else "",
    shell:
        "python -m attviz_pipeline render-site --settings {params.settings:q} --log {log:q}"
        " --dataset-card {input.dataset_card:q} --model-card {input.model_card:q} --metrics {input.metrics:q}"
        " --statistics {params.statistics:q} --figures {input.figures:q} --site {output.site:q}"
        " {params.maps} {input.maps:q}"
        " --attention {input.attention:q} --aggregates {input.aggregates:q}"
