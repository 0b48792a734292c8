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
OPENERS = frozenset({"nothing", "it", "them", "itself", "themselves", "that", "up", "out", "down", "more", "less", "fewer", "better", "as", "how", "what"})
NO_VERB_AFTER = (DETERMINERS - {"all", "each", "both"}) | PREPOSITIONS | {"of", "and", "or", "to"}
LOOSE = frozenset({"together", "again", "apart", "away", "back", "separately", "only", "further", "overnight", "twice", "once"})
BREAKS = frozenset({",", "and", "or", "but", "before", "after", "until", "since", "than", "as", "it", "they", "he", "she"})
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
    opens = low in DETERMINERS | PREPOSITIONS | SUBORDINATORS | OPENERS or is_number(low) or is_adverb(low)
    return opens or (low not in ("of", "and", "or", "as") and tokens[at].text[:1].isupper())


def _is_plural(tokens: list[Token], at: int) -> bool:
    """True where the subject that ends at ``at`` has a plural head: the noun before its first preposition."""
    links = [i for i in range(1, at) if tokens[i].low in PREPOSITIONS or tokens[i].low == "of"]
    at = links[0] - 1 if links and tokens[links[0] - 1].low not in ADVERBS else at
    low = tokens[at].low
    return (low.endswith("s") and not low.endswith(("ss", "us", "is"))) or low in ("data", "people", "staff", "men", "women", "police")


def _noun_before(tokens: list[Token], at: int) -> int:
    before = at - 1
    while before > 0 and is_adverb(tokens[before].low):
        before -= 1
    return before


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
        following = tokens[at + 1].low if at + 1 < len(tokens) else ""
        if verbs.reading(following, "base") and following not in noun_like:
            return 0
        after_name = tokens[at - 1].text[:1].isupper() and at < 4 and not _is_plural(tokens, at - 1)  # noqa: PLR2004  # 'NAME stores records'
        return 1 if after_name or _opens_complement(tokens, at + 1) else 0
    if (found := verbs.reading(low, "past")) is not None:
        return 1 if _is_past(tokens, at, found.base) else 0
    if (found := verbs.reading(low, "base")) is not None and _is_plural(tokens, _noun_before(tokens, at)):
        return 1 if found.base not in noun_like or _opens_complement(tokens, at + 1) else 0
    return 0


def _is_past(tokens: list[Token], at: int, base: str) -> bool:
    """False for what is more likely a participle behind its noun: ``code files sampled from ...``."""
    if not verbs.is_participle(tokens[at].low):
        return True
    following = tokens[at + 1].low if at + 1 < len(tokens) else ""
    if not following or following in PREPOSITIONS | SUBORDINATORS | {"as", "and", "or", ","}:
        return base in verbs.word_list("intransitive")
    another = any(
        verbs.reading(token.low, "s", "base") and before.low not in verbs.MODALS | {"to", "not"}
        for before, token in zip(tokens, tokens[1:], strict=False)
    )
    return _opens_complement(tokens, at + 1) or not another


def find_verb(tokens: list[Token], first: int = 1) -> int | None:
    """Index of the first finite verb that belongs to no relative clause; None where there is none or the choice is unsure."""
    in_relative = False
    perhaps: int | None = None
    at = first
    while at < len(tokens):
        low = tokens[at].low
        if low in RELATIVES and perhaps is None:
            in_relative = True
        elif low in SUBORDINATORS or (perhaps is not None and low in RELATIVES | BREAKS):
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
    if first.low in ("has", "have") and last is first and end + 1 < len(tokens) and tokens[end].low == "to" and verbs.is_base(tokens[end + 1].low):
        must = [Token("must", "must", 0, 4), *tokens[end + 1 :]]
        inner = _verb_group(f"must {text[tokens[end + 1].start :]}", _shifted(must, tokens[end + 1].start), 0)
        return None if inner is None else (inner[0], end + inner[1])
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


def _shifted(tokens: list[Token], start: int) -> list[Token]:
    """Tokens behind the first, moved to where they stand once ``must`` has taken the place of what was before ``start``."""
    head, *rest = tokens
    return [head, *(Token(t.text, t.low, t.start - start + 5, t.end - start + 5) for t in rest)]


