"""A share-safe study under a real Snakemake: redacted, published to a bare repository, and reported on."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from share_safe import KEY, SECRETS, leaks
from tiny_workflow import ROOT, SMALL_EVIDENCE, planned, snakemake, write_study

from attviz_pipeline.artifacts import evidence_schemas, files
from attviz_pipeline.leftovers import remove_unredacted

pytestmark = pytest.mark.slow
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@example.org")


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *IDENTITY, *command], cwd=folder, capture_output=True, text=True, check=True).stdout


def plant_secrets(folder: Path) -> None:
    """Put a secret into every text, and one into a single text; words of the vocabulary and such that are not."""
    corpus = folder / "news ünïcode.csv"
    with corpus.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    often = [secret for secret in SECRETS if "once" not in secret]
    for number, row in enumerate(rows):
        row["text"] += f" {often[number % len(often)]} ({often[(number + 1) % len(often)]})!"
        row["text"] += f" {SECRETS[5]}" if number % 9 == 0 else ""
    with corpus.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"])
        writer.writeheader()
        writer.writerows(rows)


def add_to_vocabulary(model: Path, words: list[str]) -> None:
    """Give the tokenizer the secrets as whole entries, in the place of words that it has."""
    path = model / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    for old, new in zip([word for word in vocabulary if word.isalpha()][-len(words) :], words, strict=True):
        vocabulary[new] = vocabulary.pop(old)
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


@pytest.fixture(scope="module")
def shared_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared study")
    write_study(folder, n_shards=2)
    plant_secrets(folder)
    add_to_vocabulary(folder / "bert", ["quibblefrotz", "once0nlyxyzzy", "wumpus", "zurnberg42"])
    (folder / "study.key").write_bytes(KEY)
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    study["redaction"] = {"mode": "hash", "key_file": "study.key", "min_document_frequency": 2}
    study["publish"] = {"forbidden": ["Wolpertinger"]}
    study["evidence"] = SMALL_EVIDENCE
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    git(folder, "init", "--quiet", "--bare", "remote.git")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "remote", "add", "origin", "remote.git")
    git(folder, "config", "user.name", "test")
    git(folder, "config", "user.email", "test@example.org")
    snakemake(folder)
    return folder


def test_no_file_of_the_site_holds_a_planted_word(shared_study: Path) -> None:
    results = shared_study / "results" / "tiny"
    assert leaks(results / "site", [*SECRETS, "zurnberg42", KEY.decode(), "Wolpertinger"]) == []
    assert leaks(results / "figures", SECRETS) == []
    assert (results / "site" / "evidence.html").is_file()
    assert leaks(results / "evidence", SECRETS) == []
    assert len(list((results / "redacted").glob("*.parquet"))) == 2
    assert not (results / "maps").exists()


def test_the_table_of_terms_holds_no_planted_word(shared_study: Path, tmp_path: Path) -> None:
    results = shared_study / "results" / "tiny"
    table = results / "evidence" / "term_evidence.parquet"
    terms = files.read_table(table, evidence_schemas.TERM_EVIDENCE)["term"].to_pylist()
    assert terms
    # Parquet is compressed: the search needs the words themselves.
    (tmp_path / "terms.txt").write_text("\n".join(terms), encoding="utf-8")
    assert leaks(tmp_path, [*SECRETS, "zurnberg42"]) == []


def test_the_table_of_terms_goes_when_evidence_is_switched_off(tmp_path: Path) -> None:
    table = tmp_path / "evidence" / "term_evidence.parquet"
    table.parent.mkdir()
    table.touch()
    assert remove_unredacted(tmp_path, [], [], evidence=True) == []
    assert remove_unredacted(tmp_path, [], [], evidence=False) == [table]
    assert not table.exists()


def test_the_tables_of_a_model_go_when_it_is_no_longer_compared(tmp_path: Path) -> None:
    kept, gone = (tmp_path / "models" / name / "statistics" for name in ("seed-14", "seed-15"))
    for folder in (kept, gone):
        folder.mkdir(parents=True)
    assert remove_unredacted(tmp_path, [], ["seed-14"], evidence=True) == [gone]
    assert kept.exists()
    assert not gone.exists()


def test_the_tokens_of_a_model_go_when_it_has_no_evidence_anymore(tmp_path: Path) -> None:
    statistics, aggregates = (tmp_path / "models" / "seed-14" / name for name in ("statistics", "aggregates"))
    kept = [statistics / "heads.parquet", aggregates / "00000-of-00001.token_sums.parquet"]
    sums = aggregates / "00000-of-00009.token_sums.parquet"
    words = [statistics / "head_tokens.parquet", statistics / "tokens.parquet"]
    for path in (*kept, sums, *words):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    shards, models = ["00000-of-00001"], ["seed-14"]
    assert remove_unredacted(tmp_path, shards, models, evidence=True, with_evidence=models) == [sums]
    assert all(path.exists() for path in (*kept, *words))
    assert remove_unredacted(tmp_path, shards, models, evidence=False) == [aggregates, *words]
    assert [path for path in (*kept, *words) if path.exists()] == kept[:1]


def test_rules_behind_the_model_read_no_words() -> None:
    holding_words = re.compile(r"\{(?:RESULTS\}/|OF_MODEL\})(attention|shards|maps|dataset/documents)\b")
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        if path.stem not in {"dataset", "model", "attention", "evidence", "import", "redaction"}:
            rules = path.read_text(encoding="utf-8").rpartition('"""')[2]
            # Share-safe mode has no maps, and this list is empty in it.
            found = holding_words.findall(re.sub(r"^SHOWN_MAPS = \(.*?^\)", "", rules, flags=re.DOTALL | re.MULTILINE))
            assert not found, f"{path.name} reads {found}: read ATTENTION, which share-safe mode redacts"


