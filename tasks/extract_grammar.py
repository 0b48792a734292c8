"""Sentence -> clauses: where the subject ends, which words are the verb, and which phrases follow it.

A shallow analysis with a closed list of verbs in place of a tagger. Where it is unsure it returns nothing: a missed fact costs
less than a wrong question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks import extract_verbs as verbs

TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*%?|[^\W\d_](?:[^\s,;:()\"“”]*[^\W_+#])?|[^\s\w]|\w", re.UNICODE)
DETERMINERS = verbs.word_list("determiners")
PREPOSITIONS = verbs.word_list("prepositions")
SUBORDINATORS = verbs.word_list("subordinators")
PRONOUNS = verbs.word_list("pronouns")
NUMBER_WORDS = verbs.word_list("number_words")
ADVERBS = verbs.word_list("adverbs")
RELATIVES = frozenset({"that", "which", "who", "whose", "whom", "where"})
NOT_ADVERBS = frozenset({"assembly", "supply", "family", "apply", "reply", "rely", "comply", "fly", "multiply", "imply"})
NO_VERB_AFTER = (DETERMINERS - {"all", "each", "both"}) | PREPOSITIONS | {"of", "and", "or", "to"}
MAX_SUBJECT_WORDS = 14


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark with its place in the sentence."""

    text: str
    low: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """What follows the verb: an object or complement (``prep`` empty), a prepositional phrase, an infinitive or a subordinate clause."""

    prep: str
    text: str

    def __str__(self) -> str:
        return f"{self.prep} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Clause:
    """Subject, verb group and phrases. ``aux`` is empty for a lone finite verb, which then stands in ``verb`` as printed."""

    subject: str
    aux: str
    verb: str
    base: str
    form: str
    is_passive: bool
    phrases: tuple[Phrase, ...]
    intro: str = ""
    tail: str = ""

    @property
    def fronted_aux(self) -> str:
        """What stands before the subject in a question: the auxiliary, or a form of ``do``."""
        return self.aux or {"s": "does", "past": "did"}.get(self.form, "do")

    @property
    def remaining_verb(self) -> str:
        """What stands after the subject in a question."""
        return self.verb if self.aux else self.base

    @property
    def verb_group(self) -> str:
        """The verb as it stands in the sentence."""
        return f"{self.aux} {self.verb}".strip()


def tokenise(text: str) -> list[Token]:
    """Words, numbers and marks in order."""
    return [Token(m.group(), m.group().casefold(), m.start(), m.end()) for m in TOKEN.finditer(text)]


def is_number(low: str) -> bool:
    """True for digits and number words."""
    return low[:1].isdigit() or low in NUMBER_WORDS


def is_adverb(low: str) -> bool:
    """True for listed adverbs and words in -ly."""
    return low in ADVERBS or (low.endswith("ly") and low not in NOT_ADVERBS)


def _opens_complement(tokens: list[Token], at: int) -> bool:
    if at >= len(tokens):
        return True
    low = tokens[at].low
    opens = low in DETERMINERS | PREPOSITIONS | SUBORDINATORS or low in ("that", "up", "out", "down") or is_number(low) or is_adverb(low)
    return opens or (low not in ("of", "and", "or", "as") and tokens[at].text[:1].isupper())


def _is_plural(tokens: list[Token], at: int) -> bool:
    low = tokens[at].low
    return (low.endswith("s") and not low.endswith(("ss", "us", "is"))) or low in ("data", "people", "staff", "men", "women", "police")


def _strength(tokens: list[Token], at: int) -> int:
    """2 = surely a finite verb, 1 = perhaps, 0 = no."""
    low, before = tokens[at].low, tokens[at - 1].low
    if low in verbs.AUXILIARIES:
        return 2
    if tokens[at].text[:1].isupper() or before in NO_VERB_AFTER:
        return 0
    noun_like = verbs.word_list("noun_like")
    if (found := verbs.reading(low, "s")) is not None:
        if found.base not in noun_like:
            return 2
        return 1 if _opens_complement(tokens, at + 1) else 0
    if verbs.reading(low, "past") is not None:
        return 1
    if (found := verbs.reading(low, "base")) is not None and _is_plural(tokens, at - 1):
        return 1 if found.base not in noun_like or _opens_complement(tokens, at + 1) else 0
    return 0


def find_verb(tokens: list[Token], first: int = 1) -> int | None:
    """Index of the first finite verb that belongs to no relative clause; None where there is none or the choice is unsure."""
    in_relative = False
    perhaps: int | None = None
    at = first
    while at < len(tokens):
        low = tokens[at].low
        if low in RELATIVES and perhaps is None:
            in_relative = True
        elif low in SUBORDINATORS or (perhaps is not None and low in RELATIVES | {",", "and", "or", "but"}):
            break
        elif (strength := _strength(tokens, at)) and not (perhaps is not None and strength == 1):
            if in_relative:
                in_relative = False
                at = _group_end(tokens, at)
                continue
            if strength == 2:  # noqa: PLR2004  # sure
                return at
            perhaps = at
        at += 1
    return perhaps


