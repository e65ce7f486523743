"""Datasets of a hub: the real clients against a local server, what they ask for, and what becomes of each row."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from hub import OWNER, STRANGER, Hub, commit_of
from hub_client import Client

HEADER = ["id", "text", "label"]
# Ids, texts and labels that a guessing reader changes or loses.
HARD = [["007", "NA", "NA/UK"], ["08", "null", "None"], ["1e3", "nan", "NA/UK"], ["1.0", " true", "None"]]
ROWS = [[str(i), f"text {i}", ("news", "sport")[i % 2]] for i in range(40)]
LABEL = datasets.ClassLabel(names=["bad", "good"])
CARD_OF_SETS = (
    "---\ndataset_info:\n  features:\n  - name: id\n    dtype: string\n  - name: text\n    dtype: string\n"
    "  - name: label\n    sequence:\n      class_label:\n        names:\n"
    "          '0': music\n          '1': sport\n          '2': art\n---\n"
)
COLUMNS = {"id_column": "id", "splits": {"train": "train", "test": "test"}}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture(autouse=True)
def forget(hub: Hub) -> None:
    hub.requests.clear()
    hub.down = False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(hub: Hub, home: Path) -> Iterator[Client]:
    with Client(home, {"HF_ENDPOINT": hub.url}) as running:
        yield running


@pytest.fixture(scope="module")
def offline(hub: Hub, home: Path) -> Iterator[Client]:
    with Client(home, {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"}) as running:
        yield running


def delimited(rows: list[list[str]], delimiter: str = ",", header: list[str] = HEADER) -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in [header, *rows]).encode()


def json_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    return "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows).encode()


def json_array(rows: list[list[str]]) -> bytes:
    return json.dumps([dict(zip(HEADER, row, strict=True)) for row in rows], indent=1).encode()


def parquet(rows: Sequence[Sequence[Any]], features: datasets.Features | None = None) -> bytes:
    target = io.BytesIO()
    columns = {name: [row[i] for row in rows] for i, name in enumerate(HEADER)}
    pq.write_table(datasets.Dataset.from_dict(columns, features=features).with_format("arrow")[:], target)
    return target.getvalue()


def add(hub: Hub, name: str, files: dict[str, bytes | str], access: dict[str, bool] | None = None) -> Path:
    """Add a repository, and return its branch."""
    branch = hub.root / "datasets" / "own" / name / "main"
    for path, content in files.items():
        (branch / path).parent.mkdir(parents=True, exist_ok=True)
        (branch / path).write_bytes(content.encode() if isinstance(content, str) else content)
    (branch.parent / "hub.json").write_text(json.dumps(access or {}))
    return branch


def prepare(client: Client, hub: Hub, folder: Path, name: str, **settings: object) -> dict[str, Any]:
    commit = commit_of(hub.root / "datasets" / "own" / name / "main")
    return client.ask("prepare_dataset", folder, **{"source": f"own/{name}", "revision": commit, **settings})  # type: ignore[arg-type]


def fetched(hub: Hub) -> list[str]:
    """List the files whose content was requested, by name within their repository."""
    return sorted(
        asked.path.split("/main/" if "/cdn/" in asked.path else f"/{asked.path.split('/')[5]}/", 1)[1]
        for asked in hub.requests
        if asked.method == "GET" and ("/cdn/" in asked.path or "/resolve/" in asked.path) and asked.status < 300
    )


def rows_of(found: dict[str, Any]) -> list[list[str]]:
    assert found["error"] is None, found["error"]
    names = found["card"]["label_names"]
    return [[row["id"], row["text"], names[row["label"]]] for row in found["documents"]]


class TestStrictReading:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("train.csv", delimited(HARD)),
            ("train.tsv", delimited(HARD, "\t")),
            ("train.jsonl", json_lines(HARD)),
            ("train.json", json_lines(HARD)),
            ("data/train-00000-of-00001.json", json_array(HARD)),
            ("train.csv.gz", gzip.compress(delimited(HARD))),
            ("train.jsonl.gz", gzip.compress(json_lines(HARD))),
            ("train.json.gz", gzip.compress(json_array(HARD))),
            ("train.csv.bz2", bz2.compress(delimited(HARD))),
            ("train.tsv.xz", lzma.compress(delimited(HARD, "\t"))),
            ("train.parquet", parquet(HARD)),
        ],
        ids=lambda value: value if isinstance(value, str) else "content",
    )
    def test_every_row_comes_out_unchanged(
        self, client: Client, hub: Hub, tmp_path: Path, name: str, content: bytes
    ) -> None:
        repository = f"hard-{name.replace('/', '-')}-file"
        add(hub, repository, {name: content})
        found = prepare(client, hub, tmp_path, repository, id_column="id", splits={"train": "train"})
        assert rows_of(found) == HARD
        assert [row["file"] for row in found["ledger"]] == ["train"] * len(HARD)
        assert found["card"]["files"] == [{"path": "train", "sha256": None, "n_rows": len(HARD)}]

    def test_bad_file_is_named_with_row_and_line(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "ragged", {"train.csv": delimited([*HARD, ["x", "y"]]), "test.csv": b"id,text,label\n1,\xff,b\n"})
        message = prepare(client, hub, tmp_path, "ragged")["error"]
        assert "train (train.csv) row 5 (line 6)  has 2 fields, the header has 3" in message
        assert "test (test.csv) line 2            byte 3 (0xff) is not UTF-8" in message

    def test_damaged_archive(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "packed", {"train.csv.gz": gzip.compress(delimited(HARD))[:-9]})
        assert "train (train.csv.gz) is damaged" in prepare(client, hub, tmp_path, "packed")["error"]

    def test_damaged_parquet_names_the_cause(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "torn", {"train.parquet": parquet(ROWS)[:-20]})
        message = prepare(client, hub, tmp_path, "torn")["error"]
        assert "train (train.parquet)  is no Parquet file, or damaged" in message

    def test_separator_of_the_card(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        card = "---\nconfigs:\n- config_name: default\n  sep: ';'\n  data_files: rows.csv\n---\n"
        add(hub, "semicolons", {"README.md": card, "rows.csv": delimited(HARD, ";")})
        found = prepare(client, hub, tmp_path, "semicolons", id_column="id", splits={"train": "train"})
        assert rows_of(found) == HARD

    def test_other_settings_of_a_reader_are_refused(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        card = "---\nconfigs:\n- config_name: default\n  skiprows: 3\n  data_files: rows.csv\n---\n"
        add(hub, "skipping", {"README.md": card, "rows.csv": delimited(HARD)})
        assert (
            "settings of a reader that is not used: skiprows: 3" in prepare(client, hub, tmp_path, "skipping")["error"]
        )


class TestSplits:
    def test_only_the_wanted_files_are_fetched(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        names = ("train", "validation", "test", "extra")
        files = {
            f"data/{name}-0000{i}-of-00002.parquet": parquet([[f"{name} {row[0]}", *row[1:]] for row in ROWS[i::2]])
            for name in names
            for i in range(2)
        }
        add(hub, "split", {**files, "split_info.py": "raise SystemExit", "README.md": "# A dataset\n"})
        found = prepare(client, hub, tmp_path, "split", **COLUMNS)
        wanted = [name for name in sorted(files) if "train" in name or "test" in name]
        assert len(rows_of(found)) == 80
        assert fetched(hub) == sorted(["README.md", *wanted])
        commit = commit_of(hub.root / "datasets" / "own" / "split" / "main")
        asked = {asked.path.split("?")[0] for asked in hub.requests if "/cdn/" not in asked.path}
        api = {f"/api/datasets/own/split/{what}/{commit}" for what in ("revision", "tree")}
        assert asked == api | {f"/datasets/own/split/resolve/{commit}/{name}" for name in ["README.md", *wanted]}

    def test_shards_are_one_split(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(
            hub, "shards", {f"data/train-0000{i}-of-00002.csv": delimited(ROWS[i * 20 : i * 20 + 20]) for i in range(2)}
        )
        found = prepare(client, hub, tmp_path, "shards", id_column="id")
        assert [row["row"] for row in found["ledger"]] == list(range(1, 41))
        assert rows_of(found) == ROWS

    def test_splits_are_pooled_or_kept(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "pool", {"train.csv": delimited(ROWS[:30]), "test.csv": delimited(ROWS[30:])})
        pooled = prepare(client, hub, tmp_path / "pooled", "pool")
        assert {row["split"] for row in pooled["documents"]} == {"train", "validation", "test"}
        assert [row["file"] for row in pooled["ledger"]] == ["train"] * 30 + ["test"] * 10
        kept = prepare(client, hub, tmp_path / "kept", "pool", splits={"validation": "test", "train": "train"})
        assert [row["split"] for row in kept["documents"]] == ["train"] * 30 + ["validation"] * 10

    def test_unknown_split_and_column(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "names", {"train.csv": delimited(ROWS), "test.csv": delimited(ROWS)})
        message = prepare(client, hub, tmp_path, "names", splits={"train": "training", "test": "test"})["error"]
        assert "dataset.splits.train  'training' is no split of own/names; there are train, test" in message
        message = prepare(client, hub, tmp_path, "names", text_column="txt")["error"]
        assert "test (test.csv)    has no column 'txt' (`dataset.text_column`); did you mean 'text'?" in message

    def test_configurations(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        card = "---\nconfigs:\n- config_name: one\n  data_files: a.csv\n- config_name: two\n  data_files: b.csv\n---\n"
        add(hub, "configs", {"README.md": card, "a.csv": delimited(ROWS), "b.csv": delimited(ROWS[:20])})
        message = prepare(client, hub, tmp_path, "configs")["error"]
        assert "dataset.subset: the dataset has the configurations one, two; name one of them" in message
        message = prepare(client, hub, tmp_path, "configs", subset="three")["error"]
        assert "the configurations one, two; 'three' is none of them" in message
        hub.requests.clear()
        assert len(rows_of(prepare(client, hub, tmp_path, "configs", subset="two", id_column="id"))) == 20
        assert fetched(hub) == ["b.csv"]

    def test_class_names_of_the_card_and_of_parquet(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        card = (
            "---\ndataset_info:\n  features:\n  - name: id\n    dtype: string\n  - name: text\n    dtype: string\n"
            "  - name: label\n    dtype:\n      class_label:\n        names:\n"
            "          '0': bad\n          '1': good\n---\n"
        )
        rows = [[str(i), f"text {i}", str(i % 2)] for i in range(20)]
        add(hub, "named", {"README.md": card, "train.csv": delimited(rows)})
        features = datasets.Features(
            {
                "id": datasets.Value("string"),
                "text": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["bad", "good"]),
            }
        )
        add(hub, "typed", {"train.parquet": parquet([[*row[:2], int(row[2])] for row in rows], features)})
        expected = [[*row[:2], ("bad", "good")[int(row[2])]] for row in rows]
        for name in ("named", "typed"):
            assert rows_of(prepare(client, hub, tmp_path, name, id_column="id")) == expected


class TestTasks:
    """Lists of classes are sets of labels, and numbers are values, in a Parquet file and by the card alone."""

    def test_lists_of_classes_are_sets_of_labels(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        rows = [[str(i), f"text {i}", [[], [0], [1, 2], [2]][i % 4]] for i in range(20)]
        names = ["music", "sport", "art"]
        features = datasets.Features(
            {
                "id": datasets.Value("string"),
                "text": datasets.Value("string"),
                "label": datasets.Sequence(datasets.ClassLabel(names=names)),
            }
        )
        add(hub, "typed-sets", {"train.parquet": parquet(rows, features)})
        add(hub, "named-sets", {"README.md": CARD_OF_SETS, "train.jsonl": json_lines(rows)})
        for repository in ("typed-sets", "named-sets"):
            found = prepare(client, hub, tmp_path, repository, id_column="id")
            assert found["error"] is None
            assert (found["card"]["task"], found["card"]["label_names"]) == ("multi_label", names)
            assert [[row["id"], row["text"], row["labels"]] for row in found["documents"]] == rows
            assert {row["label"] for row in found["documents"]} == {None}
            assert "task: multi-label classification" in found["log"]

    def test_numbers_that_are_not_whole_are_values(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        rows = [[str(i), f"text {i}", 0.25 * i - 1] for i in range(20)]
        features = datasets.Features(
            {
                "id": datasets.Value("string"),
                "text": datasets.Value("string"),
                "label": datasets.Value("float32"),
            }
        )
        add(hub, "typed-values", {"train.parquet": parquet(rows, features)})
        add(hub, "plain-values", {"train.jsonl": json_lines(rows)})
        for repository in ("typed-values", "plain-values"):
            found = prepare(client, hub, tmp_path, repository, id_column="id")
            assert found["error"] is None
            assert (found["card"]["task"], found["card"]["label_names"]) == ("regression", [])
            assert [[row["id"], row["text"], row["value"]] for row in found["documents"]] == rows
            assert "task: regression" in found["log"]

    def test_a_number_that_is_no_class_is_named(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        rows = [[str(i), f"text {i}", [i % 2, 3] if i == 4 else [i % 2]] for i in range(20)]
        add(hub, "odd-sets", {"README.md": CARD_OF_SETS, "train.jsonl": json_lines(rows)})
        message = prepare(client, hub, tmp_path, "odd-sets", id_column="id")["error"]
        assert "train row 5, column label" in message
        assert "3" in message.split("column label")[1].split("\n")[0]


class TestRefused:
    def test_script(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "scripted", {"scripted.py": "raise SystemExit", "data.csv": delimited(ROWS)})
        message = prepare(client, hub, tmp_path, "scripted")["error"]
        assert "is made by its script scripted.py, and code of a repository is never run" in message
        assert fetched(hub) == []

    @pytest.mark.parametrize(
        "files", ["/etc/passwd", "../x.csv", "http://127.0.0.1:9/x.csv", "hf://datasets/other/x.csv", "zip://a::b.zip"]
    )
    def test_card_that_names_files_elsewhere(self, client: Client, hub: Hub, tmp_path: Path, files: str) -> None:
        card = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: ['{files}']\n---\n"
        add(hub, "elsewhere", {"README.md": card, "train.csv": delimited(ROWS)})
        message = prepare(client, hub, tmp_path, "elsewhere")["error"]
        assert "names files outside its repository or in an archive" in message
        assert fetched(hub) == ["README.md"]

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("train.txt", "one\n", "train.txt  is of a kind that is not read"),
            ("train.csv.lz4", "x", "train.csv.lz4  is of a kind that is not read"),
            ("notes.rst", "no data", "no data files are found in own/kind-notes.rst-file"),
            ("README.md", "---\nconfigs: [\n---\n", "the dataset's card README.md is damaged"),
        ],
    )
    def test_other_kinds(  # noqa: PLR0913 - fixtures and cases
        self, client: Client, hub: Hub, tmp_path: Path, name: str, content: str, says: str
    ) -> None:
        add(hub, f"kind-{name}-file", {name: content})
        assert says in prepare(client, hub, tmp_path, f"kind-{name}-file")["error"]

    def test_revision_is_needed(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        message = client.ask("prepare_dataset", tmp_path, source="own/nothing")["error"]
        assert "there is no file own/nothing" in message
        assert "`dataset.revision`" in message
        assert hub.requests == []


class TestAccess:
    def test_refusals_and_token(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        for access in ("gated", "private"):
            add(hub, access, {"train.csv": delimited(ROWS), "README.md": "# rows\n"}, {access: True})
        said = {
            (access, token): prepare(client, hub, tmp_path, access, token=token)["error"]
            for access in ("gated", "private")
            for token in ("", STRANGER, "hf_expired")
        }
        assert "own/gated is gated.\nAccept its terms on" in said["gated", ""]
        assert "the account of your token has no access" in said["gated", STRANGER]
        assert "the hub shows no dataset of that name.\nCheck the name. Is it private?" in said["private", ""]
        assert "no dataset of that name to the account of your token" in said["private", STRANGER]
        assert "the hub refuses your token" in said["gated", "hf_expired"]
        hub.requests.clear()
        found = [prepare(client, hub, tmp_path, access, token=OWNER) for access in ("gated", "private")]
        assert [one["error"] for one in found] == [None, None]
        assert {asked.caller for asked in hub.requests if "/cdn/" not in asked.path} == {"owner"}
        assert {asked.caller for asked in hub.requests if "/cdn/" in asked.path} <= {"nobody"}
        assert OWNER not in json.dumps(found)
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and OWNER.encode() in path.read_bytes()]

    def test_branch_is_resolved_and_warned_of(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        commit = commit_of(add(hub, "moving", {"train.csv": delimited(ROWS)}))
        found = prepare(client, hub, tmp_path, "moving", revision="main")
        assert found["card"]["revision"] == commit
        assert f"write `revision: {commit}`" in found["log"]
        (hub.root / "datasets/own/moving/main").rename(hub.root / "datasets/own/moving/refs%2Fconvert%2Fparquet")
        found = client.ask("prepare_dataset", tmp_path, source="own/moving", revision="refs/convert/parquet")
        assert found["card"]["revision"] == commit
        message = client.ask("prepare_dataset", tmp_path, source="own/moving", revision="no-such")["error"]
        assert "dataset.revision: the hub's own/moving has no revision no-such" in message

    def test_hub_that_is_down(self, client: Client, hub: Hub, tmp_path: Path) -> None:
        add(hub, "down", {"train.csv": delimited(ROWS)})
        hub.down = True
        message = prepare(client, hub, tmp_path, "down")["error"]
        assert "the hub is busy or down: it answers 503" in message
        assert "Run again later" in message


class TestCache:
    def test_pinned_dataset_is_read_offline(self, client: Client, offline: Client, hub: Hub, tmp_path: Path) -> None:
        files = {
            "README.md": "# rows\n",
            "train.csv": delimited(ROWS),
            "test.csv": delimited(HARD),
        }
        add(hub, "cached", files)
        online = prepare(client, hub, tmp_path / "online", "cached", id_column="id", splits={"train": "train"})
        hub.requests.clear()
        found = prepare(offline, hub, tmp_path / "offline", "cached", id_column="id", splits={"train": "train"})
        assert rows_of(found) == rows_of(online) == ROWS
        message = prepare(offline, hub, tmp_path / "whole", "cached", id_column="id")["error"]
        assert "is not completely in the cache" in message
        message = prepare(offline, hub, tmp_path / "branch", "cached", revision="main")["error"]
        assert "Pin the commit" in message
        assert hub.requests == []

    @pytest.mark.parametrize(
        ("name", "content"),
        [("train.csv", delimited(ROWS)), ("train.parquet", parquet(ROWS)), ("README.md", b"# A\n")],
        ids=["csv", "parquet", "card"],
    )
    def test_damaged_copy_is_fetched_anew(  # noqa: PLR0913 - fixtures and cases
        self, client: Client, hub: Hub, home: Path, tmp_path: Path, name: str, content: bytes
    ) -> None:
        add(
            hub,
            f"flip-{name}-file",
            {name: content} if name != "README.md" else {name: content, "a.csv": delimited(ROWS)},
        )
        prepare(client, hub, tmp_path, f"flip-{name}-file")
        (blob,) = (path.resolve() for path in home.glob(f"hub/datasets--own--flip-{name}-file/snapshots/*/{name}"))
        blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        hub.requests.clear()
        found = prepare(client, hub, tmp_path, f"flip-{name}-file")
        assert f"{name} in the cache is damaged" in found["log"]
        assert fetched(hub) == [name]
        assert blob.read_bytes() == content
