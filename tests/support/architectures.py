"""One tiny, randomly initialised classifier of each architecture."""

import torch
import transformers
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from attviz_pipeline.attention.windows import Window

SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
GPT = {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SHARED_KEYS = SMALL | SPECIAL | {"num_key_value_heads": 2, "head_dim": 8}
THROUGH_THE_INTERFACE = {
    "Bert": SMALL,
    "Roberta": SMALL | {"max_position_embeddings": 64},
    "XLMRoberta": SMALL | {"max_position_embeddings": 64},
    "Electra": SMALL | {"embedding_size": 32},
    "DistilBert": {"vocab_size": 99, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
    "Albert": SMALL | {"embedding_size": 16},
    "ModernBert": SMALL
    | SPECIAL
    | {"cls_token_id": 1, "sep_token_id": 2, "local_attention": 8, "global_attn_every_n_layers": 2},
    "GPT2": GPT | SPECIAL,
    "Llama": SHARED_KEYS | {"attention_bias": True},
    "Mistral": SHARED_KEYS | {"sliding_window": 6},
    "EuroBert": SMALL | SPECIAL | {"num_key_value_heads": 2, "classifier_pooling": "bos"},
}
EAGER_ONLY = {  # soft-capped scores, and an extra place that takes attention away
    "Gemma2": SHARED_KEYS | {"sliding_window": 6, "query_pre_attn_scalar": 8},
    "GptOss": SHARED_KEYS | {"sliding_window": 6, "num_local_experts": 2, "num_experts_per_tok": 1},
}
PAST_THE_INTERFACE = {
    "MPNet": SMALL,
    "DebertaV2": SMALL | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "Deberta": SMALL,
    "XLNet": {"vocab_size": 99, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48},
    "XLM": {"vocab_size": 99, "emb_dim": 32, "n_layers": 2, "n_heads": 4},
    "OpenAIGPT": GPT | {"pad_token_id": 0},
    "IBert": SMALL | {"max_position_embeddings": 64},
}
SQUEEZE_BERT = SMALL | {"embedding_size": 32} | {f"{part}_groups": 1 for part in "qkv"}
SQUEEZE_BERT |= {f"{part}_groups": 1 for part in ("post_attention", "intermediate", "output")}
ARCHITECTURES = THROUGH_THE_INTERFACE | EAGER_ONLY | PAST_THE_INTERFACE


def make_model(architecture: str, **changes: object) -> PreTrainedModel:
    config = getattr(transformers, f"{architecture}Config")(**ARCHITECTURES[architecture] | changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():  # the usual small weights leave every token's attention all but even
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(5)
    return model


def make_windows(*lengths: int) -> list[Window]:
    return [Window(0, list(range(3, 3 + n)), [0] * n, 0, n, special=[False] * n) for n in lengths]