def _group_end(tokens: list[Token], at: int) -> int:
    """Index after the verb group that begins at ``at``."""
    end = at + 1
    if tokens[at].low not in verbs.AUXILIARIES:
        return end
    while end < len(tokens):
        low = tokens[end].low
        if low in ("be", "been", "being", "have", "not") or (is_adverb(low) and end + 1 < len(tokens)):
            end += 1
            continue
        before = next((t.low for t in reversed(tokens[at:end]) if not is_adverb(t.low)), "")
        after_be = before in verbs.BE | {"be", "been", "being"}
        takes = (after_be and (verbs.is_participle(low) or verbs.reading(low, "ing"))) or (
            before in verbs.MODALS | verbs.DO and verbs.is_base(low)
        )
        return end + 1 if takes or (before in verbs.HAVE and verbs.is_participle(low)) else end
    return end


def _verb_group(text: str, tokens: list[Token], at: int) -> tuple[Clause, int] | None:
    """A clause holding the verb alone, and the index after it."""
    first, end = tokens[at], _group_end(tokens, at)
    group = tokens[at:end]
    last = next((t for t in reversed(group) if not is_adverb(t.low)), group[-1])
    if first.low not in verbs.AUXILIARIES:
        found = verbs.reading(first.low, "s", "past", "base")
        return None if found is None else (Clause("", "", first.text, found.base, found.form, False, ()), end)
    if last is first and first.low in verbs.HAVE:
        form = {"has": "s", "had": "past"}.get(first.low, "base")
        return Clause("", "", first.text, "have", form, False, ()), end
    if last is first and first.low not in verbs.BE:
        return None
    printed = text[first.end : group[-1].end].strip()
    found = verbs.reading(last.low, "participle", "ing", "base")
    behind_be = any(t.low in verbs.BE | {"be", "been", "being"} for t in group[:-1])
    is_passive = behind_be and verbs.is_participle(last.low)
    base = "be" if last.low in verbs.BE | {"be", "been"} else (found.base if found else last.low)
    return Clause("", first.text, printed, base, "", is_passive, ()), end


def _starts_phrase(tokens: list[Token], at: int) -> bool:
    low, after = tokens[at].low, tokens[at + 1].low if at + 1 < len(tokens) else ""
    if low in ("at", "up") and after in ("least", "most", "to"):
        return False
    if low == "to" and not verbs.is_base(after) and at and (tokens[at - 1].low in ("up", "close", "due") or _in_range(tokens, at)):
        return False
    return low in PREPOSITIONS or low in SUBORDINATORS


def _in_range(tokens: list[Token], at: int) -> bool:
    return is_number(tokens[at - 1].low) and at + 1 < len(tokens) and is_number(tokens[at + 1].low)


def split_phrases(text: str, tokens: list[Token]) -> tuple[Phrase, ...]:
    """The phrases of what follows a verb: each up to the next preposition or subordinator; a relative clause stays with its noun."""
    if not tokens:
        return ()
    starts = [0]
    in_clause = False
    for at, token in enumerate(tokens):
        if at and not in_clause and _starts_phrase(tokens, at):
            starts.append(at)
        in_clause = in_clause or token.low in SUBORDINATORS or token.low in ("that", "which", "who")
    phrases = []
    for begin, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        head, printed = tokens[begin], text[tokens[begin].start : tokens[end - 1].end]
        takes_prep = _starts_phrase(tokens, begin) or (begin == 0 and head.low == "of")
        phrases.append(Phrase(head.low, printed[len(head.text) :].strip()) if takes_prep else Phrase("", printed.strip()))
    return tuple(phrase for phrase in phrases if phrase.text)


def parse(text: str, subject: str = "", intro: str = "") -> list[Clause]:
    """The clauses of one stretch without commas that matter: ``subject verb phrases [and verb phrases]``; empty when unsure.

    With ``subject`` given, ``text`` begins with the verb.
    """
    tokens = tokenise(text)
    at = 0 if subject else find_verb(tokens)
    if at is None or not tokens or (subject and _first_strength(tokens) == 0):
        return []
    if not subject:
        subject = text[: tokens[at].start].strip().rstrip(",")
    if not subject or len(subject.split()) > MAX_SUBJECT_WORDS:
        return []
    grouped = _verb_group(text, tokens, at)
    if grouped is None:
        return []
    clause, after = grouped
    stop, second = _second_verb(tokens, after)
    clause = replace(clause, subject=subject, intro=intro, phrases=split_phrases(text, tokens[after:stop]))
    if second is None:
        return [clause]
    return [clause, *parse(text[second:], subject=subject, intro=intro)]


def _first_strength(tokens: list[Token]) -> int:
    low = tokens[0].low
    return 2 if low in verbs.AUXILIARIES or verbs.reading(low, "s", "past", "base") else 0


def _second_verb(tokens: list[Token], after: int) -> tuple[int, int | None]:
    """Where the first verb's phrases end, and the offset of a second verb that shares the subject."""
    for at in range(after, len(tokens) - 1):
        if tokens[at].low in ("and", "but") and at + 1 < len(tokens):
            follow = at + 1
            while follow < len(tokens) - 1 and is_adverb(tokens[follow].low):
                follow += 1
            low = tokens[follow].low
            is_finite = low in verbs.AUXILIARIES or (
                verbs.reading(low, "s") is not None and _opens_complement(tokens, follow + 1) and not tokens[follow].text[:1].isupper()
            )
            if is_finite:
                stop = at - 1 if tokens[at - 1].text == "," and at - 1 >= after else at
                return stop, tokens[follow].start
    return len(tokens), None
