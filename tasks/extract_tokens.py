"""Text -> words and marks with their places, and what a word may be: closed classes and endings in place of a tagger."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks import extract_verbs as verbs
from tasks.extract_verbs import word_list

TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*%?|[^\W\d_](?:[^\s,;:()\"“”]*[^\W_+#])?|[^\s\w]|\w", re.UNICODE)
DETERMINERS = word_list("determiners")
PREPOSITIONS = word_list("prepositions")
SUBORDINATORS = word_list("subordinators")
PRONOUNS = word_list("pronouns")
NUMBER_WORDS = word_list("number_words")
ADVERBS = word_list("adverbs")
RELATIVES = frozenset({"that", "which", "who", "whose", "whom", "where"})
NOT_ADVERBS = frozenset({"assembly", "supply", "family", "apply", "reply", "rely", "comply", "fly", "multiply", "imply"})
PLURAL_NOUNS = frozenset({"data", "people", "staff", "men", "women", "police"})
SINGULAR_ENDS = ("ss", "us", "is")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark with its place in the sentence."""

    text: str
    low: str
    start: int
    end: int

    @property
    def is_capital(self) -> bool:
        """True for a word that begins with a capital letter."""
        return self.text[:1].isupper()


def tokenise(text: str) -> list[Token]:
    """Words, numbers and marks in order."""
    return [Token(m.group(), m.group().casefold(), m.start(), m.end()) for m in TOKEN.finditer(text)]


def is_number(low: str) -> bool:
    """True for digits and number words."""
    return low[:1].isdigit() or low in NUMBER_WORDS


def is_adverb(low: str) -> bool:
    """True for listed adverbs and words in -ly."""
    return low in ADVERBS or (low.endswith("ly") and low not in NOT_ADVERBS)


def is_plural(low: str) -> bool:
    """True for a noun that looks plural."""
    return (low.endswith("s") and not low.endswith(SINGULAR_ENDS)) or low in PLURAL_NOUNS


def opens_complement(tokens: list[Token], at: int) -> bool:
    """True where the word at ``at`` may open what follows a verb, and none does not."""
    if at >= len(tokens):
        return True
    low = tokens[at].low
    opens = low in DETERMINERS | PREPOSITIONS | SUBORDINATORS | word_list("complement_openers") or is_number(low) or is_adverb(low)
    return opens or (low not in ("of", "and", "or", "as") and tokens[at].is_capital)


def has_plural_head(tokens: list[Token], last: int) -> bool:
    """True where the subject that ends at ``last`` has a plural head: the noun before its first preposition."""
    while last > 0 and is_adverb(tokens[last].low):
        last -= 1
    links = [at for at in range(1, last) if tokens[at].low in PREPOSITIONS or tokens[at].low == "of"]
    head = links[0] - 1 if links and tokens[links[0] - 1].low not in ADVERBS else last
    return is_plural(tokens[head].low)


def starts_like_verb(text: str) -> bool:
    """True where the first word can be a finite verb of the third person."""
    tokens = tokenise(text)
    return bool(tokens) and (tokens[0].low in verbs.AUXILIARIES or verbs.reading(tokens[0].low, "s", "past") is not None)
