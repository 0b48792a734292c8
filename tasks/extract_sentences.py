"""Chunk text -> sentences that can stand alone: complete, in words, cleaned of citations and openers, pointing at nothing outside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks import extract_verbs as verbs
from tasks.extract_tokens import DETERMINERS, NUMBER_WORDS, PREPOSITIONS, SUBORDINATORS
from tasks.text import sentence_spans

MIN_WORDS, MAX_WORDS = 4, 45
MIN_LETTER_SHARE = 0.8
"""Sentences with a smaller share of letters and blanks are formulas or rows of figures."""
MAX_SINGLE_LETTERS = 3
"""Sentences with more words of one letter (``a`` and ``I`` aside) are formulas."""

_OWN = "paper|section|manual|document|handbook|report|article|chapter|note|study"
CITATION = re.compile(
    r" ?\[\d+(?:[,;–-] ?\d+)*\]"  # noqa: RUF001  # dashes as printed
    r"| ?\([^()]*(?:et al\.|[A-Z][a-z]+,? (?:19|20)\d\d[a-z]?)[^()]*\)"
    r"| ?\((?:see |cf\. )?(?:[Ff]ig|[Tt]ab|[Ss]ec|[Ee]q|[Aa]pp)[^()]*\)"
)
CITED_AS_NOUN = re.compile(r"(?:\b(?:by|from|in|as|of|to|see|with|and|on|at|than|like|or|following)|^|,) ?\[\d")
OPENER = re.compile(
    r"^(?:(?:However|Moreover|Furthermore|Additionally|In addition|Therefore|Thus|Hence|Consequently|As a result|On the other hand|"
    r"In contrast|By contrast|For example|For instance|In particular|Specifically|Notably|Meanwhile|Instead|Similarly|Likewise|"
    r"By default|In general|Generally|In practice|In fact|Indeed|Overall|In summary|For this reason|Besides|Nevertheless|Still|Conversely|"
    r"Firstly|Secondly|Thirdly|Accordingly|In other words|That is|Importantly|Currently|Interestingly|On the contrary|"
    r"At the same time|To this end|As such|More specifically|More precisely), |"
    r"(?:First|Second|Third|Finally|Lastly|Next|Then|After that|Afterwards|Note that|Also|However|Meanwhile),? |(?:But|And|Yet|So) )"
)
ASIDE = re.compile(
    r", (?:however|therefore|for example|for instance|on the other hand|in turn|in contrast|of course|too|moreover|thus|likewise),"
)
OWN_NAME = re.compile(rf" (?:of|in|for|to|under|according to) this (?:{_OWN}|protocol|policy|standard|release)\b")
META = re.compile(
    rf"\b(?:(?:[Tt]his|[Oo]ur|[Tt]he authors') (?:{_OWN}|work|text|appendix|survey)|"
    r"[Tt]he (?:(?:present|final|next|previous|last|first|second|third|following|same) )?(?:paper|article|appendix|text|section)|"
    r"[Ll]ater sections?|"
    r"(?:[Ff]igures?|[Tt]ables?|[Ss]ections?|[Aa]ppendix|[Ee]quations?) (?:\d|[A-Z]\b)|"
    r"[Ff]ig\.|[Tt]ab\.|[Ee]q\.|et al|e-mail|preprint|arXiv|copyright|https?:|www\.)(?![a-z])"
)
POINTER = re.compile(
    r"\b(?:the|as|are|mentioned|described|shown|given|listed|see|stated) (?:above|below|former|latter|aforementioned)\b|"
    r"\b(?:described|mentioned|discussed|explained) (?:earlier|before|previously)\b|"
    r"\b(?:aforementioned|latter|former|as follows|respectively|thereof|hereby)\b|"
    r"\bthe following (?:table|figure|list|section|example|steps|three|two)\b|\bYou\b|\b[Yy]our\b|\byou are\b|"
    r"^(?:This|That|These|Those|Such|It|They|He|She|Here|Both|One|Another|Others|Neither|Either|Doing|His|Her|Its|Their|I|My|"
    r"All of|Each of|Some of|Most of|Many of|The second|The first one|The other|What|How|Why|Which|Who)\b"
)
STRANGE = re.compile(
    r"[=∑∈≤≥→←×∥∇{}<>|\\^_~#*@•…�]|\w\(\w|https?|\.\.|[\u0370-\u03ff\u2200-\u22ff\U0001d400-\U0001d7ff]"  # noqa: RUF001  # signs of formulas
)
BROKEN = re.compile(
    r"\b(?:by|from|in|as|of|to|see|with|and|on|at|than|e\.g\.|i\.e\.|etc)[,.]?$|[a-z]{3,}\. \S|\?\?|\b(?:let['’]s|let us|please)\b|"  # noqa: RUF001
    r"\betc\. [A-Z]|\b[Ii]n \d+,|\b\d{1,3}, \d{3} (?!and\b|or\b)[a-z]|\(\s|\s[,;.]"
)
BULLET = re.compile(r"^(?:[•·▪◦*–—-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")  # noqa: RUF001  # as printed
LABEL = re.compile(r"[A-Z][^.:;?!]{1,70}: (?=[A-Z][\w-]*,? (?:[A-Z\d][\w-]*,? ){0,5}[a-z])")
HEADING = re.compile(r"(?:[A-Z][\w-]*[ -]+(?:(?:of|and|for|the|in|to|with|-) )?){1,7}(?=(?:We|The|A|An|In|To|For|Our|Each) [a-z])")
MAX_HEADING_WORDS = 7
PAGE_BREAK = re.compile(r"(?<=[\w,;)-])\n(?=[a-z(])")
COMMON_ENDING = re.compile(
    r"(?:ed|ing|tions?|ments?|ness|ity|ities|al|ive|ous|ic|able|ful|less|ures?|ances?|ences?|ages?|ists?|ers|ors|[bcdefghklmnprtvwy]s)$"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a chunk: its place, and its words cleaned for parsing and answering."""

    char_from: int
    n_chars: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """Sentences of ``text`` fit to be asked about, in order."""
    joined = PAGE_BREAK.sub(" ", text)  # a sentence that runs over a page break; offsets stay
    found = []
    for start, end in sentence_spans(joined):
        begin = start + _run_in(joined[start:end])
        if clean := clean_sentence(joined[begin:end]):
            found.append(Sentence(begin, end - begin, clean))
    return found


