"""Shapes of models and a drawn set of pairs -> a model folder with random weights, and the same tokens for every trainer compared."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tasks.train_params import TrainExample

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"vocab_size": 8192, "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 6},
    "30m": {"vocab_size": 8192, "hidden_size": 448, "intermediate_size": 1216, "num_hidden_layers": 12, "num_attention_heads": 7},
    "135m": {
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    },
    "1b": {
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "3b": {
        "vocab_size": 128256,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 28,
        "num_attention_heads": 24,
        "num_key_value_heads": 8,
    },
}
"""135m is that of SmolLM2-135M, 1b and 3b those of Llama 3.2; embeddings are tied in all."""
SPECIAL = ("<pad>", "<end>", "<user>", "<assistant>")
CHAT_TEMPLATE = "{% for message in messages %}<user> {{ message['content'] }} {% endfor %}<assistant> "


def save_model(shape: str, folder: Path) -> None:
    """A Llama of this shape with random weights in bfloat16, and a tokenizer of one token a word."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    sizes = SHAPES[shape]
    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *(f"w{n}" for n in range(sizes["vocab_size"] - len(SPECIAL)))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", extra_special_tokens=list(SPECIAL[2:]))
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    config = LlamaConfig(**sizes, tie_word_embeddings=True, max_position_embeddings=8192, pad_token_id=0, bos_token_id=None, eos_token_id=1)
    LlamaForCausalLM(config).save_pretrained(folder)
    torch.set_default_dtype(torch.float32)


def draw_examples(n: int, n_words: int, seed: int = 0) -> list[TrainExample]:
    """Pairs of 60 to 600 tokens, lognormal about 170, of which about 57 % are the answer's."""
    rng = random.Random(seed)
    drawn = []
    for at in range(n):
        total = round(min(600, max(60, rng.lognormvariate(5.15, 0.6))))
        n_answer = round(total * rng.uniform(0.4, 0.74))
        words = [f"w{rng.randrange(n_words)}" for _ in range(total - 3)]
        drawn.append(TrainExample(f"p{at:05}", " ".join(words[n_answer - 1 :]), " ".join(words[: n_answer - 1])))
    return drawn


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """``rows`` (input_ids, n_prompt) for the trainers that take tokens."""
    path.write_text(json.dumps(rows), encoding="utf-8")
