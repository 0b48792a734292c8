"""Clause -> facts about what a thing is, has, does and how it compares: predicates, lists, objects, subjects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_draft import Found
from tasks.extract_facts import (
    ATTRIBUTE_OF,
    HUMAN_ACTS,
    agents,
    clean_key,
    is_named,
    is_pronoun,
    places_and_links,
    quantities,
    reasons,
    who_or_what,
)
from tasks.extract_grammar import NUMBER_WORDS, Clause, tokenise
from tasks.extract_quantities import RANGE, read_date, read_quantity
from tasks.extract_questions import DROPPED, object_gap, predicate, subject_gap, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIMENSIONS = {
    "thick": "thickness", "long": "length", "wide": "width", "high": "height", "deep": "depth", "tall": "height", "old": "age",
    "heavy": "weight", "away": "distance", "apart": "spacing", "broad": "width",
}  # fmt: skip
GROWS = {"pressure": "high", "temperature": "high", "speed": "high", "voltage": "high", "rate": "high", "price": "high", "cost": "high",
         "fee": "high", "limit": "high", "accuracy": "high", "score": "high", "length": "long", "duration": "long", "period": "long",
         "interval": "long", "time": "long", "lifetime": "long"}  # fmt: skip
NAMING = frozenset({"call", "name", "term", "dub", "title", "designate", "nickname"})
HOLDING = frozenset({"include", "contain", "comprise", "have", "cover", "list", "offer", "involve", "carry", "combine"})
INSIDE_LIST = re.compile(r"\b(?:comprising|including|containing|of both|both|such as|that|which|between)\b")
ITEM = r"[^,;]+?"
LIST = re.compile(rf"^(?P<first>{ITEM}), (?:{ITEM}, )*{ITEM},? (?:and|or) [^,;]+$|^[^,;]+? and [^,;]+$")
COMPARED = re.compile(
    r"^(?P<before>.*?)\b(?P<how>more|less|fewer|better|worse|(?!other|after|under|over|number|water|paper|layer|power|order|"
    r"filter|meter|however|whether|together|either|per|rather)[a-z]+er)\b(?P<what>[^,;]*?) than (?P<other>[^,;]+)$"
)
NO_OBJECT = frozenset({"get", "make", "do", "seem", "appear", "let", "see", "become", "remain", "want", "need", "try", "take"})
VAGUE_HEADS = frozenset("way part number set kind type form example result case step thing one lot variety range".split())  # noqa: SIM905
PER_NOUN_SPLIT = re.compile(
    r",? (?:that|which|who|whose|where|of|for|with|in|on|at|from|to|by|between|used|made|designed|based|called|when) "
)
SPECIFIC_WORDS = 3
UNSURE = 3
EMPTY_WORDS = frozenset("what which whom does have been from with that this they authors must should can will when where into several some many different various other same each such".split())  # noqa: SIM905


def list_items(text: str) -> tuple[str, ...]:
    """The items of ``A, B and C`` or ``A and B``, articles dropped; empty where ``text`` is no list of short noun phrases."""
    if not LIST.match(text):
        return ()
    if "," not in text and PER_NOUN_SPLIT.search(text):
        return ()
    printed = [item.strip() for item in re.split(r", (?:and |or )?| and | or ", text)]
    if any(not clean_key(item) or len(item.split()) > 6 or verbs.reading(item.split()[0].casefold(), "ing") or INSIDE_LIST.search(item) for item in printed):  # noqa: PLR2004
        return ()
    return tuple(clean_key(item) for item in printed)


def predicates(clause: Clause) -> Iterator[Found]:
    """``X is 12 bar``, ``X is 19 mm thick``, ``X is a controller that ...``, ``X are A, B and C``, ``the chair is NAME``."""
    if clause.base != "be" or clause.is_passive or not clause.phrases or clause.phrases[0].prep or clause.aux not in verbs.BE:
        return
    text, rest = clause.phrases[0].text, clause.phrases[1:]
    quantity = read_quantity(text)
    adjective = quantity.after.strip() if quantity else ""
    whole = " ".join(str(p) for p in clause.phrases if p.prep not in DROPPED)
    if quantity and adjective in DIMENSIONS:
        name = DIMENSIONS[adjective]
        asked = (f"how {adjective}" if adjective != "away" else "how far away", f"how many {quantity.counted} {adjective}")
        more = f"what is the {name} of {clause.subject} {' '.join(map(str, rest))}" if clause.aux == "is" else ""
        yield Found("dimension", "number", quantity.core, unique([*predicate(clause, asked, rest=rest), more]), 0)
    elif (quantity and not adjective) or re.fullmatch(RANGE, text):
        key = quantity.core if quantity else text
        yield Found("value", "number", key, _ask_value(clause, f"how many {quantity.counted}" if quantity else ""), 0)
    elif read_date(text):
        yield Found("date", "number", text, predicate(clause, ("when",), rest=rest), 0)
    elif COMPARED.match(whole):
        return
    elif "," in whole and (items := list_items(whole)):
        what = "who" if who_or_what(items[0]) == "who" else "what"
        yield Found("list", "list", "; ".join(items), predicate(clause, (what, "which"), rest=()), 1)
    elif re.match(r"(?:an?|the|one of) ", text):
        yield from _definition(clause, whole)
    elif is_named(text) and not is_pronoun(text):
        yield Found("identity", "name", clean_key(text), predicate(clause, (who_or_what(text),), rest=rest), 1)


def _ask_value(clause: Clause, unit: str) -> tuple[str, ...]:
    rest = clause.phrases[1:]
    tail = " ".join(str(p) for p in rest if p.prep not in DROPPED)
    head = PER_NOUN_SPLIT.split(clause.subject)[0].split()[-1].casefold()
    asked = ["what"] + ([f"how {GROWS[head]}"] if head in GROWS else []) + ([unit] if unit and clause.aux in ("are", "were") else [])
    have = {"is": "does", "are": "do", "was": "did", "were": "did"}[clause.aux]
    value = [f"what value {have} {clause.subject} have {tail}"] if head in GROWS or not unit else []
    insitu = [f"{clause.subject} {clause.aux} {unit or 'what'} {tail}"]
    return unique([*predicate(clause, asked, rest=rest)[: len(asked)], *value, *insitu, *predicate(clause, asked, rest=rest)[-1:]])


def _definition(clause: Clause, whole: str) -> Iterator[Found]:
    head = PER_NOUN_SPLIT.split(whole)[0]
    noun = head.split()[-1]
    key = clean_key(re.split(r",? (?:that|which|who|whose|where|for|with|in|on|at|from|to|by|used|made|designed|based) ", whole)[0])
    is_term = is_named(clause.subject) or not re.match(r"(?:the|an?|each|every) ", clause.subject, re.IGNORECASE)
    kind = (
        f"what kind of {noun}"
        if noun.isalpha() and noun not in VAGUE_HEADS and " and " not in head and len(key.split()) > 1 and clause.aux in ("is", "was")
        else ""
    )
    asked = [w for w in ("what" if is_term or len(whole.split()) > 4 else "", kind) if w]  # noqa: PLR2004  # 'is a pump' defines nothing
    if not asked or key.casefold() in VAGUE_HEADS or is_pronoun(whole):
        return
    who = who_or_what(whole)
    if asked[0] == "what" and who == "who" and is_named(clause.subject):
        asked[0] = "who"
    made = [*predicate(clause, asked, rest=())]
    if is_term and clause.aux in ("is", "are"):
        verb = "is" if clause.aux == "is" else "are"
        made.insert(1, "" if who == "who" else f"how {verb} {clause.subject} defined")
        made.append(f"what is meant by {clause.subject}")
    yield Found("definition", "definition", key, unique(made), 1)
    if is_term and len(whole.split()) > SPECIFIC_WORDS + 2 and not is_pronoun(clause.subject):
        yield Found("defined_term", "term", clean_key(clause.subject), subject_gap(clause, who), 3)


def meanings(clause: Clause) -> Iterator[Found]:
    """``Code E14 means that ...``: asks what it means."""
    text = " ".join(str(p) for p in clause.phrases)
    if clause.base not in ("mean", "indicate", "signal", "signify", "denote") or clause.aux or not text.startswith(("that ", "a ", "an ", "the ")):
        return
    yes = re.sub(r"^that ", "", text)
    yield Found("meaning", "definition", clean_key(yes), object_gap(clause, 0)[:1] + unique([
        f"what is {clause.base == 'mean' and 'meant' or verbs.participle(clause.base)} by {clause.subject}",
        f"can you say what {clause.subject} {clause.verb_group}", f"what meaning does {clause.subject} have",
    ]), 2)  # fmt: skip


def counted_subjects(clause: Clause) -> Iterator[Found]:
    """``57 percent of the adults returned``: asks for the number in the subject."""
    text = clause.subject
    if re.match(r"(?:between|up to|at least) ", text):
        return
    quantity = read_quantity(text)
    share = re.match(r"^(?P<core>\d[\d.,]* ?(?:%|per ?cent)) (?P<of>of .+)$", text)
    group = f"{clause.verb_group} {' '.join(str(p) for p in clause.phrases if p.prep not in DROPPED)} {clause.intro}"
    if share:
        asked, key = (f"what percentage {share['of']}", f"how many per cent {share['of']}", f"what share {share['of']}"), share["core"]
    elif quantity and not quantity.measure and re.match(r"(?: (?:of|in|from|with|on|at|that|who) .+)?$", quantity.after):
        asked, key = tuple(f"{word} {quantity.counted}{quantity.after}" for word in ("how many", "what number of")), quantity.core
    elif quantity and quantity.measure == "percentage" and not quantity.after:
        asked, key = ("what percentage", "how many per cent", "what share"), quantity.core
    else:
        return
    yield Found("counted", "number", key, unique([*(f"{words} {group}" for words in asked), f"can you say {asked[0]} {group}", f"do you know {asked[-1]} {group}"]), 1)  # fmt: skip


def naming(clause: Clause) -> Iterator[Found]:
    """``X is called Y``: asks for the name."""
    if (
        clause.base in NAMING
        and clause.is_passive
        and clause.phrases
        and not clause.phrases[0].prep
        and not is_pronoun(clause.phrases[0].text)
    ):
        name = clause.phrases[0].text
        aux, subject, group = clause.aux, clause.subject, clause.verb_group
        questions = unique(
            [
                f"what {aux} {subject} {clause.verb}",
                f"what name {'was' if aux in ('was', 'were') else 'is'} given to {subject}",
                f"what is the name of {subject}",
                f"by what name {'was' if aux in ('was', 'were') else 'is'} {subject} known" if aux in ("is", "was") else "",
                f"can you say what {subject} {group}",
            ]
        )
        yield Found("naming", "name" if is_named(name) else "term", clean_key(name), questions, 0)


def objects(clause: Clause) -> Iterator[Found]:
    """What a verb acts on: ``X consists of A, B and C``, ``X uses Y``."""
    if not clause.phrases or clause.base == "be" or (clause.is_passive and clause.phrases[0].prep not in ("of", "into")):
        return
    phrase = clause.phrases[0]
    whole = str(phrase.text)
    of_list = phrase.prep in ("of", "from", "into", "on", "with", "for", "between")
    if (phrase.prep and not of_list) or is_pronoun(whole) or read_quantity(whole) or (ATTRIBUTE_OF.match(whole) and _is_measured(whole)):
        return
    if items := list_items(whole):
        yield Found("list", "list", "; ".join(items), _ask_list(clause), 1)
    elif not phrase.prep and clause.base not in NO_OBJECT | {"have", "mean"}:
        key = clean_key(PER_NOUN_SPLIT.split(whole)[0]) if len(whole.split()) > 6 else clean_key(whole)  # noqa: PLR2004
        plain = re.match(r"^(?:that|how|what|whether|not|more|less|to|only|well|up|out|as|back|down|off|again)\b", whole)
        if not plain and key and (is_named(key) or len(key.split()) > 1):
            who = "who" if who_or_what(whole) == "who" else "what"
            if key.casefold() in ("either", "both", "one", "following"):
                return
            yield Found("object", "name" if is_named(key) else "term", key, object_gap(clause, 0, who), 4)


def _is_measured(text: str) -> bool:
    match = ATTRIBUTE_OF.match(text)
    return match is not None and (read_quantity(match["value"]) is not None or re.fullmatch(RANGE, match["value"]) is not None)


def _ask_list(clause: Clause) -> tuple[str, ...]:
    prep = clause.phrases[0].prep
    front = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb}"
    statement = f"{clause.subject} {clause.verb_group}"
    tail = " ".join([*(str(p) for p in clause.phrases[1:] if p.prep not in DROPPED), clause.intro])
    made = [f"what {front} {prep} {tail}", f"which things {front} {prep} {tail}", f"can you name what {statement} {prep} {tail}"]
    if clause.base in ("consist", "comprise", "compose", "divide", "make"):
        made += [f"what are the parts of {clause.subject}", f"which parts make up {clause.subject}"]
    elif not prep and clause.base not in ("have",):
        made.append(f"{statement} what {tail}")
    return unique(made)


def comparisons(clause: Clause) -> Iterator[Found]:
    """``X needs less current than Y``: which of the two, and what beats Y."""
    rest = " ".join(str(p) for p in clause.phrases if p.prep not in DROPPED and p.prep not in ("when", "if"))
    match = COMPARED.match(rest)
    if (
        match is None
        or is_pronoun(match["other"])
        or re.match(r"that of|\d|expected|in |before|ever|usual|for |with |when ", match["other"])
    ):
        return
    if match["how"] in ("more", "less", "fewer") and re.match(r" ?\d", match["what"]):
        return
    other = re.split(r" (?:at|in|on|for|when|and|with|by|because|after|during|across|to) ", match["other"])[0]
    tail = match["other"][len(other) :]
    other = other.removesuffix(" themselves").removesuffix(" itself")
    if other.casefold().split()[0] in NUMBER_WORDS or not re.match(r"(?:the|an?|any|all|every|other) |[A-Z]|\w+s\b", other):
        return
    verb = _third_person(clause)
    does = f"{verb} {match['before']}{match['how']}{match['what']}"
    subject = clause.subject
    questions = [
        f"which {does}{tail}, {subject} or {other}",
        f"which of the two {does}{tail}: {subject} or {other}",
        f"what {verb} {rest}",
        f"between {subject} and {other}, which {does}{tail}",
    ]
    yield Found("comparison", "comparison", clean_key(subject), unique(questions), 1)


def _third_person(clause: Clause) -> str:
    if clause.aux:
        return f"{ {'are': 'is', 'were': 'was', 'have': 'has'}.get(clause.aux, clause.aux) } {clause.verb}".strip()
    return verbs.s_form(clause.base) if clause.form == "base" else clause.verb


def text_is_vague(subject: str) -> bool:
    """True for a subject that is a mere pointer: ``the first step``, ``the result``, ``the authors``."""
    return bool(re.match(r"(?:the )?(?:first|second|third|few|some|last|next|other|authors?|results?|latter|former|process|goal|idea|following)\b", subject, re.IGNORECASE))


def subjects(clause: Clause) -> Iterator[Found]:
    """What does or undergoes something that is told precisely: ``What is tightened to 42 Nm?``."""
    subject, said = clause.subject, " ".join(str(p) for p in clause.phrases)
    plain = re.match(r"(?:an?|each|every|all|both|some|many|most|no|several|one|two|three|any) ", subject, re.IGNORECASE)
    n_said = len([t for t in tokenise(said) if len(t.text) > 3 or t.text[:1].isdigit()])  # noqa: PLR2004  # content words
    if (
        re.search(r"\b(?:its|their|it|they|them|itself)\b", said)
        or plain
        or n_said < SPECIFIC_WORDS
        or len(subject.split()) > 7
        or (clause.base == "be" and not clause.is_passive)
    ):  # noqa: PLR2004
        return
    if any(word in NO_OBJECT for word in (clause.base,)) or text_is_vague(subject):
        return
    precise = is_named(said) or any(t.text[:1].isdigit() for t in tokenise(said)) or n_said > 2 * SPECIFIC_WORDS - 1
    if precise and (is_named(subject[1:]) or len(clean_key(subject).split()) > 1 or subject.isupper()):
        who = who_or_what(subject, acts=clause.base in HUMAN_ACTS and not clause.is_passive)
        yield Found("subject", "name" if is_named(subject[1:]) else "term", clean_key(subject), subject_gap(clause, who), 5)


PATTERNS: tuple[Callable[[Clause], Iterator[Found]], ...] = (
    quantities, predicates, meanings, counted_subjects, naming, agents, comparisons, objects, places_and_links, reasons, subjects,
)  # fmt: skip


def _is_telling(clause: Clause, fact: Found) -> bool:
    """True where the question itself says enough to have one answer: not ``What do the authors evaluate?``."""
    asked = fact.questions[0]
    told = [word for word in re.findall(r"[^\W_][\w-]*", asked) if len(word) > 3 or word.isupper() or word[:1].isdigit()]  # noqa: PLR2004
    n_told = len([word for word in told if word.casefold() not in EMPTY_WORDS])
    return n_told >= SPECIFIC_WORDS or (n_told >= SPECIFIC_WORDS - 1 and is_named(clause.subject[1:] or clause.subject))


def facts(clause: Clause) -> list[Found]:
    """Every fact that a pattern reads off the clause, surest first; none for a negated clause, save for limits not to be exceeded."""
    if clause.base == "get" or re.match(r"(?:no|neither|few|hardly|none) ", clause.subject, re.IGNORECASE):
        return []
    if re.search(r"\bnot\b|\bcannot\b|\bnever\b|\bno longer\b", clause.verb_group) and clause.base != "exceed":
        return []
    found = [fact for pattern in PATTERNS for fact in pattern(clause) if fact.cost < UNSURE or _is_telling(clause, fact)]
    return sorted(found, key=lambda fact: fact.cost)
