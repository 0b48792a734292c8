"""Clause and fact -> what speaks against asking it: misread grammar, empty words, cut keys. A doubtful fact is left out, not mended."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_keys import holds_clause
from tasks.extract_tokens import (
    DETERMINERS,
    NUMBER_WORDS,
    PREPOSITIONS,
    SUBORDINATORS,
    is_adverb,
    is_number,
    is_plural,
    tokenise,
)
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from tasks.extract_draft import Found
    from tasks.extract_grammar import Clause
    from tasks.extract_tokens import Token

ASKS_BY_SENSE = frozenset(
    {"object", "link", "list", "definition", "subject", "defined_term", "agent", "means", "identity", "place", "purpose"}
)
"""Patterns whose question rests on words alone: no number, name of a role or table tells what is meant."""
JOINS_NOUN = re.compile(r" and (?:the|an?) ")
POINTS_BACK = re.compile(r"\b(?:its|their|it|they|them)\b")
AUTHORS = "the authors"
NEEDS_KEY = frozenset({"object", "link", "subject", "identity", "definition", "list", "agent", "place"})
NEGATED_VERB = re.compile(r"\b\w+n['’]t\b")  # noqa: RUF001  # as printed
SUBSCRIPT = re.compile(r"\b[A-Za-z][ijk]\b|\w\+[a-z]|\b[a-z]{5,}\d\b|\([a-z]\)")
"""``qi``, ``q+i``, ``information2``: what is left of subscripts and footnote marks."""
KNOWN_PAIRS = frozenset({"hi", "pi", "ok", "ai", "AI", "UI", "uk", "UK", "OK", "Hi", "Pi"})
DANGLES = re.compile(
    r"^(?:either|neither|both|such|these|those|others?|the same|the other|the latter|the former) |\b(?:either|neither) [a-z]", re.IGNORECASE
)
BARE_NUMBER = re.compile(r"^(?:an?|the) \d[\d.,]*$", re.IGNORECASE)
NAME = re.compile(r"[A-Z][\w-]*(?: [A-Z][\w-]*)+")
HOLDS_LIMIT = re.compile(r" (?:at least|at most|up to|no more than) ")
ENDS_OPEN = re.compile(
    r" (?:and|or|not|namely|after|before|irrespective|regardless|based|due|according|such|only|then|thereby|down|up|off|out)$"
)
OPENS_CLAUSE = re.compile(r"^(?:i\.e|e\.g|there\b|that\b|what\b|however\b|despite\b|agent - )", re.IGNORECASE)
SINGULAR_S = re.compile(r"(?:ss|us|is|ics|news|series|species|means|lens|gas|bias|always|basis|https?|[A-Z]{2,}\w*|[A-Z]\w*[A-Z]\w*)$")


def is_doubtful_sentence(text: str, vocabulary: frozenset[str]) -> bool:
    """True where a flattened subscript or a contracted negation stands in the sentence."""
    if NEGATED_VERB.search(text) or any(match.group() not in KNOWN_PAIRS for match in SUBSCRIPT.finditer(text)):
        return True
    return any(word[:-1] in vocabulary for word in re.findall(r"\b[a-z]{3,}[ij]\b", text))


def is_doubtful_clause(clause: Clause) -> bool:
    """True where subject and verb disagree, the subject is no noun phrase, or a progressive hides a copula."""
    tokens = tokenise(clause.subject)
    if not tokens or OPENS_CLAUSE.match(clause.subject) or not tokens[-1].text[-1].isalnum():
        return True
    if any(
        re.search(r" (?:and|or)$", phrase.text) or " but " in phrase.text or (" and " in phrase.text and holds_clause(phrase.text))
        for phrase in clause.phrases
    ):
        return True
    if clause.verb.endswith(("based", "only")) or re.match(r"to \w+ that\b", clause.intro, re.IGNORECASE):
        return True
    if tokens[-1].low in DETERMINERS | PREPOSITIONS | {"of", "and", "or"} or BARE_NUMBER.match(clause.subject):
        return True
    return not _agrees(clause, tokens) or _has_stray_article(tokens) or _is_copula_and_gerund(clause)


def _agrees(clause: Clause, tokens: list[Token]) -> bool:
    """False for ``files was used`` and ``quality are captured``; True wherever number cannot be told."""
    verb = clause.aux or clause.verb
    is_singular_verb = verb in ("is", "was", "has", "does") or (not clause.aux and clause.form == "s")
    is_plural_verb = verb in ("are", "were", "have") or (not clause.aux and clause.form == "base" and clause.base != "have")
    if not (is_singular_verb or is_plural_verb) or is_number(tokens[0].low) or verbs.reading(tokens[0].low, "ing"):
        return True
    at = next((at for at in range(1, len(tokens)) if tokens[at].low in PREPOSITIONS | {"of"} or tokens[at].text == "("), len(tokens))
    head = tokens[at - 1]
    joined = any(token.low in ("and", "or") for token in tokens) or "&" in clause.subject
    if is_singular_verb:
        both = not head.is_capital and tokens[0].low not in ("each", "every") and any(token.low == "and" for token in tokens[:at])
        sure = is_plural(head.low) and not SINGULAR_S.search(head.text) and not head.is_capital
        return not (both or sure)
    counted = head.low in word_list("plural_nouns") | DETERMINERS or is_number(head.low)
    return joined or counted or is_plural(head.low) or head.low.endswith("s") or head.is_capital


def _has_stray_article(tokens: list[Token]) -> bool:
    """True for ``the flow the authors``: an article that neither opens the subject nor follows what takes a noun."""
    for before, token in pairwise(tokens):
        takes_noun = before.low in PREPOSITIONS | SUBORDINATORS | DETERMINERS | {"of", "and", "or", "that", "which", ",", "as"}
        if token.low in ("the", "a", "an") and not takes_noun and not verbs.readings(before.low):
            return True
    return False


def _is_copula_and_gerund(clause: Clause) -> bool:
    """``the methods are forming chunks``: ``be`` with an active ``-ing`` form is seldom a progressive in technical prose."""
    last = clause.verb.casefold().split()[-1:] if clause.aux in verbs.BE else []
    found = verbs.reading(last[0], "ing") if last and not clause.is_passive else None
    return found is not None and found.base not in ("become", "grow", "increase", "decrease")


def is_doubtful_fact(clause: Clause, fact: Found) -> bool:
    """True where the question would dangle or be empty, or the key is cut or says nothing."""
    if fact.pattern not in ASKS_BY_SENSE:
        return bool(DANGLES.search(clause.subject)) and fact.kind != "number"
    if fact.pattern in NEEDS_KEY and not is_whole_key(fact.key, gerund=fact.pattern in ("subject", "agent", "list", "defined_term")):
        return True
    return _is_empty_question(clause, fact) or _is_misread_object(clause, fact)


def _is_empty_question(clause: Clause, fact: Found) -> bool:
    """True where subject, verb or a phrase of the question points at nothing: ``the benchmark``, ``gives``, ``where ...``."""
    is_named_here = fact.pattern in ("definition", "identity") or clause.subject == AUTHORS
    if DANGLES.search(clause.subject) or (is_bare(clause.subject) and not is_named_here):
        return True
    if fact.pattern in ("object", "link", "list", "subject", "place") and clause.base in word_list("light_verbs"):
        return True
    if any(phrase.prep in ("where", "whereas") or ENDS_OPEN.search(f" {phrase.text}") for phrase in clause.phrases):
        return True
    return clause.subject == AUTHORS and any(POINTS_BACK.search(phrase.text) for phrase in clause.phrases)


def _is_misread_object(clause: Clause, fact: Found) -> bool:
    """True where the object begins with a verb, runs on into another noun phrase, or is the authors' own something."""
    runs_on = any(JOINS_NOUN.search(phrase.text) for phrase in clause.phrases[1:])
    return fact.pattern == "object" and (_reads_as_verb(fact.key) or runs_on or AUTHORS in f"the {fact.key}")


