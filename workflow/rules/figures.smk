"""
Figures: the paper's Figure 5 (top tokens) and Figure 6 (a word cloud per head), self-attention and similarity of heads,
terms with intervals, distributions, differences between classes, accuracy and calibration of the classifier, evidence.

REQUIRED INPUTS
    dataset/dataset.json        facts of the corpus, for the provenance
    model/model.json            facts of the classifier, for the provenance
    statistics/                 tokens, head_tokens, heads; terms, distributions, curves, class_heads, class_terms;
                                head_pairs, head_clusters, fuji_curves; head_profiles; assessment, calibration, confidences
    evidence/                   with `evidence.enabled`, all of its tables
    models/                     with `compare`, all of its tables
OUTPUTS
    word_clouds/                the word clouds, in the same form; they need no evidence and are drawn early
    figures/figures.json        name, files, caption and alt text of each figure
    figures/*.svg *.png         the figures
    figures/*.csv *.parquet     their numbers
"""


rule draw_word_clouds:
    "Draw a word cloud over all heads, and one of each head."
    input:
        dataset_card=f"{RESULTS}/dataset/dataset.json",
        model_card=f"{RESULTS}/model/model.json",
        tokens=f"{RESULTS}/statistics/tokens.parquet",
        head_tokens=f"{RESULTS}/statistics/head_tokens.parquet",
        heads=f"{RESULTS}/statistics/heads.parquet",
    output:
        word_clouds=directory(f"{RESULTS}/word_clouds"),
    log:
        f"{RESULTS}/logs/draw_word_clouds.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_word_clouds.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("draw_word_clouds"),
        settings=stage_settings("draw_word_clouds"),
        statistics=subpath(input.tokens, parent=True),
    shell:
        command("draw_word_clouds")


rule draw_figures:
    "Draw the figures of the dataset, each as SVG, PNG and the CSV of its numbers."
    input:
        dataset_card=f"{RESULTS}/dataset/dataset.json",
        model_card=f"{RESULTS}/model/model.json",
        word_clouds=f"{RESULTS}/word_clouds",
        tokens=f"{RESULTS}/statistics/tokens.parquet",
        heads=f"{RESULTS}/statistics/heads.parquet",
        terms=of_own_model("describe_terms"),
        classes=of_own_model("compare_classes"),
        comparison=rules.compare_heads.output,
        profiles=of_own_model("profile_heads"),
        assessment=rules.assess_predictions.output,
        evidence=EVIDENCE,
        models=MODELS,
    output:
        figures=directory(f"{RESULTS}/figures"),
    log:
        f"{RESULTS}/logs/draw_figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_figures.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("draw_figures"),
        settings=stage_settings("draw_figures"),
        statistics=subpath(input.tokens, parent=True),
        evidence="--evidence" if EVIDENCE else "",
        models="--models" if MODELS else "",
    shell:
        command("draw_figures")
