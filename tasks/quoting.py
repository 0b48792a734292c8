"""Document text -> a block that a prompt can hold: marked as data, its own delimiters defused, nothing invisible in it.

A fence reduces what instructions hidden in documents can do and is no boundary (arXiv:2403.14720, arXiv:2606.17467). What holds is that
the models asked have no tools and no secrets, that replies are read strictly, and that every quote is looked up in the page.
"""

from __future__ import annotations

import re
import unicodedata

from warehouse.keys import digest

TAG = "source"
MARK_LENGTH = 8
WORD_MARK = "ˆ"  # noqa: RUF001  # stands in no text, unlike the caret
_DELIMITER = re.compile(rf"<(?=\s*/?\s*{TAG}\b)|<(?=\|)|(?<=\|)>|\[(?=/?(?:INST|SYS)\])", re.IGNORECASE)


def visible(text: str) -> str:
    """``text`` without zero-width and bidirectional marks and control characters; line ends and tabs stay."""
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cf", "Cc", "Co", "Cs"))


def fenced(text: str, *, mark_words: bool = False) -> str:
    """``text`` between tags whose name ends in a mark made from the text, so that the same text always makes the same prompt.

    With ``mark_words`` its words are joined by a mark in place of blanks as well (datamarking); :func:`unmarked` takes it out of replies.
    """
    clean = _defused(visible(text)).strip()
    mark = digest("fence", clean)[:MARK_LENGTH]
    if mark_words:
        clean = re.sub(r"[ \t]+", WORD_MARK, clean.replace(WORD_MARK, " "))
    return f"<{TAG}-{mark}>\n{clean}\n</{TAG}-{mark}>"


def line_of_data(text: str) -> str:
    """``text`` on one line that holds no delimiter: for a question or an answer that goes into a prompt."""
    return " ".join(_defused(visible(text)).split())


def _defused(text: str) -> str:
    return _DELIMITER.sub(lambda found: f"{found.group()} " if found.group() in "<[" else f" {found.group()}", text)


def unmarked(reply: str) -> str:
    """A model's words with the word marks, should it have copied any, made blanks again."""
    return reply.replace(WORD_MARK, " ").strip()
