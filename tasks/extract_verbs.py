"""Word -> verb readings: a closed list of verbs of technical prose, with English morphology, in place of a tagger."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Form = Literal["base", "s", "past", "participle", "ing"]

BE = frozenset({"is", "are", "was", "were"})
HAVE = frozenset({"has", "have", "had"})
MODALS = frozenset({"can", "could", "may", "might", "must", "shall", "should", "will", "would", "cannot"})
DO = frozenset({"do", "does", "did"})
AUXILIARIES = BE | HAVE | MODALS | DO


@functools.cache
def word_list(name: str) -> frozenset[str]:
    """The words of one section of ``extract_words.txt``."""
    text = Path(__file__).with_name("extract_words.txt").read_text("utf-8")
    return frozenset(text.split(f"[{name}]\n")[1].split("\n[")[0].split())


@functools.cache
def pairs(name: str) -> frozenset[str]:
    """The two-word entries of a section, written ``depend+on`` in the file: ``depend on``."""
    return frozenset(entry.replace("+", " ") for entry in word_list(name))


@functools.cache
def _irregular() -> dict[str, tuple[str, str]]:
    parts = (entry.split("/") for entry in word_list("irregular"))
    return {base: (past_form, participle_form) for base, past_form, participle_form in parts}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a word as a verb."""

    base: str
    form: Form


def _ends_consonant_y(base: str) -> bool:
    return base.endswith("y") and base[-2] not in "aeiou"


def s_form(base: str) -> str:
    """Third person singular present: ``carry`` -> ``carries``."""
    if base in ("have", "do", "go", "undergo"):
        return {"have": "has", "do": "does", "go": "goes", "undergo": "undergoes"}[base]
    if _ends_consonant_y(base):
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def past(base: str) -> str:
    """Simple past: ``drop`` -> ``dropped``."""
    return _irregular()[base][0] if base in _irregular() else _ed(base)


def participle(base: str) -> str:
    """Past participle: ``write`` -> ``written``."""
    return _irregular()[base][1] if base in _irregular() else _ed(base)


def ing(base: str) -> str:
    """Present participle: ``use`` -> ``using``."""
    if base in word_list("doubling"):
        return base + base[-1] + "ing"
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    return base + "ing"


def _ed(base: str) -> str:
    if base in word_list("doubling"):
        return base + base[-1] + "ed"
    if _ends_consonant_y(base):
        return base[:-1] + "ied"
    return base + ("d" if base.endswith("e") else "ed")


@functools.cache
def _lexicon() -> dict[str, tuple[Reading, ...]]:
    forms: dict[str, list[Reading]] = {}
    for base in sorted((word_list("regular") | _irregular().keys()) - {"have", "do"}):
        for form, word in (("base", base), ("s", s_form(base)), ("past", past(base)), ("participle", participle(base)), ("ing", ing(base))):
            forms.setdefault(word, []).append(Reading(base, form))  # type: ignore[arg-type]
    return {word: tuple(readings) for word, readings in forms.items()}


def readings(word: str) -> tuple[Reading, ...]:
    """Every verb reading of a lower-case word; none for a word that the list does not know."""
    return _lexicon().get(word, ())


def reading(word: str, *forms: Form) -> Reading | None:
    """The first reading of ``word`` in one of ``forms``; regular ``-ed`` words outside the list count as past and participle."""
    for found in readings(word):
        if found.form in forms:
            return found
    return None


def is_base(word: str) -> bool:
    """True for a verb's base form: what may follow ``to`` or a modal."""
    return reading(word, "base") is not None or word in ("be", "have", "do")


def is_participle(word: str) -> bool:
    """True for a past participle, known or by its ``-ed`` ending."""
    return reading(word, "participle") is not None or (len(word) > 4 and word.endswith("ed"))  # noqa: PLR2004  # 'need', 'seed'
