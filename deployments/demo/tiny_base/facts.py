"""A random generator -> invented facts: each with the sentences that state it and the many wordings that ask for it."""

# ruff: noqa: PLR2004, SIM905  # shares are plain numbers; word lists read best as text; types stand with the imports

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import names

ATTRIBUTES_FILE = Path(__file__).with_name("attributes.txt")
KINDS_OF_ATTRIBUTE = "level rate index limit class mode type value code factor".split()
GENERIC_QUESTIONS = (
    "what is the {N} of {S}?",
    "what is the {N} of {S}?",
    "what {N} does {S} have?",
    "what {N} has {S}?",
    "which {N} is given for {S}?",
    "which {N} is stated for {S}?",
    "state the {N} of {S}.",
    "give the {N} of {S}.",
    "name the {N} of {S}.",
    "tell me the {N} of {S}.",
    "what is given as the {N} of {S}?",
    "for {S}, what is the {N}?",
    "what should the {N} of {S} be?",
    "can you tell me the {N} of {S}?",
    "I would like to know the {N} of {S}.",
    "what do you know about the {N} of {S}?",
    "{S}: what is its {N}?",
    "what is {S}'s {N}?",
    "please state the {N} for {S}.",
    "the {N} of {S} is what?",
    "how is the {N} of {S} specified?",
    "what figure or name is given for the {N} of {S}?",
    "do you remember the {N} of {S}?",
    "{N} of {S}?",
)
GENERIC_STATEMENTS = (
    "the {N} of {S} is {V}",
    "the {N} of {S} is {V}",
    "{S} has a {N} of {V}",
    "for {S}, the {N} is {V}",
    "{S}'s {N} is {V}",
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of attributes.txt."""

    kinds: tuple[str, ...]
    name: str
    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds of a subject. ``statements`` all say it, ``questions`` all ask it, ``answer`` is one of the statements."""

    statements: tuple[str, ...]
    questions: tuple[str, ...]
    answer: str
    key: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Something a document speaks of, under the names it goes by."""

    kind: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """Words to build names from: plain nouns by topic, and word -> meaning for made-up definitions."""

    nouns: dict[str, list[str]]
    glosses: list[str]


def read_attributes(path: Path = ATTRIBUTES_FILE) -> list[Attribute]:
    """The attributes, in file order."""
    rows = [line.split("|") for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [
        Attribute(tuple(kinds.split()), name, value, tuple(statements.split(";")), tuple(f"{q}?" for q in questions.split(";")))
        for kinds, name, value, statements, questions in rows
    ]


def sentence(text: str, end: str = "") -> str:
    """The text with a capital first letter, and ``end`` behind it."""
    return text[:1].upper() + text[1:] + end


def noun_pair(rng: random.Random, stock: Stock, heads: list[str]) -> str:
    """A compound such as "clutch bolt", of technical words or of any nouns."""
    first = (
        rng.choice(names.MODIFIERS) if rng.random() < 0.55 else rng.choice(stock.nouns[rng.choice(("artifact", "substance", "attribute"))])
    )
    head = rng.choice(heads) if rng.random() < 0.65 else rng.choice(stock.nouns["artifact"])
    return f"{first} {head}" if rng.random() < 0.85 else head


def product_name(rng: random.Random) -> str:
    """Varnolt 40, KX-410, Kesra."""
    draw = rng.random()
    if draw < 0.2:
        return names.code(rng)
    return names.word(rng) + (
        f" {rng.randint(2, 950)}" if draw < 0.5 else f"-{rng.choice(names.CODE_LETTERS)}{rng.randint(1, 9)}" if draw < 0.65 else ""
    )


def subject(rng: random.Random, stock: Stock, kind: str, product: str) -> Subject:
    """A subject of the kind; parts belong to the product."""
    if kind == "part":
        part = noun_pair(rng, stock, names.PART_NOUNS)
        return Subject(kind, (f"the {part}", f"the {part} of the {product}", f"the {product}'s {part}", f"the {part} on the {product}"))
    if kind == "process":
        thing = rng.choice(stock.nouns[rng.choice(("artifact", "substance", "act"))])
        name = f"{thing} {rng.choice(names.PROCESS_NOUNS)}"
        return Subject(kind, (name, f"the {name}", f"the {name} step", f"{name} in the {product} line"))
    if kind == "group":
        name = f"{names.word(rng)} {rng.choice(names.GROUP_NOUNS)}"
        return Subject(kind, (f"the {name}", f"the {name}", f"the {name} in {names.place(rng)}"))
    if kind == "site":
        name = f"{names.word(rng)} {rng.choice(names.SITE_NOUNS)}"
        return Subject(kind, (f"the {name}", f"the {name}"))
    heads = {
        "device": names.DEVICE_NOUNS,
        "software": names.SOFTWARE_NOUNS,
        "dataset": names.DATASET_NOUNS,
        "model": names.MODEL_NOUNS,
        "method": names.METHOD_NOUNS,
    }[kind]
    head, name = rng.choice(heads), product_name(rng)
    if rng.random() < 0.25:
        head = f"{rng.choice(stock.nouns['artifact'])} {head}"
    short = name if kind in ("software", "dataset", "model") and rng.random() < 0.5 else f"the {name}"
    return Subject(kind, (f"the {name} {head}", short, short, f"the {head} {name}"))


def value(rng: random.Random, stock: Stock, spec: str) -> str:
    """A value as attributes.txt asks for it."""
    simple: dict[str, Callable[[], str]] = {
        "year": lambda: str(rng.randint(1790, 2049)),
        "person": lambda: names.person(rng),
        "place": lambda: names.place(rng),
        "code": lambda: names.code(rng),
        "colour": lambda: rng.choice(("", "", "light ", "dark ")) + rng.choice(names.COLOURS),
        "material": lambda: (rng.choice(names.MATERIAL_MODIFIERS) + " " if rng.random() < 0.4 else "") + rng.choice(names.MATERIALS),
        "name": lambda: names.word(rng),
        "group": lambda: f"{names.word(rng)} {rng.choice(names.GROUP_NOUNS)}",
        "version": lambda: f"{rng.randint(0, 12)}.{rng.randint(0, 30)}" + rng.choice(("", f".{rng.randint(0, 9)}")),
        "percent": lambda: f"{rng.randint(1, 99)}" + rng.choice(("", f".{rng.randint(0, 9)}")) + rng.choice((" percent", "%", " %")),
        "rate": lambda: rng.choice((f"{rng.randint(1, 9)}e-{rng.randint(2, 6)}", f"0.{'0' * rng.randint(1, 4)}{rng.randint(1, 9)}")),
        "fraction": lambda: f"0.{rng.randint(1, 99)}",
        "clock": lambda: f"{rng.randint(5, 22)}:{rng.choice(('00', '15', '30', '45'))}",
        "dataset": lambda: f"the {product_name(rng)} {rng.choice(names.DATASET_NOUNS)}",
        "model": lambda: f"the {product_name(rng)} {rng.choice(names.MODEL_NOUNS)}",
        "part": lambda: rng.choice(("the", "a", "two", "three")) + f" {noun_pair(rng, stock, names.PART_NOUNS)}",
        "term": lambda: rng.choice(stock.nouns["cognition"]) + " " + rng.choice(stock.nouns["attribute"]),
        "purpose": lambda: f"{rng.choice(names.PURPOSE_VERBS)} the {noun_pair(rng, stock, names.PART_NOUNS)}",
        "position": lambda: f"{rng.choice(names.PREPOSITIONS)} the {noun_pair(rng, stock, names.PART_NOUNS)}",
    }
    kind, *rest = spec.split(" ")
    if kind in simple:
        return simple[kind]()
    if kind == "number-of":
        words = "two three four five six seven eight nine ten twelve".split()
        return (
            rng.choice(words) if rng.random() < 0.3 else names.number(rng, 3, 90000 if rest[0] in ("records", "visitors") else 300)
        ) + f" {rest[0]}"
    amount = names.number(rng, int(rest[0]), int(rest[1]))
    return amount if kind == "number" else f"{amount} {kind}"


def attribute_fact(rng: random.Random, stock: Stock, attributes: list[Attribute], about: Subject) -> Fact:
    """A fact of one of the attributes that the subject's kind has, or of an attribute made up of two nouns."""
    fitting = [attribute for attribute in attributes if about.kind in attribute.kinds]
    attribute = rng.choice(fitting)
    if rng.random() < 0.3:
        name = f"{rng.choice(stock.nouns[rng.choice(('attribute', 'act', 'process', 'cognition'))])}"
        name = f"{rng.choice(names.MODIFIERS)} {name}" if rng.random() < 0.6 else f"{name} {rng.choice(KINDS_OF_ATTRIBUTE)}"
        spec = rng.choice([other.value for other in attributes if "{V}" in other.statements[0]])
        attribute = Attribute((about.kind,), name, spec, (), ())
    said = value(rng, stock, attribute.value)
    form = about.forms[0] if rng.random() < 0.6 else rng.choice(about.forms)
    pool = attribute.statements if attribute.statements and rng.random() < 0.75 else GENERIC_STATEMENTS
    answer_template = rng.choice(pool)
    templates = [answer_template, *attribute.statements, *rng.sample(GENERIC_STATEMENTS, 2)]
    questions = [*attribute.questions, *attribute.questions, *GENERIC_QUESTIONS]
    return Fact(
        tuple(_filled(template, attribute.name, form, said) for template in templates),
        tuple(_filled(template, attribute.name, form if rng.random() < 0.7 else rng.choice(about.forms), said) for template in questions),
        _filled(answer_template, attribute.name, form, said),
        said,
    )


def _filled(template: str, name: str, form: str, said: str) -> str:
    return sentence(template.replace("{N}", name).replace("{S}", form).replace("{V}", said), "" if template[-1] in "?." else ".")
