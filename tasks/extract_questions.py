"""Clause and gap -> questions: one constituent is asked for, in several word orders and constructions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_tokens import DETERMINERS, is_plural
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.extract_grammar import Clause, Phrase

STRANDED = frozenset({"to", "at", "from", "in", "for", "with", "by", "on", "of", "about", "into", "through", "above", "below", "under"})
ADVERBIAL = frozenset({"when", "if", "until", "unless", "before", "after", "during", "every", "within", "once", "while", "till"})
DROPPED = frozenset({"because", "although", "though", "so", "while", "whereas", "despite", "since"})
POINTS_BACK = re.compile(r"\b(?:it|they|them|he|she|this|these|those)\b")
HEAD_END = re.compile(r" (?:of|for|in|with|that|which|on|to|from) ")
TIMES = re.compile(r"(?:\S+ )?\S*\d")


def tidy(question: str) -> str:
    """One line, single blanks, a capital first letter, one question mark."""
    text = re.sub(r"\s+", " ", question).strip().rstrip("?.;:, ")
    text = re.sub(r" ([,;])", r"\1", text)
    return text[:1].upper() + text[1:] + "?"


def unique(questions: Iterable[str]) -> tuple[str, ...]:
    """Tidied questions in order, each once."""
    return tuple(dict.fromkeys(tidy(question) for question in questions if question))


def others(clause: Clause, at: int, *, keep_all: bool = True) -> tuple[str, str]:
    """The phrases before and after the gap as they stay in the question; reasons and concessions go."""
    phrases = clause.phrases
    before = [str(p) for p in phrases[:at] if p.prep not in DROPPED]
    after = []
    keeps = keep_all
    for phrase in phrases[at + 1 :]:
        keeps = keeps or is_adverbial(phrase)  # what follows a kept phrase may belong to it
        if phrase.prep in DROPPED or POINTS_BACK.search(phrase.text) or not keeps:
            continue
        after.append(str(phrase))
    return " ".join(before), " ".join([*after, clause.intro])


def is_adverbial(phrase: Phrase) -> bool:
    """True for what tells of the verb, not of the noun before it: conditions, times, and phrases with a number."""
    return (
        phrase.is_fronted
        or phrase.prep in ADVERBIAL
        or (phrase.prep in ("in", "at", "on", "for", "by") and TIMES.match(phrase.text) is not None)
    )


def gap(clause: Clause, at: int, asked: Sequence[str], *, noun: str = "", keep_all: bool = True) -> tuple[str, ...]:
    """Questions for phrase ``at``: ``asked`` are question words that take the phrase's preposition; ``noun`` names what is asked for."""
    prep = clause.phrases[at].prep
    before, after = others(clause, at, keep_all=keep_all)
    front, rest = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb}", f"{before} {after}"
    statement = f"{clause.subject} {clause.verb_group}"
    first, last = asked[0], asked[-1]
    made = [f"{prep} {first} {front} {rest}"]
    if len(asked) > 1:
        made.append(f"{prep} {last} {front} {rest}")
    if noun:
        made.append(f"what is the {noun} {prep} which {statement} {rest}" if prep else f"what is the {noun} that {statement} {rest}")
    if prep in STRANDED:
        made.append(f"{first} {front} {before} {prep} {after}")
    made.append(f"{statement} {before} {prep} {first} {after}")
    if last != "what" or has_determiner(clause.subject):
        made.append(f"can you say {prep} {last} {statement} {rest}")
    else:  # 'in what LLMs are employed' reads as LLMs of some kind
        made.append(f"what exactly {front} {before} {prep} {after}" if prep in STRANDED else f"{prep} what exactly {front} {rest}")
    return unique(made)


def has_determiner(noun: str) -> bool:
    """True where ``noun`` begins with an article or another determiner, so that a question word before it is no part of it."""
    return noun.casefold().split()[0] in DETERMINERS


def adverbial(clause: Clause, at: int, asked: Sequence[str], *, keep_all: bool = True) -> tuple[str, ...]:
    """Questions for phrase ``at`` by adverbs that need no preposition: when, how often, for how long, where, why."""
    before, after = others(clause, at, keep_all=keep_all)
    front, rest = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb}", f"{before} {after}"
    statement = f"{clause.subject} {clause.verb_group}"
    made = [f"{words} {front} {rest}" for words in asked]
    made.append(f"can you say {asked[0]} {statement} {rest}")
    made.append(f"{asked[0]} is it that {statement} {rest}")
    return unique(made)


