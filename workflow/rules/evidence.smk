"""
Evidence beside attention: does the prediction change with what attention points at? Only with `evidence.enabled`.
Each stage reads a sample of all documents, so none is divided into shards.

REQUIRED INPUTS
    shards/<shard>.parquet      documents
    model/checkpoint/           the classifier
    model/model.json            facts of the classifier
    statistics/                 document_index, heads
    attention/<shard>.parquet   self-attention and words; in share-safe mode redacted/<shard>.parquet
OUTPUTS
    evidence/gradients.parquet              gradients at token embeddings and heads
    evidence/leave_one_out.parquet          changes of the probabilities without each token
    evidence/document_faithfulness.parquet  changes without the tokens that scores rank highest, and with only these
    evidence/document_ablations.parquet     changes without each head and layer
    evidence/cumulative_ablations.parquet   changes without more and more heads
    evidence/                               faithfulness, head_ablations, ablation_curves: means over documents
    evidence/head_importance.parquet        importance of heads by three measures
    evidence/term_evidence.parquet          words on which the prediction depends, beside random words
"""


rule compute_gradients:
    "Compute how the prediction depends on each token's embedding and on each head (gradients)."
    input:
        own_index=f"{RESULTS}/statistics/document_index.parquet",
        document_index=f"{OF_MODEL}statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
    output:
        gradients=f"{OF_MODEL}evidence/gradients.parquet",
    log:
        f"{OF_MODEL}logs/compute_gradients.log",
    benchmark:
        f"{OF_MODEL}benchmarks/compute_gradients.tsv"
    priority: 2  # the longest chain of jobs
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("compute_gradients"),
        settings=stage_settings("compute_gradients"),
        shards=all_shards("shards"),
    shell:
        command("compute_gradients")


rule leave_tokens_out:
    "Compute what the prediction becomes without each token of a document."
    input:
        own_index=f"{RESULTS}/statistics/document_index.parquet",
        document_index=f"{OF_MODEL}statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
    output:
        leave_one_out=f"{OF_MODEL}evidence/leave_one_out.parquet",
    log:
        f"{OF_MODEL}logs/leave_tokens_out.log",
    benchmark:
        f"{OF_MODEL}benchmarks/leave_tokens_out.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("leave_tokens_out"),
        settings=stage_settings("leave_tokens_out"),
        shards=all_shards("shards"),
    shell:
        command("leave_tokens_out")


rule measure_faithfulness:
    "Measure whether token scores point at the tokens that the prediction depends on."
    input:
        own_index=f"{RESULTS}/statistics/document_index.parquet",
        document_index=f"{OF_MODEL}statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
        # Without redaction, for the numbers only: what is written contains no words.
        attention=expand(
            f"{OF_MODEL}attention/{{shard}}.parquet", shard=SHARDS, allow_missing=True
        ),
        gradients=f"{OF_MODEL}evidence/gradients.parquet",
        leave_one_out=f"{OF_MODEL}evidence/leave_one_out.parquet",
    output:
        faithfulness=f"{OF_MODEL}evidence/document_faithfulness.parquet",
    log:
        f"{OF_MODEL}logs/measure_faithfulness.log",
    benchmark:
        f"{OF_MODEL}benchmarks/measure_faithfulness.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("measure_faithfulness"),
        settings=stage_settings("measure_faithfulness"),
        shards=all_shards("shards"),
        attention=all_shards("attention"),
    shell:
        command("measure_faithfulness")


rule ablate_heads:
    "Switch off every head, every layer, and more and more heads, and read the sample again."
    input:
        own_index=f"{RESULTS}/statistics/document_index.parquet",
        document_index=f"{OF_MODEL}statistics/document_index.parquet",
        shards=expand(f"{RESULTS}/shards/{{shard}}.parquet", shard=SHARDS),
        checkpoint=f"{OF_MODEL}model/checkpoint",
        card=f"{OF_MODEL}model/model.json",
        gradients=f"{OF_MODEL}evidence/gradients.parquet",
        heads=f"{OF_MODEL}statistics/heads.parquet",
    output:
        ablations=f"{OF_MODEL}evidence/document_ablations.parquet",
        cumulative=f"{OF_MODEL}evidence/cumulative_ablations.parquet",
    log:
        f"{OF_MODEL}logs/ablate_heads.log",
    benchmark:
        f"{OF_MODEL}benchmarks/ablate_heads.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: SIDE_BY_SIDE
    resources:
        gpu=STUDY.resources.gpu,
        mem_mb=model_memory_mb,
        runtime=model_runtime_minutes,
    params:
        code=stage_code("ablate_heads"),
        settings=stage_settings("ablate_heads"),
        shards=all_shards("shards"),
    shell:
        command("ablate_heads")


rule summarise_evidence:
    "Average the evidence over documents, beside its floor, with intervals."
    input:
        document_faithfulness=f"{OF_MODEL}evidence/document_faithfulness.parquet",
        document_ablations=f"{OF_MODEL}evidence/document_ablations.parquet",
        cumulative_ablations=f"{OF_MODEL}evidence/cumulative_ablations.parquet",
    output:
        faithfulness=f"{OF_MODEL}evidence/faithfulness.parquet",
        head_ablations=f"{OF_MODEL}evidence/head_ablations.parquet",
        ablation_curves=f"{OF_MODEL}evidence/ablation_curves.parquet",
    log:
        f"{OF_MODEL}logs/summarise_evidence.log",
    benchmark:
        f"{OF_MODEL}benchmarks/summarise_evidence.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("summarise_evidence"),
        settings=stage_settings("summarise_evidence"),
    shell:
        command("summarise_evidence")


rule rank_heads:
    "Compare how important heads are when switched off, by gradients, and by self-attention."
    input:
        document_ablations=f"{OF_MODEL}evidence/document_ablations.parquet",
        gradients=f"{OF_MODEL}evidence/gradients.parquet",
        heads=f"{OF_MODEL}statistics/heads.parquet",
    output:
        head_importance=f"{OF_MODEL}evidence/head_importance.parquet",
    log:
        f"{OF_MODEL}logs/rank_heads.log",
    benchmark:
        f"{OF_MODEL}benchmarks/rank_heads.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("rank_heads"),
        settings=stage_settings("rank_heads"),
    shell:
        command("rank_heads")


rule compare_terms:
    "Compare how far the prediction depends on each word and on random words of the same documents."
    input:
        # The only table of evidence with words: in share-safe mode, without them.
        attention=expand(f"{ATTENTION}/{{shard}}.parquet", shard=SHARDS),
        gradients=f"{RESULTS}/evidence/gradients.parquet",
        leave_one_out=f"{RESULTS}/evidence/leave_one_out.parquet",
    output:
        term_evidence=f"{RESULTS}/evidence/term_evidence.parquet",
    log:
        f"{RESULTS}/logs/compare_terms.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_terms.tsv"
    conda:
        "../../environment.yml"
    params:
        code=stage_code("compare_terms"),
        settings=stage_settings("compare_terms"),
        attention=all_shards("attention"),
    shell:
        command("compare_terms")
