"""Clause -> facts about quantities, dates, places, agents, means, reasons and purposes: what its phrases state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_draft import Found
from tasks.extract_grammar import PRONOUNS, Clause, Phrase, tokenise
from tasks.extract_quantities import RANGE, Quantity, read_date, read_quantity
from tasks.extract_questions import adverbial, gap, others, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.tables import AnswerKind

MEASURED = frozenset(
    """accuracy age amount angle area area budget capacity charge clearance clock concentration cost count current deadline deduction delay
    density deposit depth diameter difference dilution discount distance dose drop duration fee fine flow flow-rate force frequency gain gap
    height increase interval latency length lifetime limit load loss margin mass maximum mean median minimum number offset output overlap
    penalty percentage period power precision pressure price radius range rate ratio reduction resolution rise score share size span speed
    spacing temperature term thickness threshold throughput time tolerance torque total value voltage volume wavelength weight width
    window yield slope rating strength level energy batch warmup turnout quorum throughput""".split()  # noqa: SIM905
)
ATTRIBUTE_OF = re.compile(r"^(?:an?|the|its|their)? ?(?P<name>[a-z][\w-]*(?: [a-z][\w-]*){0,3}) of (?P<value>.+)$")
HUMAN_ACTS = frozenset(
    """approve audit build carry chair conduct coordinate create describe design develop discover draft edit found inspect introduce invent
    investigate lead maintain manage name organise own propose publish review run sign supervise train write take head report recommend
    request order pay teach found perform appoint issue certify translate illustrate commission establish operate""".split()  # noqa: SIM905
)
MOVES = frozenset("change rise fall increase decrease drop set raise lower reduce cut grow range vary fix limit move shift climb".split())  # noqa: SIM905
BY_IDIOMS = frozenset({"hand", "weight", "default", "volume", "mail", "post", "law", "mass", "design", "mistake", "accident"})
PLACED = frozenset(
    """locate situate store keep hold install place mount house lie stand build manufacture sit capture find record collect deposit archive
    bury hang attach position base display print stamp engrave write park moor anchor live nest breed cast test assemble fit conduct bolt
    fix""".split()  # noqa: SIM905
)
WHERE = frozenset("in at on near beside behind under above below between inside outside along beneath within against".split())  # noqa: SIM905
MADE = frozenset({"make", "cast", "mould", "build", "construct", "manufacture", "form", "machine", "weld", "forge", "compose"})
PURPOSEFUL = frozenset(
    {"use", "design", "build", "intend", "employ", "install", "fit", "develop", "introduce", "create", "require", "need"}
)
ROLE = re.compile(
    r"\b(?:engineer|manager|team|officer|committee|warden|department|director|board|operator|technician|supervisor|author|researcher|"
    r"inspector|council|keeper|gardener|curator|librarian|fitter|librar(?:y|ies)|customer|user|owner|staff|group|company|agency|editor|"
    r"professor|doctor|captain|mayor|president|adviser|advisor|secretary|convener|foreman|chair|head|member|crew|people|person|clerk|apothecary|chemist|surveyor|registrar|borrower|warden|dispatcher|controller)s?\b(?!-)|\b(?:Professor|Inspector|Captain|Dr)\b"
)
PERSON = re.compile(
    r"(?:^|[a-z] )(?:(?:Dr|Prof|Mr|Ms|Mrs)\.? )?[A-Z][a-zà-ÿ]+(?: [A-Z]\.)*(?: (?:van|von|de|del|la) )?(?: [A-Z][a-zà-ÿ]+(?:-[A-Z][a-z]+)?){1,2}$"
)
NO_PERSON = re.compile(
    r"\b(?:Works|Ltd|Inc|University|Institute|Centre|Center|Laboratory|Station|House|Street|Tower|Bay|River|Hall|Office|Model|Models|System|"
    r"Language|Learning|Data|Dataset|Network|Module|Protocol|Table|Figure|Section|Attention|Fine|Tuning|Generation|Agent|Agents|Valley|Island|Optimization|Algorithm|Flow|Graph|Code|Search)\b"
)
LEADING = re.compile(r"^(?:the|an?|its|their|both|either|some|any|all|each|every|our|his|her) ", re.IGNORECASE)
RELATIVE = re.compile(r",? (?:(?:that|which|who|whose|where|whom|when|including|such as)\b|(?:[a-z]+ly )?[a-z]+ed (?:by|for|in|to|from|with|on|at|as|under|over)\b).*$")


def clean_key(text: str) -> str:
    """What must be said: without leading article, relative clause and closing marks."""
    key = RELATIVE.sub("", text).strip(" ,.;:\"“”'")
    while (shorter := LEADING.sub("", key)) != key:
        key = shorter
    return key


def is_named(text: str) -> bool:
    """True where a word is capitalised or a code such as ``LB-5``; the first word too, so not for the start of a sentence."""
    return any(t.text[:1].isupper() or re.search(r"[A-Za-z]-?\d|\d-?[A-Za-z]", t.text) for t in tokenise(text))


def who_or_what(text: str, *, acts: bool = False) -> str:
    """``who`` for a role, and where ``acts`` (the verb is one that people do) for what looks like a name; else ``what``."""
    heads = re.split(r",| and | together with | of | from | for | in | at ", clean_key(text))
    named = any((match := PERSON.search(head)) and _is_person(match.group()) for head in heads)
    return "who" if (acts and named) or ROLE.search(heads[0]) else "what"


def _is_person(name: str) -> bool:
    """False for titles in capitals: ``Open Domain Question Answering`` is mostly verbs, ``Question Answering Flow`` a known kind of thing."""
    words = re.findall(r"[^\W\d]+", name)
    return not NO_PERSON.search(name) and 2 * sum(bool(verbs.readings(word.casefold())) for word in words) <= len(words)


def is_pronoun(text: str) -> bool:
    """True where the phrase is or begins with a pronoun, so that it points elsewhere."""
    first = text.casefold().split()[:1]
    return not first or first[0] in PRONOUNS | {"itself", "himself", "there", "here"}


def quantities(clause: Clause) -> Iterator[Found]:
    """Numbers with unit or noun behind the verb: ``tightened to 42 Nm``, ``holds 18 litres``, ``a range of 30 m``."""
    for at, phrase in enumerate(clause.phrases):
        if clause.base == "be" and not clause.is_passive and not (at and len(clause.phrases[0].text.split()) == 1):
            continue
        quantity = read_quantity(phrase.text) if phrase.prep != "as" else None
        if quantity and not quantity.after.strip(" ,"):
            yield Found("quantity", "number", quantity.core, _ask_quantity(clause, at, quantity), 0)
        elif (
            asked := read_date(phrase.text) if phrase.prep in ("in", "on", "at", "since", "until", "by", "from", "before", "after") else ()
        ):
            yield Found("date", "number", phrase.text, _ask_date(clause, at, asked), 0)
        elif re.fullmatch(RANGE, phrase.text) and phrase.text[0].isdigit() and phrase.prep in ("from", "to", "at") and clause.base in MOVES:
            yield Found("figure", "number", phrase.text, gap(clause, at, ("what value", "what figure")), 1)
        elif found := _attribute(clause, at, phrase):
            yield found


def _ask_quantity(clause: Clause, at: int, quantity: Quantity) -> tuple[str, ...]:
    prep, unit = clause.phrases[at].prep, quantity.counted
    if quantity.measure == "time":
        special = {
            "for": (f"for how many {unit}", "how long", "for how long"),
            "every": ("how often", "at what interval", "at which interval"),
            "within": (f"within how many {unit}", "within what time"),
            "": ("how long", f"how many {unit}") if clause.base in ("last", "take", "run", "wait", "remain", "live") else (),
        }.get(prep, ())
        return adverbial(clause, at, special) if special else gap(clause, at, (f"how many {unit}", f"what number of {unit}"))
    if prep == "every":
        return adverbial(clause, at, (f"after how many {unit}", "how often", "at what interval"))
    if quantity.share and prep != "by":
        return gap(clause, at, quantity.asked)
    if prep == "by" and quantity.measure:
        return unique([*adverbial(clause, at, ("by how much",)), *gap(clause, at, (f"how many {unit}", f"what {quantity.measure}"))])
    if not prep and clause.base in ("weigh", "cost"):
        how = ("how heavy", "is", "what is the mass of") if clause.base == "weigh" else ("how expensive", "is", "what is the price of")
        before, after = others(clause, at)
        more = [f"{how[2]} {clause.subject} {before} {after}"]
        return unique([*adverbial(clause, at, ("how much", f"how many {unit}")), *more])
    return gap(clause, at, quantity.asked, noun=quantity.measure if quantity.measure in ("torque", "pressure", "temperature", "speed", "voltage", "percentage") else "")  # fmt: skip  # noqa: E501


def _ask_date(clause: Clause, at: int, asked: tuple[str, ...]) -> tuple[str, ...]:
    prep = clause.phrases[at].prep
    if prep in ("in", "on", "at"):
        return adverbial(clause, at, asked)
    return adverbial(clause, at, (f"{prep} when", f"{prep} what date" if "date" in asked[1] else f"{prep} what {asked[1].split()[-1]}"))


def _attribute(clause: Clause, at: int, phrase: Phrase) -> Found | None:
    match = ATTRIBUTE_OF.match(phrase.text)
    if match is None or match["name"].split()[-1] not in MEASURED:
        return None
    quantity = read_quantity(match["value"])
    key = quantity.core if quantity and not quantity.after.strip() else match["value"]
    if not quantity and not re.fullmatch(rf"{RANGE}", match["value"]):
        return None
    name = match["name"]
    questions = list(gap(clause, at, (f"what {name}",)))
    before, after = others(clause, at)
    if clause.base == "have" and not clause.aux:
        questions.insert(1, f"what is the {name} of {clause.subject} {after}")
        questions.insert(2, f"how large is the {name} of {clause.subject} {after}")
    elif phrase.prep:
        questions.insert(1, f"what is the {name} {phrase.prep} which {clause.subject} {clause.verb_group} {before} {after}")
    else:
        questions.insert(1, f"what is the {name} that {clause.subject} {clause.verb_group} {before} {after}")
    return Found("attribute", "number", key, unique(questions), 0)


def agents(clause: Clause) -> Iterator[Found]:
    """``was designed by X`` asks for X; ``by freezing the layers`` asks how."""
    for at, phrase in enumerate(clause.phrases):
        if phrase.prep != "by" or phrase.text in BY_IDIOMS or is_pronoun(phrase.text) or read_quantity(phrase.text):
            continue
        if verbs.reading(phrase.text.split()[0].casefold(), "ing"):
            yield Found("means", "procedure", phrase.text, adverbial(clause, at, ("how", "by what means", "in what way"), keep_all=False), 3)
            return
        if clause.is_passive:
            who = who_or_what(phrase.text, acts=True)
            yield Found("agent", "name" if is_named(phrase.text) else "term", clean_key(phrase.text), _ask_agent(clause, at, who), 1)
            return


def _ask_agent(clause: Clause, at: int, who: str) -> tuple[str, ...]:
    before, after = others(clause, at, keep_all=False)
    form = {"was": verbs.past, "were": verbs.past, "is": verbs.s_form, "are": verbs.s_form}.get(clause.aux)
    if form and clause.verb.casefold() == verbs.participle(clause.base):
        active = form(clause.base)
    elif clause.aux in verbs.MODALS and clause.verb.startswith("be "):
        active = f"{clause.aux} {clause.base}"
    else:
        active = ""
    made = [f"{who} {active} {clause.subject} {before} {after}"] if active else []
    made += gap(clause, at, ("whom" if who == "who" else "what",), keep_all=False)[:1]
    made.append(f"{who} {clause.aux} {clause.subject} {clause.verb} {before} by {after}")
    made.append(f"{clause.subject} {clause.verb_group} {before} by {'whom' if who == 'who' else 'what'} {after}")
    if active:
        made.append(f"can you name {'the one who' if who == 'who' else 'what'} {active} {clause.subject} {before} {after}")
    return unique(made)


def reasons(clause: Clause) -> Iterator[Found]:
    """``because ...``, ``when ...``, ``if ...``, ``until ...``: asked for by why and when."""
    asked_by = {
        "because": ("why", "for what reason", "what is the reason that"),
        "when": ("when", "under what condition", "in which case"),
        "if": ("under what condition", "in which case", "when"),
        "until": ("until when", "how long"),
        "once": ("when", "under what condition", "from when on"),
    }
    for at, phrase in enumerate(clause.phrases):
        asked = asked_by.get(phrase.prep, ())
        if at and phrase.prep == "if" and verbs.reading(clause.phrases[at - 1].text.split()[-1].casefold(), "base", "ing"):
            continue  # 'determining if' means whether
        if not asked or len(phrase.text.split()) < 2 or read_date(phrase.text):  # noqa: PLR2004  # 'when new' says little
            continue
        questions = list(adverbial(clause, at, asked[:2] if phrase.prep == "because" else asked))
        if phrase.prep == "because":
            before, after = others(clause, at)
            questions.append(f"what is the reason that {clause.subject} {clause.verb_group} {before} {after}")
        key = phrase.text.removeprefix("of ")
        yield Found("reason" if phrase.prep == "because" else "condition", "text", clean_key(key), unique(questions), 3)


def places_and_links(clause: Clause) -> Iterator[Found]:
    """Prepositional phrases that name a place, a material, a target or a partner."""
    for at, phrase in enumerate(clause.phrases):
        if not phrase.prep or phrase.prep in ("by", "per", "than") or is_pronoun(phrase.text) or _is_other_kind(phrase) or (", " in phrase.text):
            continue
        if phrase.prep in WHERE and clause.base in PLACED:
            questions = unique([*adverbial(clause, at, ("where", "in what place"), keep_all=False), *gap(clause, at, (who_what(phrase),), keep_all=False)[1:3]])
            yield Found("place", "name" if is_named(phrase.text) else "term", clean_key(phrase.text), questions, 2)
        elif phrase.prep in ("from", "of", "in") and clause.base in MADE and clause.is_passive:
            yield Found("material", "term", clean_key(phrase.text), gap(clause, at, ("what material", "what"), keep_all=False), 1)
        elif phrase.prep == "to" and verbs.is_base(phrase.text.split()[0].casefold()):
            if clause.is_passive and clause.base in PURPOSEFUL:
                yield Found("purpose", "text", phrase.text, _ask_purpose(clause, at), 3)
        elif _is_linked(clause, at):
            kind: AnswerKind = "name" if is_named(phrase.text) else "term"
            asked = gap(clause, at, (who_what(phrase),), keep_all=False)
            yield Found("link", kind, clean_key(phrase.text), asked, 3 if is_named(phrase.text) else 4)


def _is_linked(clause: Clause, at: int) -> bool:
    """True where the phrase surely belongs to the verb, not to a noun before it."""
    phrase, first = clause.phrases[at], clause.phrases[0]
    if at == 0:
        return clause.is_passive or f"{clause.base} {phrase.prep}" in verbs.pairs("prepositional")
    if at == 1 and clause.base == "be" and not first.prep and f"{first.text} {phrase.prep}" in verbs.pairs("prepositional"):
        return True
    return clause.is_passive and bool(first.prep) and is_named(phrase.text) and phrase.prep in ("to", "from", "with", "at", "on", "into")


def who_what(phrase: Phrase) -> str:
    """``whom`` or ``what``, as the phrase's noun asks."""
    is_person = phrase.prep in ("by", "to", "with", "from", "for") and who_or_what(phrase.text, acts=phrase.prep != "for") == "who"
    return "whom" if is_person else "what"


