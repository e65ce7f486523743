"""
Figures: the paper's Figure 5 (top tokens) and Figure 6 (a word cloud per head), and the map of heads.

REQUIRED INPUTS
    statistics/                 tokens, head_tokens, heads
OUTPUTS
    figures/figures.json        name, files, caption and alt text of each figure
    figures/*.svg *.png *.csv   the figures and their numbers
"""


rule draw_figures:
    input:
        code=stage_code("attviz_pipeline/figures"),
        tokens=f"{RESULTS}/statistics/tokens.parquet",
        head_tokens=f"{RESULTS}/statistics/head_tokens.parquet",
        heads=f"{RESULTS}/statistics/heads.parquet",
    output:
        figures=directory(f"{RESULTS}/figures"),
    log:
        f"{RESULTS}/logs/draw_figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_figures.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("draw_figures"),
        statistics=subpath(input.tokens, parent=True),
    shell:
        "python -m attviz_pipeline draw-figures --settings {params.settings:q} --log {log:q}"
        " --statistics {params.statistics:q} --figures {output.figures:q}"
