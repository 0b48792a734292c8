"""WordNet entries and a seed -> conversations: reading an excerpt, recalling a fact, knowing a word; block after block.

A block is a fixed mixture, drawn by its own number: the pretraining text is never stored, and a run resumes at any block.
"""

# ruff: noqa: PLR2004  # shares and lengths are plain numbers

import random
from dataclasses import dataclass

from facts import Stock, read_attributes, sentence
from reading import Conversation, Sources, echo, fact_pool, reading, recall
from wordnet import TOPICS, Entry, single_words
from words import plain, word_question

TOLD_WORDS = range(5, 26)


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many conversations of each sort stand in a block, and how long a pool of facts to be recalled stays.

    The first ``n_warm_blocks`` teach to copy from a sentence or two; then the excerpts grow with each block, up to ``longest`` sentences.
    """

    n_reading: int = 125
    n_recall: int = 260
    n_word_questions: int = 140
    n_plain: int = 80
    n_warm_reading: int = 420
    n_warm_echo: int = 200
    n_warm_blocks: int = 16
    n_growing_blocks: int = 40
    longest: int = 28
    n_pool_facts: int = 300
    n_pool_blocks: int = 20


def sources(entries: list[Entry], common: frozenset[str]) -> Sources:
    """Pools of words from the entries, and the attributes. ``common``: the nouns that invented names are built from."""
    glosses = [
        entry.gloss for entry in entries if entry.part_of_speech == "noun" and 15 < len(entry.gloss) < 90 and entry.gloss[:1].islower()
    ]
    stock = Stock({topic: single_words(entries, topic, common) for topic in TOPICS.values()}, glosses)
    told = [sentence(text.rstrip(".!?"), ".") for entry in entries for text in entry.examples if len(text.split()) in TOLD_WORDS]
    return Sources(entries, told, stock, read_attributes())


def block(source: Sources, seed: int, number: int, mixture: Mixture = Mixture()) -> list[Conversation]:
    """The conversations of one block, shuffled. Recall stays with one pool of facts for some blocks."""
    rng = random.Random(f"block {seed} {number}")
    if number < mixture.n_warm_blocks:
        conversations = [reading(rng, source, 2) for _ in range(mixture.n_warm_reading)]
        conversations += [echo(rng, source) for _ in range(mixture.n_warm_echo)]
    else:
        grown = min(1.0, (number - mixture.n_warm_blocks) / mixture.n_growing_blocks)
        pool = fact_pool(source, seed, number // mixture.n_pool_blocks, mixture.n_pool_facts)
        conversations = [
            reading(rng, source, round(3 + grown * (mixture.longest - 3))) for _ in range(round(mixture.n_reading * (2 - grown)))
        ]
        conversations += [recall(rng, pool) for _ in range(mixture.n_recall)]
        conversations += [word_question(rng, source.entries) for _ in range(mixture.n_word_questions)]
    conversations += [plain(rng, source.entries) for _ in range(mixture.n_plain)]
    rng.shuffle(conversations)
    return conversations
