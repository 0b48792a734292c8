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
    r"Currently|Interestingly|Note that|On the contrary|At the same time|To this end|As such|More specifically|More precisely), |(?:First|Second|Third|Finally|Lastly|Next|Then|After that|Afterwards|Note that|Also),? |"
    r"Then |But |And |Yet |So )"
)
ASIDE = re.compile(
    r", (?:however|therefore|for example|for instance|on the other hand|in turn|in contrast|of course|too|moreover|thus|likewise),"
)
META = re.compile(
    r"\b(?:(?:[Tt]his|[Oo]ur|their) (?:paper|section|manual|document|handbook|report|article|chapter|work|note|text|study|appendix|survey)|"
    r"[Tt]he (?:present )?(?:paper|article|appendix|text|section)|(?:[Ff]igures?|[Tt]ables?|[Ss]ections?|[Aa]ppendix|[Ee]quations?) (?:\d|[A-Z]\b)|"
    r"[Ff]ig\.|[Tt]ab\.|[Ee]q\.|et al|e-mail|preprint|arXiv|copyright|https?:|www\.)(?![a-z])",
    0,
)
POINTER = re.compile(
    r"\b(?:the|as|are|mentioned|described|shown|given|listed|see|stated) (?:above|below|former|latter|aforementioned)\b|"
    r"\b(?:aforementioned|latter|former|as follows|respectively|thereof|hereby|the following (?:table|figure|list|section|example|steps|three|two))\b|^(?:This|That|These|Those|Such|It|They|He|She|Here|"
    r"Both|One|Another|Others|Neither|Either|Doing|His|Her|Its|Their|You|Your|I|My|All of|Each of|Some of|Most of|Many of|The second|"
    r"The first one|The other|What|How|Why|Which|Who)\b|\bYou\b|\byou are\b",
)
STRANGE = re.compile(r"[=∑∈≤≥→←×∥∇{}<>|\\^_~#*@•…�]|\w\(\w|https?|\.\.|[\u0370-\u03ff\u2200-\u22ff\U0001d400-\U0001d7ff]")  # fmt: skip
PARENTHESIS = re.compile(r" ?\([^()]*\)")
LIST_GOES_ON = re.compile(
    r"(?!(?:which|who|where|and|but|so|with|when|if|because|in|on|at|by|for|from|to|of|as|after|before|while|[a-z]+(?:ing|ed))\b)"
    r"(?:[^,]{2,40}, )*(?:(?:and|or) [^,]{2,60}$|[^, ]+(?: [^, ]+){0,2} (?:and|or) (?!(?:is|are|was|were|has|can|must)\b))"
)
BULLET = re.compile(r"^(?:[•·▪◦*–—-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")  # noqa: RUF001  # as printed
LABEL = re.compile(r"[A-Z][^.:;?!]{1,70}: (?=[A-Z][\w-]*,? [a-z])")
HEADING = re.compile(r"(?:[A-Z][\w-]*[ -]+(?:(?:of|and|for|the|in|to|with|-) )?){1,7}(?=(?:We|The|A|An|In|To|For|Our|Each) [a-z])")
BROKEN = re.compile(
    r"\b(?:by|from|in|as|of|to|see|with|and|on|at|than|e\.g\.|i\.e\.|etc)[,.]?$|[a-z]{3,}\. \S|\?\?|\b(?:let['’]s|let us|please)\b|"  # noqa: RUF001
    r"\betc\. [A-Z]|\b[Ii]n \d+,|\(\s|\s[,;.]",
)
CITED_AS_NOUN = re.compile(r"(?:\b(?:by|from|in|as|of|to|see|with|and|on|at|than|like|or|following)|^|,) ?\[\d")
APPOSITION = re.compile(r"(?<=[a-z0-9]), (?:an?|the) [^,;]{3,60}?,(?= (?:is|are|was|were|has|have|had|can|must|may|will|[a-z]+(?:s|ed)) )")
NAMED_APPOSITION = re.compile(r"(?P<role>\b[Tt]he (?:[a-z][\w-]* ){0,4}?(?:of (?:the |[A-Z]\w+ |[a-z]+ ){0,3})?[\w-]+), (?P<name>(?:(?:Dr|Prof|Inspector)\.? )?[A-Z][a-zà-ÿ]+ [A-Z][\w-]+),?(?= |$)")
CLAUSE_LINK = re.compile(
    r",? (?P<link>and|but|while|whereas|although|though|so|yet|because|since|for|which|who|where|so that|when|if|unless|as|until|then) "
)
REPORTED = re.compile(
    r"^[^,;]{3,60}? (?:shows?|showed|finds?|found|notes?|observed?|demonstrate[sd]?|confirm(?:s|ed)?|reports?|reported|reveal(?:s|ed)?|"
    r"conclude[sd]?|indicates?|indicated) that (?=[A-Za-z])"
)
INDEPENDENT = frozenset({"and", "but", "while", "whereas", "although", "though", "so", "yet", "because", "since", "for", "so that"})
COMMON_ENDING = re.compile(r"(?:ed|ing|tions?|ments?|ness|ity|ities|al|ive|ous|ic|able|ful|less|ures?|ances?|ences?|ists?|ers|ors|[bcdefghklmnprtvwy]s)$")
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
        begin = start + _run_in(printed)
        clean = clean_sentence(joined[begin:end])
        if clean:
            found.append(Sentence(begin, end - begin, clean))
    return found


