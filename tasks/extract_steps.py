"""Sentences that instruct or order -> facts: imperatives, ``Before X, do Y``, ``When X, Y happens``, and first-then sequences."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_draft import Draft, Found
from tasks.extract_grammar import DETERMINERS, Clause, split_phrases, tokenise
from tasks.extract_questions import is_plural_noun, unique
from tasks.extract_sentences import BULLET, Statement, clean_sentence, decapitalise, statements
from tasks.text import sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = re.compile(r"^(?P<word>First|Firstly|Then|Next|After that|Afterwards|Finally|Lastly|Second|Secondly|Third|Thirdly),? ")
CONDITION = re.compile(
    r"^(?P<intro>(?:When|If|Before|After|Once|Whenever|As soon as|In case of) [^,]{6,90}), (?P<main>[^,;]+(?:, (?:and|or) [^,;]+)?)$"
)


def imperative(sentence: str) -> list[Statement]:
    """``Tighten the bolts to 42 Nm.`` as ``the bolts must be tightened to 42 Nm``; ``Wait 5 minutes.`` as ``you must wait 5 minutes``."""
    made = []
    for part in re.split(r"; |, and |, then | and then | and (?=[a-z]+ (?:the|a|an|all|its|each)\b)", sentence.rstrip(".!")):
        clause = _as_passive(part.split(", ")[0])
        if clause is not None:
            made.append(Statement(clause, sentence))
        else:
            break
    return made


def _as_passive(text: str) -> Clause | None:
    tokens = tokenise(text)
    found = verbs.reading(tokens[0].low, "base") if tokens else None
    if found is None or len(tokens) < 3 or not _opens_object(tokens[1].low) or re.match(r"\w+ing|\w+s\b", tokens[0].low):  # noqa: PLR2004
        return None
    phrases = split_phrases(text, tokens[1:])
    if not phrases:
        return None
    if phrases[0].prep or tokens[0].low == "wait":
        return Clause("you", "must", found.base, found.base, "", is_passive=False, phrases=phrases)
    thing = phrases[0].text
    if len(thing.split()) > 8 or re.match(r"(?:it|them|this|these|that)\b", thing):  # noqa: PLR2004  # more than an object
        return None
    return Clause(thing, "must", f"be {verbs.participle(found.base)}", found.base, "", is_passive=True, phrases=phrases[1:])


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
    if clause.aux in ("must", "should", "shall") or instruction:
        what = "what must be done"
    elif clause.is_passive:
        what = f"what {'was' if clause.aux in ('was', 'were') else 'is'} done"
    else:
        what = "what happened" if clause.form == "past" or clause.aux in ("was", "were", "had") else "what happens"
    questions = unique([f"{what} {intro}", f"{intro}, {what}", f"can you say {what} {intro}", f"what is known about {what.split(' ', 1)[1]} {intro}" if False else f"{intro}, can you say {what}"])  # fmt: skip  # noqa: E501
    yield Found("condition", "procedure", main, questions, 3), sentence


def sequences(text: str, vocabulary: frozenset[str]) -> list[Draft]:
    """Neighbouring steps of ``First ... Then ... Finally ...`` or a numbered list, as ``What is done directly after ...?``."""
    spans = sentence_spans(text)
    drafts = []
    for (start, end), (next_start, next_end) in zip(spans, spans[1:], strict=False):
        this, following = text[start:end], text[next_start:next_end]
        if STEP.match(following) and not STEP.match(following)["word"].startswith("First"):  # type: ignore[index]
            drafts += _pair(text, (start, next_end), this, following, vocabulary)
    steps = [(s, e) for s, e in _numbered(text)]
    for (start, end), (next_start, next_end) in zip(steps, steps[1:], strict=False):
        drafts += _pair(text, (start, next_end), text[start:end], text[next_start:next_end], vocabulary)
    return drafts


def _numbered(text: str) -> list[tuple[int, int]]:
    return [(m.start(), m.end()) for m in re.finditer(r"(?m)(?<=^)\d{1,2}[.)] [A-Z][^\n]{10,200}[.]$", text)]


def _pair(text: str, span: tuple[int, int], this: str, following: str, vocabulary: frozenset[str]) -> list[Draft]:
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
