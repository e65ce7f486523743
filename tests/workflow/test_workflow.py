"""The whole workflow under a real Snakemake: end to end, resharded, misused."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from finished_study import FinishedStudy
from tiny_workflow import ROOT, content, planned, snakemake, write_study

from attviz_pipeline.stages import STAGES

SLURM = str(ROOT / "workflow" / "profiles" / "slurm")


def test_a_study_runs_to_its_site_and_then_nothing_is_left_to_do(finished_study: FinishedStudy) -> None:
    site = finished_study.results / "site"

    assert (site / "index.html").is_file()
    assert len(list((site / "documents").glob("*.html"))) == 55
    assert len(list((site / "heads").glob("*.html"))) == 8
    assert "Nothing to be done" in finished_study.run("--dry-run")
    assert not list(finished_study.folder.rglob("*.partial"))
    logs = {path.stem for path in (finished_study.results / "logs").iterdir()}
    assert {"prepare_dataset", "prepare_model", "extract_attention", "render_site"} <= logs


@pytest.mark.slow
def test_only_what_depends_on_a_changed_key_reruns(finished_study: FinishedStudy) -> None:
    expected = {
        "report={title: Another title}": {"render_site"},
        "figures={dpi: 60}": {"draw_word_clouds", "draw_figures", "render_site"},
        "comparison={n_permutations: 50}": {"compare_heads", "draw_figures", "render_site"},
        "classes={n_permutations: 50}": {"compare_classes", "draw_figures", "render_site"},
        "bootstrap={n_replicates: 200}": {"describe_terms", "draw_figures", "render_site"},
        "maps={entries_per_row: 8}": {"select_maps", "extract_maps", "render_site"},
    }
    summaries = {"summarise_evidence", "draw_figures", "render_site"}
    expected |= {
        "evidence={enabled: false}": {"draw_figures", "render_site"},
        "evidence={removal: delete}": {"leave_tokens_out", "measure_faithfulness", "compare_terms", *summaries},
        "evidence={cumulative_sizes: 3}": {"ablate_heads", "rank_heads", *summaries},
    }
    changes = [*expected, "documents={n_shards: 3}", "training={epochs: 2}"]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda change: planned(finished_study.run("--dry-run", "--config", change)), changes))
    *others, resharded, retrained = found

    assert others == [*expected.values()]
    assert "extract_attention" in resharded
    assert not resharded & {"prepare_dataset", "prepare_model"}
    assert "prepare_model" in retrained


@pytest.mark.slow
def test_what_this_machine_cannot_extract_is_refused_before_any_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = snakemake(tmp_path, "--config", "attention={device: cuda}", expect=1)

    assert "attention.device is `cuda`, but no GPU is visible" in said
    assert "Traceback" not in said
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / ".snakemake" / "locks").glob("*"))


@pytest.mark.slow
def test_gpu_profile_gives_each_job_that_computes_with_the_model_one_gpu(finished_study: FinishedStudy) -> None:
    profile = str(ROOT / "workflow" / "profiles" / "gpu")
    listing = finished_study.run("--dry-run", "--forceall", "--workflow-profile", profile)

    jobs = [job for job in listing.split("\nrule ")[1:] if "gpu=1" in job]
    assert {job.partition(":")[0] for job in jobs} == {name for name, stage in STAGES.items() if stage.uses_model}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["none", "shape"])
def test_shards_share_jobs_on_a_cluster_in_every_mode(mode: str, finished_study: FinishedStudy) -> None:
    changes = ("--config", "documents={n_shards: 12}", f"redaction={{mode: {mode}}}")
    together = ("--group-components", *(f"{group}=10" for group in ("shard", "aggregate", "measure")))
    listing = finished_study.run("--dry-run", "--workflow-profile", SLURM, *changes, *together)
    assert {"extract_attention", "aggregate_shard", "measure_shard"} <= planned(listing)


@pytest.mark.slow
def test_extraction_can_have_a_partition_of_its_own(finished_study: FinishedStudy) -> None:
    partitions = (
        "--default-resources",
        "slurm_partition=cpu",
        "--set-resources",
        "extract_attention:slurm_partition=gpu",
    )
    listing = finished_study.run("--dry-run", "--forceall", "--workflow-profile", SLURM, *partitions)
    jobs = [job for job in listing.split("rule ")[1:] if "slurm_partition=gpu" in job]
    assert {job.partition(":")[0] for job in jobs} == {"extract_attention"}


def test_no_job_asks_a_cluster_for_what_no_node_has() -> None:
    profile = yaml.safe_load(Path(SLURM, "config.yaml").read_text(encoding="utf-8"))
    asked = [profile["default-resources"], *profile["set-resources"].values()]
    measured_mb = 882  # of describe_terms, with 100,000 documents and 80 MB of input: benchmarks/scale.md
    for resources in asked:
        for name, most in (("mem_mb", 16_000), ("runtime", 24 * 60)):
            formula = resources.get(name, "1000 * attempt")
            small, large, huge = (
                eval(formula, {"input": SimpleNamespace(size_mb=size), "attempt": 1})  # noqa: S307 - as Snakemake does
                for size in (1, 80, 100_000)
            )
            assert small <= large <= huge <= most, formula
            assert name != "mem_mb" or large > measured_mb


def made_by(study: FinishedStudy, folders: tuple[str, ...]) -> dict[str, bytes]:
    return {name: value for name, value in study.results_now().items() if name.startswith(folders)}


@pytest.mark.slow
def test_one_two_and_seven_shards_give_the_same_bytes(finished_study: FinishedStudy, tmp_path: Path) -> None:
    shared = ("statistics", "figures", "maps", "evidence")
    two = made_by(finished_study, shared)
    assert {name.partition("/")[0] for name in two} == {*shared}

    for n_shards in (1, 7):
        study = finished_study.copy(tmp_path / str(n_shards))
        for stage in shared:
            shutil.rmtree(study.results / stage)
        documents = f"documents={{n_shards: {n_shards}, block_size: 32}}"
        study.run_calls(study.planned_calls("--config", documents, "--omit-from", "render_site"))
        assert len(list((study.results / "attention").glob(f"*-of-{n_shards:05d}.parquet"))) == n_shards
        assert made_by(study, shared) == two


@pytest.mark.slow
def test_evidence_measured_again_has_the_same_bytes(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    for folder in ("evidence", "figures", "site"):
        shutil.rmtree(study.results / folder)
    assert {call.stage for call in study.planned_calls()} >= {"compute-gradients", "measure-faithfulness", "rank-heads"}
    study.run_calls(study.planned_calls())
    assert made_by(study, ("evidence", "figures")) == made_by(finished_study, ("evidence", "figures"))


def test_misspelt_config_stops_before_any_job_with_exit_code_2(finished_study: FinishedStudy) -> None:
    message = finished_study.run("--config", "training={epoch: 2, batch_size: none}", expect=2)

    assert "has 2 problems:" in message
    assert "unknown key; did you mean `epochs`?" in message
    assert "must be a valid integer, got 'none'" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_bad_row_stops_the_workflow_with_its_name_and_no_traceback(tmp_path: Path) -> None:
    write_study(tmp_path)
    with (tmp_path / "news ünïcode.csv").open("a", encoding="utf-8") as file:
        file.write('empty,"  ",tech\n')

    message = snakemake(tmp_path, expect=1)
    assert "news ünïcode.csv row 271, column text" in message
    assert "dataset.bad_rows: skip" in message
    assert "Traceback" not in message
    assert not (tmp_path / "results" / "tiny" / "dataset").exists() or not list(
        (tmp_path / "results" / "tiny" / "dataset").iterdir()
    )


def test_an_edit_of_a_stage_reruns_it_and_a_touch_does_not(finished_study: FinishedStudy, tmp_path: Path) -> None:
    study = finished_study.copy(tmp_path / "study")
    module = study.base / "checkout" / "attviz_pipeline" / "figures" / "style.py"
    module.touch()
    assert "Nothing to be done" in study.run("--dry-run")
    module.write_bytes(module.read_bytes() + b"# edited\n")
    assert planned(study.run("--dry-run")) == {"draw_word_clouds", "draw_figures", "render_site"}


@pytest.mark.slow
def test_attention_from_a_file_goes_to_its_site_and_back(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(9)]
    documents = [
        {
            "text": " ".join(words[: 2 + number % 7]),
            "sets": [
                {
                    "tokens": words[: 2 + number % 7],
                    "attention_vectors": [
                        {"name": index, "vectors": [str((number + index + j) % 16 / 16) for j in range(2 + number % 7)]}
                        for index in range(3)
                    ],
                }
            ],
            "output_activations": [{"name": "one", "value": "0.75"}, {"name": "two", "value": "0.25"}],
        }
        for number in range(40)
    ]
    (tmp_path / "explanations.json").write_text(json.dumps(documents), encoding="utf-8")
    study = {
        "name": "imported",
        "dataset": {"source": "explanations.json", "format": "attviz_json"},
        "export": {"heads": "all"},
        "figures": {"dpi": 50, "n_cloud_words": 5},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")

    snakemake(tmp_path)
    results = tmp_path / "results" / "imported"
    assert len(list((results / "site" / "documents").glob("*.html"))) == 40
    one = content(results / "statistics")
    snakemake(tmp_path, "--config", "documents={n_shards: 3, block_size: 4}", "--", "all", "export_attention")
    assert content(results / "statistics") == one
    assert json.loads((results / "export" / "attviz.json").read_text(encoding="utf-8")) == documents


@pytest.mark.slow
def test_any_name_that_the_file_system_allows(tmp_path: Path) -> None:
    folder = tmp_path / "-study {v2} 'a\" $HOME `id` *?[x]% \\ \n ж"
    folder.mkdir()
    write_study(folder)
    data, model, key = (f" -{kind}{{v2}} '\"$HOME `id` *?[a]% \\n é\n" for kind in ("data", "model", "key"))
    (folder / "news ünïcode.csv").rename(folder / data)
    (folder / "bert").rename(folder / model)
    (folder / key).write_bytes(b"0123456789abcdef")
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    study["dataset"] |= {"source": data, "format": "csv"}
    study["model"] |= {"source": model}
    study["redaction"] = {"mode": "hash", "key_file": key}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    target = ("--until", "redact_attention")

    snakemake(folder, *target)
    assert planned(snakemake(folder, "--dry-run", *target)) == set()
    (folder / key).write_bytes(b"another key of this study")
    assert planned(snakemake(folder, "--dry-run", *target)) == {"redact_attention"}
    (folder / data).write_bytes((folder / data).read_bytes() + b"new,a new text,tech\n")
    assert "prepare_dataset" in planned(snakemake(folder, "--dry-run", *target))
