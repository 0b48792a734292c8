"""Question and title -> the question with its source named once, verbatim."""

from __future__ import annotations

import re

from tasks.extract_tokens import DETERMINERS, NUMBER_WORDS, PREPOSITIONS, SUBORDINATORS
from warehouse.keys import draw

QUESTION_WORDS = frozenset(
    {"what", "which", "who", "whom", "whose", "how", "when", "where", "why", "can", "is", "are", "does", "do", "of", "as"}
)
LOWERED = QUESTION_WORDS | DETERMINERS | PREPOSITIONS | SUBORDINATORS | NUMBER_WORDS
TEMPLATES = (
    'According to "{title}", {question}?',
    'In "{title}", {question}?',
    'As described in "{title}", {question}?',
    'According to "{title}", {question}?',
    '{Question}, according to "{title}"?',
    'Going by "{title}", {question}?',
)


BEHIND = ('{Question}, according to "{title}"?', '{Question}, as described in "{title}"?', '{Question}, going by "{title}"?')


def with_title(question: str, title: str, *seeds: str) -> str:
    """``question`` with ``title`` in a template drawn by ``seeds``; nothing stands behind the question mark."""
    core = question.rstrip("? ")
    opens = re.match(r"[^\W\d_]+", core)
    templates = TEMPLATES if opens and opens.group().casefold() in LOWERED else BEHIND  # no capital in mid-sentence
    template = templates[int(draw(0, *seeds) * len(templates))]
    first = re.match(r"[A-Z][a-z]*\b", core)
    lowered = core[0].lower() + core[1:] if first and first.group().casefold() in LOWERED else core
    return template.format(title=title.strip(), question=lowered, Question=core)
