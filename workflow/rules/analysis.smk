"""
Statistics.

First, aggregate_shard aggregates each document over heads (the paper's Table 2) and sums each shard per token and head;
aggregate_dataset adds up the sums of all shards. The sums are exact, so results do not depend on the number of shards.
Then come statistics of terms (tokens, words or lower-cased words): the vocabulary, the measures of each shard, intervals,
differences between classes, and groups of documents. Finally, heads are compared and profiled.

REQUIRED INPUTS
    attention/<shard>.parquet               self-attention; in share-safe mode redacted/<shard>.parquet
    dataset/ledger.parquet                  outcome of every row
OUTPUTS
    aggregates/<shard>.parquet              Table 2 of each document
    aggregates/<shard>.token_sums.parquet   exact sums per token and head
    aggregates/<shard>.head_sums.parquet    exact sums per head
    statistics/                             tokens, head_tokens, heads, document_index, ledger, summary
    statistics/vocabulary.parquet           every term and its counts
    measures/<shard>.<measure>.parquet      terms by document, exact sums, heads by document, histograms, curves
    statistics/                             terms, head_terms, class_rankings, head_intervals, distributions, curves
    statistics/                             class_heads, class_terms
    statistics/document_groups.parquet      documents in which the same heads are more active than usual
    statistics/                             head_pairs, head_clusters, fuji_curves
    statistics/head_profiles.parquet        what each head attends to, and its role; empty unless in full mode
    statistics/                             assessment, calibration, confidences
"""


rule aggregate_shard:
    "Aggregate attention over heads for each document of one shard, and sum it per token and head."
    input:
        attention=f"{OF_MODEL}{SHOWN}/{{shard}}.parquet",
    output:
        aggregates=f"{OF_MODEL}aggregates/{{shard}}.parquet",
        token_sums=f"{OF_MODEL}aggregates/{{shard}}.token_sums.parquet",
        head_sums=f"{OF_MODEL}aggregates/{{shard}}.head_sums.parquet",
    log:
        f"{OF_MODEL}logs/aggregate_shard/{{shard}}.log",
    benchmark:
        f"{OF_MODEL}benchmarks/aggregate_shard/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("aggregate_shard"),
        settings=stage_settings("aggregate_shard"),
    shell:
        command("aggregate_shard")


