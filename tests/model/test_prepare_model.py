"""Fine-tuning, loading, scoring and saving of the classifier."""

import json
import math
import shutil
from functools import wraps
from pathlib import Path

import pytest
import torch
from model_study import ModelStudy
from safetensors.torch import load_file, save_file
from tiny_models import LABEL_NAMES, make_tiny_bert, make_tiny_tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    RobertaConfig,
    RobertaModel,
    Trainer,
)

from attviz_pipeline.config.settings import ModelSettings
from attviz_pipeline.errors import ModelError, ResourceError
from attviz_pipeline.model.encoding import Collator, encode
from attviz_pipeline.model.fine_tune import best_epoch, deterministic
from attviz_pipeline.model.load import load_classifier, position_limit
from attviz_pipeline.model.scoring import score
from attviz_pipeline.tasks.single_label import SingleLabel

ENOUGH: dict[str, object] = {"epochs": 6, "early_stopping_patience": None, "learning_rate": 1e-2, "batch_size": 4}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("encoder"), with_head=False)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> ModelStudy:
    study = ModelStudy.make(tmp_path_factory.mktemp("tuned"))
    study.prepare(encoder, training=ENOUGH)
    return study


@pytest.fixture
def study(tmp_path: Path) -> ModelStudy:
    return ModelStudy.make(tmp_path)


@pytest.fixture
def copy(classifier: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(classifier, tmp_path / "copy"))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


