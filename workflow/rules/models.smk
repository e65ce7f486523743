"""
Models side by side: the study's own, the one before fine-tuning, those of other seeds and epochs, any others. Only with
section `compare`.
The rules that prepare, read and measure a model run for each of them, below `models/<name>/`.

REQUIRED INPUTS
    model/, measures/, statistics/      of every model, the study's own first
    evidence/                           of every model whose classifier is trained; only with `evidence.enabled`
OUTPUTS
    models/models.parquet               which models, with their scores
    models/model_layers.parquet         means of layers
    models/model_heads.parquet          changes of heads, paired over documents
    models/fine_tuned_heads.parquet     what fine-tuning changes, beyond the spread between seeds
    models/effect_replications.parquet  effects of classes that other seeds have, too
    models/model_predictions.parquet    whether models predict the same, and how well
    models/model_words.parquet          whether models attend to the same words
    models/model_terms.parquet          each term's self-attention in every model
    models/matched_heads.parquet        heads of other layouts, matched by their words
    models/model_importance.parquet     important heads of each model
    models/model_faithfulness.parquet   scores of tokens beyond random order, in each model
"""

WITH_EVIDENCE = [OWN_MODEL, *STUDY.with_evidence] if STUDY.with_evidence else []


rule compare_models:
    "Compare models that read the same documents: before and after fine-tuning, and of different seeds."
    input:
        model=expand(
            "{folder}model/{file}.json",
            folder=MODEL_FOLDERS,
            file=["model", "metrics"],
        ),
        measures=expand(
            "{folder}measures/{shard}.document_heads.parquet",
            folder=MODEL_FOLDERS,
            shard=SHARDS,
        ),
        statistics=expand(
            "{folder}statistics/{table}.parquet",
            folder=MODEL_FOLDERS,
            table=["terms", "head_terms", "class_heads", "head_profiles"],
        ),
        evidence=[
            f"{RESULTS}/{folder_of(name)}evidence/{table}.parquet"
            for name in WITH_EVIDENCE
            for table in ["document_ablations", "head_importance", "faithfulness"]
        ],
    output:
        models=f"{RESULTS}/models/models.parquet",
        model_layers=f"{RESULTS}/models/model_layers.parquet",
        model_heads=f"{RESULTS}/models/model_heads.parquet",
        fine_tuned_heads=f"{RESULTS}/models/fine_tuned_heads.parquet",
        effect_replications=f"{RESULTS}/models/effect_replications.parquet",
        model_predictions=f"{RESULTS}/models/model_predictions.parquet",
        model_words=f"{RESULTS}/models/model_words.parquet",
        model_terms=f"{RESULTS}/models/model_terms.parquet",
        matched_heads=f"{RESULTS}/models/matched_heads.parquet",
        model_importance=f"{RESULTS}/models/model_importance.parquet",
        model_faithfulness=f"{RESULTS}/models/model_faithfulness.parquet",
    log:
        f"{RESULTS}/logs/compare_models.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_models.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("compare_models"),
        settings=stage_settings("compare_models"),
        measures=measures_of_all_shards("measures"),
        models=folders_of_models,
        comparison=subpath(output.models, parent=True),
    shell:
        command("compare_models")
