"""Text -> what stands side by side in it: the items of a list, the two sides of a comparison."""

from __future__ import annotations

import re

from tasks import extract_verbs as verbs
from tasks.extract_keys import clean_key, first_word
from tasks.extract_tokens import is_plural

MAX_ITEM_WORDS = 6
PAIR = 2
ITEM = r"[^,;]+?"
LIST = re.compile(rf"^{ITEM}, (?:{ITEM}, )*{ITEM},? (?:and|or) [^,;]+$|^[^,;]+? and [^,;]+$")
BETWEEN_ITEMS = re.compile(r", (?:and |or )?| and | or ")
NO_PLAIN_ITEM = re.compile(
    r"\b(?:comprising|including|containing|like|of both|both|such as|that|which|between|thereby|hence|thus|often|involving|namely|not)\b"
)
OF_ONE_ITEM = re.compile(r" (?:that|which|who|whose|where|of|for|with|in|on|at|from|to|by|between|used|made|designed|based|called|when) ")
COMPARED = re.compile(
    r"^(?P<before>.*?)\b(?P<how>more|less|fewer|better|worse|(?!other|after|under|over|number|water|paper|layer|power|order|"
    r"filter|meter|however|whether|together|either|per|rather)[a-z]+er)\b(?P<what>[^,;]*?) than (?P<other>[^,;]+)$"
)


def list_items(text: str) -> tuple[str, ...]:
    """The items of ``A, B and C`` or ``A and B``, articles dropped; empty where ``text`` is no list of short noun phrases."""
    if not LIST.match(text) or ("," not in text and OF_ONE_ITEM.search(text)):
        return ()
    items = [item.strip() for item in BETWEEN_ITEMS.split(text)]
    if len(items) == PAIR and shares_head(*items):
        return ()
    return tuple(map(clean_key, items)) if all(map(_is_plain, items)) else ()


def shares_head(first: str, second: str) -> bool:
    """True for ``laboratory blood`` and ``urine tests``: what stands before ``and`` needs the plural noun behind it."""
    first_words, second_words = first.casefold().split(), second.casefold().split()
    return len(second_words) > 1 and is_plural(second_words[-1]) and not is_plural(first_words[-1])


def _is_plain(item: str) -> bool:
    is_gerund = verbs.reading(first_word(item), "ing") is not None
    return bool(clean_key(item)) and len(item.split()) <= MAX_ITEM_WORDS and not is_gerund and not NO_PLAIN_ITEM.search(item)
