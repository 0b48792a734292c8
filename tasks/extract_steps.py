"""Sentences that instruct or order -> facts: imperatives, ``Before X, do Y``, ``When X, Y happens``, and first-then sequences."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_draft import Draft, Found
from tasks.extract_facts import clean_key
from tasks.extract_grammar import DETERMINERS, PREPOSITIONS, SUBORDINATORS, Clause, Token, find_verb, split_phrases, tokenise
from tasks.extract_quantities import read_quantity
from tasks.extract_questions import is_plural_noun, unique
from tasks.extract_sentences import BULLET, Statement, clean_sentence, decapitalise, statements
from tasks.text import sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = re.compile(r"^(?P<word>First|Firstly|Then|Next|After that|Afterwards|Finally|Lastly|Second|Secondly|Third|Thirdly),? ")
NOT_ORDERS = frozenset({"consider", "let", "lack", "seed", "suppose", "assume", "note", "see", "recall", "refer", "given", "think", "imagine", "model", "need"})
NUMBERED = re.compile(r"(?m)^(?:Step )?\(?\d{1,2}[.):] [A-Z][^\n]{10,200}[.]$")
MIN_STEPS = 3
CONDITION = re.compile(
    r"^(?P<intro>(?:When|If|Before|After|Once|Whenever|As soon as|In case of) [^,]{6,90}), (?P<main>[^,;]+(?:, (?:and|or) [^,;]+)?)$"
)


def imperative(sentence: str) -> list[Statement]:
    """``Tighten the bolts to 42 Nm.`` as ``the bolts must be tightened to 42 Nm``; ``Wait 5 minutes.`` as ``you must wait 5 minutes``."""
    made = []
    for part in _orders(sentence.rstrip(".!")):
        clause = _as_passive(part.split(", ")[0])
        if clause is None:
            break
        made.append(Statement(clause, sentence))
    return made


def _orders(text: str) -> list[str]:
    """``Remove the guard and fit the spider`` as its two orders."""
    parts, begin = [], 0
    for link in re.finditer(r"; |,? and then |,? then |,? and ", text):
        following = tokenise(text[link.end() :])
        if len(following) > 1 and verbs.reading(following[0].low, "base") and (
            following[1].low in DETERMINERS | PREPOSITIONS | {"off", "up", "out", "down"} or following[1].low[:1].isdigit()
        ):
            parts.append(text[begin : link.start()])
            begin = link.end()
    return [*parts, text[begin:]]


def _as_passive(text: str) -> Clause | None:
    tokens = tokenise(text)
    if find_verb(tokens) is not None and verbs.reading(tokens[0].low, "base") and _is_statement(tokens):
        return None
    found = verbs.reading(tokens[0].low, "base") if tokens else None
    if found is None or len(tokens) < 3 or not _opens_object(tokens[1].low) or tokens[0].low in NOT_ORDERS:  # noqa: PLR2004
        return None
    phrases = split_phrases(text, tokens[1:])
    if not phrases:
        return None
    if phrases[0].prep or tokens[0].low == "wait" or read_quantity(phrases[0].text):
        return Clause("you", "must", found.base, found.base, "", is_passive=False, phrases=phrases)
    thing = phrases[0].text
    if len(thing.split()) > 8 or re.match(r"(?:it|them|this|these|that)\b", thing):  # noqa: PLR2004  # more than an object
        return None
    return Clause(thing, "must", f"be {verbs.participle(found.base)}", found.base, "", is_passive=True, phrases=phrases[1:])


def _is_statement(tokens: list[Token]) -> bool:
    """True where a finite verb follows before any comma or subordinate clause: ``Supply lines are ...``."""
    at = find_verb(tokens)
    is_finite = at is not None and (tokens[at].low in verbs.AUXILIARIES or verbs.reading(tokens[at].low, "s") is not None)
    return is_finite and not any(t.low in SUBORDINATORS | {"that", "which", "who", "before", "after", "until"} for t in tokens[:at])


def _opens_object(low: str) -> bool:
    return low in DETERMINERS | {"for", "at", "until", "with", "in", "to", "on"} or low[:1].isdigit() or low.endswith("s") or low.isalpha()


def introduced(sentence: str, vocabulary: frozenset[str]) -> Iterator[tuple[Found, str]]:
    """``When X, Y.`` asked as ``What happens when X?``; ``Before X, do Y.`` as ``What must be done before X?``."""
    match = CONDITION.match(sentence.rstrip("."))
    if match is None or re.search(r"\b(?:it|they|them|this|these|he|she)\b", match["intro"]):
        return
    main, intro = match["main"], decapitalise(match["intro"], frozenset({match["intro"].split()[0].casefold()}))
    instruction = _as_passive(main)
    clauses = [instruction] if instruction else [s.clause for s in statements(main[:1].upper() + main[1:] + ".", vocabulary)]
    if not clauses or re.match(r"(?:it|they|this|these|he|she)\b", main):
        return
    clause = clauses[0]
    if clause.base == "be" and not clause.is_passive:
        return
    if clause.aux in ("must", "should", "shall") or instruction:
        what = "what must be done"
    elif clause.is_passive:
        what = f"what {'was' if clause.aux in ('was', 'were') else 'is'} done"
    else:
        what = "what happened" if clause.form == "past" or clause.aux in ("was", "were", "had") else "what happens"
    questions = unique([f"{what} {intro}", f"{intro}, {what}", f"can you say {what} {intro}", f"what is known about {what.split(' ', 1)[1]} {intro}" if False else f"{intro}, can you say {what}"])  # fmt: skip  # noqa: E501
    yield Found("condition", "procedure", main, questions, 3), sentence


def sequences(text: str, section: str, vocabulary: frozenset[str]) -> list[Draft]:
    """Runs of ``First ... Then ... Finally ...`` or of a numbered list: each step's successor, and all steps in order."""
    spans = sentence_spans(text)
    runs: list[list[tuple[int, int]]] = [[]]
    for start, end in spans:
        step = STEP.match(text[start:end])
        if step is None or step["word"].startswith("First"):
            runs.append([])
        if step:
            runs[-1].append((start, end))
    numbered = [(m.start(), m.end()) for m in NUMBERED.finditer(text)]
    drafts = []
    for run in [*runs, numbered]:
        for here, there in pairwise(run):
            drafts += _pair((here[0], there[1]), text[slice(*here)], text[slice(*there)], vocabulary)
        if len(run) >= MIN_STEPS:
            drafts += _whole(text, run, section, vocabulary)
    return drafts