class TestFineTune:
    def test_learns_to_separate_the_classes(self, tuned: ModelStudy) -> None:
        metrics = tuned.read_metrics()
        assert metrics["splits"]["test"]["macro_f1"] > 0.7
        assert metrics["history"][-1]["train_loss"] < metrics["history"][0]["train_loss"]

    def test_history_names_the_best_epoch(self, tuned: ModelStudy) -> None:
        metrics = tuned.read_metrics()
        losses = [epoch["validation_loss"] for epoch in metrics["history"]]
        assert metrics["best_epoch"] == losses.index(min(losses)) + 1
        assert metrics["best_epoch_by"] == "validation_loss"
        best = metrics["history"][metrics["best_epoch"] - 1]
        validation = metrics["splits"]["validation"]
        assert (validation["macro_f1"], validation["accuracy"]) == (best["macro_f1"], best["accuracy"])
        assert [epoch["epoch"] for epoch in metrics["history"]] == list(range(1, len(losses) + 1))

    def test_macro_f1_chooses_another_epoch_than_the_loss(
        self, tuned: ModelStudy, study: ModelStudy, encoder: Path
    ) -> None:
        study.prepare(encoder, training={**ENOUGH, "best_epoch_by": "macro_f1"})
        by_f1, by_loss = study.read_metrics(), tuned.read_metrics()
        scores = [epoch["macro_f1"] for epoch in by_f1["history"]]
        assert by_f1["history"] == by_loss["history"]
        assert by_f1["best_epoch"] == scores.index(max(scores)) + 1 != by_loss["best_epoch"]
        assert study.read_card()["sha256"]["model.safetensors"] != tuned.read_card()["sha256"]["model.safetensors"]
        assert study.read_metrics()["splits"]["validation"]["macro_f1"] == max(scores)

    def test_an_epoch_is_not_preferred_for_two_thousandths_of_macro_f1(self) -> None:
        scores = [(1.31, 0.71), (1.05, 0.85), (0.88, 0.928), (0.79, 0.91), (0.74, 0.926), (0.72, 0.926)]
        history = [{"validation_loss": loss, "macro_f1": f1} for loss, f1 in scores]
        assert best_epoch(history, "validation_loss") == 6
        assert best_epoch(history, "macro_f1") == 3

    def test_checkpoint_holds_only_what_can_be_read_safely(self, tuned: ModelStudy) -> None:
        names = {path.name for path in tuned.checkpoint.iterdir()}
        assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}

    def test_nothing_else_is_left_beside_the_outputs(self, tuned: ModelStudy) -> None:
        names = {path.name for path in tuned.checkpoint.parent.iterdir()}
        assert names == {"checkpoint", "model.json", "metrics.json"}

    def test_checkpoint_scores_the_same_when_it_is_loaded(self, tuned: ModelStudy, study: ModelStudy) -> None:
        study.prepare(tuned.checkpoint, mode="load")
        assert study.read_metrics()["splits"] == tuned.read_metrics()["splits"]
        assert study.read_card()["output_to_label"] == [0, 1]

    def test_card_describes_the_checkpoint(self, tuned: ModelStudy, encoder: Path) -> None:
        card = tuned.read_card()
        model = AutoModelForSequenceClassification.from_pretrained(tuned.checkpoint, local_files_only=True)
        assert (card["n_layers"], card["n_heads"], card["max_tokens"], card["seed"]) == (2, 4, 64, 13)
        assert card["n_parameters"] == sum(weights.numel() for weights in model.parameters())
        assert (card["copy"], card["revision"], card["source"]) == ("folder", None, str(encoder))
        assert card["architecture"] == {"model_type": "bert", "class": "BertForSequenceClassification"}
        assert (card["label_names"], card["output_to_label"]) == (list(LABEL_NAMES), [0, 1])
        assert set(card["sha256"]) == {path.name for path in tuned.checkpoint.iterdir()}
        assert set(card["source_sha256"]) == {path.name for path in encoder.iterdir()}

    def test_same_seed_same_bytes(self, tuned: ModelStudy, study: ModelStudy, encoder: Path) -> None:
        study.prepare(encoder, training=ENOUGH)
        for name in ("checkpoint/model.safetensors", "checkpoint/tokenizer.json", "model.json", "metrics.json"):
            first, second = ((one.folder / "results" / name).read_bytes() for one in (tuned, study))
            assert first == second, name

    def test_other_seed_other_weights(self, study: ModelStudy, encoder: Path) -> None:
        digests = set()
        for seed in (13, 14):
            study.prepare(encoder, training={"epochs": 1}, seed=seed)
            digests.add(study.read_card()["sha256"]["model.safetensors"])
        assert len(digests) == 2

    def test_bfloat16_trains_to_finite_losses_and_scores_in_float32(
        self, study: ModelStudy, encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
        found = []
        for precision in ("float32", "bfloat16", "bfloat16"):
            study.prepare(encoder, training={"epochs": 2, "precision": precision})
            found.append((study.read_card(), study.read_metrics()))
        (exact, _), (card, metrics), again = found

        assert (card["training"]["precision"], exact["training"]["precision"]) == ("bfloat16", "float32")
        assert card["sha256"]["model.safetensors"] != exact["sha256"]["model.safetensors"]
        assert again == (card, metrics)
        assert all(
            math.isfinite(epoch[name]) for epoch in metrics["history"] for name in ("train_loss", "validation_loss")
        )
        assert {weights.dtype for weights in load_file(study.checkpoint / "model.safetensors").values()} == {
            torch.float32
        }
        tuned = shutil.copytree(study.checkpoint, study.folder / "tuned")
        study.prepare(tuned, mode="load")
        assert study.read_metrics()["splits"] == metrics["splits"]

    def test_only_training_runs_in_bfloat16(
        self, study: ModelStudy, encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
        forward, seen = BertForSequenceClassification.forward, set()

        @wraps(forward)  # the Trainer reads the names of its arguments
        def noted(model: BertForSequenceClassification, *given: object, **options: object) -> object:
            output = forward(model, *given, **options)
            seen.add((model.training, output.logits.dtype))
            return output

        monkeypatch.setattr(BertForSequenceClassification, "forward", noted)
        study.prepare(encoder, training={"epochs": 1, "precision": "bfloat16"})

        assert seen == {(True, torch.bfloat16), (False, torch.float32)}

    def test_bfloat16_is_refused_before_training_on_a_processor_without_it(
        self, study: ModelStudy, encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
        with pytest.raises(ResourceError, match=r"training\.precision is `bfloat16`, .* no instructions for it"):
            study.prepare(encoder, training={"precision": "bfloat16"})
        assert not study.checkpoint.parent.exists()
        study.prepare(encoder, training={"precision": "bfloat16"}, is_trained=False)

    def test_before_fine_tuning_the_encoder_is_as_it_was_and_has_no_scores(
        self, study: ModelStudy, encoder: Path
    ) -> None:
        study.prepare(encoder, is_trained=False)

        before, after = (load_file(folder / "model.safetensors") for folder in (encoder, study.checkpoint))
        kept = {name: weights for name, weights in before.items() if f"bert.{name}" in after}
        assert any("attention" in name for name in kept)
        assert all(weights.equal(after[f"bert.{name}"]) for name, weights in kept.items())
        assert study.read_metrics()["splits"] == {}
        assert (study.read_card()["mode"], study.read_card()["training"]) == ("pretrained", None)

    def test_the_weights_of_each_epoch_are_finished_models(self, study: ModelStudy, encoder: Path) -> None:
        training = {"epochs": 3, "early_stopping_patience": None}
        study.prepare(encoder, training=training)
        without = study.read_card()["sha256"]
        study.prepare(encoder, training=training, keeps_epochs=True)

        best, history = study.read_metrics()["best_epoch"], study.read_metrics()["history"]
        assert study.read_card()["sha256"] == without
        weights = {
            epoch.name: load_file(epoch / "model.safetensors") for epoch in (study.checkpoint / "epochs").iterdir()
        }
        assert sorted(weights) == ["1", "2", "3"]
        own = load_file(study.checkpoint / "model.safetensors")
        same = [epoch for epoch, found in weights.items() if all(own[name].equal(found[name]) for name in own)]
        assert same == [str(best)]
        kept = shutil.copytree(study.checkpoint / "epochs", study.folder / "kept")
        for epoch in weights:
            study.prepare(kept / epoch, mode="load")
            scores = study.read_metrics()["splits"]["validation"]
            assert scores["macro_f1"] == pytest.approx(history[int(epoch) - 1]["macro_f1"])

    def test_stops_early_and_keeps_the_best_epoch(self, study: ModelStudy, encoder: Path) -> None:
        slow = {"epochs": 9, "learning_rate": 1e-9, "early_stopping_patience": 2, "best_epoch_by": "macro_f1"}
        study.prepare(encoder, training=slow)
        metrics = study.read_metrics()
        assert (len(metrics["history"]), metrics["best_epoch"], metrics["stopped_early"]) == (3, 1, True)

    def test_stops_early_when_the_loss_rises(self, study: ModelStudy, encoder: Path) -> None:
        too_fast = {"epochs": 9, "learning_rate": 0.5, "warmup_fraction": 0.0, "early_stopping_patience": 1}
        study.prepare(encoder, training=too_fast)
        metrics = study.read_metrics()
        losses = [epoch["validation_loss"] for epoch in metrics["history"]]
        assert metrics["stopped_early"]
        assert metrics["best_epoch"] == len(losses) - 1
        assert losses[-1] >= losses[-2] == min(losses)

    def test_without_patience_runs_to_the_end(self, study: ModelStudy, encoder: Path) -> None:
        study.prepare(encoder, training={"epochs": 4, "learning_rate": 1e-9, "early_stopping_patience": None})
        metrics = study.read_metrics()
        assert (len(metrics["history"]), metrics["stopped_early"]) == (4, False)

    def test_replaces_a_head_of_another_size(self, study: ModelStudy, tmp_path: Path) -> None:
        source = make_tiny_bert(tmp_path / "source", label_names=("a", "b", "c"))
        study.prepare(source, training={"epochs": 1})
        assert study.read_card()["output_to_label"] == [0, 1]

    def test_reports_progress_and_no_other_bars(
        self, study: ModelStudy, encoder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO"):
            study.prepare(encoder, training={"epochs": 1})
        captured = capfd.readouterr()
        assert captured.out == ""
        assert "it/s" not in captured.err
        assert "prepare_model: fine-tuning" in captured.err + caplog.text

    def test_missing_split_is_refused(self, study: ModelStudy, encoder: Path) -> None:
        study.write_documents(splits=("test",))
        message = study.refusal(encoder)
        assert "split train" in message
        assert "split validation" in message
        assert "dataset.split_fractions" in message

    def test_class_without_training_texts_is_refused(self, study: ModelStudy, encoder: Path) -> None:
        study.write_documents(label_names=(*LABEL_NAMES, "tech", "film"))
        message = study.refusal(encoder)
        assert "class 'tech'  has no text in the training split" in message
        assert "class 'film'" in message

    def test_divergence_is_an_error_with_a_remedy(self, study: ModelStudy, encoder: Path) -> None:
        message = study.refusal(encoder, training={"epochs": 1, "learning_rate": 1e38, "warmup_fraction": 0.0})
        assert "diverged" in message
        assert "training.learning_rate" in message

    def test_failure_leaves_no_temporary_folder(
        self, study: ModelStudy, encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("power cut")

        monkeypatch.setattr(Trainer, "train", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            study.prepare(encoder)
        assert list(study.checkpoint.parent.iterdir()) == []
        assert not torch.are_deterministic_algorithms_enabled()

    def test_full_disk_is_noticed_before_training(
        self, study: ModelStudy, encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage(study.folder)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(ResourceError, match="fine-tuning"):
            study.prepare(encoder)
        assert list(study.checkpoint.parent.iterdir()) == []


class TestLoad:
    def test_scores_the_model_as_it_is(self, study: ModelStudy, classifier: Path) -> None:
        study.prepare(classifier, mode="load")
        before, after = (load_file(folder / "model.safetensors") for folder in (classifier, study.checkpoint))
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert set(study.read_metrics()["splits"]) == {"validation", "test"}
        assert (study.read_metrics()["history"], study.read_metrics()["best_epoch"]) == ([], None)
        assert study.read_card()["training"] is None

    def test_other_order_of_classes_is_mapped_by_name(self, study: ModelStudy, tuned: ModelStudy) -> None:
        study.write_documents(label_names=("sport", "business"))
        study.prepare(tuned.checkpoint, mode="load")
        assert study.read_card()["output_to_label"] == [1, 0]
        before, after = (one.read_metrics()["splits"]["test"]["confusion"] for one in (tuned, study))
        assert after == [row[::-1] for row in before]  # the same outputs, read as the other class
        config = json.loads((study.checkpoint / "config.json").read_text())
        assert config["id2label"] == {"0": "business", "1": "sport"}

    def test_generic_names_need_names_from_the_configuration(self, study: ModelStudy, copy: Path) -> None:
        edit_json(copy / "config.json", id2label={"0": "LABEL_0", "1": "LABEL_1"})
        message = study.refusal(copy, mode="load")
        assert "2 outputs" in message
        assert "model.label_names" in message
        study.prepare(copy, mode="load", label_names=["sport", "business"])
        assert study.read_card()["output_to_label"] == [1, 0]

    def test_other_classes_are_refused_and_both_lists_shown(self, study: ModelStudy, tmp_path: Path) -> None:
        source = make_tiny_bert(tmp_path / "source", label_names=("Business", "politics"))
        message = study.refusal(source, mode="load")
        assert "['Business', 'politics']" in message
        assert "['business', 'sport']" in message
        assert "the model writes it 'Business'" in message

    def test_classes_without_rows_have_a_remedy_that_works(self, study: ModelStudy, tmp_path: Path) -> None:
        classes = ("business", "politics", "sport")
        source = make_tiny_bert(tmp_path / "source", label_names=classes)
        study.write_documents(splits=("test",))
        message = study.refusal(source, mode="load")
        assert f"set dataset.label_names to the model's, {list(classes)}" in message
        study.write_documents(splits=("test",), label_names=("business", "sport", "politics"))
        study.prepare(source, mode="load")
        assert study.read_card()["output_to_label"] == [0, 2, 1]

    def test_bare_encoder_has_no_head(self, study: ModelStudy, encoder: Path) -> None:
        message = study.refusal(encoder, mode="load")
        assert "no trained classification head; set model.mode: fine_tune" in message
        assert "classifier.weight" in message

    def test_texts_are_scored_by_their_beginning(self, study: ModelStudy, classifier: Path) -> None:
        study.prepare(classifier, mode="load", max_tokens=8)
        splits = study.read_metrics()["splits"]
        assert 0 < splits["test"]["n_truncated"] < splits["test"]["n"] or splits["validation"]["n_truncated"] > 0

    def test_half_precision_weights_are_widened(self, study: ModelStudy, copy: Path) -> None:
        weights = load_file(copy / "model.safetensors")
        save_file({k: v.half() for k, v in weights.items()}, copy / "model.safetensors", {"format": "pt"})
        study.prepare(copy, mode="load")
        assert {tensor.dtype for tensor in load_file(study.checkpoint / "model.safetensors").values()} == {
            torch.float32
        }


class TestFit:
    def test_more_tokens_than_positions_are_refused(self, study: ModelStudy, classifier: Path) -> None:
        message = study.refusal(classifier, max_tokens=512)
        assert "512 is more than the position table's limit of 128: set it to 128 or less" in message
        assert message.count("model.max_tokens") == 1

    def test_overlap_that_special_tokens_make_too_large_is_refused_before_training(
        self, study: ModelStudy, classifier: Path
    ) -> None:
        with pytest.raises(ModelError, match=r"62 must be smaller than the 62 tokens of text .*: set it to 61 or less"):
            study.prepare(classifier, close_overlap=62)
        study.prepare(classifier, mode="load", close_overlap=61)

    def test_foreign_tokenizer_is_refused(self, study: ModelStudy, copy: Path) -> None:
        make_tiny_tokenizer([f"word{number}" for number in range(90)]).save_pretrained(copy)
        assert "has 95 entries, but the model's embeddings have only 30 rows" in study.refusal(copy)

    def test_nan_weights_are_named(self, study: ModelStudy, copy: Path) -> None:
        weights = load_file(copy / "model.safetensors")
        name = "bert.encoder.layer.1.attention.self.key.weight"
        weights[name][0, 0] = float("nan")
        save_file(weights, copy / "model.safetensors", {"format": "pt"})
        assert f"{name}  has NaN or infinite weights" in study.refusal(copy, mode="load")

    def test_missing_encoder_weights_are_named(self, study: ModelStudy, copy: Path) -> None:
        weights = load_file(copy / "model.safetensors")
        del weights["bert.encoder.layer.0.output.dense.weight"]
        save_file(weights, copy / "model.safetensors", {"format": "pt"})
        assert "bert.encoder.layer.0.output.dense.weight" in study.refusal(copy)

    def test_tokenizer_of_unknown_kind_is_refused(
        self, study: ModelStudy, classifier: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Strange:
            is_fast = False

        monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: Strange())
        assert "the tokenizer Strange" in study.refusal(classifier)

    def test_truncation_and_padding_of_the_source_are_dropped(self, study: ModelStudy, copy: Path) -> None:
        tokenizer = make_tiny_tokenizer()
        tokenizer.backend_tokenizer.enable_truncation(16)
        tokenizer.backend_tokenizer.enable_padding(length=16)
        tokenizer.save_pretrained(copy)
        study.prepare(copy, mode="load")
        saved = json.loads((study.checkpoint / "tokenizer.json").read_text())
        assert (saved["truncation"], saved["padding"]) == (None, None)
        reloaded = AutoTokenizer.from_pretrained(study.checkpoint, local_files_only=True)
        assert [len(ids) for ids in reloaded(["bank " * 40, "bank"])["input_ids"]] == [42, 3]

    def test_checkpoint_names_no_folder_of_this_machine(self, study: ModelStudy, copy: Path) -> None:
        study.prepare(copy, mode="load")
        for path in study.checkpoint.glob("*.json"):
            assert str(study.folder) not in path.read_text()

    def test_roberta_counts_positions_from_the_padding_index(self) -> None:
        config = RobertaConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=34,
            pad_token_id=1,
        )
        assert position_limit(RobertaModel(config)) == 32


class TestParts:
    def test_scores_by_hand(self) -> None:
        scores = score(SingleLabel(("a", "b", "c")), [0, 0, 1, 1], [0, 1, 1, 1])
        assert scores["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
        assert scores["accuracy"] == 0.75
        assert scores["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
        assert scores["per_class"][1] == {
            "label": "b",
            "precision": pytest.approx(2 / 3),
            "recall": 1.0,
            "f1": pytest.approx(0.8),
            "support": 2,
        }

    def test_predictions_do_not_depend_on_the_batch(self, classifier: Path) -> None:
        settings = ModelSettings(source=str(classifier), mode="load", max_tokens=64)
        loaded = load_classifier(classifier, settings, SingleLabel(LABEL_NAMES))
        loaded.model.eval()  # type: ignore[no-untyped-call]
        encoded = encode(loaded.tokenizer, ["bank", "the team played a match " * 5], [0, 1], 64)
        collator = Collator(0)
        together, alone = collator([encoded[0], encoded[1]]), collator([encoded[0]])
        assert together["attention_mask"].sum(dim=1).tolist() == [3, 32]
        with torch.inference_mode():
            logits = [loaded.model(**batch).logits[0] for batch in (together, alone)]
        torch.testing.assert_close(*logits)

    def test_truncated_texts_are_counted(self, classifier: Path) -> None:
        tokenizer = AutoTokenizer.from_pretrained(classifier)
        encoded = encode(tokenizer, ["bank " * 6, "bank " * 7, ""], [0, 0, 0], 8)
        assert [len(ids) for ids in encoded.token_ids] == [8, 8, 2]
        assert encoded.n_truncated == 1

    def test_texts_are_sorted_by_length_with_all_that_belongs_to_them(self, classifier: Path) -> None:
        encoded = encode(AutoTokenizer.from_pretrained(classifier), ["bank", "", "bank bank"], [0, 1, 2], 8)
        ordered = encoded.by_length()
        assert [len(ids) for ids in ordered.token_ids] == [len(ids) for ids in ordered.type_ids] == [4, 3, 2]
        assert ordered.labels == [2, 0, 1]

    def test_determinism_is_restored(self) -> None:
        with deterministic(1):
            first = torch.rand(2)
            assert torch.are_deterministic_algorithms_enabled()
        assert not torch.are_deterministic_algorithms_enabled()
        with deterministic(1):
            assert torch.equal(first, torch.rand(2))
