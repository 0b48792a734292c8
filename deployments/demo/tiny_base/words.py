"""WordNet entries -> conversations: what a word means, its kind, another word for it; a glossary to read; running text."""

# ruff: noqa: PLR2004  # shares of a mixture are plain numbers

import random

from facts import sentence
from reading import EXCERPT_PROMPT, Conversation
from wordnet import Entry

WORD_QUESTIONS = (
    "What does the word {w} mean?",
    "What is the meaning of {w}?",
    "Define {w}.",
    "How would you define {w}?",
    "What is meant by {w}?",
    "Explain the word {w}.",
    "What does {w} mean?",
    "Tell me what {w} means.",
    "{w}: what does it mean?",
    "Give a definition of {w}.",
)


def word_question(rng: random.Random, entries: list[Entry]) -> Conversation:
    """The meaning of a word, its kind, another word for it, or the word for a meaning."""
    entry = rng.choice(entries)
    named = rng.choice(entry.words)
    draw = rng.random()
    if draw < 0.55:
        return [("user", rng.choice(WORD_QUESTIONS).format(w=named)), ("assistant", f"{sentence(named)} means: {entry.gloss}.")]
    if draw < 0.7 and entry.parent:
        return [
            ("user", rng.choice(("What kind of thing is {w}?", "Of what kind is {w}?")).format(w=named)),
            ("assistant", f"{sentence(named)} is a kind of {entry.parent}."),
        ]
    if draw < 0.8 and len(entry.words) > 1:
        other = next(word for word in entry.words if word != named)
        return [
            ("user", rng.choice(("What is another word for {w}?", "Name a synonym of {w}.")).format(w=named)),
            ("assistant", f"Another word for {named} is {other}."),
        ]
    return _glossary(rng, entries)


def _glossary(rng: random.Random, entries: list[Entry]) -> Conversation:
    """A short glossary in the prompt, and questions on it in both directions."""
    listed = rng.sample(entries, rng.randint(1, 4))
    text = "\n".join(f"{entry.words[0]}: {entry.gloss}" for entry in listed)
    messages: Conversation = []
    for at, entry in enumerate(rng.sample(listed, min(2, len(listed)))):
        named = entry.words[0]
        if rng.random() < 0.5:
            question, answer = rng.choice(WORD_QUESTIONS).format(w=named), f"{sentence(named)} means: {entry.gloss}."
        else:
            question, answer = f"Which word means: {entry.gloss}?", f"The word is {named}."
        asked = EXCERPT_PROMPT.format(excerpts=f"<excerpt>\n{text}\n</excerpt>", question=question) if at == 0 else question
        messages += [("user", asked), ("assistant", answer)]
    return messages


def plain(rng: random.Random, entries: list[Entry]) -> Conversation:
    """Running text: sentences that use a word, or what it is."""
    entry = rng.choice(entries)
    if not entry.examples:
        return [("text", f"{sentence(entry.words[0])}: {entry.gloss}.")]
    return [("text", " ".join(sentence(text.rstrip(".!?"), ".") for text in entry.examples))]
