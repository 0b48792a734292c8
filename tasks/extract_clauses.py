"""Cleaned sentence -> statements: its clauses, coordinated and relative ones too, each with the sentence that answers for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from tasks import extract_verbs as verbs
from tasks.extract_finite import find_verb
from tasks.extract_grammar import Clause, parse, split_phrases
from tasks.extract_keys import first_word
from tasks.extract_lists import MAX_ITEM_WORDS, list_items
from tasks.extract_sentences import MIN_WORDS, decapitalise
from tasks.extract_tokens import DETERMINERS, PREPOSITIONS, SUBORDINATORS, is_number, starts_like_verb, tokenise

PARENTHESIS = re.compile(r" ?\([^()]*\)")
APPOSITION = re.compile(r"(?<=[a-z0-9]), (?:an?|the) [^,;]{3,60}?,(?= (?:is|are|was|were|has|have|had|can|must|may|will|[a-z]+(?:s|ed)) )")
NAMED_APPOSITION = re.compile(
    r"(?P<role>\b[Tt]he (?:[a-z][\w-]* ){0,4}?(?:of (?:the |[A-Z]\w+ |[a-z]+ ){0,3})?[\w-]+), "
    r"(?P<name>(?:(?:Dr|Prof|Professor|Inspector|Captain)\.? )?[A-Z][a-zà-ÿ]+ [A-Z][\w-]+),?(?=[ .]|$)"
)
CLAUSE_LINK = re.compile(
    r",? (?P<link>and|but|while|whereas|although|though|so|yet|because|since|for|which|who|where|so that|when|if|unless|as|until|then) "
)
INDEPENDENT = frozenset({"and", "but", "while", "whereas", "although", "though", "so", "yet", "because", "since", "for", "so that"})
EQUAL = frozenset({"and", "but", "while", "whereas", "yet"})
"""Links between clauses that each answer alone; after the others the first clause keeps the whole sentence for answer."""
REPORTED = re.compile(
    r"^[^,;]{3,60}? (?:shows?|showed|finds?|found|notes?|observed?|demonstrate[sd]?|confirm(?:s|ed)?|reports?|reported|reveal(?:s|ed)?|"
    r"conclude[sd]?|indicates?|indicated) that (?=[A-Za-z])|^(?:[Cc]onfirm|[Cc]heck|[Ee]nsure|[Vv]erify|[Mm]ake sure) that "
)
DEFINITE_NOUN = re.compile(r"\b[Tt]he (?:(?!(?:the|an?|of|in|on|at|to|and)\b)[\w-]+ ){0,2}[\w-]+$")
NAME_AT_END = re.compile(r"(?:[A-Z][\w.-]*|(?<=[A-Z]\w )\d[\w.]*)(?: (?:[A-Z][\w.-]*|\d[\d.]*))*$")
COUNTED_CLAUSE = re.compile(r"\d[\d.,]* \w+ (?:were|was|are|is|have|had)\b")
OPENS_ADVERBIAL = re.compile(r"(?:[A-Z]|in|at|on|after|before|when|if|during|for|with|by)\b")
BEFORE_LIST = re.compile(r"\b(?:of|are|is|were|was|include|includes|contain|contains|comprises?|and|with|for|on|between|into)\b")
LIST_GOES_ON = re.compile(
    r"(?!(?:which|who|where|and|but|so|with|when|if|because|in|on|at|by|for|from|to|of|as|after|before|while|[a-z]+(?:ing|ed))\b)"
    r"(?:[^,]{2,40}, )*(?:(?:and|or) [^,]{2,60}$|[^, ]+(?: [^, ]+){0,2} (?:and|or) (?!(?:is|are|was|were|has|can|must)\b))"
)
YEAR_FIRST = re.compile(r"(?:19|20)\d\d\b")
MAX_CLAUSE_SUBJECT = 12
"""Words before the verb beyond which a stretch behind ``and`` is taken for a list, not for a clause."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A clause and the complete sentence that answers for it."""

    clause: Clause
    answer: str


def statements(sentence: str, vocabulary: frozenset[str]) -> list[Statement]:
    """The clauses of a cleaned sentence in order; what cannot be parsed is left out."""
    found = []
    plain = NAMED_APPOSITION.sub(lambda m: f"{m['role']} {m['name']}" if m["role"].endswith(" of") else m["role"], sentence)
    for piece in APPOSITION.sub("", PARENTHESIS.sub("", plain)).rstrip(".!").split("; "):
        body = piece.split(": ")[0]
        if ":" in piece and len(body.split()) < MIN_WORDS:
            continue
        for text, answer in _independent(body, piece if ";" in sentence else sentence):
            found += [Statement(clause, _finish(answer)) for clause in _clauses(decapitalise(text.strip(), vocabulary))]
    return found


def _finish(answer: str) -> str:
    text = answer.strip().rstrip(" ,;:.!")
    return text[:1].upper() + text[1:] + "."


def _independent(text: str, answer: str) -> list[tuple[str, str]]:
    """(clause, its answer): the stretch cut at links that open another full clause, or a relative clause on a definite noun."""
    if reported := REPORTED.match(text):
        return _independent(text[reported.end() :], text[reported.end() :])
    for link in CLAUSE_LINK.finditer(text):
        left, right, word = text[: link.start()], text[link.end() :], link["link"]
        has_comma = link.group().startswith(",")
        if has_comma and word in ("which", "who"):
            if cut := _relative(left, right, word, answer):
                return cut
            continue
        opens = has_comma or right[:1].isupper() or right.split(" ", 1)[0] in DETERMINERS
        if word not in INDEPENDENT or not opens or not is_clause(right) or not is_clause(left):
            continue
        if word in ("because", "since") and not has_comma:
            return [(text, answer)]  # the reason stays with what it explains
        return [(left, left if word in EQUAL else answer), *_independent(right, right)]
    return [(text, answer)]


