"""Chunk text -> sentences fit to be asked about, and each sentence -> clauses with the words that answer for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks import extract_verbs as verbs
from tasks.extract_grammar import DETERMINERS, NUMBER_WORDS, PREPOSITIONS, SUBORDINATORS, Clause, find_verb, parse, tokenise
from tasks.extract_patterns import list_items
from tasks.text import sentence_spans

CITATION = re.compile(r" ?\[\d+(?:[,;–-] ?\d+)*\]| ?\([^()]*(?:et al\.|[A-Z][a-z]+,? (?:19|20)\d\d[a-z]?)[^()]*\)| ?\((?:see |cf\. )?(?:[Ff]ig|[Tt]ab|[Ss]ec|[Ee]q|[Aa]pp)[^()]*\)")  # fmt: skip  # noqa: E501, RUF001
OPENER = re.compile(
    r"^(?:(?:However|Moreover|Furthermore|Additionally|In addition|Therefore|Thus|Hence|Consequently|As a result|On the other hand|"
    r"In contrast|By contrast|For example|For instance|In particular|Specifically|Notably|Finally|Meanwhile|Instead|Similarly|Likewise|"
    r"In general|Generally|In practice|In fact|Indeed|Overall|In summary|For this reason|Also|Besides|Nevertheless|Still|Conversely|"
    r"First|Second|Third|Firstly|Secondly|Thirdly|Next|Then|Lastly|After that|Afterwards|Accordingly|In other words|That is|Importantly|"
    r"Currently|Interestingly|Note that|On the contrary|At the same time|To this end|As such|More specifically|More precisely),? |"
    r"Then |But |And |Yet |So )"
)
ASIDE = re.compile(
    r", (?:however|therefore|for example|for instance|on the other hand|in turn|in contrast|of course|too|moreover|thus|likewise),"
)
META = re.compile(
    r"\b(?:(?:this|the|our|present) (?:paper|section|manual|document|handbook|report|article|chapter|work|note|text|study|appendix|edition|survey)|"
    r"figures?|tables?|fig\.|tab\.|sections?|appendix|equations?|eq\.|listing|et al|e-mail|preprint|arxiv|copyright|https?:|www\.)(?![a-z])",
    re.IGNORECASE,
)
POINTER = re.compile(
    r"\b(?:the|as|are|mentioned|described|shown|given|listed|see|stated) (?:above|below|following|former|latter|aforementioned|previous|same)\b|"
    r"\b(?:aforementioned|latter|former|as follows|respectively|thereof|hereby|the other)\b|^(?:This|That|These|Those|Such|It|They|He|She|There|Here|"
    r"Both|One|Another|Others|Neither|Either|Doing|His|Her|Its|Their|You|Your|I|My|All of|Each of|Some of|Most of|Many of|The second|"
    r"The first one|The other|What|How|Why|Which|Who)\b",
)
STRANGE = re.compile(r"[=∑∈≤≥→←×∥∇{}<>|\\^_~#*@•…�]|\w\(\w|https?|\.\.|[\u0370-\u03ff\u2200-\u22ff\U0001d400-\U0001d7ff]")  # fmt: skip
PARENTHESIS = re.compile(r" ?\([^()]*\)")
BULLET = re.compile(r"^(?:[•·▪◦*–—-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")  # noqa: RUF001  # as printed
CLAUSE_LINK = re.compile(
    r",? (?P<link>and|but|while|whereas|although|though|so|yet|because|since|for|which|who|where|so that|when|if|unless|as|until|then) "
)
INDEPENDENT = frozenset({"and", "but", "while", "whereas", "although", "though", "so", "yet", "because", "since", "for", "so that"})
MIN_WORDS, MAX_WORDS = 4, 45


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a chunk: its place, its words as printed, and cleaned for parsing and answering."""

    char_from: int
    n_chars: int
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A clause and the complete sentence that answers for it."""

    clause: Clause
    answer: str


def sentences(text: str) -> list[Sentence]:
    """Sentences of ``text`` that can stand alone: complete, in words, pointing at nothing outside themselves."""
    joined = re.sub(r"(?<=[\w,;)-])\n(?=[a-z(])", " ", text)  # a sentence that runs over a page break; offsets stay
    found = []
    for start, end in sentence_spans(joined):
        printed = joined[start:end]
        bullet = BULLET.match(printed)
        start += bullet.end() if bullet else 0
        clean = clean_sentence(joined[start:end])
        if clean:
            found.append(Sentence(start, end - start, clean))
    return found


def clean_sentence(printed: str) -> str:
    """The sentence without citations, openers and asides; empty where it cannot stand alone."""
    text = re.sub(r"\s+", " ", CITATION.sub("", printed)).strip()
    text = ASIDE.sub("", text)
    text = re.sub(r"\b[Ww]e\b", lambda m: "The authors" if m.start() == 0 else "the authors", re.sub(r"\b[Oo]ur\b", "their", text))
    while (match := OPENER.match(text)) and len(text) > match.end():
        text = text[match.end() :]
        text = text[:1].upper() + text[1:]
    text = re.sub(r"\b([Ww])e\b", "the authors", text)
    n_words = len(text.split())
    complete = text.endswith((".", "!")) and (text[:1].isupper() or text[:1].isdigit())
    if not complete or not MIN_WORDS <= n_words <= MAX_WORDS or META.search(text) or POINTER.search(text) or STRANGE.search(text):
        return ""
    letters = sum(c.isalpha() or c.isspace() for c in text) / len(text)
    odd = text.count("(") != text.count(")") or text.count('"') % 2 or text.count("“") != text.count("”")
    singles = sum(len(w) == 1 and w not in "aAI" and not w.isdigit() for w in re.findall(r"\w+", text))
    return "" if odd or letters < 0.8 or singles > 3 else text  # noqa: PLR2004  # shares met in formulas and rows of figures


def decapitalise(text: str, vocabulary: frozenset[str]) -> str:
    """``text`` for the middle of a sentence: its first word in lower case where that is a common word."""
    first = re.match(r"[A-Z][a-z'’-]*\b|A\b", text)  # noqa: RUF001
    if first is None:
        return text
    low = first.group().casefold()
    common = low in DETERMINERS | PREPOSITIONS | SUBORDINATORS | NUMBER_WORDS or low in vocabulary or verbs.readings(low)
    return low + text[first.end() :] if common else text


def statements(sentence: str, vocabulary: frozenset[str]) -> list[Statement]:
    """The clauses of a cleaned sentence, those of coordinated and relative clauses too; what cannot be parsed is left out."""
    found = []
    for piece in re.split(r"; ", PARENTHESIS.sub("", sentence).rstrip(".!")):
        body = piece.split(": ")[0]
        if ":" in piece and len(body.split()) < MIN_WORDS:
            continue
        for text, answer in _independent(body, sentence if piece.strip() == PARENTHESIS.sub("", sentence).rstrip(".!") else piece):
            found += [Statement(clause, _finish(answer)) for clause in _clauses(decapitalise(text.strip(), vocabulary))]
    return found


def _finish(answer: str) -> str:
    text = answer.strip().rstrip(" ,;:.!")
    return text[:1].upper() + text[1:] + "."


def _independent(text: str, answer: str) -> list[tuple[str, str]]:
    """(clause, its answer): the stretch cut at links that open another full clause, or a relative clause on a definite noun."""
    for link in CLAUSE_LINK.finditer(text):
        left, right = text[: link.start()], text[link.end() :]
        word = link["link"]
        if link.group().startswith(",") and word in ("which", "who"):
            noun = re.search(r"(?:\b[Tt]he (?:[\w-]+ ){0,3}[\w-]+|[A-Z][\w-]+(?: [A-Z0-9][\w-]*)*)$", left)
            if noun and right and _starts_with_verb(right):
                main = right.split(", ")
                subject = noun.group()
                if noun.start() == 0 and len(main) > 1 and _starts_with_verb(main[-1]):
                    whole = f"{subject} {main[-1]}"
                    return [(whole, whole), (f"{subject} {main[0]}", f"{subject} {main[0]}")]
                return [(left, answer), (f"{subject} {right}", f"{subject} {right}")]
            continue
        if word in INDEPENDENT and _is_clause(right) and _is_clause(left):
            keep = word in ("because", "since") and not link.group().startswith(",")
            first = [(text, answer)] if keep else [(left, left if word in ("and", "but", "while", "whereas", "yet") else answer)]
            return first + ([] if keep else _independent(right, right))
    return [(text, answer)]


def _starts_with_verb(text: str) -> bool:
    low = tokenise(text)[0].low if tokenise(text) else ""
    return low in verbs.AUXILIARIES or verbs.reading(low, "s", "past") is not None


def _is_clause(text: str) -> bool:
    """True where ``text`` opens with a noun phrase that a sure verb follows."""
    core = (
        text.rsplit(", ", maxsplit=1)[-1]
        if re.match(r"(?:[A-Z]|in|at|on|after|before|when|if|during|for|with|by)\b", text) and ", " in text
        else text
    )
    tokens = tokenise(core)
    if not tokens or tokens[0].low in PREPOSITIONS | SUBORDINATORS | verbs.AUXILIARIES or verbs.reading(tokens[0].low, "ing", "s"):
        return False
    at = find_verb(tokens)
    return at is not None and at <= 12 and "," not in core[: tokens[at].start]  # noqa: PLR2004  # a subject, not a list


def _clauses(text: str) -> list[Clause]:
    intro, body = _split_intro(text)
    if "," in body:
        head, _, tail = body.partition(", ")
        at = find_verb(tokenise(head))
        if at is None:
            return []
        objects = re.split(r"\b(?:of|are|is|were|was|include|includes|contain|contains|comprises?|and|with|for|on|between|into)\b", head)[
            -1
        ].strip()
        if not (tail and list_items(f"{objects or head}, {tail}".strip()) and find_verb(tokenise(tail)) is None):
            body = head
    return [replace(clause, intro=intro) for clause in parse(body)]


def _split_intro(text: str) -> tuple[str, str]:
    """An opening adverbial and the rest: ``During reassembly | the bolt is ...``; no adverbial is an empty string."""
    tokens = tokenise(text)
    if not tokens or tokens[0].low not in PREPOSITIONS | SUBORDINATORS:
        return "", text
    if ", " in text:
        intro, _, body = text.partition(", ")
        return intro, body
    for at in range(2, len(tokens) - 1):
        opens = tokens[at].low in DETERMINERS - {"that", "this"} and tokens[at - 1].low not in DETERMINERS | PREPOSITIONS | {
            "of",
            "and",
            "or",
        }
        if opens and not verbs.reading(tokens[at - 1].low, "ing", "s"):
            return text[: tokens[at].start].strip(), text[tokens[at].start :]
    return "", ""
