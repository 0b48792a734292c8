"""A sentence -> a question that it answers: words of it in another order, with something left out."""

# ruff: noqa: PLR2004, SIM905, D415  # shares are plain numbers; word lists read best as text; docstrings quote questions

import random

AUXILIARIES = frozenset("""is are was were has have had can could will would may must should does did""".split())
SMALL_WORDS = frozenset(
    """the a an he she they it we his her their its in on at by for to of this that these those
there one some all""".split()
)
ASKING = ("what", "what", "what", "where", "when", "how", "why", "who", "which", "how many", "how much", "how long")
PREPOSITIONS = frozenset(
    """in on at by for to of from with into through above below under about within after before
until every""".split()
)
ABOUT = (
    "what is said about {w}?",
    "what does the text say about {w}?",
    "tell me about {w}.",
    "which sentence speaks of {w}?",
    "what do you know about {w}?",
    "can you say something about {w}?",
)


def lowered(text: str) -> str:
    """The text as it stands behind other words: its first letter small if it begins with a small word."""
    first = text.split(" ", maxsplit=1)[0]
    return text[:1].lower() + text[1:] if first.lower() in SMALL_WORDS | PREPOSITIONS else text


def gap_question(rng: random.Random, told: str) -> str:
    """A question, its first letter small where it may be. ``told`` has at least four words."""
    words = lowered(told.rstrip(".!?;:")).split(" ")
    draw = rng.random()
    auxiliary = next((at for at, word in enumerate(words[1:8], 1) if word in AUXILIARIES), 0)
    if auxiliary and draw < 0.5:
        return _fronted(rng, words, auxiliary)
    if draw < 0.65:
        return _without_head(rng, words)
    if draw < 0.85:
        return _without_tail(rng, words)
    long_words = [at for at, word in enumerate(words) if len(word) > 3] or [0]
    start = rng.choice(long_words)
    return rng.choice(ABOUT).format(w=" ".join(words[start : start + rng.randint(1, 3)]).strip(",;:"))


def _fronted(rng: random.Random, words: list[str], auxiliary: int) -> str:
    """The auxiliary before its subject: ``to what is the bolt tightened?``, some words of the end left out."""
    subject, rest = words[:auxiliary], words[auxiliary + 1 :]
    end = rng.randint(max(1, len(rest) // 3), max(1, len(rest) - 1))
    kept, asked = rest[:end], rng.choice(ASKING)
    question = [asked, words[auxiliary], *subject, *kept]
    if kept and kept[-1] in PREPOSITIONS and rng.random() < 0.6:
        question = [kept[-1], *question[:-1]]
    return " ".join(question).rstrip(",;:") + "?"


def _without_head(rng: random.Random, words: list[str]) -> str:
    """``what protects the gear case?``"""
    start = rng.randint(1, max(1, min(5, len(words) // 2)))
    asked = rng.choice(("what", "what", "who", "which of them", "what is it that", "can you name what"))
    end = rng.randint(max(start + 2, len(words) - 4), len(words))
    return " ".join([asked, *words[start:end]]).rstrip(",;:") + "?"


def _without_tail(rng: random.Random, words: list[str]) -> str:
    """``the bolt is tightened to what?``"""
    end = rng.randint(max(2, len(words) // 2), len(words) - 1)
    kept, asked = " ".join(words[:end]).rstrip(",;:"), rng.choice(ASKING)
    return rng.choice((f"{kept} {asked}?", f"{kept} what?", f"can you say {asked} {kept}?", f"do you know {asked} {kept}?"))