def subject_gap(clause: Clause, who: str = "what") -> tuple[str, ...]:
    """Questions for the subject: ``What controls the fan?``; also in the passive where the object is plain."""
    rest = " ".join([*(str(p) for p in clause.phrases if p.prep not in DROPPED), clause.intro])
    group = singular_group(clause)
    made = [
        f"{who} {group} {rest}",
        f"{who} is it that {group} {rest}",
        f"can you name {'the one who' if who == 'who' else 'what'} {group} {rest}",
    ]
    if _has_passive(clause):
        passive = passive_be(clause, clause.phrases[0].text)
        tail = " ".join([*(str(p) for p in clause.phrases[1:] if p.prep not in DROPPED), clause.intro])
        by = "whom" if who == "who" else "what"
        head = clause.phrases[0].text
        made.append(f"by {by} {passive} {head} {verbs.participle(clause.base)} {tail}")
        made.append(f"{head} {passive} {verbs.participle(clause.base)} by {by} {tail}")
    return unique(made)


def _has_passive(clause: Clause) -> bool:
    """True for a lone verb with a plain object that can be its passive's subject: not ``checking is required``, no second ``by``."""
    if clause.aux or not clause.form or not clause.phrases or clause.phrases[0].prep or clause.base in word_list("no_passive"):
        return False
    is_doing = verbs.reading(clause.phrases[0].text.split()[0].casefold(), "ing") is not None
    return not is_doing and all(phrase.prep != "by" and not phrase.text.startswith("by ") for phrase in clause.phrases)


def passive_be(clause: Clause, noun: str) -> str:
    """The form of ``be`` that makes ``noun`` the subject of the passive, in the clause's tense."""
    plural = is_plural_noun(noun)
    if clause.form == "past":
        return "were" if plural else "was"
    return "are" if plural else "is"


def is_plural_noun(noun: str) -> bool:
    """True where the head of ``noun`` (before any ``of``) looks plural, or two nouns are joined."""
    head = HEAD_END.split(noun)[0].split()
    if " and " in noun.split(" of ", maxsplit=1)[0]:
        return True
    return bool(head) and head[0].casefold() not in ("a", "an", "each", "every", "one") and is_plural(head[-1].casefold())


def singular_group(clause: Clause) -> str:
    """The verb group in the form that follows ``what`` or ``who``."""
    if clause.aux:
        singular = {"are": "is", "were": "was", "have": "has", "do": "does"}.get(clause.aux, clause.aux)
        return f"{singular} {clause.verb}".strip()
    return verbs.s_form(clause.base) if clause.form == "base" else clause.verb


def object_gap(clause: Clause, at: int, asked: str = "what") -> tuple[str, ...]:
    """Questions for the object at phrase ``at`` (without preposition): ``What does the relay control?``."""
    before, after = others(clause, at, keep_all=clause.subject == "the authors")  # who do many things
    front = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb}"
    statement = f"{clause.subject} {clause.verb_group}"
    made = [f"{asked} {front} {before} {after}", f"{asked} is it that {statement} {before} {after}"]
    if not clause.aux and clause.base not in word_list("no_passive"):
        be = {"past": "was"}.get(clause.form, "is")
        made.insert(1, f"{asked} {be} {verbs.participle(clause.base)} by {clause.subject} {before} {after}")
    elif clause.aux in verbs.MODALS and " " not in clause.verb and clause.base not in word_list("no_passive"):
        made.insert(1, f"{asked} {clause.aux} be {verbs.participle(clause.base)} by {clause.subject} {before} {after}")
    if has_determiner(clause.subject):
        made.append(f"can you say {asked} {statement} {before} {after}")
    else:
        made.append(f"{asked} exactly {front} {before} {after}")
    made.append(f"{statement} {before} {asked} {after}")
    return unique(made)


def predicate(clause: Clause, asked: Sequence[str], *, rest: Sequence[Phrase] = ()) -> tuple[str, ...]:
    """Questions for what stands behind a form of ``be``: ``What is the limit?``, ``How thick is the liner?``."""
    tail = " ".join([*(str(p) for p in rest if p.prep not in DROPPED), clause.intro])
    verb = clause.verb
    made = [f"{words} {clause.aux} {clause.subject} {verb} {tail}" for words in asked]
    made.append(f"{clause.subject} {clause.aux} {verb} {asked[0]} {tail}")
    made.append(f"can you say {asked[0]} {clause.subject} {clause.aux} {verb} {tail}")
    return unique(made)
