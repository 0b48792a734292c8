"""A random generator -> more kinds of invented fact: abbreviations, definitions, lists, comparisons, steps, signals, reasons."""

# ruff: noqa: PLR2004, SIM905  # shares of a mixture are plain numbers; word lists read better as running text

import random

import names
from facts import Fact, Stock, noun_pair, product_name, sentence, value


def _fact(statements: list[str], questions: list[str], key: str) -> Fact:
    told = tuple(sentence(text, ".") for text in statements)
    return Fact(told, tuple(sentence(text, "" if text[-1] in ".?" else "?") for text in questions), told[0], key)


def abbreviation(rng: random.Random, stock: Stock) -> Fact:
    """ABC stands for adaptive bearing controller."""
    words = [
        rng.choice(names.MODIFIERS),
        rng.choice(stock.nouns["attribute"]),
        rng.choice(stock.nouns["artifact"]),
        rng.choice(names.PART_NOUNS),
    ]
    words = words[: rng.choice((2, 3, 3, 4))]
    short = "".join(part[0] for part in words).upper()
    full = " ".join(part.capitalize() for part in words) if rng.random() < 0.4 else " ".join(words)
    statements = [
        f"{short} stands for {full}",
        f"{short} means {full}",
        f"the abbreviation {short} stands for {full}",
        f"the {full}, or {short}, is used here",
    ]
    questions = [
        f"what does {short} stand for",
        f"what is {short} short for",
        f"what does the abbreviation {short} mean",
        f"what is the long form of {short}",
        f"spell out {short}.",
        f"what do the letters {short} mean",
        f"expand the abbreviation {short}.",
        f"which words does {short} abbreviate",
        f"what is meant by {short}",
        f"what is {short}",
    ]
    return _fact(statements, questions, full)


def definition(rng: random.Random, stock: Stock) -> Fact:
    """A made-up word with a real meaning."""
    term = names.word(rng).lower() if rng.random() < 0.6 else noun_pair(rng, stock, names.PART_NOUNS)
    meaning = rng.choice(stock.glosses)
    named = f"{'an' if term[0] in 'aeiou' else 'a'} {term}"
    statements = [
        f"{named} is {meaning}",
        f"the term {term} means {meaning}",
        f"by {term} we mean {meaning}",
        f"{term} is defined as {meaning}",
    ]
    questions = [
        f"what is {named}",
        f"define {term}.",
        f"how is {term} defined",
        f"what does the term {term} mean",
        f"what is meant by {term}",
        f"what is the meaning of {term}",
        f"explain the word {term}.",
        f"what do you understand by {named}",
        f"what definition is given for {term}",
    ]
    return _fact(statements, questions, meaning)


def parts_list(rng: random.Random, stock: Stock) -> Fact:
    """What something is made of, in a list of two to four."""
    whole = (
        f"the {product_name(rng)} {rng.choice(names.DEVICE_NOUNS)}"
        if rng.random() < 0.5
        else f"the {noun_pair(rng, stock, names.PART_NOUNS)}"
    )
    items = [f"a {noun_pair(rng, stock, names.PART_NOUNS)}" for _ in range(rng.choice((2, 2, 3, 3, 4)))]
    listed = ", ".join(items[:-1]) + " and " + items[-1]
    statements = [
        f"{whole} consists of {listed}",
        f"{whole} is made up of {listed}",
        f"the parts of {whole} are {listed}",
        f"{listed} form {whole}",
    ]
    questions = [
        f"what are the parts of {whole}",
        f"of what does {whole} consist",
        f"which parts does {whole} have",
        f"what does {whole} contain",
        f"name the parts of {whole}.",
        f"list the components of {whole}.",
        f"what is {whole} made up of",
        f"which components form {whole}",
    ]
    return _fact(statements, questions, listed)


COMPARED = (
    ("heavier", "weighs", "kg"),
    ("faster", "reaches", "km/h"),
    ("longer", "measures", "mm"),
    ("more accurate", "reaches", "percent"),
    ("cheaper", "costs", "euros"),
    ("warmer", "works at", "°C"),
    ("louder", "emits", "dB"),
    ("larger", "takes up", "litres"),
    ("older", "dates from", ""),
)


def comparison(rng: random.Random, stock: Stock) -> Fact:
    """Two things and a figure for each; asked which has more."""
    adjective, verb, unit = rng.choice(COMPARED)
    one, other = (f"the {product_name(rng) if rng.random() < 0.5 else noun_pair(rng, stock, names.PART_NOUNS)}" for _ in range(2))
    statements = [f"{one} is {adjective} than {other}", f"of {one} and {other}, {one} is {adjective}"]
    if unit and adjective != "cheaper":
        low = rng.randint(5, 80)
        statements.append(f"{one} {verb} {low + rng.randint(5, 90)} {unit}, whereas {other} {verb} only {low} {unit}")
    questions = [
        f"which is {adjective}, {one} or {other}",
        f"which is {adjective}, {other} or {one}",
        f"what is {adjective} than {other}",
        f"is {one} {adjective} than {other}, or the other way round",
        f"of {other} and {one}, which is {adjective}",
        f"how do {one} and {other} compare",
    ]
    return _fact(statements, questions, one)


