"""The workflow on a real SLURM of two nodes: same bytes as on one machine, whatever is cancelled or dies on the way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from slurm_cluster import SlurmCluster, wait, why_not
from tiny_workflow import ROOT, SMALL_EVIDENCE, command, content, write_study
from workflow_storage import local_copies, require_storage, stored

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

NAME = "news"
MOST_SECONDS = 1800
"""After this a run hangs; other tests may keep the machine busy meanwhile."""
GPU_OF_SLURM = "SLURM gave this job CUDA_VISIBLE_DEVICES="


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    if reason := why_not():
        if os.environ.get("ATTVIZ_REQUIRE_SLURM") == "1":
            pytest.fail(f"{reason}, and ATTVIZ_REQUIRE_SLURM=1 asks for it")
        pytest.skip(reason)
    started = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The default study, trained for one epoch, twice: one to run here, one to run on the cluster."""
    here = tmp_path_factory.mktemp("here")
    shutil.copytree(ROOT / "examples", here / "examples")
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    study["resources"] = {"threads": 1, "gpu": 1}  # a node has one core, and as many threads give the same last bits
    study["training"] |= {"epochs": 1}
    study["evidence"] |= SMALL_EVIDENCE
    study["attention"] |= {"device": "cpu"}  # the cluster's GPUs are pretended
    (here / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    there = tmp_path_factory.mktemp("there") / "study"
    shutil.copytree(here, there)
    return here, there


class Run:
    """Snakemake at work on the cluster; its stages have no network."""

    def __init__(self, cluster: SlurmCluster, folder: Path, *arguments: str) -> None:
        self.log = folder.parent / "snakemake.log"
        call = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        call += ["--configfile", "study.yaml", "--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm")]
        call += ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5", *arguments]
        modules = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = cluster.environment | {"PYTHONPATH": os.pathsep.join(modules)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(call, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def finish(self) -> str:
        assert self.process.wait(timeout=MOST_SECONDS) == 0, self.text()
        return self.text()


def cut_off(cluster: SlurmCluster, calls: Path) -> None:
    """Let stages run without a network, and note which did.

    SLURM's own steps need the loopback, so it is not the jobs that are cut off, but the `python` that their rules call:
    the shell of every rule reads the function from the file that BASH_ENV names.
    """
    way = "unshare --net"
    if subprocess.run([*way.split(), "true"], capture_output=True, check=False).returncode != 0:
        nowhere = "http://127.0.0.1:9"
        way = f"env HF_HUB_OFFLINE=1 HTTP_PROXY={nowhere} HTTPS_PROXY={nowhere}"
    functions = calls.with_name("functions.sh")
    functions.write_text(f'python() {{ echo "$3" >> {calls}; {way} python "$@"; }}\n')
    cluster.environment["BASH_ENV"] = str(functions)


def test_a_cancelled_job_and_a_dead_node_leave_the_same_site(cluster: SlurmCluster, studies: tuple[Path, Path]) -> None:
    here, there = studies
    calls = there.parent / "calls"
    cut_off(cluster, calls)
    local, environment = command(here)
    undisturbed = subprocess.Popen(local, env=environment, cwd=here, stderr=subprocess.DEVNULL)

    run = Run(cluster, there)
    try:
        logs = there / "results" / NAME / "logs" / "extract_attention"
        wait(lambda: len(list(logs.glob("*.log"))) == 2, "both shards at work", seconds=MOST_SECONDS)
        jobs = {job.node: job for job in cluster.jobs("extract_attention", "RUNNING")}
        cluster.command("scancel", jobs["node1"].id)
        cluster.kill_node("node2")
        wait(
            lambda: bool(cluster.jobs("extract_attention", "NODE_FAIL")),
            "the death of the node to be noticed",
            seconds=120,
        )
        cluster.start_node("node2")
        log = run.finish()
        assert undisturbed.wait(timeout=MOST_SECONDS) == 0
    finally:
        for process in (run.process, undisturbed):
            process.kill()
            process.wait()

    assert (
        len(cluster.jobs("extract_attention", "CANCELLED")) == len(cluster.jobs("extract_attention", "NODE_FAIL")) == 1
    )
    assert log.count("Trying to restart job") == 2
    asked = sorted((job.memory, job.gpus) for job in cluster.jobs("extract_attention"))
    # Two shards of the study's own model, two of the model before fine-tuning, and the two that were tried again.
    assert [memory for memory, _ in asked] == [asked[0][0]] * 4 + [2 * asked[0][0]] * 2
    assert {gpus for _, gpus in asked} == {"gres:gpu:1"}
    for part in ("dataset", "shards", "model", "attention", "aggregates", "statistics", "evidence", "figures", "site"):
        assert content(there / "results" / NAME / part) == content(here / "results" / NAME / part), part
    assert not list(there.rglob("*.partial"))
    assert GPU_OF_SLURM in (logs / "00000-of-00002.log").read_text(encoding="utf-8")
    stages = {"prepare-dataset", "prepare-model", "extract-attention", "aggregate-dataset", "render-site"}
    assert stages <= set(calls.read_text(encoding="utf-8").split())


def test_several_short_shards_share_one_job_whose_minutes_add_up(
    cluster: SlurmCluster, studies: tuple[Path, Path]
) -> None:
    _, there = studies
    before = {job.id for job in cluster.jobs("extract_attention")}
    shutil.rmtree(there / "results" / NAME / "attention")
    shutil.rmtree(there / "results" / NAME / "aggregates")

    shards = [f"results/{NAME}/aggregates/{index:05d}-of-00002.parquet" for index in range(2)]
    Run(cluster, there, "--group-components", "shard=2", "aggregate=2", "--", *shards).finish()
    (both,) = [job for job in cluster.jobs("extract_attention") if job.id not in before]
    one = min(cluster.jobs("extract_attention"), key=lambda job: job.memory)
    assert (both.memory, both.gpus) == (one.memory, "gres:gpu:1")
    assert both.minutes == 2 * one.minutes


def test_with_a_storage_all_jobs_run_on_the_nodes(cluster: SlurmCluster, tmp_path: Path) -> None:
    require_storage()
    (tmp_path / "study").mkdir()
    write_study(tmp_path / "study")

    rules = ("prepare_dataset", "prepare_model", "shard_documents", "extract_attention", "aggregate_shard")
    before = {rule: len(cluster.jobs(rule, "COMPLETED")) for rule in rules}

    summed = "results/tiny/aggregates/00000-of-00001.parquet"
    Run(cluster, tmp_path / "study", *stored(tmp_path), "--", summed).finish()
    assert (tmp_path / "store" / summed).is_file()
    assert local_copies(tmp_path) == []
    assert {rule: len(cluster.jobs(rule, "COMPLETED")) for rule in rules} == {rule: before[rule] + 1 for rule in rules}
