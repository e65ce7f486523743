"""
Publishing, only on request (`snakemake publish`): check the site and push it to a branch of a git remote.

REQUIRED INPUTS
    site/       the rendered site
OUTPUTS
    a commit on the remote's branch; no local file
"""


rule publish:
    "Check the site and push it to a branch of a git remote."
    input:
        site=f"{RESULTS}/site",
    log:
        f"{RESULTS}/logs/publish.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=stage_code("publish"),
        settings=stage_settings("publish"),
    shell:
        command("publish")