def _run_in(printed: str) -> int:
    """Length of the bullet, label or heading that runs into a sentence: ``Text Extraction Text extraction is ...``."""
    bullet = BULLET.match(printed)
    at = bullet.end() if bullet else 0
    if label := LABEL.match(printed, at):
        at = label.end()
    tokens = [(m.start(), m.group().casefold()) for m in re.finditer(r"[^\W_]+", printed[at:])][:16]
    for n in range(7, 0, -1):
        if len(tokens) > 2 * n and [t for _, t in tokens[:n]] == [t for _, t in tokens[n : 2 * n]] and printed[at + tokens[n][0]].isupper():
            return at + tokens[n][0]
    heading = HEADING.match(printed, at)
    return heading.end() if heading else at


def clean_sentence(printed: str) -> str:
    """The sentence without citations, openers and asides; empty where it cannot stand alone."""
    if CITED_AS_NOUN.search(printed):
        return ""
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
    if BROKEN.search(text[:-1].rstrip()):
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
    likely = COMMON_ENDING.search(low) and re.match(r" [a-z]", text[first.end() :])
    return low + text[first.end() :] if common or likely else text


def statements(sentence: str, vocabulary: frozenset[str]) -> list[Statement]:
    """The clauses of a cleaned sentence, those of coordinated and relative clauses too; what cannot be parsed is left out."""
    found = []
    plain = NAMED_APPOSITION.sub(lambda m: f"{m['role']} {m['name']}" if m["role"].endswith(" of") else m["role"], sentence)
    for piece in re.split(r"; ", APPOSITION.sub("", PARENTHESIS.sub("", plain)).rstrip(".!")):
        body = piece.split(": ")[0]
        if ":" in piece and len(body.split()) < MIN_WORDS:
            continue
        for text, answer in _independent(body, sentence if ";" not in sentence else piece):
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
        left, right = text[: link.start()], text[link.end() :]
        word = link["link"]
        if link.group().startswith(",") and word in ("which", "who"):
            noun = _antecedent(left, word)
            if noun and right and _starts_with_verb(right):
                main = right.split(", ")
                subject = noun.group()
                if noun.start() == 0 and len(main) > 1 and _starts_with_verb(main[-1]):
                    whole = f"{subject} {main[-1]}"
                    return [(whole, whole), (f"{subject} {main[0]}", f"{subject} {main[0]}")]
                return [(left, answer), (f"{subject} {right}", f"{subject} {right}")]
            continue
        opens = link.group().startswith(",") or right[:1].isupper() or right.split(" ")[0] in DETERMINERS
        if word in INDEPENDENT and opens and _is_clause(right) and _is_clause(left):
            keep = word in ("because", "since") and not link.group().startswith(",")
            first = [(text, answer)] if keep else [(left, left if word in ("and", "but", "while", "whereas", "yet") else answer)]
            return first + ([] if keep else _independent(right, right))
    return [(text, answer)]