def _is_other_kind(phrase: Phrase) -> bool:
    """True where another pattern asks for the phrase, or nothing sensible can: quantities, dates, clauses, idioms."""
    subordinate = phrase.prep in (
        "when",
        "if",
        "because",
        "unless",
        "until",
        "while",
        "whereas",
        "although",
        "though",
        "so",
        "once",
        "where",
    )
    unknown_verb = phrase.prep == "to" and re.match(r"(?!the|an?\b|all|each)[a-z]+ (?:the|an?|its|their|all|each)\b", phrase.text)
    participle = re.match(r"[a-z]+ed (?:the|an?|its|their)\b", phrase.text)
    idiom = re.match(r"(?:average|addition|general|total|time|turn|order|case|particular|fact|practice|use|place|least|most|all|once|hand|part|terms|detail|contrast|each|any|other|own)\b", phrase.text)  # fmt: skip  # noqa: E501
    is_gerund = bool(verbs.reading(phrase.text.split()[0].casefold(), "ing"))
    return subordinate or bool(idiom or unknown_verb or participle) or is_gerund or bool(read_date(phrase.text)) or read_quantity(phrase.text) is not None or bool(
        ATTRIBUTE_OF.match(phrase.text) and read_quantity(ATTRIBUTE_OF.match(phrase.text)["value"])  # type: ignore[index]
    )  # fmt: skip


def _ask_purpose(clause: Clause, at: int) -> tuple[str, ...]:
    before, _ = others(clause, at)
    base = (
        [f"what {clause.fronted_aux} {clause.subject} {clause.remaining_verb} {before} for"]
        if clause.base in ("use", "employ", "need")
        else []
    )
    return unique(
        [
            *base,
            f"for what purpose {clause.fronted_aux} {clause.subject} {clause.remaining_verb} {before}",
            f"what {clause.fronted_aux} {clause.subject} {clause.remaining_verb} {before} to do",
            f"can you say for what purpose {clause.subject} {clause.verb_group} {before}",
        ]
    )