rule aggregate_dataset:
    "Merge the sums of all shards into statistics per token, head and document."
    input:
        attention=expand(
            f"{OF_MODEL}{SHOWN}/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
        token_sums=expand(
            f"{OF_MODEL}aggregates/{{shard}}.token_sums.parquet",
            shard=SHARDS,
            allow_missing=True,
        ),
        head_sums=expand(
            f"{OF_MODEL}aggregates/{{shard}}.head_sums.parquet",
            shard=SHARDS,
            allow_missing=True,
        ),
        ledger=f"{RESULTS}/dataset/ledger.parquet",
    output:
        tokens=f"{OF_MODEL}statistics/tokens.parquet",
        head_tokens=f"{OF_MODEL}statistics/head_tokens.parquet",
        heads=f"{OF_MODEL}statistics/heads.parquet",
        document_index=f"{OF_MODEL}statistics/document_index.parquet",
        ledger=f"{OF_MODEL}statistics/ledger.parquet",
        summary=f"{OF_MODEL}statistics/summary.json",
    log:
        f"{OF_MODEL}logs/aggregate_dataset.log",
    benchmark:
        f"{OF_MODEL}benchmarks/aggregate_dataset.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("aggregate_dataset"),
        attention=all_shards("attention"),
        token_sums=all_shards("token_sums"),
        head_sums=all_shards("head_sums"),
        statistics=subpath(output.summary, parent=True),
    shell:
        command("aggregate_dataset")


rule assess_predictions:
    "Assess accuracy and calibration of the predictions, and correlate confidence with attention entropy."
    input:
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
        code=stage_code("assess_predictions"),
        settings=stage_settings("assess_predictions"),
        attention=all_shards("attention"),
        aggregates=all_shards("aggregates"),
        statistics=subpath(input.document_index, parent=True),
    shell:
        command("assess_predictions")


rule list_terms:
    "List the terms (tokens, words or lower-cased words) of all documents with their counts."
    input:
        attention=expand(
            f"{OF_MODEL}{SHOWN}/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
    output:
        vocabulary=f"{OF_MODEL}statistics/vocabulary.parquet",
    log:
        f"{OF_MODEL}logs/list_terms.log",
    benchmark:
        f"{OF_MODEL}benchmarks/list_terms.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("list_terms"),
        settings=stage_settings("list_terms"),
        attention=all_shards("attention"),
    shell:
        command("list_terms")


rule measure_shard:
    "Compute term statistics of one shard by document, head, class, position and length."
    input:
        attention=f"{OF_MODEL}{SHOWN}/{{shard}}.parquet",
        vocabulary=f"{OF_MODEL}statistics/vocabulary.parquet",
    output:
        term_documents=f"{OF_MODEL}measures/{{shard}}.term_documents.parquet",
        term_sums=f"{OF_MODEL}measures/{{shard}}.term_sums.parquet",
        document_heads=f"{OF_MODEL}measures/{{shard}}.document_heads.parquet",
        distributions=f"{OF_MODEL}measures/{{shard}}.distributions.parquet",
        curve_sums=f"{OF_MODEL}measures/{{shard}}.curve_sums.parquet",
    log:
        f"{OF_MODEL}logs/measure_shard/{{shard}}.log",
    benchmark:
        f"{OF_MODEL}benchmarks/measure_shard/{{shard}}.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("measure_shard"),
        settings=stage_settings("measure_shard"),
        measures=subpath(output.term_documents, strip_suffix=".term_documents.parquet"),
    shell:
        command("measure_shard")


rule describe_terms:
    "Compute 95 % intervals over documents, distributions and curves of terms and heads."
    input:
        vocabulary=f"{OF_MODEL}statistics/vocabulary.parquet",
        measures=expand(
            f"{OF_MODEL}measures/{{shard}}.{{measure}}.parquet",
            shard=SHARDS,
            measure=[
                "term_documents",
                "term_sums",
                "document_heads",
                "distributions",
                "curve_sums",
            ],
            allow_missing=True,
        ),
    output:
        terms=f"{OF_MODEL}statistics/terms.parquet",
        head_terms=f"{OF_MODEL}statistics/head_terms.parquet",
        class_rankings=f"{OF_MODEL}statistics/class_rankings.parquet",
        head_intervals=f"{OF_MODEL}statistics/head_intervals.parquet",
        distributions=f"{OF_MODEL}statistics/distributions.parquet",
        curves=f"{OF_MODEL}statistics/curves.parquet",
    log:
        f"{OF_MODEL}logs/describe_terms.log",
    benchmark:
        f"{OF_MODEL}benchmarks/describe_terms.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("describe_terms"),
        settings=stage_settings("describe_terms"),
        measures=measures_of_all_shards("measures"),
        statistics=subpath(output.terms, parent=True),
    shell:
        command("describe_terms")


rule compare_classes:
    "Test which heads and terms differ between classes, and between correct and wrong predictions."
    input:
        vocabulary=f"{OF_MODEL}statistics/vocabulary.parquet",
        measures=expand(
            f"{OF_MODEL}measures/{{shard}}.{{measure}}.parquet",
            shard=SHARDS,
            measure=["term_documents", "document_heads"],
            allow_missing=True,
        ),
    output:
        class_heads=f"{OF_MODEL}statistics/class_heads.parquet",
        class_terms=f"{OF_MODEL}statistics/class_terms.parquet",
    log:
        f"{OF_MODEL}logs/compare_classes.log",
    benchmark:
        f"{OF_MODEL}benchmarks/compare_classes.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("compare_classes"),
        settings=stage_settings("compare_classes"),
        measures=measures_of_all_shards("measures"),
        statistics=subpath(output.class_heads, parent=True),
    shell:
        command("compare_classes")


rule group_documents:
    "Group documents in which the same heads are more active than usual."
    input:
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
        code=stage_code("group_documents"),
        settings=stage_settings("group_documents"),
        document_heads=all_shards("document_heads"),
    shell:
        command("group_documents")


rule compare_heads:
    "Compare heads with each other and with chance (FUJI, Jensen-Shannon); cluster and project them."
    input:
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
    priority: 1  # the longest job on one core: others wait for it if it starts last
    conda:
        "../../environment.yml"
    params:
        code=stage_code("compare_heads"),
        settings=stage_settings("compare_heads"),
        attention=all_shards("attention"),
        statistics=subpath(output.head_pairs, parent=True),
    shell:
        command("compare_heads")


rule profile_heads:
    "Summarise what each head attends to, and assign it a role."
    input:
        attention=expand(
            f"{OF_MODEL}{SHOWN}/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
    output:
        head_profiles=f"{OF_MODEL}statistics/head_profiles.parquet",
    log:
        f"{OF_MODEL}logs/profile_heads.log",
    benchmark:
        f"{OF_MODEL}benchmarks/profile_heads.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("profile_heads"),
        attention=all_shards("attention"),
    shell:
        command("profile_heads")
