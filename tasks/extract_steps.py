"""Runs of steps -> drafts: ``First ... Then ... Finally ...`` and numbered lists, asked step by step and as a whole."""

from __future__ import annotations

import re
from itertools import pairwise

from tasks import extract_verbs as verbs
from tasks.extract_draft import Draft
from tasks.extract_keys import clean_key, first_word
from tasks.extract_orders import POINTS_BACK, core_of
from tasks.extract_questions import is_plural_noun, unique
from tasks.extract_sentences import BULLET, clean_sentence, decapitalise
from tasks.text import sentence_spans

STEP = re.compile(r"^(?P<word>First|Firstly|Then|Next|After that|Afterwards|Finally|Lastly|Second|Secondly|Third|Thirdly),? ")
NUMBERED = re.compile(r"(?m)^(?:Step )?\(?\d{1,2}[.):] [A-Z][^\n]{10,200}[.]$")
SECTION_NUMBER = re.compile(r"^[\dA-Z]*\d[\d.]*\s+")
MIN_STEPS = 3
MAX_TOPIC_WORDS = 8
Span = tuple[int, int]


def sequences(text: str, section: str, vocabulary: frozenset[str]) -> list[Draft]:
    """For each run of steps: what follows each step, and all steps in order under the section's heading."""
    runs: list[list[Span]] = [[]]
    for start, end in sentence_spans(text):
        step = STEP.match(text[start:end])
        if step is None or step["word"].startswith("First"):
            runs.append([])
        if step:
            runs[-1].append((start, end))
    numbered = [(match.start(), match.end()) for match in NUMBERED.finditer(text)]
    drafts = []
    for run in [*runs, numbered]:
        for here, there in pairwise(run):
            drafts += _successor((here[0], there[1]), text[slice(*here)], text[slice(*there)], vocabulary)
        drafts += _whole(text, run, section, vocabulary)
    return drafts


def _whole(text: str, run: list[Span], section: str, vocabulary: frozenset[str]) -> list[Draft]:
    """All steps in order; nothing where they are few or one has no plain core."""
    topic = SECTION_NUMBER.sub("", section).strip()
    if len(run) < MIN_STEPS or not topic or len(topic.split()) > MAX_TOPIC_WORDS:
        return []
    printed = [BULLET.sub("", " ".join(text[start:end].split())) for start, end in run]
    cores = [_core(clean_sentence(step), vocabulary) for step in printed]
    if not all(cores):
        return []
    is_gerund = verbs.reading(first_word(topic), "ing") is not None
    doing = decapitalise(topic, vocabulary) if is_gerund else f"the procedure under the heading {topic}"
    asked = [f"what are the steps of {doing}, in order", f"in what order are the steps of {doing} done", f"which steps make up {doing}"]
    span = run[0][0], run[-1][1] - run[0][0]
    return [Draft(*span, unique(asked), " ".join(printed), "; ".join(cores), "procedure", "steps")]


def _core(step: str, vocabulary: frozenset[str]) -> str:
    """What must be said of a step: ``lock the valve``, ``wing was measured``; empty where it cannot be told."""
    clause = core_of(step, vocabulary)
    if clause is None or clause.subject == "you":
        return ""
    is_order = clause.aux == "must" and step.casefold().startswith(clause.base)
    return f"{clause.base} {clause.subject}" if is_order else f"{clean_key(clause.subject)} {clause.verb_group}"


def _successor(span: Span, this: str, following: str, vocabulary: frozenset[str]) -> list[Draft]:
    """What is done directly after one step."""
    step = clean_sentence(BULLET.sub("", following))
    done, doing = _as_done(clean_sentence(BULLET.sub("", this)), vocabulary), core_of(step, vocabulary)
    if not done or doing is None or not doing.is_passive or POINTS_BACK.search(done):
        return []
    be = {"must": "must be", "was": "was", "were": "was"}.get(doing.aux, "is")
    asked = [
        f"what {be} done directly after {done}",
        f"which step follows once {done}",
        f"once {done}, what {be} done next",
        f"what comes next after {done}",
    ]
    answer = f"After {done}, {decapitalise(step, vocabulary)}"
    return [Draft(span[0], span[1] - span[0], unique(asked), answer, step.rstrip("."), "procedure", "sequence")]


def _as_done(step: str, vocabulary: frozenset[str]) -> str:
    """A step as something finished: ``the belt has been slackened``; empty where it cannot be told so."""
    clause = core_of(step, vocabulary)
    if clause is None or not clause.is_passive:
        return ""
    group = clause.verb_group
    if clause.aux == "must":
        group = f"{'have' if is_plural_noun(clause.subject) else 'has'} been {verbs.participle(clause.base)}"
    return " ".join([clause.subject, group, *map(str, clause.phrases)])
