"""A random generator -> invented documents, and conversations that read them or recall them."""

# ruff: noqa: PLR2004  # shares of a mixture are plain numbers; word lists read best as text

import random
from dataclasses import dataclass

import families
import names
from facts import Attribute, Fact, Stock, Subject, attribute_fact, noun_pair, product_name, sentence, subject
from gaps import gap_question, lowered
from wordnet import Entry

Message = tuple[str, str]
Told = tuple[str, Fact | None]
Conversation = list[Message]
EXCERPT_PROMPT = "Use the following excerpts to answer the question.\n\n{excerpts}\n\nQuestion: {question}"
OTHER_PROMPTS = (
    "{excerpts}\n\n{question}",
    "Context:\n{excerpts}\n\nQuestion: {question}",
    "Answer the question from the text below.\n\n{excerpts}\n\nQuestion: {question}",
)
TITLED = (
    "According to {T}, {q}",
    "According to {T}, {q}",
    "In {T}, {q}",
    "Going by {T}, {q}",
    "As described in {T}, {q}",
    "Based on {T}, {q}",
    "{T}: {q}",
)
TITLES = (
    "Service Manual for the {P} {D}",
    "{P} {D}: Operating Guide",
    "The {P} {D} Handbook",
    "Notes on the {P} {D}",
    "{A} and {B} in the {P} {D}",
    "A Study of {A} in {B}",
    "{A} for {B}: The {P} Method",
    "Maintenance of the {P} {D}",
    "{P}: {A} of {B}",
    "{A} at the {P} Laboratory",
    "Report on {A} and {B}",
    "The {P} Standard for {A}",
    "{P} Field Guide",
    "Installing the {P} {D}",
    "How the {P} {D} Works",
)
LEADS = (
    "note that",
    "as a rule,",
    "in practice,",
    "in all versions,",
    "according to the tests,",
    "it should be noted that",
    "for this reason,",
    "today,",
)
KINDS_BY_DOMAIN = (
    ("part", "part", "part", "part", "device", "device", "process"),
    ("part", "part", "device", "software"),
    ("software", "software", "group", "device"),
    ("model", "model", "dataset", "method", "group"),
    ("process", "process", "part", "method"),
    ("group", "site", "device", "part"),
    ("method", "dataset", "software"),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What every block draws from."""

    entries: list[Entry]
    told: list[str]
    stock: Stock
    attributes: list[Attribute]


def document(rng: random.Random, source: Sources, n_facts: int) -> tuple[str, list[Fact]]:
    """A title and facts under it: few subjects with several facts each, and the same attribute for several of them."""
    product, device = product_name(rng), rng.choice(names.DEVICE_NOUNS)
    nouns = [rng.choice(source.stock.nouns[rng.choice(("act", "process", "artifact", "substance"))]).capitalize() for _ in range(2)]
    title = rng.choice(TITLES).format(P=product, D=device.capitalize(), A=nouns[0], B=nouns[1])
    kinds = rng.choice(KINDS_BY_DOMAIN)
    subjects = [subject(rng, source.stock, rng.choice(kinds), product) for _ in range(max(1, n_facts * 2 // 3))]
    subjects.append(Subject("device", (f"the {product} {device}", f"the {product}", f"the {product}")))
    few = rng.sample(source.attributes, 12)
    facts = []
    for _ in range(n_facts):
        if rng.random() < 0.25:
            fact = rng.choice(families.FAMILIES)(rng, source.stock)
        else:
            about = rng.choice(subjects)
            fitting = [attribute for attribute in few if about.kind in attribute.kinds] if rng.random() < 0.5 else []
            fact = attribute_fact(rng, source.stock, fitting or source.attributes, about)
        facts.append(families.with_tail(rng, source.stock, fact) if rng.random() < 0.3 else fact)
    return title, facts


def fact_pool(source: Sources, seed: int, number: int, n_facts: int) -> list[tuple[str, Fact]]:
    """Facts with their titles, to be recalled without an excerpt while the pool lasts."""
    rng = random.Random(f"pool {seed} {number}")
    pool: list[tuple[str, Fact]] = []
    while len(pool) < n_facts:
        title, facts = document(rng, source, 10)
        pool += [(title, fact) for fact in facts]
    return pool[:n_facts]


def ask(rng: random.Random, title: str, told: str, fact: Fact | None, named_share: float = 0.7) -> str:
    """A question on what is told: one of the fact's wordings or the sentence with a gap; often with the title of its document."""
    named = fact is not None and rng.random() < named_share
    question = rng.choice(fact.questions) if fact is not None and named else gap_question(rng, told)
    draw, quote = rng.random(), rng.choice('\'""')
    if draw < 0.5:
        return rng.choice(TITLED).format(T=quote + title + quote, q=question if question[:2].isupper() else lowered_question(question))
    if draw < 0.65:
        return sentence(f"{question[:-1]}, according to {quote}{title}{quote}{question[-1]}")
    return sentence(question)


def lowered_question(question: str) -> str:
    """The question as it stands behind a title."""
    return question if question.startswith("I ") else question[:1].lower() + question[1:]


def recall(rng: random.Random, pool: list[tuple[str, Fact]]) -> Conversation:
    """A question on a fact of the pool, nothing else."""
    title, fact = rng.choice(pool)
    return [("user", ask(rng, title, fact.answer, fact, named_share=0.9)), ("assistant", fact.answer)]


def echo(rng: random.Random, source: Sources) -> Conversation:
    """A sentence to repeat: the first step towards reading."""
    told = filler(rng, source) if rng.random() < 0.5 else document(rng, source, 1)[1][0].answer
    return [("user", f"{rng.choice(('Repeat', 'Say again', 'Copy'))}: {told}"), ("assistant", told)]


def reading(rng: random.Random, source: Sources, longest: int) -> Conversation:
    """Excerpts, then questions on some of their sentences, a few asked again in other words. The answer is the sentence that holds it."""
    n_sentences = 1 + int(longest * rng.random() ** 2)
    title, facts = document(rng, source, max(1, round(n_sentences * rng.choice((0.3, 0.6, 1.0)))))
    told = _told(rng, source, facts, n_sentences)
    first = rng.randrange(len(told))
    near = told[max(0, first - 3) : first + 4] if rng.random() < 0.5 else told
    asked = [told[first], *rng.sample(near, min(len(near), rng.randint(1, 4))), *rng.sample(near, rng.randint(0, 1))]
    questions = [ask(rng, title, text, fact) for text, fact in asked]
    prompt = EXCERPT_PROMPT if rng.random() < 0.75 else rng.choice(OTHER_PROMPTS)
    excerpts = _excerpts(rng, source, title, [text for text, _ in told])
    questions[0] = prompt.format(excerpts=excerpts, question=questions[0])
    messages: Conversation = []
    for (text, _), question in zip(asked, questions, strict=True):
        messages += [("user", question), ("assistant", text)]
    return messages


def _told(rng: random.Random, source: Sources, facts: list[Fact], n_sentences: int) -> list[Told]:
    """The facts as sentences, some with a lead or joined to the one before, and other sentences up to the number asked."""
    told: list[Told] = []
    for fact in facts:
        text = fact.answer if rng.random() < 0.6 else rng.choice(fact.statements)
        if rng.random() < 0.12:
            text = f"{sentence(rng.choice(LEADS))} {lowered(text)}"
        if told and rng.random() < 0.1:
            before, _ = told.pop()
            text = f"{before[:-1]}, {rng.choice(('and', 'while', 'whereas', 'but'))} {lowered(text)}"
        told.append((text, fact))
    others: list[Told] = [(filler(rng, source), None) for _ in range(n_sentences - len(told))]
    if rng.random() < 0.5:
        return told + others
    told += others
    rng.shuffle(told)
    return told


def _excerpts(rng: random.Random, source: Sources, title: str, texts: list[str]) -> str:
    """The sentences in one to three excerpts."""
    n_cuts = rng.choice((0, 0, 1, 1, 2)) if len(texts) > 2 else 0
    cuts = sorted(rng.sample(range(1, len(texts)), n_cuts))
    parts = [texts[start:end] for start, end in zip([0, *cuts], [*cuts, len(texts)], strict=True)]
    return "\n\n".join(f"<excerpt>\n{_heading(rng, source, title)}{' '.join(part)}\n</excerpt>" for part in parts)


def filler(rng: random.Random, source: Sources) -> str:
    """A sentence of the dictionary: one that uses a word, or what a word means."""
    if rng.random() < 0.7:
        return rng.choice(source.told)
    entry = rng.choice(source.entries)
    text = f"{'the' if rng.random() < 0.3 else 'a'} {entry.words[0]} is {entry.gloss}"
    return sentence(text, ".")


def _heading(rng: random.Random, source: Sources, title: str) -> str:
    draw = rng.random()
    if draw < 0.2:
        return f"{title}\n\n"
    if draw < 0.35:
        return f"{rng.randint(1, 9)}.{rng.randint(1, 9)} {noun_pair(rng, source.stock, names.PART_NOUNS).capitalize()}\n\n"
    return ""