def _run_in(printed: str) -> int:
    """Length of the bullet, label or heading that runs into a sentence: ``Text Extraction Text extraction is ...``."""
    bullet = BULLET.match(printed)
    at = bullet.end() if bullet else 0
    if label := LABEL.match(printed, at):
        at = label.end()
    tokens = [(m.start(), m.group().casefold()) for m in re.finditer(r"[^\W_]+", printed[at:])]
    for n in range(MAX_HEADING_WORDS, 0, -1):
        first, second = tokens[:n], tokens[n : 2 * n]
        if len(tokens) > 2 * n and [w for _, w in first] == [w for _, w in second] and printed[at + second[0][0]].isupper():
            return at + second[0][0]
    heading = HEADING.match(printed, at)
    return heading.end() if heading else at


def clean_sentence(printed: str) -> str:
    """The sentence without citations, openers and asides, ``we`` told as ``the authors``; empty where it cannot stand alone."""
    if CITED_AS_NOUN.search(printed):
        return ""
    text = re.sub(r"\s+", " ", CITATION.sub("", printed)).strip()
    text = re.sub(r" (?=[,;](?: |$))", "", OWN_NAME.sub("", ASIDE.sub("", text)))
    for word, told in (("our", "the authors'"), ("we", "the authors")):
        text = re.sub(rf"\b{word}\b", told, text, flags=re.IGNORECASE)
    text = text[:1].upper() + text[1:] if printed[:1].isupper() else text
    while (match := OPENER.match(text)) and len(text) > match.end():
        text = text[match.end() :]
        text = text[:1].upper() + text[1:]
    return text if _stands_alone(text) else ""


def _stands_alone(text: str) -> bool:
    if not text.endswith((".", "!")) or not text[0].isalnum() or text[0].islower():
        return False
    if any(pattern.search(text) for pattern in (META, POINTER, STRANGE)) or BROKEN.search(text[:-1].rstrip()):
        return False
    words = text.split()
    letter_share = sum(c.isalpha() or c.isspace() for c in text) / len(text)
    n_singles = sum(len(word) == 1 and word not in "aAI" and not word.isdigit() for word in re.findall(r"\w+", text))
    is_balanced = text.count("(") == text.count(")") and text.count('"') % 2 == 0 and text.count("“") == text.count("”")
    is_prose = letter_share >= MIN_LETTER_SHARE and n_singles <= MAX_SINGLE_LETTERS
    return MIN_WORDS <= len(words) <= MAX_WORDS and is_balanced and is_prose


def decapitalise(text: str, vocabulary: frozenset[str]) -> str:
    """``text`` for the middle of a sentence: its first word in lower case where that is a common word.

    ``vocabulary``: words that stand in lower case elsewhere in the chunk.
    """
    first = re.match(r"[A-Z][a-z'’-]*\b|A\b", text)  # noqa: RUF001
    if first is None:
        return text
    low, rest = first.group().casefold(), text[first.end() :]
    if re.match(r"[ -][A-Z]", rest) and low not in DETERMINERS | PREPOSITIONS | SUBORDINATORS | NUMBER_WORDS:  # a name of several words
        return text
    closed = low == "of" or low in DETERMINERS | PREPOSITIONS | SUBORDINATORS | NUMBER_WORDS
    likely = COMMON_ENDING.search(low) and re.match(r" [a-z]", rest)
    return low + rest if closed or low in vocabulary or verbs.readings(low) or likely else text
