"""Answer and answer key -> does the answer state it: number formats, units, signs and lists made comparable before comparing.

Out of reach, and said so in the report: negations ("it is not 42 Nm"), hedges ("42 or 35 Nm"), other words for the same thing
("two" for 2, "metres" for m), and converted units.
"""

from __future__ import annotations

import re

from tasks.text import fold

ITEM_SEPARATOR = ";"
ALIASES = {"per cent": "% ", "percent": "% ", "degrees celsius": "°c ", "degrees fahrenheit": "°f ", "minus": "-"}
ARTICLES = frozenset({"a", "an", "the"})

_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:(?:,\d{3})+|(?: \d{3})+)(?!,?\d)")
_ALIAS = re.compile(r"(?<![^\W\d_])(" + "|".join(ALIASES) + r")(?!\w)\s*")
_DEGREE = re.compile(r"\s*°\s*(?:([cfk])(?!\w))?")
_PARTED_DEGREE = re.compile(r"° ([cfk])(?!\S)")
_PART = r"(?:\d+(?:[.,:]\d+)*|\w)+"
_TOKEN = re.compile(rf"(?:(?<![\w)\]])-(?=\d))?{_PART}(?:[-/^·]{_PART})*|[%$€£]|°[cfk]?")
_SPACED_UNIT = re.compile(r"(?<=\d) (?=[^\W\d_]|%|°)")


def states(answer: str, answer_key: str) -> bool:
    """True when every item of ``answer_key`` (separated by ``;``) stands in ``answer`` at word bounds, in any order.

    ``1,200`` = ``1 200`` = ``1200``, ``42Nm`` = ``42 Nm``, ``5 %`` = ``5 percent``; ``42`` is not found in ``420``, ``4.2``,
    ``-42``, ``10-42`` or ``X42``. False for a key without words.
    """
    items = key_items(answer_key)
    said = plain(answer)
    return bool(items) and all(_item_pattern(item).search(said) for item in items)


def key_items(answer_key: str) -> list[str]:
    """The items of a key in comparable form, leading articles dropped; empty for a key without words."""
    items = (plain(item) for item in answer_key.split(ITEM_SEPARATOR))
    return [trimmed for item in items if (trimmed := _without_article(item))]


def plain(text: str) -> str:
    """Comparable form: words and numbers separated by single blanks, thousands separators gone, signs kept, other punctuation gone."""
    text = fold(text).replace("'s ", " ").replace("'", "").replace("_", " ")
    text = _THOUSANDS.sub(lambda match: re.sub("[, ]", "", match.group()), text)
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = _ALIAS.sub(lambda match: f" {ALIASES[match.group(1)]}", text)
    text = _DEGREE.sub(r" °\1 ", text)
    tokens = " ".join(_open_compound(token) for token in _TOKEN.findall(text))
    return _PARTED_DEGREE.sub(r"°\1", tokens)


def _open_compound(token: str) -> str:
    """``low-rank`` -> ``low rank`` and ``12-volt`` -> ``12 volt``, but ``K-2``, ``10-20`` and ``2024-03-05`` stay whole."""
    first, *rest = token.split("-")
    is_plain = bool(first) and (first.isalpha() or first.replace(".", "").isdigit())
    return " ".join([first, *rest]) if is_plain and rest and all(part.isalpha() for part in rest) else token


def _without_article(item: str) -> str:
    first, _, rest = item.partition(" ")
    return rest if first in ARTICLES and rest else item


def _item_pattern(item: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S){_SPACED_UNIT.sub(' ?', _escape(item))}(?!\S)")


def _escape(item: str) -> str:
    return " ".join(re.escape(token) for token in item.split())
