"""Models of a hub: the real client against a local server, and what it asks for."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hub import OWNER, STRANGER, Hub, commit_of
from hub_client import Client
from safetensors.torch import load_file, save_file
from tiny_models import make_tiny_bert
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

from attviz_pipeline.model.source import MODEL_FILES

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = {"tokenizer.json", "tokenizer_config.json"}
READ = {"config.json", "model.safetensors", *TOKENIZER}
# Names that repositories have beside a model, none of which is read.
OTHERS = (
    *("consolidated.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "tf_model.h5", "model.onnx"),
    *("corpus.txt", "eval_predictions.json", "trainer_state.json", "generation_config.json", "README.md"),
    *("modeling_own.py", "onnx/model.onnx", "1_Pooling/config.json", "checkpoint-10/model.safetensors"),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def hub(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as server:
        for name in ("plain", "gated", "private", "sharded", "both", "named", "pickled", "renamed", "datafiles"):
            add(server, name, original)
        for name in ("flipped", "unhealed", "mirror", "cut", "tokenized", "full", "refused", "documented"):
            add(server, name, original)
        for name in ("gated", "private"):
            (server.root / "models" / "own" / name / "hub.json").write_text(json.dumps({name: True}))
        yield server


@pytest.fixture(autouse=True)
def forget(hub: Hub) -> None:
    hub.requests.clear()
    hub.cut.clear()
    hub.wrong.clear()
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


def add(hub: Hub, name: str, model: Path) -> Path:
    """Add a repository with a model and much beside it, and return its branch."""
    branch = Path(shutil.copytree(model, hub.root / "models" / "own" / name / "main"))
    for other in OTHERS:
        (branch / other).parent.mkdir(exist_ok=True)
        (branch / other).write_text(f"not read: {other}")
    return branch


def branch_of(hub: Hub, name: str) -> Path:
    return hub.root / "models" / "own" / name / "main"


def shard(branch: Path) -> dict[str, str]:
    """Split the weights of a model into two files and an index."""
    weights = load_file(branch / "model.safetensors")
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in shards.items():
        save_file({name: weights[name] for name in part}, branch / file, {"format": "pt"})
    weight_map = {name: file for file, part in shards.items() for name in part}
    (branch / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return weight_map


def find(client: Client, hub: Hub, name: str, *, token: str = "", **settings: object) -> dict[str, Any]:
    settings = {"source": f"own/{name}", "revision": pin(hub, name), **settings}
    return client.ask("find_model", hub.root, token=token, **settings)


def pin(hub: Hub, name: str) -> str:
    return commit_of(branch_of(hub, name))


def fetched(hub: Hub) -> list[str]:
    """List the files whose content was requested, by name within their repository."""
    return sorted(
        asked.path.split("/main/" if "/cdn/" in asked.path else f"/{asked.path.split('/')[4]}/", 1)[1]
        for asked in hub.requests
        if asked.method == "GET" and ("/cdn/" in asked.path or "/resolve/" in asked.path) and asked.status < 300
    )


def damage(folder: str, name: str) -> None:
    """Flip one bit of a cached file, behind the header of weights."""
    blob = (Path(folder) / name).resolve()
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)


class TestWhatIsFetched:
    def test_only_what_is_read(self, client: Client, hub: Hub) -> None:
        found = find(client, hub, "plain")
        assert found["error"] is None
        assert fetched(hub) == sorted(READ)
        assert set(found["digests"]) == READ
        commit = pin(hub, "plain")
        allowed = {f"/api/models/own/plain/revision/{commit}"}
        allowed |= {f"/own/plain/resolve/{commit}/{name}" for name in READ}
        allowed |= {f"/api/models/own/plain/tree/{commit}", "/cdn/models/own/plain/main/model.safetensors"}
        assert {asked.path.split("?")[0] for asked in hub.requests} == allowed
        hub.requests.clear()
        assert find(client, hub, "plain")["error"] is None
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["spm.model", "spiece.model", "sentencepiece.bpe.model", "source.spm"])
    def test_tokenizers_of_one_file(self, client: Client, hub: Hub, name: str) -> None:
        branch = branch_of(hub, "tokenized")
        (branch / name).write_text(f"a vocabulary, {name}")
        find(client, hub, "tokenized")
        assert name in fetched(hub)

    @pytest.mark.slow
    def test_vocabularies_of_all_classifiers(self) -> None:
        names = {
            name
            for kind in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
            if (tokenizer := tokenizer_class_from_name(TOKENIZER_MAPPING_NAMES.get(kind) or "")) is not None
            for name in tokenizer.vocab_files_names.values()
        }
        assert {"vocab.txt", "spiece.model", "spm.model", "entity_vocab.json"} <= names
        assert [name for name in names if not any(fnmatchcase(name, pattern) for pattern in MODEL_FILES)] == []

    def test_documented_command_fetches_what_is_read(
        self, offline: Client, hub: Hub, home: Path, tmp_path: Path
    ) -> None:
        text = " ".join((ROOT / "docs" / "cluster.md").read_text(encoding="utf-8").replace("\\\n", " ").split())
        options = re.search(r"hf download <owner/name> --revision <commit> ((--include \S+ )+)", text)
        assert options
        command = [
            Path(sys.executable).with_name("hf"),
            "download",
            "own/documented",
            "--revision",
            pin(hub, "documented"),
            *shlex.split(options[1]),
        ]
        environment = os.environ | {"HF_HOME": str(home), "HF_ENDPOINT": hub.url, "NO_PROXY": "*"}
        subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)
        assert fetched(hub) == sorted(READ)
        assert find(offline, hub, "documented")["error"] is None
        patterns = shlex.split(options[1])[1::2]
        assert all(
            any(fnmatchcase(name.replace("*", "x"), p) for p in patterns)
            for name in MODEL_FILES
            if "adapter" not in name
        )

    def test_files_that_are_pinned_are_fetched(self, client: Client, hub: Hub) -> None:
        message = find(client, hub, "tokenized", sha256={"trainer_state.json": "0" * 64})["error"]
        assert "trainer_state.json  wrong digest: model.sha256 says 000" in message

    def test_branch_is_resolved_and_warned_of(self, client: Client, hub: Hub) -> None:
        found = find(client, hub, "plain", revision="main")
        assert found["revision"] == pin(hub, "plain")
        assert f"main is a branch or tag, which can move; it is commit {found['revision']} now" in found["log"]

    def test_shards(self, client: Client, hub: Hub) -> None:
        branch = branch_of(hub, "sharded")
        shards = set(shard(branch).values())
        (branch / "model.safetensors").unlink()
        found = find(client, hub, "sharded")
        weights = {"model.safetensors.index.json", *shards}
        assert fetched(hub) == sorted({"config.json", *TOKENIZER, *weights})
        assert weights < set(found["digests"])

    def test_single_file_comes_before_an_index_as_in_transformers(self, client: Client, hub: Hub) -> None:
        branch = branch_of(hub, "both")
        shard(branch)
        (branch / "model.safetensors").write_bytes(b"damaged on the hub itself")
        message = find(client, hub, "both")["error"]
        assert "model.safetensors  is truncated, damaged or no safetensors file" in message
        assert not [name for name in fetched(hub) if "-of-" in name]

    def test_file_that_the_config_names_comes_first_as_in_transformers(self, client: Client, hub: Hub) -> None:
        branch = branch_of(hub, "named")
        (branch / "model.safetensors").rename(branch / "other.safetensors")
        content = json.loads((branch / "config.json").read_text())
        (branch / "config.json").write_text(json.dumps({**content, "transformers_weights": "other.safetensors"}))
        assert "other.safetensors" in find(client, hub, "named")["digests"]

    def test_after_a_cut_download_only_the_rest_is_fetched(self, client: Client, hub: Hub) -> None:
        hub.cut["model.safetensors"] = 9000
        assert find(client, hub, "cut")["error"]
        hub.cut.clear()
        hub.requests.clear()
        assert find(client, hub, "cut")["error"] is None
        assert fetched(hub) == ["model.safetensors"]


class TestUnusable:
    def test_pickle_is_named_with_the_way_to_convert_and_not_fetched(self, client: Client, hub: Hub) -> None:
        for path in branch_of(hub, "pickled").glob("*.safetensors"):
            path.unlink()
        message = find(client, hub, "pickled")["error"]
        assert "pytorch_model.bin  weights are there only as pickle" in message
        assert "save_pretrained(...) writes safetensors" in message
        assert not [name for name in fetched(hub) if name.endswith(".bin")]

    def test_weights_of_other_names_are_listed(self, client: Client, hub: Hub) -> None:
        (branch_of(hub, "renamed") / "model.safetensors").unlink()
        message = find(client, hub, "renamed")["error"]
        assert "model.safetensors  missing" in message
        assert "there are consolidated.safetensors, model.fp16.safetensors, model.onnx, tf_model.h5" in message

    def test_repository_without_a_model(self, client: Client, hub: Hub) -> None:
        (branch_of(hub, "datafiles") / "config.json").unlink()
        assert "own/datafiles has no config.json at its top" in find(client, hub, "datafiles")["error"]
        assert fetched(hub) == []


class TestDamagedCache:
    @pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
    def test_damaged_copy_is_fetched_anew(self, client: Client, hub: Hub, name: str) -> None:
        found = find(client, hub, "flipped")
        damage(found["folder"], name)
        hub.requests.clear()
        healed = find(client, hub, "flipped")
        assert healed["digests"] == found["digests"]
        assert f"{name} in the cache is damaged" in healed["log"]
        assert fetched(hub) == [name]

    def test_offline_the_folder_to_delete_is_named(self, client: Client, offline: Client, hub: Hub) -> None:
        folder = find(client, hub, "unhealed")["folder"]
        damage(folder, "model.safetensors")
        message = find(offline, hub, "unhealed")["error"]
        assert "are damaged, and HF_HUB_OFFLINE is set: model.safetensors" in message
        assert f"Delete the folder {Path(folder).parents[1]}" in message

    def test_mirror_that_sends_other_bytes(self, client: Client, hub: Hub) -> None:
        hub.wrong.add("mirror/main/model.safetensors")
        message = find(client, hub, "mirror")["error"]
        assert "also after downloading them again: model.safetensors" in message


class TestAccess:
    @pytest.mark.parametrize(
        ("token", "name", "says"),
        [
            ("", "gated", ("own/gated is gated.", "Accept its terms on")),
            (STRANGER, "gated", ("the account of your token has no access", "Ask for it on")),
            ("", "private", ("the hub shows no model of that name", "Is it private? Log in with `hf auth login`")),
            (STRANGER, "private", ("no model of that name to the account of your token", "Check the name")),
            ("hf_expired", "refused", ("the hub refuses your token; it is wrong, expired", "Log in again")),
            ("hf_\u00fcmlaut", "refused", ("cannot be reached", "")),
        ],
    )
    def test_refusals(self, client: Client, hub: Hub, token: str, name: str, says: tuple[str, str]) -> None:
        found = find(client, hub, name, token=token)
        assert all(part in found["error"] for part in says)
        assert found["may_pass"] is (name != "private")
        assert not token or token not in json.dumps(found)

    def test_token_opens_and_goes_to_the_hub_only(self, client: Client, hub: Hub) -> None:
        found = [find(client, hub, name, token=OWNER) for name in ("gated", "private")]
        assert [one["error"] for one in found] == [None, None]
        callers = {(asked.host.split(":")[0], asked.caller) for asked in hub.requests}
        assert callers == {("127.0.0.1", "owner"), ("localhost", "nobody")}
        assert OWNER not in json.dumps(found)

    def test_unknown_revision(self, client: Client, hub: Hub) -> None:
        for revision in ("0" * 40, "no-such-branch"):
            found = find(client, hub, "plain", revision=revision)
            assert f"model.revision: the hub's own/plain has no revision {revision}" in found["error"]
            assert not found["may_pass"]

    def test_hub_that_is_down(self, client: Client, hub: Hub) -> None:
        hub.down = True
        found = find(client, hub, "plain", revision="main")
        assert "the hub is busy or down: it answers 503" in found["error"]
        assert found["may_pass"]


class TestOffline:
    def test_pinned_model_in_the_cache(self, client: Client, offline: Client, hub: Hub) -> None:
        found = find(client, hub, "plain")
        hub.requests.clear()
        assert find(offline, hub, "plain")["digests"] == found["digests"]
        assert hub.requests == []

    def test_branch_must_be_pinned(self, offline: Client, hub: Hub) -> None:
        message = find(offline, hub, "plain", revision="main")["error"]
        assert "only the hub can look up, and HF_HUB_OFFLINE is set" in message
        assert "Pin the commit" in message

    def test_model_that_is_not_cached(self, offline: Client, hub: Hub) -> None:
        assert "is not completely in the cache" in find(offline, hub, "full")["error"]

    def test_cache_that_another_client_filled(self, client: Client, offline: Client, hub: Hub) -> None:
        found = find(client, hub, "full")
        shutil.rmtree(Path(found["folder"]).parents[1] / "trees")
        assert find(offline, hub, "full")["digests"] == found["digests"]