def step(rng: random.Random, stock: Stock) -> Fact:
    """One step of a procedure and what comes before it."""
    done, then = (f"the {noun_pair(rng, stock, names.PART_NOUNS)} is {rng.choice(PARTICIPLES)}" for _ in range(2))
    statements = [f"after {done}, {then}", f"once {done}, {then}", f"{then} after {done}", f"first {done}; then {then}"]
    questions = [
        f"what happens after {done}",
        f"what is done once {done}",
        f"what comes next when {done}",
        f"which step follows after {done}",
        f"what must be done after {done}",
        f"what is the next step after {done}",
        f"when is it that {then}",
    ]
    return _fact(statements, questions, then)


FAULTS = "blocked worn empty full overheated frozen open jammed dirty missing damaged loose".split()
FAILURES = "leak jam overheat break rust slip fail vibrate swell stall".split()
PARTICIPLES = """removed cleaned filled closed opened tightened loosened heated cooled checked replaced rinsed dried weighed aligned
unplugged started calibrated locked greased drained labelled sealed""".split()


def signal(rng: random.Random, stock: Stock) -> Fact:
    """An error code, a lamp or a sound, and what it means."""
    shown = rng.choice(
        (f"error {names.code(rng)}", f"code {rng.randint(1, 999)}", f"the {rng.choice(names.COLOURS)} lamp", f"message {names.code(rng)}")
    )
    meaning = f"the {noun_pair(rng, stock, names.PART_NOUNS)} is {rng.choice(FAULTS)}"
    statements = [
        f"{shown} means that {meaning}",
        f"{shown} indicates that {meaning}",
        f"when {meaning}, {shown} appears",
        f"{shown} is shown when {meaning}",
    ]
    questions = [
        f"what does {shown} mean",
        f"what is the meaning of {shown}",
        f"what does {shown} indicate",
        f"when does {shown} appear",
        f"why is {shown} shown",
        f"what is wrong when {shown} appears",
        f"what does {shown} tell you",
        f"explain {shown}.",
    ]
    return _fact(statements, questions, meaning)


def reason(rng: random.Random, stock: Stock) -> Fact:
    """Why something is done."""
    done = f"the {noun_pair(rng, stock, names.PART_NOUNS)} is {rng.choice(PARTICIPLES)}"
    why = f"the {noun_pair(rng, stock, names.PART_NOUNS)} would otherwise {rng.choice(FAILURES)}"
    statements = [f"{done} because {why}", f"since {why}, {done}", f"the reason why {done} is that {why}"]
    questions = [
        f"why is it that {done}",
        f"for what reason is it that {done}",
        f"what is the reason why {done}",
        f"explain why {done}.",
        f"what would happen unless {done}",
    ]
    return _fact(statements, questions, why)


def choice(rng: random.Random, stock: Stock) -> Fact:
    """Which method, tool or setting is used for a purpose."""
    purpose, used = (
        value(rng, stock, "purpose"),
        rng.choice((f"the {product_name(rng)} {rng.choice(names.METHOD_NOUNS)}", f"a {noun_pair(rng, stock, names.PART_NOUNS)}")),
    )
    statements = [f"{used} is used to {purpose}", f"to {purpose}, {used} is used", f"we use {used} to {purpose}"]
    questions = [
        f"what is used to {purpose}",
        f"how do you {purpose}",
        f"which tool or method serves to {purpose}",
        f"with what do you {purpose}",
        f"what do you need to {purpose}",
        f"name what is used to {purpose}.",
    ]
    return _fact(statements, questions, used)


FAMILIES = (abbreviation, definition, parts_list, comparison, step, signal, reason, choice)


def with_tail(rng: random.Random, stock: Stock, fact: Fact) -> Fact:
    """The same fact, its sentences ending in something that nobody asks for."""
    thing, other = noun_pair(rng, stock, names.PART_NOUNS), noun_pair(rng, stock, names.PART_NOUNS)
    tail = rng.choice(
        (
            f", because the {thing} would otherwise {rng.choice(FAILURES)}",
            f", so that the {thing} does not {rng.choice(FAILURES)}",
            f" before the {thing} is {rng.choice(PARTICIPLES)}",
            f" when the {thing} is {rng.choice(FAULTS)}",
            f", unless the {thing} has been {rng.choice(PARTICIPLES)}",
            f" in order to {value(rng, stock, 'purpose')}",
            f", which is enough for the {thing} and the {other}",
            f" together with the {thing}",
            f", as section {rng.randint(1, 12)} explains",
            f"; the {thing} is {rng.choice(PARTICIPLES)} by {names.person(rng)}",
            f", which {rng.choice(names.PURPOSE_VERBS)}s the {thing}",
            f" since {rng.randint(1900, 2030)}",
        )
    )
    return Fact(tuple(f"{text[:-1]}{tail}." for text in fact.statements), fact.questions, f"{fact.answer[:-1]}{tail}.", fact.key)