def is_bare(noun: str) -> bool:
    """``the benchmark``, ``a model``, ``the first method``: a noun that many things in a document share, and nothing that tells which."""
    words = _words(noun)
    words = words[1:] if words and words[0] in DETERMINERS else words
    told = [word for word in words if not (is_number(word) or word in NUMBER_WORDS or word in word_list("ordinals"))]
    return len(told) <= 1 and (not told or _singular(told[0]) in word_list("generic_nouns"))


def is_whole_key(key: str, *, gerund: bool = False) -> bool:
    """True for a key that says something by itself: a content word beyond generic nouns and praise, and no open end."""
    words = _words(key)
    if NAME.fullmatch(key):
        return True
    if (
        not words
        or HOLDS_LIMIT.search(key)
        or ENDS_OPEN.search(f" {key.casefold()}")
        or words[-1] in PREPOSITIONS | SUBORDINATORS | DETERMINERS | {"of"}
    ):
        return False
    telling = [w for w in words if w not in DETERMINERS | {"of"} and _singular(w) not in word_list("generic_nouns") | word_list("praise")]
    ends_verbal = len(words) > 1 and (_is_loose_participle(key) or (is_adverb(words[-1]) and words[-1].endswith("ly")))
    starts_verbal = not gerund and verbs.reading(words[0], "ing") is not None and len(words) <= 2  # noqa: PLR2004  # 'enabling models'
    return bool([w for w in telling if not is_adverb(w)]) and not ends_verbal and not starts_verbal


def _is_loose_participle(key: str) -> bool:
    """``human expertise required``: a participle behind its noun has lost what it goes with."""
    last = key.rsplit(maxsplit=1)[-1]
    found = verbs.reading(last, "participle", "ing")
    if found is None or last[:1].isupper() or verbs.reading(last, "base", "s"):
        return False
    return found.form == "participle" or last in ("ranging", "comprising", "consisting", "containing", "involving", "including", "using")


def _reads_as_verb(key: str) -> bool:
    """True where the key begins with a finite verb: the word taken for the verb before it was a noun."""
    first = _words(key)[:1]
    found = verbs.reading(first[0], "base", "s") if first else None
    is_noun = found is not None and (found.base in word_list("noun_like") or verbs.reading(first[0], "participle") is not None)
    return found is not None and not is_noun and len(_words(key)) > 1


def n_telling(question: str) -> int:
    """How many words of a question tell what is asked about: no question words, generic nouns, praise or light verbs."""
    empty = word_list("empty_words") | word_list("generic_nouns") | word_list("praise") | PREPOSITIONS | DETERMINERS | verbs.AUXILIARIES
    words = re.findall(r"[^\W_][\w-]*", question)
    told = [w for w in words if len(w) >= 3 or w.isupper() or w[0].isdigit()]  # noqa: PLR2004  # shorter words are not content
    return sum(not ({w.casefold(), _singular(w.casefold())} & empty) and not is_adverb(w.casefold()) for w in told)


def starts_loose(rest: str, *, after: str) -> bool:
    """True where what follows the verb begins with a conjunction or a second verb."""
    low = (_words(rest) or [""])[0]
    return (
        low in ("and", "or", "but", "that", "than")
        or (low == "to" and after == "be")
        or is_number(low)
        or low in SUBORDINATORS
        or low in verbs.AUXILIARIES
    )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"[^\W_][\w'’.-]*", text)]  # noqa: RUF001  # as printed


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
