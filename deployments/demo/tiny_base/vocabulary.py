"""Conversations -> tokens: a byte-level BPE of our own with single digits, three role tokens and a chat template."""

from collections.abc import Iterable, Iterator

from reading import Conversation
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("system", "user", "assistant")
ROLE_TOKENS = {role: f"<|{role}|>" for role in ROLES}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SPLIT = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train_tokenizer(texts: Iterable[str], vocab_size: int, context: int) -> PreTrainedTokenizerFast:
    """A tokenizer that keeps digits apart, so that a number is copied digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    specials = [PAD, END, *ROLE_TOKENS.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLE_TOKENS.values()),
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def encode(
    tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation], prompt_weights: Iterator[float]
) -> list[tuple[list[int], list[float]]]:
    """Token ids and loss weights of each conversation; what the assistant and plain texts say weighs 1, what is asked a drawn weight."""
    parts = tokenizer([text for conversation in conversations for _, text in conversation], add_special_tokens=False)["input_ids"]
    vocabulary = tokenizer.get_vocab()
    role_ids = {role: vocabulary[token] for role, token in ROLE_TOKENS.items()}
    rows, at = [], 0
    for conversation in conversations:
        ids: list[int] = []
        weights: list[float] = []
        asked_weight = next(prompt_weights)
        for role, _ in conversation:
            opening = [role_ids[role]] if role in role_ids else []
            ids += [*opening, *parts[at], tokenizer.eos_token_id]
            weights += [0.0] * len(opening) + [asked_weight if role in ("user", "system") else 1.0] * (len(parts[at]) + 1)
            at += 1
        rows.append((ids, weights))
    return rows
