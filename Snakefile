# From a labelled corpus to a site of the classifier's attention.
# Snakemake decides when, the package attviz_pipeline decides what, templates/ decides how it looks.
# Each include below is one step of the method, in order.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# A study is one complete file: with --configfile, the default study is not read, so none of its keys apply.
if not workflow.config_settings.configfiles:

    configfile: Path(workflow.basedir) / "config" / "config.yaml"


include: "workflow/rules/common.smk"


if STUDY.imported:

    include: "workflow/rules/import.smk"  # attention from a file, instead of the next three

else:

    include: "workflow/rules/dataset.smk"  # rows -> checked, split documents -> shards
    include: "workflow/rules/model.smk"  # pretrained model -> verified, fine-tuned, scored classifier
    include: "workflow/rules/attention.smk"  # shard -> self-attention of every layer and head; maps of selected documents


if STUDY.redaction.mode != "none":

    include: "workflow/rules/redaction.smk"  # share-safe mode: a copy without words


include: "workflow/rules/analysis.smk"  # shard -> aggregates and sums -> statistics of the dataset


if not STUDY.imported:

    include: "workflow/rules/evidence.smk"  # with `evidence.enabled`: model -> does attention matter to the prediction?


if STUDY.compared:

    include: "workflow/rules/models.smk"  # results of several models -> what differs, what is found again


include: "workflow/rules/figures.smk"  # statistics -> figures
include: "workflow/rules/report.smk"  # all results -> site
include: "workflow/rules/export.smk"  # on request: attention -> formats of other tools
include: "workflow/rules/publish.smk"  # on request: site -> branch of a git remote


rule all:
    default_target: True
    input:
        f"{RESULTS}/site",
    localrule: True


onstart:
    check_machine()
    remove_unredacted_results()


onsuccess:
    announce_site()
