"""Clause -> facts, surest first: the registry of clause patterns, and those about counts, limits, lists, objects and comparisons."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_clauses import CLAUSE_LINK, INDEPENDENT, PARENTHESIS, is_clause
from tasks.extract_doubts import DANGLES, is_bare, is_doubtful_clause, is_doubtful_fact, is_whole_key, n_telling, starts_loose
from tasks.extract_draft import Found
from tasks.extract_facts import agents, places_and_links, quantities, reasons
from tasks.extract_finite import find_verb
from tasks.extract_grammar import Phrase, bare_subject, verb_group
from tasks.extract_keys import clean_key, first_word, holds_clause, is_named, is_pronoun, read_attribute, who_or_what
from tasks.extract_lists import COMPARED, list_items
from tasks.extract_predicates import HEAD_END, meanings, naming, predicates
from tasks.extract_quantities import RANGE, read_quantity
from tasks.extract_questions import DROPPED, is_plural_noun, object_gap, singular_group, subject_gap, unique
from tasks.extract_sentences import decapitalise
from tasks.extract_tokens import NUMBER_WORDS, PREPOSITIONS, SUBORDINATORS, tokenise
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
OPENS_NOUN = re.compile(r"(?:the|an?|this|these|it|they) ", re.IGNORECASE)
OTHER_NAME = re.compile(r", or [^,]{3,40},(?= (?:is|are|was|has) )")
NEGATED = re.compile(r"\bnot\b|\bcannot\b|\bnever\b|\bno longer\b")
NO_SUBJECT = re.compile(r"(?:no|neither|few|hardly|none) ", re.IGNORECASE)
CONTENT_LENGTH = 4
"""Words at least this long, capitals and numbers count as content."""
SPECIFIC_WORDS = 3
"""A predicate with fewer content words is too vague to ask who or what does it."""
MIN_WHOLE_TELLING, MAX_WHOLE_WORDS = 4, 28
"""A predicate kept word for word names one subject from so many content words on, and can be read up to so many words."""
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
        key = _object_key(clause)
        if key.casefold() not in ("", "either", "both", "one", "following") and (is_named(key) or " " in key):
            yield Found("object", "name" if is_named(key) else "term", key, object_gap(clause, 0, who_or_what(whole)), 4)


def _object_key(clause: Clause) -> str:
    """The object as it must be said; a gerund with all that follows, as it says nothing without: ``splitting the code at class level``."""
    whole = clause.phrases[0].text
    if verbs.reading(first_word(whole), "ing"):
        return clean_key(" ".join(str(phrase) for phrase in clause.phrases if not phrase.is_fronted))
    return clean_key(HEAD_END.split(whole)[0] if len(whole.split()) > MAX_OBJECT_WORDS else whole)


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


def whole_subject(sentence: str, vocabulary: frozenset[str]) -> Iterator[tuple[Found, str]]:
    """What it is that does all the rest of a sentence, the rest kept word for word so that no condition is lost."""
    text = decapitalise(OTHER_NAME.sub("", PARENTHESIS.sub("", sentence)).rstrip("."), vocabulary)
    tokens = tokenise(text)
    at = find_verb(tokens)
    if at is None or tokens[0].low in PREPOSITIONS | SUBORDINATORS or verbs.reading(tokens[0].low, "base", "participle"):
        return
    subject, said = bare_subject(text[: tokens[at].start]), text[tokens[at].start :]
    grouped = verb_group(said, tokenise(said))
    if grouped is None or "," in subject or ":" in text or ";" in text or is_pronoun(subject):
        return
    clause, after = grouped
    rest = said[tokenise(said)[after].start :] if after < len(tokenise(said)) else ""
    if POINTS_BACK.search(rest):
        rest = re.split(r", (?:where|which|so|and|but) ", rest)[0]
    clause = replace(clause, subject=subject, phrases=(Phrase("", rest),) if rest else ())
    if clause.phrases and _is_asked_for(clause) and not NEGATED.search(clause.verb_group):
        yield Found("subject", "name" if is_named(subject[1:]) else "term", clean_key(subject), subject_gap(clause)[:3], 6), sentence


def _is_asked_for(clause: Clause) -> bool:
    """True for a subject that says what it is, of a predicate that says enough to have no other."""
    subject, rest = clause.subject, clause.phrases[0].text
    is_article = re.match(r"an? ", subject) and clause.base in ("be", "refer", "involve")
    is_vague = (INDEFINITE.match(subject) and not is_article) or VAGUE.match(subject) or POINTS_BACK.search(rest)
    told = re.sub(r"^(?:an?|the) ", "", subject)
    if is_vague or DANGLES.search(subject) or is_doubtful_clause(clause) or is_bare(subject) or not is_whole_key(told, gerund=True):
        return False
    if clause.base == "be" and not clause.is_passive and clause.aux in ("are", "were") and is_plural_noun(rest):
        return False  # 'what is estimation problems'
    if any(
        OPENS_NOUN.match(right := rest[link.end() :]) and is_clause(right)
        for link in CLAUSE_LINK.finditer(rest)
        if link["link"] in INDEPENDENT
    ):
        return False
    is_long = len(subject.split()) > MAX_ASKED_SUBJECT_WORDS or len(rest.split()) > MAX_WHOLE_WORDS
    fits = (
        (" " in told or is_named(told))
        and clause.base not in word_list("light_verbs") - {"be"}
        and not starts_loose(rest, after=clause.base)
    )
    return fits and not is_long and n_telling(rest) >= MIN_WHOLE_TELLING - is_named(told)


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
    if clause.base == "get" or NO_SUBJECT.match(clause.subject) or is_doubtful_clause(clause):
        return []
    if NEGATED.search(clause.verb_group):
        return list(quantities(clause)) if clause.aux in ("must", "may", "shall", "should") else []
    found = [fact for pattern in PATTERNS for fact in pattern(clause)]
    found = [fact for fact in found if (fact.cost < UNSURE or _is_telling(clause, fact)) and not is_doubtful_fact(clause, fact)]
    return sorted(found, key=lambda fact: fact.cost)


def _is_telling(clause: Clause, fact: Found) -> bool:
    """True where the question itself says enough to have one answer: not ``What do the authors evaluate?``."""
    n_told = n_telling(fact.questions[0])
    is_precise = not VAGUE.match(clause.subject) or is_named(" ".join(map(str, clause.phrases[1:])))
    return n_told >= SPECIFIC_WORDS or (n_told >= SPECIFIC_WORDS - 1 and is_precise)
