"""What a bad pair looks like: the patterns and word lists that ``curate_rules`` looks for. ``META_*`` and ``REFUSAL`` read folded text."""

from __future__ import annotations

import re

from tasks.text import words

# D1: three kinds of citation marks. In four arXiv papers, 250-word pieces of body have at most 8.4 per 100 words, references at least 22.4.
YEAR = re.compile(r"\b(?:19|20)\d{2}[a-z]?\b")
VENUE = re.compile(
    r"\b(?:proceedings|proc|conference|journal|arxiv|preprint|doi|isbn|https?|www|transactions|workshop|symposium|press|vol|pp|eds)\b",
    re.IGNORECASE,
)
AUTHOR = re.compile(
    r"\b[A-Z]\.[ -]?(?:[A-Z]\.[ -]?)*[A-Z][a-z]{2,}"  # A. B. Surname
    r"|\b[A-Z][a-z]{2,}, (?:[A-Z]\.[ -]?)+(?=[ ,;&]|and)"  # Surname, A. B.
    r"|\b[A-Z][a-z]+ [A-Z][a-z]+, (?=[A-Z][a-z]+ [A-Z]|and )"  # Name Surname, Name Surname
)

# D3: what stands in quotes, an apostrophe being one where no word runs through it; and what is named in quotes as a source
QUOTED = re.compile(r"[\"“«]([^\"“”«»]+)[\"”»]|(?<!\w)['‘]([^'‘’\"]+(?:['’]\w[^'‘’\"]*)*)['’](?!\w)")  # noqa: RUF001
NAMES_SOURCE = re.compile(
    r"(?:\baccording to|\bgoing by|\bas \w+ (?:in|by)|\b(?:described|explained|discussed|presented|demonstrated) (?:in|by)) (?:the \w+ )?$",
    re.IGNORECASE,
)

# D5
GARBLED = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LEFTOVER = re.compile(r"_\[.?\]_|\[[\u2217*†‡§]\]|``\s")  # footnote marks and empty code spans, as PDFs leave them
MARKUP = re.compile(
    r"</?[A-Za-z][^<>]*>|\*\*|__|```|^\s*#{1,6}\s|\]\(|\\(?:frac|sqrt|text\w*|math\w*|begin|end|cite|ref)\b"
    r"|_\[.?\]_|\[[\u2217*†‡]\]"  # footnote marks as PDFs leave them
    r"|(?<![\w.-])\d+(?:\.\d+)?e[+-]?\d+\b",
    re.MULTILINE,
)
ENGLISH = frozenset(words("the of and what which how why where when who whose whom"))
AUXILIARIES = frozenset(
    words("is are was were be been do does did has have had can cannot could may might must shall should will would isn't aren't doesn't")
)
REQUESTS = frozenset(words("name list state give describe explain define identify summarise summarize outline compare specify tell"))
NO_VERB_AFTER_WHO = frozenset(words("about of for in on at with if else the a an and or"))
CHOICE = frozenset(words("or than between versus vs compared either both"))
VERB_ENDING = re.compile(r"[a-z-]{2,}(?:s|ed|ing)")

# D6
SHOWN_TEXT = r"(?:text|passage|excerpt|snippet|context|paragraph|extract|chunk)"
OWN_TEXT = r"(?:document|article|paper|study|section|chapter|report|manual|author|authors)"
SAYS_NOT = r"(?:provide|mention|specify|contain|state|say|give|tell|name|answer|cover|describe|discuss)"
META_ANYWHERE = re.compile(
    rf"\b(?:provided|given|above|following|supplied|source) {SHOWN_TEXT}\b|\b(?:the|this) {SHOWN_TEXT}\b(?<!context)"
    r"|\b(?:the|this) context\b(?! of\b)(?<!\bin this context)"  # "in the context of" speaks of no passage
    rf"|\b(?:provided|given) {OWN_TEXT}\b|\baccording to the {OWN_TEXT}\b(?! [\"'])"
    r"|\bas (?:mentioned|stated|described|shown|discussed) above\b"
)
META_IN_QUESTION = re.compile(rf"\bthis {OWN_TEXT}\b")

# D7
KIND_OF = r"(?:specific|explicit|direct|detailed|further|additional|clear|relevant|such)"
REFUSAL = re.compile(
    rf"\b{SHOWN_TEXT} (?:does|do|did) not\b|\b{OWN_TEXT} (?:does|do|did) not (?:\w+ly )?{SAYS_NOT}\b"
    r"|\b(?:not|never) (?:\w+ly )?(?:mentioned|specified|stated|provided|given|quantified|discussed|described|addressed) in\b"
    rf"|\bno (?:{KIND_OF} )?(?:information|mention|answer|reference to)\b|\bcannot be (?:determined|answered|inferred)\b"
    r"|\bbased on (?:my |our )?(?:general )?knowledge of\b"
    r"|\bi(?:'m| am) (?:sorry|unable|not sure)\b|\bi (?:cannot|can't|do not|don't) (?:know|answer|find|provide)\b|\bas an ai\b"
    r"|\bit is (?:unclear|not clear|not known|unknown)\b"
)
ERROR_ANSWERS = frozenset(
    ["error", "n/a", "na", "none", "null", "nan", "unknown", "not found", "no answer", "no answer found", "error answer not found"]
)

# D8
SOURCE_BLOCK = re.compile(
    r"(?:^|\n)\W*(?:sources?|references?|citations?|bibliography)\W*(?::|\n|$)|[.!?]\s+(?:sources?|references?):\s", re.IGNORECASE
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
AFFILIATION = re.compile(
    r"\b(?:university|institute|department|dept|faculty|school of|college|laborator(?:y|ies)|academy)\b", re.IGNORECASE
)
NUMBERED_WORK = re.compile(r"(?:^|\n)\s*\[\d{1,3}\]\s+\S|\[\d{1,3}\]\s+[A-Z][\w.'-]*,? (?:[A-Z]\.|and |et al)")

# D10
CLOSING = re.compile(r"[.!?][\"'”’)\]]*$")  # noqa: RUF001  # closing quotes as printed
DANGLING = re.compile(r"[,;:(–—-]$|\b(?:and|or|the|of|by|with|from|which|that)$")  # noqa: RUF001  # dashes as printed

# D14
SPECULATIVE = frozenset(
    words(
        "think opinion believe imagine speculate speculation hypothetical hypothetically potential potentially possibly perhaps presumably "
        "arguably might could maybe feel envision"
    )
)

# D17: numbers that count the steps of an answer
ENUMERATOR = re.compile(r"^\s*\(?\d{1,2}[.)]\s+", re.MULTILINE)
