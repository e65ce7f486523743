"""
Statistics: each document aggregated over heads (the paper's Table 2), each shard summed per token and head,
and the sums of all shards added up. The sums are exact, so the number of shards changes nothing.
Then terms (tokens, words or lower-cased words): what they are, what each shard measures of them, statistics with
intervals, what separates classes, and which documents are alike. At last, which heads are alike,
and what they attend to.

REQUIRED INPUTS
    attention/<shard>.parquet               self-attention; in share-safe mode redacted/<shard>.parquet
    dataset/ledger.parquet                  what became of every row
OUTPUTS
    aggregates/<shard>.parquet              Table 2 of each document
    aggregates/<shard>.token_sums.parquet   exact sums per token and head
    aggregates/<shard>.head_sums.parquet    exact sums per head
    statistics/                             tokens, head_tokens, heads, document_index, ledger, summary
    statistics/vocabulary.parquet           every term and its counts
    measures/<shard>.<measure>.parquet      terms by document, exact sums, heads by document, histograms, curves
    statistics/                             terms, head_terms, head_intervals, distributions, curves
    statistics/                             class_heads, class_terms
    statistics/document_groups.parquet      documents in which the same heads are more active than usual
    statistics/                             head_pairs, head_clusters, fuji_curves
    statistics/head_profiles.parquet        what each head attends to, and its role; empty unless in full mode
    statistics/                             assessment, calibration, confidences
"""


rule aggregate_shard:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=f"{ATTENTION}/{{shard}}.parquet",
    output:
        aggregates=f"{RESULTS}/aggregates/{{shard}}.parquet",
        token_sums=f"{RESULTS}/aggregates/{{shard}}.token_sums.parquet",
        head_sums=f"{RESULTS}/aggregates/{{shard}}.head_sums.parquet",
    log:
        f"{RESULTS}/logs/aggregate_shard/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_shard/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("aggregate_shard"),
    shell:
        "python -m attviz_pipeline aggregate-shard --settings {params.settings:q} --log {log:q}"
        " --attention {input.attention:q} --aggregates {output.aggregates:q} --token-sums {output.token_sums:q} --head-sums {output.head_sums:q}"


rule aggregate_dataset:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        token_sums=expand(
            f"{RESULTS}/aggregates/{{shard}}.token_sums.parquet", shard=SHARDS
        ),
        head_sums=expand(
            f"{RESULTS}/aggregates/{{shard}}.head_sums.parquet", shard=SHARDS
        ),
        ledger=f"{RESULTS}/dataset/ledger.parquet",
    output:
        tokens=f"{RESULTS}/statistics/tokens.parquet",
        head_tokens=f"{RESULTS}/statistics/head_tokens.parquet",
        heads=f"{RESULTS}/statistics/heads.parquet",
        document_index=f"{RESULTS}/statistics/document_index.parquet",
        ledger=f"{RESULTS}/statistics/ledger.parquet",
        summary=f"{RESULTS}/statistics/summary.json",
    log:
        f"{RESULTS}/logs/aggregate_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_dataset.tsv"
    conda:
        "../../environment.yml"
    params:
        statistics=subpath(output.summary, parent=True),
    shell:
        "python -m attviz_pipeline aggregate-dataset --log {log:q} --attention {input.attention:q}"
        " --token-sums {input.token_sums:q} --head-sums {input.head_sums:q} --ledger {input.ledger:q}"
        " --statistics {params.statistics:q}"


rule assess_predictions:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        aggregates=expand(f"{RESULTS}/aggregates/{{shard}}.parquet", shard=SHARDS),
        document_index=f"{RESULTS}/statistics/document_index.parquet",
    output:
        assessment=f"{RESULTS}/statistics/assessment.json",
        calibration=f"{RESULTS}/statistics/calibration.parquet",
        confidences=f"{RESULTS}/statistics/confidences.parquet",
    log:
        f"{RESULTS}/logs/assess_predictions.log",
    benchmark:
        f"{RESULTS}/benchmarks/assess_predictions.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("assess_predictions"),
        statistics=subpath(input.document_index, parent=True),
    shell:
        "python -m attviz_pipeline assess-predictions --settings {params.settings:q} --log {log:q}"
        " --attention {input.attention:q} --aggregates {input.aggregates:q} --statistics {params.statistics:q}"