def test_redaction_switched_off_or_on_extracts_nothing_again(shared_study: Path) -> None:
    switched = planned(snakemake(shared_study, "--dry-run", "--config", "redaction={mode: none, key_file: null}"))
    assert {"aggregate_shard", "aggregate_dataset", "draw_figures", "render_site"} <= switched
    assert not switched & {"extract_attention", "prepare_model", "redact_attention"}
    assert planned(snakemake(shared_study, "--dry-run", "--config", "publish={folder: x}")) == set()


def test_what_was_exported_with_words_goes_when_a_share_safe_run_starts(shared_study: Path) -> None:
    results = shared_study / "results" / "tiny"
    sums = results / "aggregates" / "00000-of-00009.token_sums.parquet"
    snakemake(shared_study, "--config", "redaction={mode: none, key_file: null}", "--", "export_attention")
    shutil.copy(results / "aggregates" / "00000-of-00002.token_sums.parquet", sums)
    assert leaks(results / "export", SECRETS)

    assert "deleted" not in snakemake(shared_study, "--dry-run", "--", "export_attention")
    message = snakemake(shared_study, "--", "export_attention")
    assert "results/tiny/export was made without redaction: deleted." in message
    assert not (results / "export").exists()
    assert not sums.exists()
    assert leaks(results / "redacted_export", SECRETS) == []
    exported = json.loads((results / "redacted_export" / "attviz.json").read_text(encoding="utf-8"))
    assert sum(len(document["sets"]) == 2 for document in exported) == 8
    assert (results / "attention").is_dir()


def test_the_rule_publish_pushes_and_a_dry_run_does_not(shared_study: Path) -> None:
    target = ("--", "publish")
    assert "would push" in snakemake(shared_study, "--config", "publish={dry_run: true}", *target)
    assert git(shared_study / "remote.git", "for-each-ref") == ""
    assert "pushed" in snakemake(shared_study, *target)
    assert "nothing to push" in snakemake(shared_study, *target)
    names = set(git(shared_study / "remote.git", "ls-tree", "-r", "--name-only", "gh-pages").splitlines())
    assert {"index.html", ".nojekyll", "tiny/index.html", "tiny/documents/000000.html"} <= names


def test_snakemake_makes_its_own_report(shared_study: Path) -> None:
    snakemake(shared_study, "--report", "report.html")
    report = (shared_study / "report.html").read_text(encoding="utf-8")
    assert len(report) > 100_000
    assert {"render_site", "extract_attention"} <= set(re.findall(r"[a-z]+_[a-z]+", report))