def _antecedent(left: str, word: str) -> re.Match[str] | None:
    """The noun that ``which`` or ``who`` stands for: a definite noun phrase or a name at the end of ``left``."""
    definite = re.search(r"\b[Tt]he (?:(?!(?:the|an?|of|in|on|at|to|and)\b)[\w-]+ ){0,2}[\w-]+$", left) if word == "which" else None
    if definite and find_verb(tokenise(definite.group())) is None:
        return definite
    return re.search(r"(?:[A-Z][\w.-]*|(?<=[A-Z]\w )\d[\w.]*)(?: (?:[A-Z][\w.-]*|\d[\d.]*))*$", left)


def _starts_with_verb(text: str) -> bool:
    low = tokenise(text)[0].low if tokenise(text) else ""
    return low in verbs.AUXILIARIES or verbs.reading(low, "s", "past") is not None


def _is_clause(text: str) -> bool:
    """True where ``text`` opens with a noun phrase that a sure verb follows."""
    if text[:1].isdigit() and not re.match(r"\d[\d.,]* \w+ (?:were|was|are|is|have|had)\b", text):
        return False
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
        if re.match(r"(?:19|20)\d\d\b", tail) and head[-1:].isdigit():  # December 1, 2016
            head, _, tail = f"{head}, {tail}".partition(tail[:4])
            head, tail = head + body[len(head) : len(head) + 4], tail.removeprefix(", ")
        at = find_verb(tokenise(head))
        if at is None:
            return []
        objects = re.split(r"\b(?:of|are|is|were|was|include|includes|contain|contains|comprises?|and|with|for|on|between|into)\b", head)[
            -1
        ].strip()
        length = _list_length(objects or head, tail)
        is_list = not length and bool(LIST_GOES_ON.match(tail))
        if length:
            body = f"{head}, {tail[:length]}"
        else:
            body = head
        if is_list:
            found = parse(body)
            kept = [replace(c, phrases=c.phrases[:-1]) for c in found[-1:] if len(c.phrases) > 1]
            return [replace(c, intro=intro) for c in [*found[:-1], *kept]]
    return [replace(clause, intro=intro) for clause in parse(body)]


def _list_length(first: str, tail: str) -> int:
    """How many characters of ``tail`` go on with the list that ``first`` begins; 0 where it begins none."""
    at = 0
    if not tail or tail.split()[0].casefold() in PREPOSITIONS:
        return 0
    for part in tail.split(", "):
        at += len(part) + (2 if at else 0)
        if re.search(r"(?:^| )(?:and|or) ", part):
            return at if list_items(f"{first}, {tail[:at]}") and find_verb(tokenise(f"x {tail[:at]}")) is None else 0
        if len(part.split()) > 6:  # noqa: PLR2004  # an item, not a clause
            return 0
    return 0


def _split_intro(text: str) -> tuple[str, str]:
    """An opening adverbial and the rest: ``During reassembly | the bolt is ...``; no adverbial is an empty string."""
    tokens = tokenise(text)
    if not tokens or tokens[0].low not in PREPOSITIONS | SUBORDINATORS:
        return "", text
    comma = text.find(", ") if ", " in text else len(text)
    for at in range(2, len(tokens) - 1) if tokens[0].low in PREPOSITIONS else ():
        if tokens[at].start > comma:
            break
        opens = tokens[at].low in DETERMINERS - {"that", "this"} and tokens[at - 1].low not in DETERMINERS | PREPOSITIONS | {
            "of",
            "and",
            "or",
        }
        if opens and not verbs.reading(tokens[at - 1].low, "ing") and find_verb(tokenise(text[tokens[at].start : comma])) is not None:
            return text[: tokens[at].start].strip(), text[tokens[at].start :]
    intro, found, body = text.partition(", ")
    return (intro, body) if found else ("", "")