rule list_terms:
    input:
        code=stage_code("attviz_pipeline/analysis", "attviz_pipeline/words.py"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
    output:
        vocabulary=f"{RESULTS}/statistics/vocabulary.parquet",
    log:
        f"{RESULTS}/logs/list_terms.log",
    benchmark:
        f"{RESULTS}/benchmarks/list_terms.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("list_terms"),
    shell:
        "python -m attviz_pipeline list-terms --settings {params.settings:q} --log {log:q}"
        " --attention {input.attention:q} --vocabulary {output.vocabulary:q}"


rule measure_shard:
    input:
        code=stage_code("attviz_pipeline/analysis", "attviz_pipeline/words.py"),
        attention=f"{ATTENTION}/{{shard}}.parquet",
        vocabulary=f"{RESULTS}/statistics/vocabulary.parquet",
    output:
        term_documents=f"{RESULTS}/measures/{{shard}}.term_documents.parquet",
        term_sums=f"{RESULTS}/measures/{{shard}}.term_sums.parquet",
        document_heads=f"{RESULTS}/measures/{{shard}}.document_heads.parquet",
        distributions=f"{RESULTS}/measures/{{shard}}.distributions.parquet",
        curve_sums=f"{RESULTS}/measures/{{shard}}.curve_sums.parquet",
    log:
        f"{RESULTS}/logs/measure_shard/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_shard/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("measure_shard"),
        measures=subpath(output.term_sums, parent=True),
    shell:
        "python -m attviz_pipeline measure-shard --settings {params.settings:q} --log {log:q}"
        " --attention {input.attention:q} --vocabulary {input.vocabulary:q} --measures {params.measures:q}"


rule describe_terms:
    input:
        code=stage_code("attviz_pipeline/analysis", "attviz_pipeline/words.py"),
        vocabulary=f"{RESULTS}/statistics/vocabulary.parquet",
        measures=expand(
            f"{RESULTS}/measures/{{shard}}.{{measure}}.parquet",
            shard=SHARDS,
            measure=[
                "term_documents",
                "term_sums",
                "document_heads",
                "distributions",
                "curve_sums",
            ],
        ),
    output:
        terms=f"{RESULTS}/statistics/terms.parquet",
        head_terms=f"{RESULTS}/statistics/head_terms.parquet",
        head_intervals=f"{RESULTS}/statistics/head_intervals.parquet",
        distributions=f"{RESULTS}/statistics/distributions.parquet",
        curves=f"{RESULTS}/statistics/curves.parquet",
    log:
        f"{RESULTS}/logs/describe_terms.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_terms.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("describe_terms"),
        measures=lambda _, input: os.path.dirname(input.measures[0]),
        statistics=subpath(output.terms, parent=True),
        shards=SHARDS,
    shell:
        "python -m attviz_pipeline describe-terms --settings {params.settings:q} --log {log:q}"
        " --vocabulary {input.vocabulary:q} --measures {params.measures:q} --shards {params.shards:q}"
        " --statistics {params.statistics:q}"


rule compare_classes:
    input:
        code=stage_code("attviz_pipeline/analysis", "attviz_pipeline/words.py"),
        vocabulary=f"{RESULTS}/statistics/vocabulary.parquet",
        measures=expand(
            f"{RESULTS}/measures/{{shard}}.{{measure}}.parquet",
            shard=SHARDS,
            measure=["term_documents", "document_heads"],
        ),
    output:
        class_heads=f"{RESULTS}/statistics/class_heads.parquet",
        class_terms=f"{RESULTS}/statistics/class_terms.parquet",
    log:
        f"{RESULTS}/logs/compare_classes.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_classes.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("compare_classes"),
        measures=lambda _, input: os.path.dirname(input.measures[0]),
        statistics=subpath(output.class_heads, parent=True),
        shards=SHARDS,
    shell:
        "python -m attviz_pipeline compare-classes --settings {params.settings:q} --log {log:q}"
        " --vocabulary {input.vocabulary:q} --measures {params.measures:q} --shards {params.shards:q}"
        " --statistics {params.statistics:q}"


rule group_documents:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        document_heads=expand(
            f"{RESULTS}/measures/{{shard}}.document_heads.parquet", shard=SHARDS
        ),
    output:
        document_groups=f"{RESULTS}/statistics/document_groups.parquet",
    log:
        f"{RESULTS}/logs/group_documents.log",
    benchmark:
        f"{RESULTS}/benchmarks/group_documents.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("group_documents"),
    shell:
        "python -m attviz_pipeline group-documents --settings {params.settings:q} --log {log:q}"
        " --document-heads {input.document_heads:q} --document-groups {output.document_groups:q}"


rule compare_heads:
    input:
        code=stage_code("attviz_pipeline/analysis", "attviz_pipeline/words.py"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        head_tokens=f"{RESULTS}/statistics/head_tokens.parquet",
    output:
        head_pairs=f"{RESULTS}/statistics/head_pairs.parquet",
        head_clusters=f"{RESULTS}/statistics/head_clusters.parquet",
        fuji_curves=f"{RESULTS}/statistics/fuji_curves.parquet",
    log:
        f"{RESULTS}/logs/compare_heads.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_heads.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("compare_heads"),
        statistics=subpath(output.head_pairs, parent=True),
    shell:
        "python -m attviz_pipeline compare-heads --settings {params.settings:q} --log {log:q}"
        " --attention {input.attention:q} --head-tokens {input.head_tokens:q} --statistics {params.statistics:q}"


rule profile_heads:
    input:
        code=stage_code("attviz_pipeline/analysis"),
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
    output:
        head_profiles=f"{RESULTS}/statistics/head_profiles.parquet",
    log:
        f"{RESULTS}/logs/profile_heads.log",
    benchmark:
        f"{RESULTS}/benchmarks/profile_heads.tsv"
    conda:
        "../../environment.yml"
    shell:
        "python -m attviz_pipeline profile-heads --log {log:q} --attention {input.attention:q}"
        " --head-profiles {output.head_profiles:q}"
