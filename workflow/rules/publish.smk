"""
Publishing, only when asked for (`snakemake publish`): the site is checked and pushed to a branch of a git remote.

REQUIRED INPUTS
    site/       the rendered site
OUTPUTS
    a commit on the remote's branch; no file here
"""


rule publish:
    "Check the site and push it to a branch of a git remote."
    input:
        code=stage_code("publish"),
        site=f"{RESULTS}/site",
    log:
        f"{RESULTS}/logs/publish.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        settings=stage_settings("publish"),
    shell:
        command("publish")