def _whole(text: str, run: list[tuple[int, int]], section: str, vocabulary: frozenset[str]) -> list[Draft]:
    """All steps in order, asked for by the section's heading; nothing where a step has no plain core."""
    steps = [clean_sentence(BULLET.sub("", text[start:end])) for start, end in run]
    cores = [_core(step, vocabulary) for step in steps]
    topic = re.sub(r"^[\dA-Z]*\d[\d.]*\s+", "", section).strip()
    if not all(cores) or not topic or len(topic.split()) > 8:  # noqa: PLR2004  # a heading, not a sentence
        return []
    doing = decapitalise(topic, vocabulary) if verbs.reading(topic.split()[0].casefold(), "ing") else f"the procedure under the heading {topic}"
    questions = unique(
        [f"what are the steps of {doing}, in order", f"in what order are the steps of {doing} done", f"which steps make up {doing}"]
    )
    answer = " ".join(" ".join(BULLET.sub("", text[start:end]).split()) for start, end in run)
    return [Draft(run[0][0], run[-1][1] - run[0][0], questions, answer, "; ".join(cores), "procedure", "steps")]


def _core(step: str, vocabulary: frozenset[str]) -> str:
    clause = _as_passive(_orders(step.rstrip("."))[0].split(", ")[0]) if step else None
    if clause is not None:
        return f"{clause.base} {clause.subject}" if clause.is_passive else ""
    found = [statement.clause for statement in statements(step, vocabulary)] if step else []
    return f"{clean_key(found[0].subject)} {found[0].verb_group}" if found else ""


def _pair(span: tuple[int, int], this: str, following: str, vocabulary: frozenset[str]) -> list[Draft]:
    done, step = _as_done(clean_sentence(BULLET.sub("", this)), vocabulary), clean_sentence(BULLET.sub("", following))
    if not done or not step:
        return []
    doing = _as_done(step, vocabulary)
    if not doing or re.search(r"\b(?:it|they|them|this)\b", done):
        return []
    passive = "is" if " is " in done or " are " in done or _as_passive(step) else "was"
    what = "must be done" if _as_passive(step) else f"{passive} done"
    questions = unique(
        [
            f"what {what} directly after {done}",
            f"which step follows once {done}",
            f"once {done}, what {what} next",
            f"what comes next after {done}",
        ]
    )
    answer = f"After {done}, {decapitalise(step, vocabulary)}"
    return [Draft(span[0], span[1] - span[0], questions, answer, step.rstrip("."), "procedure", "sequence")]


def _as_done(step: str, vocabulary: frozenset[str]) -> str:
    """A step as something finished: ``the belt is slackened``; empty where it cannot be told so."""
    clause = _as_passive(step.rstrip(".").split(", ")[0].split(" and ")[0])
    if clause is not None and clause.is_passive:
        be = "have" if is_plural_noun(clause.subject) else "has"
        return f"{clause.subject} {be} been {verbs.participle(clause.base)} {' '.join(map(str, clause.phrases))}".strip()
    found = [s.clause for s in statements(step, vocabulary)] if step else []
    if not found or not found[0].is_passive:
        return ""
    clause = replace(found[0], intro="")
    return f"{clause.subject} {clause.verb_group} {' '.join(map(str, clause.phrases))}".strip()