def _starts_phrase(tokens: list[Token], at: int) -> bool:
    low, after = tokens[at].low, tokens[at + 1].low if at + 1 < len(tokens) else ""
    if low in ("at", "up") and after in ("least", "most", "to"):
        return False
    if low == "to" and not verbs.is_base(after) and at and (tokens[at - 1].low in ("up", "close", "due") or _in_range(tokens, at)):
        return False
    return low in PREPOSITIONS or low in SUBORDINATORS


def _in_range(tokens: list[Token], at: int) -> bool:
    from_before = at > 1 and tokens[at - 2].low == "from"
    return not from_before and is_number(tokens[at - 1].low) and at + 1 < len(tokens) and is_number(tokens[at + 1].low)


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


def parse(text: str, subject: str = "", intro: str = "") -> list[Clause]:
    """The clauses of one stretch without commas that matter: ``subject verb phrases [and verb phrases]``; empty when unsure.

    With ``subject`` given, ``text`` begins with the verb.
    """
    tokens = tokenise(text)
    at = 0 if subject else find_verb(tokens)
    if at is None or not tokens or (subject and _first_strength(tokens) == 0):
        return []
    if not subject:
        words = text[: tokens[at].start].strip().rstrip(",").split()
        while len(words) > 1 and is_adverb(words[-1].casefold()):
            words.pop()
        while len(words) > 1 and words[0].casefold().endswith("ly") and is_adverb(words[0].casefold()):
            words.pop(0)
        subject = " ".join(words)
    if not subject or len(subject.split()) > MAX_SUBJECT_WORDS:
        return []
    grouped = _verb_group(text, tokens, at)
    if grouped is None:
        return []
    clause, after = grouped
    first_of_group, clause_end = tokens[at].start, tokens[after - 1].end
    is_plural = clause.form == "base" or clause.aux in ("are", "were", "have")
    stop, second = _second_verb(tokens, after, is_plural=is_plural, is_passive=clause.is_passive)
    phrases = split_phrases(text, tokens[after:stop])
    if phrases and not phrases[0].prep and (phrases[0].text in LOOSE or is_adverb(phrases[0].text.casefold())):
        clause = replace(clause, verb=f"{clause.verb} {phrases[0].text}" if clause.aux else clause.verb)
        phrases = phrases[1:]
    clause = replace(clause, subject=subject, intro=intro, phrases=phrases)
    if second is None:
        return [clause]
    if second < 0:  # a second participle shares the auxiliary: 'is covered and swept up'
        participle = tokens[-second].low
        shared = " ".join(t.text for t in tokens if first_of_group <= t.start < clause_end and t.low != participle and not verbs.is_participle(t.low))
        return [clause, *parse(f"{shared} {text[tokens[-second].start :]}", subject=subject, intro=intro)]
    return [clause, *parse(text[second:], subject=subject, intro=intro)]


def _first_strength(tokens: list[Token]) -> int:
    low = tokens[0].low
    return 2 if low in verbs.AUXILIARIES or verbs.reading(low, "s", "past", "base") else 0


def _goes_on_passive(tokens: list[Token], at: int) -> bool:
    low = tokens[at].low
    is_participle = verbs.reading(low, "participle") is not None and low.endswith(("ed", "en", "t", "n"))
    return is_participle and (at + 1 == len(tokens) or _opens_complement(tokens, at + 1))


def _second_verb(tokens: list[Token], after: int, *, is_plural: bool, is_passive: bool) -> tuple[int, int | None]:
    """Where the first verb's phrases end, and the offset of a second verb that shares the subject."""
    for at in range(after, len(tokens) - 1):
        if tokens[at].low in ("and", "but") and at + 1 < len(tokens):
            follow = at + 1
            while follow < len(tokens) - 1 and is_adverb(tokens[follow].low):
                follow += 1
            low = tokens[follow].low
            found = verbs.reading(low, "s", "past") or (verbs.reading(low, "base") if is_plural else None)
            is_finite = low in verbs.AUXILIARIES or (
                found is not None and _opens_complement(tokens, follow + 1) and not tokens[follow].text[:1].isupper()
            )
            if is_passive and _goes_on_passive(tokens, follow):
                return at, -follow
            if is_finite and not (found and found.form == "past" and is_passive):
                stop = at - 1 if tokens[at - 1].text == "," and at - 1 >= after else at
                return stop, tokens[follow].start
    return len(tokens), None
