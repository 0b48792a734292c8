"""Text -> how much it reads like a list of references (rule D1 of the judging protocol), and headings that open such a list."""

from __future__ import annotations

import re

YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
VENUE = re.compile(
    r"\b(?:proceedings|proc|conference|symposium|workshop|journal|transactions|trans|annals|letters|advances in|lecture notes|arxiv|"
    r"preprint|corr|press|publishers?|springer|elsevier|wiley|ieee|acm|usenix|association for|pmlr|neurips|iclr|icml|emnlp|vol|volume|"
    r"pp|pages|eds?|doi|isbn|issn|url|available at|accessed|technical report|thesis)\b|https?://|www\.",
    re.IGNORECASE,
)
INITIALS = r"(?:[A-Z]\.[ -]?){1,3}"
SURNAME = r"[A-Z][^\W\d_]+(?:[-' ][A-Z][^\W\d_]+)?"
# one of several: "Luke Zettlemoyer, Tim Dettmers and"
FULL_NAME = r"[A-Z][^\W\d_]+(?: [A-Z]\.)?(?: [A-Z][^\W\d_]+(?:-[A-Z][^\W\d_]+)?){1,2}(?=,? and [A-Z]|, [A-Z][^\W\d_]+ )"
AUTHOR = re.compile(rf"\b{SURNAME}, {INITIALS}|\b{INITIALS}\s?{SURNAME}\b|\b{FULL_NAME}|\bet al\b")
HEADING = re.compile(
    r"^\W*(?:(?:section |chapter )?[\dA-Z]{1,3}(?:\.\d+)*[.:)]?\s+)?(?:list of |cited |literature |normative |informative )?"
    r"(?:references(?: cited)?|bibliography|works cited|literature(?: cited)?|reference list)\W*$",
    re.IGNORECASE,
)
APPENDIX = re.compile(r"^\W*(?:appendix|appendices|annex|supplement|[A-Z](?:\.\d+)*[.:]? +[A-Z])", re.IGNORECASE)


def bibliography_density(text: str) -> float:
    """Years, venue and address words and author names in ``text`` per 100 words; 0 for blank text. From 10 on: references."""
    n_words = len(text.split())
    n_signs = sum(len(pattern.findall(text)) for pattern in (YEAR, VENUE, AUTHOR))
    return 100 * n_signs / n_words if n_words else 0.0


def opens_references(heading: str) -> bool:
    """True for a heading such as "References", "7. Bibliography" or "Works cited"."""
    return bool(HEADING.match(heading))


def opens_appendix(heading: str) -> bool:
    """True for a heading that ends the references: "Appendix A", "Annex", "B Further results"."""
    return bool(APPENDIX.match(heading)) and not opens_references(heading)
