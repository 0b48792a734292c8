"""A trained model -> held-out figures and the model card that tells them."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from corpus import Mixture
from pretrain import PretrainParams, Progress, Rows, padded
from reading import Conversation, Sources, reading
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from vocabulary import encode
from wordnet import Entry
from words import plain, word_question

CARD_FILE = Path(__file__).with_name("card.md")
BATCH = 16
N_MEASURED = 300
N_SAMPLES = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures on held-out conversations, and what the model said to some questions."""

    n_parameters: int
    wordnet_text_perplexity: float
    wordnet_answer_perplexity: float
    reading_answer_perplexity: float
    reading_exact: float
    samples: list[tuple[str, str]]


def measure(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, source: Sources, held_out: list[Entry]) -> Measured:
    """Perplexities per token, and the share of first questions on an excerpt that are answered to the letter."""
    model.train(mode=False)
    rng = random.Random("held out")
    facts = [reading(rng, source, 12)[:2] for _ in range(N_MEASURED)]
    words = [said for _ in range(N_MEASURED) if not (said := word_question(rng, held_out))[2:]]
    replies = answers(model, tokenizer, [said[0][1] for said in facts])
    exact = sum(reply == said[1][1] for reply, said in zip(replies, facts, strict=True)) / len(facts)
    asked = [said[0][1] for said in [*facts[:N_SAMPLES], *words[:N_SAMPLES]]]
    return Measured(
        sum(weight.numel() for weight in model.parameters()),
        perplexity(model, tokenizer, [plain(rng, held_out) for _ in range(N_MEASURED)]),
        perplexity(model, tokenizer, words),
        perplexity(model, tokenizer, facts),
        exact,
        list(zip(asked, answers(model, tokenizer, asked), strict=True)),
    )


def perplexity(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation]) -> float:
    """Of the tokens that the assistant or a plain text says, each given all that stands before it in its conversation."""
    loss_sum = weight_sum = 0.0
    rows = sorted(encode(tokenizer, conversations, repeat(0.0)), key=lambda row: len(row[0]))
    for batch in batched(rows, BATCH):
        ids, weights = padded(batch)
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        losses = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss_sum += float((losses * weights[:, 1:].flatten()).sum())
        weight_sum += float(weights[:, 1:].sum())
    return math.exp(loss_sum / weight_sum)


def batched(rows: Rows, size: int) -> Iterator[Rows]:
    """The rows in their order, so many at a time."""
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def answers(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: list[str]) -> list[str]:
    """Greedy replies to single user messages."""
    replies: list[str] = []
    generate: Any = model.generate  # type: ignore[misc]  # the library declares its self as another class
    for at in range(0, len(questions), BATCH):
        asked = [[{"role": "user", "content": question}] for question in questions[at : at + BATCH]]
        prompts = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            output = generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=64, do_sample=False)
        replies += tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return replies


def write_card(path: Path, params: PretrainParams, progress: Progress, measured: Measured, weight_bytes: int, note: str) -> None:
    """README.md of the model's folder. ``note``: what else there is to say of the run."""
    samples = "\n\n".join(f"```\nuser: {asked}\nassistant: {reply}\n```" for asked, reply in measured.samples)
    path.write_text(
        CARD_FILE.read_text("utf-8").format(
            millions=measured.n_parameters / 1e6,
            megabytes=weight_bytes / 1e6,
            params=params,
            minutes=progress.seconds / 60,
            tokens=progress.n_tokens / 1e6,
            steps=progress.n_steps,
            note=note,
            measured=measured,
            samples=samples,
            mixture=Mixture(),
        ),
        "utf-8",
    )
