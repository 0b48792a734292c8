"""A real two-layer Llama with random weights, a small BPE tokenizer and a chat template, saved as any model is."""

from collections.abc import Callable
from pathlib import Path

import pytest

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TEXTS = [
    "What is the torque of the K-2 valve? The torque of the K-2 valve is 35 Nm, as the manual says.",
    "Use the following excerpts to answer the question. <excerpt> The pump weighs 12.5 kg. </excerpt> Question: How heavy is the pump?",
    "Who wrote the field study? Anna Berg wrote the field study in 1998 and 2004, with 67 tables.",
    "0 1 2 3 4 5 6 7 8 9 red green blue north south east west bolt lamp door wire gear belt tank",
]


def _save(folder: Path, *, chat_template: str | None = CHAT_TEMPLATE, pad_token: str | None = "<|pad|>", seed: int = 0) -> Path:
    """Random weights, scaled up so that attention matters as in a trained model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token=pad_token, additional_special_tokens=special[2:]
    )
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,
        tie_word_embeddings=True,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def save_tiny_llama() -> Callable[..., Path]:
    """``save_tiny_llama(folder, chat_template=, pad_token=, seed=)`` saves such a model, whole or lacking something."""
    return _save


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole model."""
    return _save(tmp_path_factory.mktemp("tiny_llama"))