def _relative(left: str, right: str, word: str, answer: str) -> list[tuple[str, str]]:
    """Main and relative clause of ``left, which right``; empty where it is unsure what ``which`` stands for."""
    noun = _antecedent(left, word)
    if noun is None or not starts_like_verb(right):
        return []
    subject, parts = noun.group(), right.split(", ")
    if noun.start() == 0 and len(parts) > 1 and starts_like_verb(parts[-1]):
        main, aside = f"{subject} {parts[-1]}", f"{subject} {parts[0]}"
        return [(main, main), (aside, aside)]
    return [(left, answer), (f"{subject} {right}", f"{subject} {right}")]


def _antecedent(left: str, word: str) -> re.Match[str] | None:
    """A definite noun phrase or a name at the end of ``left``."""
    definite = DEFINITE_NOUN.search(left) if word == "which" else None
    if definite and find_verb(tokenise(definite.group())) is None:
        return definite
    return NAME_AT_END.search(left)


def is_clause(text: str) -> bool:
    """True where ``text`` opens with a noun phrase that a finite verb follows."""
    if text[:1].isdigit() and not COUNTED_CLAUSE.match(text):
        return False
    core = text.rsplit(", ", maxsplit=1)[-1] if OPENS_ADVERBIAL.match(text) else text
    tokens = tokenise(core)
    if not tokens or tokens[0].low in PREPOSITIONS | SUBORDINATORS | verbs.AUXILIARIES or verbs.reading(tokens[0].low, "ing", "s"):
        return False
    at = find_verb(tokens)
    return at is not None and at <= MAX_CLAUSE_SUBJECT and "," not in core[: tokens[at].start]


def _clauses(text: str) -> list[Clause]:
    """The clauses of one independent stretch: its opening split off, cut at the first comma that no list needs."""
    intro, body = _split_intro(text)
    head, _, tail = body.partition(", ")
    if YEAR_FIRST.match(tail) and head[-1:].isdigit():  # December 1, 2016
        more, _, tail = tail.partition(", ")
        head = f"{head}, {more}"
    if not tail:
        return _with_intro(parse(head), intro)
    if find_verb(tokenise(head)) is None:
        return []
    length = _list_length(BEFORE_LIST.split(head)[-1].strip() or head, tail)
    found = parse(f"{head}, {tail[:length]}" if length else head)
    if found and not length and LIST_GOES_ON.match(tail):  # a list that was cut: its phrase says too little
        found[-1:] = [replace(found[-1], phrases=found[-1].phrases[:-1])] if len(found[-1].phrases) > 1 else []
    return _with_intro(found, intro)


def _with_intro(clauses: list[Clause], intro: str) -> list[Clause]:
    """An opening ``in 2019`` joins the phrases behind the verb, ``of all parts`` the subject; an opening clause stays an opening."""
    tokens = tokenise(intro)
    if tokens and tokens[0].low == "of":
        return [replace(clause, subject=f"{clause.subject} {intro}") for clause in clauses]
    if not tokens or tokens[0].low not in PREPOSITIONS or find_verb(tokens) is not None or ", " in intro:
        return [replace(clause, intro=intro) for clause in clauses]
    moved = tuple(replace(phrase, is_fronted=True) for phrase in split_phrases(intro, tokens) if phrase.prep)
    return [replace(clause, phrases=(*clause.phrases, *moved)) for clause in clauses]


def _list_length(first: str, tail: str) -> int:
    """How many characters of ``tail`` go on with the list that ``first`` begins; 0 where it begins none."""
    if first_word(tail) in PREPOSITIONS:
        return 0
    at = 0
    for part in tail.split(", "):
        at += len(part) + (2 if at else 0)
        if re.search(r"(?:^| )(?:and|or) ", part):
            return at if list_items(f"{first}, {tail[:at]}") and find_verb(tokenise(f"x {tail[:at]}")) is None else 0
        if len(part.split()) > MAX_ITEM_WORDS:
            return 0
    return 0


def _split_intro(text: str) -> tuple[str, str]:
    """An opening adverbial and the rest: ``During reassembly | the bolt is ...``; no adverbial is an empty string."""
    tokens = tokenise(text)
    first, second = [*(token.low for token in tokens[:2]), "", ""][:2]
    opens = first in PREPOSITIONS | SUBORDINATORS or (first == "of" and ", " in text)
    if not opens or (is_number(second) and first in ("about", "around", "over", "under")):
        return "", text
    comma = text.find(", ") if ", " in text else len(text)
    if first in PREPOSITIONS and (at := _subject_start(text, comma)):
        return text[:at].strip(), text[at:]
    intro, found, body = text.partition(", ")
    return (intro, body) if found else ("", "")


def _subject_start(text: str, comma: int) -> int:
    """Where a subject with a determiner begins behind an opening without comma; 0 where it is not seen."""
    tokens = tokenise(text)
    for before, token in pairwise(tokens[1:-1]):
        if token.start > comma:
            return 0
        opens = token.low in DETERMINERS - {"that", "this"} and before.low not in DETERMINERS | PREPOSITIONS | {"of", "and", "or"}
        if opens and not verbs.reading(before.low, "ing") and find_verb(tokenise(text[token.start : comma])) is not None:
            return token.start
    return 0
