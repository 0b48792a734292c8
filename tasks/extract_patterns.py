"""Clause -> facts, surest first: the registry of clause patterns, and those about counts, limits, lists, objects and comparisons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Found
from tasks.extract_facts import agents, places_and_links, quantities, reasons
from tasks.extract_keys import clean_key, first_word, holds_clause, is_named, is_pronoun, read_attribute, who_or_what
from tasks.extract_lists import COMPARED, list_items
from tasks.extract_predicates import HEAD_END, meanings, naming, predicates
from tasks.extract_quantities import RANGE, read_quantity
from tasks.extract_questions import DROPPED, object_gap, singular_group, subject_gap, unique
from tasks.extract_tokens import NUMBER_WORDS, tokenise
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.extract_grammar import Clause

THRESHOLD = re.compile(r"^(?P<head>.+?) with an? (?P<name>[\w -]+?) (?P<side>below|above|under|over) (?P<value>\S+(?: \S+)?)$")
SHARE = re.compile(r"^(?P<core>\d[\d.,]* ?(?:%|per ?cent)) (?P<of>of .+)$")
AMOUNT = re.compile(r"^(?P<what>[\w -]+?) of (?P<value>.+)$")
COUNTED_TAIL = re.compile(r"(?: (?:of|in|from|with|on|at|that|who) .+)?$")
NOT_COUNTED = re.compile(r"(?:between|up to|at least) ")
NO_OBJECT_FIRST = re.compile(r"^(?:that|how|what|whether|not|more|less|to|only|well|up|out|as|back|down|off|again)\b")
LIST_PREPOSITIONS = frozenset({"", "of", "from", "into", "on", "with", "for", "between"})
HAS_PARTS = frozenset({"consist", "comprise", "compose", "divide", "make"})
OTHER_END = re.compile(r" (?P<link>at|in|on|for|when|and|with|by|because|after|during|across|to) ")
NO_OTHER = re.compile(r"that of|\d|expected|in |before|ever|usual|for |with |when ")
INDEFINITE = re.compile(r"(?:an?|each|every|all|both|some|many|most|no|several|one|two|three|any) ", re.IGNORECASE)
VAGUE = re.compile(
    r"(?:the )?(?:first|second|third|few|some|last|next|other|authors?|results?|latter|former|process|goal|idea|following)\b", re.IGNORECASE
)
POINTS_BACK = re.compile(r"\b(?:its|their|it|they|them|itself)\b")
NEGATED = re.compile(r"\bnot\b|\bcannot\b|\bnever\b|\bno longer\b")
NO_SUBJECT = re.compile(r"(?:no|neither|few|hardly|none) ", re.IGNORECASE)
CONTENT_LENGTH = 4
"""Words at least this long, capitals and numbers count as content."""
SPECIFIC_WORDS = 3
"""A predicate with fewer content words is too vague to ask who or what does it."""
MAX_OTHER_WORDS, MAX_OBJECT_WORDS, MAX_ASKED_SUBJECT_WORDS = 6, 6, 7
UNSURE = 3
"""Facts of this cost or more must ask a question that says enough to have one answer."""


def counted_subjects(clause: Clause) -> Iterator[Found]:
    """``57 percent of the adults returned``, ``15 drops of oil are lost``: asks for the number in the subject."""
    asked, key = _count(clause.subject)
    if not asked:
        return
    said = f"{clause.verb_group} {_kept(clause)}"
    questions = [*(f"{words} {said}" for words in asked), f"can you say {asked[0]} {said}", f"do you know {asked[-1]} {said}"]
    yield Found("counted", "number", key, unique(questions), 1)


def _count(subject: str) -> tuple[tuple[str, ...], str]:
    """Question words for a counted subject, and its number; nothing for any other."""
    quantity, share, amount = read_quantity(subject), SHARE.match(subject), AMOUNT.match(subject)
    limited = read_quantity(amount["value"]) if amount and not quantity else None
    if NOT_COUNTED.match(subject):
        return (), ""
    if amount and limited and not limited.after and amount["what"].split()[-1].casefold() not in word_list("nouns_with_of"):
        what = amount["what"]
        return (f"how much {what}", f"how many {limited.counted} of {what}", f"what amount of {what}"), limited.core
    if share:
        return (f"what percentage {share['of']}", f"how many per cent {share['of']}", f"what share {share['of']}"), share["core"]
    if quantity and not quantity.measure and COUNTED_TAIL.match(quantity.after):
        return (f"how many {quantity.counted}{quantity.after}", f"what number of {quantity.counted}{quantity.after}"), quantity.core
    if quantity and quantity.measure == "percentage" and not quantity.after:
        return ("what percentage", "how many per cent", "what share"), quantity.core
    return (), ""


def _kept(clause: Clause) -> str:
    return " ".join([*(str(phrase) for phrase in clause.phrases if phrase.prep not in DROPPED), clause.intro])


def thresholds(clause: Clause) -> Iterator[Found]:
    """``A bird with a distance below 0.25 is classed as faithful``: asks for the limit."""
    match = THRESHOLD.match(clause.subject)
    if match is None or not (read_quantity(match["value"]) or re.fullmatch(RANGE, match["value"])):
        return
    head, name, side, rest = match["head"], match["name"], match["side"], _kept(clause)
    questions = [
        f"{side} what {name} {clause.fronted_aux} {head} {clause.remaining_verb} {rest}",
        f"what is the {name} {side} which {head} {clause.verb_group} {rest}",
        f"{head} {clause.verb_group} {rest} {side} what {name}",
        f"can you say {side} what {name} {head} {clause.verb_group} {rest}",
    ]
    yield Found("threshold", "number", match["value"], unique(questions), 1)


def objects(clause: Clause) -> Iterator[Found]:
    """What a verb acts on: ``X consists of A, B and C``, ``X uses Y``."""
    if not clause.phrases or clause.base == "be" or (clause.is_passive and clause.phrases[0].prep not in ("of", "into")):
        return
    phrase, whole = clause.phrases[0], clause.phrases[0].text
    is_number = read_quantity(whole) is not None or read_attribute(whole) is not None
    if phrase.prep not in LIST_PREPOSITIONS or is_pronoun(whole) or is_number or holds_clause(whole):
        return
    if items := list_items(whole):
        yield Found("list", "list", "; ".join(items), _ask_list(clause), 1)
    elif not phrase.prep and clause.base not in word_list("takes_no_object") | {"have", "mean"} and not NO_OBJECT_FIRST.match(whole):
        key = clean_key(HEAD_END.split(whole)[0] if len(whole.split()) > MAX_OBJECT_WORDS else whole)
        if key.casefold() not in ("", "either", "both", "one", "following") and (is_named(key) or " " in key):
            yield Found("object", "name" if is_named(key) else "term", key, object_gap(clause, 0, who_or_what(whole)), 4)


def _ask_list(clause: Clause) -> tuple[str, ...]:
    prep = clause.phrases[0].prep
    front, statement = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb}", f"{clause.subject} {clause.verb_group}"
    tail = " ".join([*(str(phrase) for phrase in clause.phrases[1:] if phrase.prep not in DROPPED), clause.intro])
    made = [f"what {front} {prep} {tail}", f"which things {front} {prep} {tail}", f"can you name what {statement} {prep} {tail}"]
    if clause.base in HAS_PARTS:
        made += [f"what are the parts of {clause.subject}", f"which parts make up {clause.subject}"]
    elif not prep and clause.base != "have":
        made.append(f"{statement} what {tail}")
    return unique(made)


def comparisons(clause: Clause) -> Iterator[Found]:
    """``X needs less current than Y``: which of the two, and what beats Y."""
    rest = " ".join(str(phrase) for phrase in clause.phrases if phrase.prep not in DROPPED and phrase.prep not in ("when", "if"))
    rest = re.sub(r" (?:themselves|itself)\b", "", rest)
    match = COMPARED.match(rest)
    if match is None or is_pronoun(match["other"]) or NO_OTHER.match(match["other"]) or holds_clause(match["other"]):
        return
    end = OTHER_END.search(match["other"])
    is_cut = end is not None and f" {end['link']} " not in clause.subject  # 'watering in the evening ... than watering in the morning'
    other = match["other"][: end.start()] if end and is_cut else match["other"]
    is_amount = match["how"] in ("more", "less", "fewer") and re.match(r" ?\d", match["what"])
    is_vague = first_word(other) in NUMBER_WORDS | word_list("not_compared") or len(other.split()) > MAX_OTHER_WORDS
    if is_amount or is_vague or " that " in f" {match['before']} ":
        return
    subject, verb = clause.subject, singular_group(clause)
    does = f"{verb} {match['before']}{match['how']}{match['what']}{match['other'][len(other) :]}"
    questions = [
        f"which {does}, {subject} or {other}",
        f"which of the two {does}: {subject} or {other}",
        f"what {verb} {rest}",
        f"between {subject} and {other}, which {does}",
    ]
    yield Found("comparison", "comparison", clean_key(subject), unique(questions), 1)


def subjects(clause: Clause) -> Iterator[Found]:
    """What does or undergoes something that is told precisely: ``What is tightened to 42 Nm?``."""
    subject, said = clause.subject, " ".join(map(str, clause.phrases))
    tokens = tokenise(said)
    has_number = any(token.text[:1].isdigit() for token in tokens)
    n_content = sum(len(token.text) >= CONTENT_LENGTH or token.text[:1].isdigit() for token in tokens)
    is_copula = clause.base == "be" and not clause.is_passive
    is_vague = INDEFINITE.match(subject) or VAGUE.match(subject) or POINTS_BACK.search(said) or n_content < SPECIFIC_WORDS
    if is_copula or is_vague or len(subject.split()) > MAX_ASKED_SUBJECT_WORDS or clause.base in word_list("takes_no_object"):
        return
    named = is_named(subject[1:])  # the first letter is a capital in any sentence
    precise = is_named(said) or has_number or n_content >= 2 * SPECIFIC_WORDS
    if precise and (named or " " in clean_key(subject) or subject.isupper()):
        who = who_or_what(subject, acts=clause.base in word_list("human_acts") and not clause.is_passive)
        yield Found("subject", "name" if named else "term", clean_key(subject), subject_gap(clause, who), 5)


PATTERNS: tuple[Callable[[Clause], Iterator[Found]], ...] = (
    quantities,
    predicates,
    meanings,
    counted_subjects,
    thresholds,
    naming,
    agents,
    comparisons,
    objects,
    places_and_links,
    reasons,
    subjects,
)


def facts(clause: Clause) -> list[Found]:
    """Every fact that a pattern reads off the clause, surest first; none for a negated clause, save for limits not to be passed."""
    if clause.base == "get" or NO_SUBJECT.match(clause.subject):
        return []
    if NEGATED.search(clause.verb_group):
        return list(quantities(clause)) if clause.aux in ("must", "may", "shall", "should") else []
    found = [fact for pattern in PATTERNS for fact in pattern(clause) if fact.cost < UNSURE or _is_telling(clause, fact)]
    return sorted(found, key=lambda fact: fact.cost)


def _is_telling(clause: Clause, fact: Found) -> bool:
    """True where the question itself says enough to have one answer: not ``What do the authors evaluate?``."""
    asked = re.findall(r"[^\W_][\w-]*", fact.questions[0])
    told = [word for word in asked if len(word) >= CONTENT_LENGTH or word.isupper() or word[0].isdigit()]
    n_told = sum(word.casefold() not in word_list("empty_words") for word in told)
    return n_told >= SPECIFIC_WORDS or (n_told >= SPECIFIC_WORDS - 1 and not VAGUE.match(clause.subject))
