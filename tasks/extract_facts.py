"""Clause -> facts that its phrases state: quantities, dates, agents, means, reasons, conditions, places, purposes, partners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_draft import Found
from tasks.extract_keys import HEAD_END, clean_key, first_word, holds_clause, is_named, is_pronoun, read_attribute, who_or_what
from tasks.extract_quantities import RANGE, Quantity, read_date, read_quantity
from tasks.extract_questions import adverbial, gap, others, unique
from tasks.extract_tokens import SUBORDINATORS, is_adverb
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.extract_grammar import Clause, Phrase
    from warehouse.tables import AnswerKind

WHERE = frozenset(
    {"in", "at", "on", "near", "beside", "behind", "under", "above", "below", "between", "inside", "outside", "along", "against"}
)
DATED = frozenset({"in", "on", "at", "since", "until", "by", "from", "before", "after"})
LASTING = frozenset({"last", "take", "run", "wait", "remain", "live"})
NAMED_MEASURES = frozenset({"torque", "pressure", "temperature", "speed", "voltage", "percentage"})
OF_COST = {"weigh": "what is the mass of", "cost": "what is the price of"}
CONDITIONS = {
    "because": ("why", "for what reason"),
    "when": ("when", "under what condition", "in which case"),
    "if": ("under what condition", "in which case", "when"),
    "until": ("until when", "how long"),
    "once": ("when", "under what condition", "from when on"),
}
UNKNOWN_INFINITIVE = re.compile(r"(?!the|an?\b|all|each)[a-z]+ (?:the|an?|its|their|all|each)\b")
PARTICIPLE_FIRST = re.compile(r"[a-z]+ed (?:the|an?|its|their)\b")


def quantities(clause: Clause) -> Iterator[Found]:
    """Numbers with unit or noun behind the verb: ``tightened to 42 Nm``, ``holds 18 litres``, ``a range of 30 m``."""
    is_copula = clause.base == "be" and not clause.is_passive
    for at, phrase in enumerate(clause.phrases):
        attribute = read_attribute(phrase.text)
        is_measure = HEAD_END.split(clause.subject)[0].split()[-1].casefold() in word_list("measured")
        if is_copula and attribute and phrase.prep == "with" and at and not is_measure:
            yield Found("attribute", "number", attribute.value, _ask_of_subject(clause.subject, attribute.name), 0)
        if is_copula and not (at and len(clause.phrases[0].text.split()) == 1):
            continue
        quantity = read_quantity(phrase.text) if phrase.prep != "as" else None
        if quantity and not quantity.after.strip(" ,"):
            yield Found("quantity", "number", quantity.core, _ask_quantity(clause, at, quantity), 0)
        elif phrase.prep in DATED and read_date(phrase.text):
            yield Found("date", "number", phrase.text, _ask_date(clause, at), 0)
        elif (
            re.fullmatch(RANGE, phrase.text)
            and phrase.text[0].isdigit()
            and phrase.prep in ("from", "to", "at")
            and clause.base in word_list("moves")
        ):
            yield Found("figure", "number", phrase.text, gap(clause, at, ("what value", "what figure")), 1)
        elif attribute and not is_copula and not (at and phrase.prep in ("above", "below", "over", "under")):
            yield Found("attribute", "number", attribute.value, _ask_attribute(clause, at, attribute.name), 0)


def _ask_of_subject(subject: str, name: str) -> tuple[str, ...]:
    return unique(
        [
            f"what is the {name} of {subject}",
            f"how large is the {name} of {subject}",
            f"{subject} has what {name}",
            f"can you say what the {name} of {subject} is",
        ]
    )


def _ask_quantity(clause: Clause, at: int, quantity: Quantity) -> tuple[str, ...]:
    prep, unit = clause.phrases[at].prep, quantity.counted
    counted = (f"how many {unit}", f"what number of {unit}")
    if quantity.measure == "time":
        special = {
            "for": (counted[0], "how long", "for how long"),
            "every": ("how often", "at what interval", "at which interval"),
            "within": (f"within how many {unit}", "within what time"),
            "": ("how long", counted[0]) if clause.base in LASTING else (),
        }.get(prep, ())
        if prep == "for":
            special = (f"for how many {unit}", *special[1:])
        return adverbial(clause, at, special) if special else gap(clause, at, counted)
    if prep == "every":
        return adverbial(clause, at, (f"after how many {unit}", "how often", "at what interval"))
    if prep == "by" and quantity.measure:
        return unique([*adverbial(clause, at, ("by how much",)), *gap(clause, at, (counted[0], f"what {quantity.measure}"))])
    if not prep and clause.base in OF_COST:
        before, after = others(clause, at)
        return unique([*adverbial(clause, at, ("how much", counted[0])), f"{OF_COST[clause.base]} {clause.subject} {before} {after}"])
    return gap(clause, at, quantity.asked, noun=quantity.measure if quantity.measure in NAMED_MEASURES else "")


def _ask_date(clause: Clause, at: int) -> tuple[str, ...]:
    prep, asked = clause.phrases[at].prep, read_date(clause.phrases[at].text)
    if prep in ("in", "on", "at"):
        return adverbial(clause, at, asked)
    return adverbial(clause, at, (f"{prep} when", f"{prep} what {asked[1].split()[-1]}"))


def _ask_attribute(clause: Clause, at: int, name: str) -> tuple[str, ...]:
    first, *more = gap(clause, at, (f"what {name}",))
    before, after = others(clause, at)
    if clause.base == "have" and not clause.aux:
        of_subject = [f"what is the {name} of {clause.subject} {after}", f"how large is the {name} of {clause.subject} {after}"]
        return unique([first, *of_subject, *more])
    link = f"{clause.phrases[at].prep} which" if clause.phrases[at].prep else "that"
    return unique([first, f"what is the {name} {link} {clause.subject} {clause.verb_group} {before} {after}", *more])


def agents(clause: Clause) -> Iterator[Found]:
    """``was designed by X`` asks for X; ``by freezing the layers`` asks how. Only the first ``by`` belongs to the verb."""
    for at, phrase in enumerate(clause.phrases):
        if phrase.prep != "by" or phrase.text in word_list("by_idioms") or is_pronoun(phrase.text) or read_quantity(phrase.text):
            continue
        if verbs.reading(first_word(phrase.text), "ing"):
            asked = adverbial(clause, at, ("how", "by what means", "in what way"), keep_all=False)
            yield Found("means", "procedure", " ".join([phrase.text, *map(str, clause.phrases[at + 1 :])]), asked, 3)
        elif clause.is_passive and " by " not in clause.subject:
            asked = _ask_agent(clause, at, who_or_what(phrase.text, acts=True))
            yield Found("agent", _name_or_term(phrase), clean_key(phrase.text), asked, 1)
        return


def _name_or_term(phrase: Phrase) -> AnswerKind:
    return "name" if is_named(phrase.text) else "term"


def _ask_agent(clause: Clause, at: int, who: str) -> tuple[str, ...]:
    before, after = others(clause, at, keep_all=False)
    whom = "whom" if who == "who" else "what"
    form = {"was": verbs.past, "were": verbs.past, "is": verbs.s_form, "are": verbs.s_form}.get(clause.aux)
    active = ""
    if form and clause.verb.casefold() == verbs.participle(clause.base):
        active = form(clause.base)
    elif clause.aux in verbs.MODALS and clause.verb.startswith("be "):
        active = f"{clause.aux} {clause.base}"
    return unique(
        [
            f"{who} {active} {clause.subject} {before} {after}" if active else "",
            *gap(clause, at, (whom,), keep_all=False)[:1],
            f"{who} {clause.aux} {clause.subject} {clause.verb} {before} by {after}",
            f"{clause.subject} {clause.verb_group} {before} by {whom} {after}",
            f"can you name {'the one who' if who == 'who' else 'what'} {active} {clause.subject} {before} {after}" if active else "",
        ]
    )


def reasons(clause: Clause) -> Iterator[Found]:
    """``because ...``, ``when ...``, ``if ...``, ``until ...``: asked for by why and when."""
    for at, phrase in enumerate(clause.phrases):
        asked = CONDITIONS.get(phrase.prep, ())
        means_whether = phrase.prep == "if" and at and verbs.reading(clause.phrases[at - 1].text.split()[-1].casefold(), "base", "ing")
        is_whether = phrase.prep == "if" and clause.base in ("check", "decide", "determine", "see", "verify", "test", "ask")
        asks_back = clause.subject == "you" or verbs.reading(first_word(phrase.text), "ing")
        is_no_condition = means_whether or is_whether or asks_back or read_date(phrase.text)
        if not asked or is_no_condition or " " not in phrase.text:  # 'when new' says little
            continue
        questions = adverbial(clause, at, asked)
        if phrase.prep != "because":
            yield Found("condition", "text", phrase.text, questions, 3)
            continue
        before, after = others(clause, at)
        reason = f"what is the reason that {clause.subject} {clause.verb_group} {before} {after}"
        yield Found("reason", "text", phrase.text.removeprefix("of "), unique([*questions, reason]), 3)


def places_and_links(clause: Clause) -> Iterator[Found]:
    """Prepositional phrases that name a place, a material, a purpose, a target or a partner."""
    for at, phrase in enumerate(clause.phrases):
        if not phrase.prep or phrase.prep in ("by", "per", "than", "every") or ", " in phrase.text or _is_other_kind(phrase):
            continue
        key, kind = clean_key(phrase.text), _name_or_term(phrase)
        if phrase.prep in WHERE and clause.base in word_list("placed"):
            asked = [
                *adverbial(clause, at, ("where", "in what place"), keep_all=False),
                *gap(clause, at, (_whom(phrase),), keep_all=False)[1:3],
            ]
            yield Found("place", kind, key, unique(asked), 2)
        elif phrase.prep in (("from", "of") if at else ("from", "of", "in")) and clause.base in word_list("made") and clause.is_passive:
            yield Found("material", "term", key, gap(clause, at, ("what material", "what"), keep_all=False), 1)
        elif phrase.prep == "to" and verbs.is_base(first_word(phrase.text)):
            if clause.is_passive and clause.base in word_list("purposeful"):
                yield Found("purpose", "text", phrase.text, _ask_purpose(clause, at), 3)
        elif _is_linked(clause, at):
            yield Found("link", kind, key, gap(clause, at, (_whom(phrase),), keep_all=False), 3 if kind == "name" else 4)


def _is_linked(clause: Clause, at: int) -> bool:
    """True where the phrase surely belongs to the verb, not to a noun before it."""
    phrase, first = clause.phrases[at], clause.phrases[0]
    if at == 0:
        return clause.is_passive or f"{clause.base} {phrase.prep}" in verbs.pairs("prepositional")
    if at == 1 and clause.base == "be" and not first.prep and f"{first.text} {phrase.prep}" in verbs.pairs("prepositional"):
        return True
    return clause.is_passive and bool(first.prep) and is_named(phrase.text) and phrase.prep in ("to", "from", "with", "at", "on", "into")


def _whom(phrase: Phrase) -> str:
    is_person = phrase.prep in ("by", "to", "with", "from", "for") and who_or_what(phrase.text, acts=phrase.prep != "for") == "who"
    return "whom" if is_person else "what"


def _is_other_kind(phrase: Phrase) -> bool:
    """True where another pattern asks for the phrase, or nothing sensible can: quantities, dates, clauses, idioms, gerunds."""
    text = phrase.text
    opens_verb = is_adverb(first_word(text)) or text.startswith(("better ", "fine tune", "not "))
    is_verbal = bool(PARTICIPLE_FIRST.match(text) or (phrase.prep == "to" and (opens_verb or UNKNOWN_INFINITIVE.match(text))))
    is_clause = phrase.prep in SUBORDINATORS or is_verbal or holds_clause(text) or verbs.reading(first_word(text), "ing") is not None
    is_number = bool(read_date(text)) or read_quantity(text) is not None or read_attribute(text) is not None
    return is_clause or is_number or is_pronoun(text) or first_word(text) in word_list("idiom_nouns")


def _ask_purpose(clause: Clause, at: int) -> tuple[str, ...]:
    before, _ = others(clause, at)
    front = f"{clause.fronted_aux} {clause.subject} {clause.remaining_verb} {before}"
    return unique(
        [
            f"what {front} for" if clause.base in ("use", "employ", "need") else "",
            f"for what purpose {front}",
            f"what {front} to do",
            f"can you say for what purpose {clause.subject} {clause.verb_group} {before}",
        ]
    )
