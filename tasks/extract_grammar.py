"""Stretch of a sentence -> clauses: subject, verb group and the phrases that follow, by closed lists in place of a parser.

Where it is unsure it returns nothing: a missed fact costs less than a wrong question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks import extract_verbs as verbs
from tasks.extract_finite import find_verb, group_end
from tasks.extract_tokens import PREPOSITIONS, SUBORDINATORS, Token, is_adverb, is_number, opens_complement, tokenise
from tasks.extract_verbs import word_list

MAX_SUBJECT_WORDS = 14
MUST = "must "


@dataclass(frozen=True, slots=True)
class Phrase:
    """What follows the verb: an object or complement (``prep`` empty), a prepositional phrase, an infinitive or a subordinate clause.

    ``is_fronted``: it opened the sentence, so it tells of the verb and stays in every question.
    """

    prep: str
    text: str
    is_fronted: bool = False

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
    phrases: tuple[Phrase, ...] = ()
    intro: str = ""

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


def parse(text: str) -> list[Clause]:
    """The clauses of one stretch without commas that matter: ``subject verb phrases [and verb phrases]``; empty when unsure."""
    tokens = tokenise(text)
    at = find_verb(tokens)
    if at is None:
        return []
    subject = bare_subject(text[: tokens[at].start])
    goes_on = " and " in subject and tokens[0].low.endswith("ed") and verbs.reading(tokens[0].low, "participle")
    if not subject or len(subject.split()) > MAX_SUBJECT_WORDS or goes_on:  # 'embedded and padded ...' goes on with a sentence
        return []
    return _predicates(text[tokens[at].start :], subject)


def bare_subject(printed: str) -> str:
    """The subject without adverbs at its ends."""
    words = printed.strip().rstrip(",").split()
    while len(words) > 1 and is_adverb(words[-1].casefold()):
        words.pop()
    while len(words) > 1 and words[0].casefold().endswith("ly") and is_adverb(words[0].casefold()):
        words.pop(0)
    return " ".join(words)


def _predicates(text: str, subject: str) -> list[Clause]:
    """The clauses of ``text``, which begins with a finite verb of ``subject``."""
    tokens = tokenise(text)
    low = tokens[0].low
    if low not in verbs.AUXILIARIES and verbs.reading(low, "s", "past", "base") is None:
        return []
    grouped = verb_group(text, tokens)
    if grouped is None:
        return []
    clause, after = grouped
    stop, rest = _second_verb(text, tokens, after, clause)
    if after < stop and tokens[after].low == "only":
        after += 1
    phrases = split_phrases(text, tokens[after:stop])
    if phrases and not phrases[0].prep and (phrases[0].text in word_list("particles") or is_adverb(phrases[0].text.casefold())):
        clause = replace(clause, verb=f"{clause.verb} {phrases[0].text}" if clause.aux else clause.verb)
        phrases = phrases[1:]
    return [replace(clause, subject=subject, phrases=phrases), *(_predicates(rest, subject) if rest else [])]


def verb_group(text: str, tokens: list[Token]) -> tuple[Clause, int] | None:
    """A clause holding the verb alone, and the index after it. ``has to lock`` is taken for ``must lock``."""
    first, end = tokens[0], group_end(tokens, 0)
    last = next((t for t in reversed(tokens[:end]) if not is_adverb(t.low)), first)
    if (
        last is first
        and first.low in ("has", "have")
        and end + 1 < len(tokens)
        and tokens[end].low == "to"
        and verbs.is_base(tokens[end + 1].low)
    ):
        must = MUST + text[tokens[end + 1].start :]
        inner = verb_group(must, tokenise(must))
        return None if inner is None else (inner[0], end + inner[1])
    if first.low not in verbs.AUXILIARIES:
        found = verbs.reading(first.low, "s", "past", "base")
        return None if found is None else (Clause("", "", first.text, found.base, found.form, is_passive=False), end)
    if last is first:
        if first.low in verbs.HAVE:
            form = {"has": "s", "had": "past"}.get(first.low, "base")
            return Clause("", "", first.text, "have", form, is_passive=False), end
        denied = next((t.text for t in tokens[:end] if t.low in ("not", "never")), "")
        return (Clause("", first.text, denied, "be", "", is_passive=False), end) if first.low in verbs.BE else None
    found = verbs.reading(last.low, "participle", "ing", "base")
    behind_be = any(t.low in verbs.BE | {"be", "been", "being"} for t in tokens[: end - 1])
    base = "be" if last.low in ("be", "been") else (found.base if found else last.low)
    printed = text[first.end : tokens[end - 1].end].strip()
    return Clause("", first.text, printed, base, "", is_passive=behind_be and verbs.is_participle(last.low)), end


def _second_verb(text: str, tokens: list[Token], after: int, clause: Clause) -> tuple[int, str]:
    """Where the first verb's phrases end, and the text from a second verb that shares the subject; empty where there is none.

    A second participle shares the auxiliary too: ``is covered and swept up``.
    """
    may_be_base = clause.form == "base" or clause.aux in ("are", "were", "have")
    for at in range(after, len(tokens) - 1):
        if tokens[at].low not in ("and", "but"):
            continue
        follow = at + 1
        while follow < len(tokens) - 1 and is_adverb(tokens[follow].low):
            follow += 1
        low = tokens[follow].low
        found = verbs.reading(low, "s", "past") or (verbs.reading(low, "base") if may_be_base else None)
        is_active = found is not None and (not clause.is_passive or found.form != "past" or found.base in word_list("intransitive"))
        if clause.is_passive and not (found and found.base in word_list("intransitive")) and _is_bare_participle(tokens, follow):
            shared = " ".join(t.text for t in tokens[:after] if not verbs.is_participle(t.low) or t.low in ("be", "been"))
            return at, f"{shared} {text[tokens[follow].start :]}"
        opens = opens_complement(tokens, follow + 1) and not tokens[follow].is_capital
        if low in verbs.AUXILIARIES or (is_active and opens):
            return (at - 1 if tokens[at - 1].text == "," and at > after else at), text[tokens[follow].start :]
    return len(tokens), ""


def _is_bare_participle(tokens: list[Token], at: int) -> bool:
    low = tokens[at].low
    is_participle = verbs.reading(low, "participle") is not None and low.endswith(("ed", "en", "t", "n"))
    return is_participle and opens_complement(tokens, at + 1)


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
        phrases.append(Phrase(head.low, printed[len(head.text) :].strip(" ,")) if takes_prep else Phrase("", printed.strip(" ,")))
    return tuple(phrase for phrase in phrases if phrase.text)


def _starts_phrase(tokens: list[Token], at: int) -> bool:
    low, after = tokens[at].low, tokens[at + 1].low if at + 1 < len(tokens) else ""
    if low in ("at", "up") and after in ("least", "most", "to"):
        return False
    if low == "every" and at and tokens[at - 1].low in PREPOSITIONS:
        return False
    if low == "to" and not verbs.is_base(after) and at and (tokens[at - 1].low in ("up", "close", "due") or _in_range(tokens, at)):
        return False
    return low in PREPOSITIONS or low in SUBORDINATORS


def _in_range(tokens: list[Token], at: int) -> bool:
    """True for the ``to`` of ``3 to 5 mm``, not of ``from 3 to 5``."""
    from_before = at > 1 and tokens[at - 2].low == "from"
    return not from_before and is_number(tokens[at - 1].low) and at + 1 < len(tokens) and is_number(tokens[at + 1].low)
