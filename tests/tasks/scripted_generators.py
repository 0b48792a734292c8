"""Prompt -> reply, as a model would give it: one generator that does everything right, one that commits every known defect in turn.

Both read the prompt that reached them over HTTP and nothing else, and keep no state: the same request always has the same reply. They
take sentences of the chunk that is quoted there, so a good pair can stand in the page and a bad one differs from it in its defect alone.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.generate_llm import PROMPT_NAMES
from tasks.key_match import states
from tasks.prompt import load_prompt
from tasks.quoting import WORD_MARK
from tasks.text import normalise, sentence_spans, words

HEAD_WORDS, TAIL_WORDS = 6, 3
SOURCE = re.compile(r"<source-([0-9a-f]{8})>\n(.*?)\n</source-\1>", re.DOTALL)
PLAIN = re.compile(r"[A-Z][A-Za-z0-9 ,.;:%()'’/-]*\.")  # noqa: RUF001  # as printed
APART = frozenset({"multi_hop", "unanswerable"})
"""Kinds that are asked for by a prompt of their own."""
UNTOLD = "first person to write down"
FURTHER = "Taken further, "


@dataclass(frozen=True)
class Case:
    """A sentence of a chunk that a question is made from. ``head`` and ``tail``: its first and last words."""

    title: str
    text: str
    sentence: str
    head: str
    tail: str
    number: int

    @property
    def mark(self) -> int:
        """A figure that tells sentences apart in questions that do not quote them."""
        return sum(map(ord, self.sentence)) * 100 + self.number


@dataclass(frozen=True)
class Passage:
    title: str
    text: str

    @property
    def cases(self) -> list[Case]:
        """Sentences in plain words, each with a head of its own that does not say its tail."""
        found: dict[str, Case] = {}
        for number, (start, end) in enumerate(sentence_spans(self.text)):
            sentence = self.text[start:end]
            tokens = sentence.split()
            if not PLAIN.fullmatch(sentence) or not 12 <= len(tokens) <= 40 or "et al" in sentence or "this" in sentence.lower():
                continue  # a question that quotes 'this paper' cannot be understood alone
            head, tail = " ".join(tokens[:HEAD_WORDS]).rstrip(",.;:"), " ".join(tokens[-TAIL_WORDS:]).rstrip(".").strip("(),;:")
            if states(sentence, tail) and not states(f"{head} words statement begins", tail) and head.count("(") == head.count(")"):
                found.setdefault(normalise(head), Case(self.title, self.text, sentence, head, tail, number))
        return list(found.values())


ASKED = {
    "factual": 'Which words complete the statement that begins "{head}"?',
    "definition": 'What is said of the matter that is introduced by "{head}"?',
    "how": 'How does the statement that opens with "{head}" go on?',
    "why": 'Why does the statement that sets out with "{head}" hold, in its own words?',
    "comparison": 'Which of all statements is the one that starts "{head}"?',
    "procedure": 'What comes next where the statement has got as far as "{head}"?',
    "summary": 'What does the statement that starts out "{head}" say as a whole?',
    "multi_hop": 'How do the statements that begin "{head}" and "{other}" end?',
    "unanswerable": 'Who was the first person to write down the statement that begins "{head}"?',
}
WORDINGS = (
    "With which words does the statement that begins {heads} close?",
    "Once {heads} has been said, what remains to be stated?",
    "What is the remainder of the statement whose beginning is {heads}?",
    "Can you continue the statement from {heads} to its end, and how?",
)
UNTOLD_WORDINGS = (
    "Which man or woman was the first person to write down what begins {heads}?",
    "Of all people, who was the first person to write down the words {heads}?",
    "What was the name of the first person to write down the sentence that starts {heads}?",
    "Do you know the first person to write down the statement {heads}?",
)


def good_question(case: Case, kind: str, other: str = "") -> str:
    return ASKED[kind].format(head=case.head, other=other)


def good_answer(*cases: Case) -> dict[str, Any]:
    return {
        "is_answerable": True,
        "evidence": [case.sentence for case in cases],
        "answer": " ".join(case.sentence for case in cases),
        "answer_key": "; ".join(case.tail for case in cases),
    }


NO_ANSWER: dict[str, Any] = {"is_answerable": False, "evidence": [], "answer": "", "answer_key": None}


@dataclass(frozen=True)
class Asked:
    """A prompt as it came in."""

    prompt: str
    user: str

    @property
    def passages(self) -> list[Passage]:
        quoted = (text for _, text in SOURCE.findall(self.user.partition("Asked already")[0]))
        parts = (re.fullmatch(r"Title: (.*?)\nSection: (.*?)\n\n(.*)", text, re.DOTALL) for text in quoted)
        return [Passage(part[1], part[3]) for part in parts if part]

    @property
    def known(self) -> str:
        return normalise(self.user.partition("Asked already")[2])

    @property
    def wanted(self) -> list[str]:
        return [kind for kind, n in re.findall(r"^- (\w+): (\d+)$", self.user, re.MULTILINE) for _ in range(int(n))]

    def value(self, name: str) -> str:
        found = re.findall(rf"^{name}: (.*)$", self.user, re.MULTILINE)
        return str(found[-1]) if found else ""


def read(request: dict[str, Any]) -> Asked:
    """Raises KeyError for a prompt that is not one of the generator's."""
    messages = request["messages"]
    by_system = {load_prompt(name).system: name for name in PROMPT_NAMES}
    return Asked(by_system[messages[0]["content"]], messages[1]["content"].replace(WORD_MARK, " "))


class GoodGenerator:
    """A model that holds to every rule. A responder for ``ScriptedServer``.

    Other prompts than the generator's go to ``others`` (system text -> reply).
    """

    def __init__(self, others: Callable[[dict[str, Any]], str] | None = None) -> None:
        self.others = others

    def __call__(self, request: dict[str, Any]) -> str:
        try:
            asked = read(request)
        except KeyError:
            if self.others is None:
                raise
            return self.others(request)
        passes: dict[str, Callable[[Asked], dict[str, Any]]] = {
            "answer": self.answer,
            "reword": self.reword,
            "refine": self.refine,
            "second_look": self.second_look,
        }
        return json.dumps(passes.get(asked.prompt, self.questions)(asked))

    def questions(self, asked: Asked) -> dict[str, Any]:
        first, *more = asked.passages
        others = [case for passage in more for case in passage.cases]
        fresh = [case for case in first.cases if not any(said in asked.known for said in self.said_of(case))]
        made = []
        for at, (kind, case) in enumerate(zip(asked.wanted, fresh, strict=False)):
            if kind == "multi_hop" and not others:
                continue
            other = others[at % len(others)].head if kind == "multi_hop" else ""
            made.append({"kind": kind, "question": self.question(case, kind, other)})
        return {"questions": made}

    def said_of(self, case: Case) -> list[str]:
        """What tells that a sentence was asked about already, normalised."""
        return [normalise(case.head)]

    def question(self, case: Case, kind: str, other: str) -> str:
        return good_question(case, kind, other)

    def answer(self, asked: Asked) -> dict[str, Any]:
        question = asked.value("Question")
        found = [_case(passages=asked.passages, head=head) for head in re.findall(r'"([^"]+)"', question)]
        cases = [case for case in found if case]
        if not cases or UNTOLD in question:
            return NO_ANSWER
        if not question.startswith(FURTHER):
            return good_answer(*cases)
        passage = next(passage for passage in asked.passages if passage.text == cases[-1].text)
        further_on = passage.cases[passage.cases.index(cases[-1]) + depth(question) :]
        return good_answer(*cases, further_on[0]) if further_on else NO_ANSWER

    def reword(self, asked: Asked) -> dict[str, Any]:
        question = asked.value("Question")
        heads = " and ".join(f'"{head}"' for head in re.findall(r'"([^"]+)"', question))
        n_wanted = int(re.findall(r"^Write (\d+)\.$", asked.user, re.MULTILINE)[-1])
        texts = [text.format(heads=heads) for text in (UNTOLD_WORDINGS if UNTOLD in question else WORDINGS)[:n_wanted]]
        for _ in range(depth(question)):
            texts = [further(text) for text in texts]
        return {"wordings": texts}

    def refine(self, asked: Asked) -> dict[str, Any]:
        return {"question": further(asked.value("Question"))}

    def second_look(self, asked: Asked) -> dict[str, Any]:
        is_answered = UNTOLD not in asked.value("Question")
        return {"evidence": [asked.passages[0].text] if is_answered else [], "is_answered": is_answered}


def further(question: str) -> str:
    return f"{FURTHER}{question[0].lower()}{question[1:]}"


def depth(question: str) -> int:
    """How many refinements a question has behind it."""
    return question.lower().count(FURTHER.lower())


def _case(passages: Iterable[Passage], head: str) -> Case | None:
    return next((case for passage in passages for case in passage.cases if case.head == head), None)


@dataclass(frozen=True)
class Defect:
    """Something that a model does wrong, and the reasons of ``rejected`` that may name it, as ``stage:reason``.

    ``is_for_scorer``: no rule can see it; a model that scores pairs should.
    """

    name: str
    caught_by: frozenset[str]
    ask: Callable[[Case], str] | None = None
    reply: Callable[[Case, str], dict[str, Any]] | None = None
    """From the sentence and the question as it was asked."""
    is_for_scorer: bool = False
    spares: str = ""
    """A kind of question with which it is no defect."""

    def question(self, case: Case, kind: str = "factual") -> str:
        return self.ask(case) if self.ask else good_question(case, kind)

    def answer(self, case: Case, question: str) -> dict[str, Any]:
        return self.reply(case, question) if self.reply else good_answer(case)


def _unused(case: Case, *options: str) -> str:
    """The first of some words that the chunk does not use itself, so that they cannot be its matter."""
    known = set(words(case.text))
    return next(option for option in options if option.split()[-1] not in known)


def _says(text: str, **more: Any) -> Callable[[Case, str], dict[str, Any]]:
    def reply(case: Case, question: str) -> dict[str, Any]:
        said = text.format(sentence=case.sentence, question=question, start=case.sentence.rsplit(" ", 3)[0])
        return good_answer(case) | {"answer": said, "answer_key": None} | more

    return reply


def _altered(title: str) -> str:
    *start, last = title.split()
    return " ".join([*start, f"{last}s"])


def _by(*reasons: str) -> frozenset[str]:
    return frozenset(reasons)


INVENTED_WORK = "[912] A. Nobody and B. Noone. A work that never was. In Proceedings of the Conference on Nothing, 2019."
DEFECTS: tuple[Defect, ...] = (
    Defect(
        "question from the bibliography",
        _by("generate:quote_not_in_text"),
        lambda case: f'Which work on "{case.head}" was published at a conference in 2019?',
        _says(INVENTED_WORK, evidence=[INVENTED_WORK]),
    ),
    Defect(
        "another document's title",
        _by("curate:foreign_title"),
        lambda case: (
            f'According to "Collected Essays on Lighthouse Keeping", which words complete the statement that begins "{case.head}"?'
        ),
    ),
    Defect(
        "own title altered",
        _by("curate:title_altered"),
        lambda case: f'In the work "{_altered(case.title)}", which words complete the statement that begins "{case.head}"?',
    ),
    Defect(
        "own title twice",
        _by("curate:title_twice"),
        lambda case: f'Which words in "{case.title}" complete the statement that begins "{case.head}"?',
    ),
    Defect(
        "leaked example",
        _by("generate:quote_not_in_text"),
        lambda case: f"How does visual prompt tuning adapt layer {case.mark} of a frozen vision transformer?",
        _says("It learns tokens that are put before the input.", evidence=["Visual prompt tuning learns tokens that are put before it."]),
    ),
    Defect(
        "not answerable from the document",
        _by("generate:not_answerable"),
        lambda case: f'At what temperature does the solvent of experiment {case.mark} boil, as opposed to "{case.head}"?',
        lambda _case, _question: NO_ANSWER,
    ),
    Defect("refusal as answer", _by("curate:unanswerable"), None, _says("The text does not mention this.")),
    Defect("error string as answer", _by("curate:unanswerable"), None, _says("ERROR ANSWER NOT FOUND")),
    Defect("markup", _by("curate:markup"), lambda case: f'Which **words** complete the statement that begins "{case.head}"?'),
    Defect("axis label", _by("curate:markup"), lambda case: f'Which words at 1e6 complete the statement that begins "{case.head}"?'),
    Defect(
        "speculative",
        _by("curate:speculative"),
        lambda case: (
            f'What do you {_unused(case, "imagine", "envision")} would {_unused(case, "presumably", "arguably")} follow "{case.head}"?'
        ),
    ),
    Defect(
        "text after the question",
        _by("generate:text_after_question"),
        lambda case: f'Which words complete the statement that begins "{case.head}"? Answer in full.',
    ),
    Defect("no question", _by("generate:not_a_question"), lambda case: f'The statement that begins "{case.head}" and its end.'),
    Defect("no verb", _by("curate:no_verb"), lambda case: f"What of the other part of number {case.mark} in the old manual?"),
    Defect(
        "speaks of the passage",
        _by("curate:meta_phrase"),
        lambda case: (
            f'In the {_unused(case, "passage", "excerpt", "snippet")}, which words complete the statement that begins "{case.head}"?'
        ),
    ),
    Defect(
        "too long",
        _by("curate:question_length"),
        lambda case: f'Which words, {"and which other words, " * 14}complete the statement that begins "{case.head}"?',
    ),
    Defect("source block", _by("curate:source_block"), None, _says("{sentence}\n\nSource: the service manual, page 3.")),
    Defect("e-mail address", _by("curate:contact_details"), None, _says("{sentence} Write to office@nowhere.example for more.")),
    Defect(
        "affiliations",
        _by("curate:contact_details"),
        None,
        _says("{sentence} This is from the University of Here, the Institute of There and the Department of Everywhere."),
    ),
    Defect("echo of the question", _by("curate:echoes_question"), None, _says("{question}\n{sentence}")),
    Defect("cut in mid-sentence", _by("curate:cut_answer"), None, _says("{sentence} {start} and")),
    Defect("no span", _by("generate:no_span"), None, _says("{sentence}", evidence=[])),
    Defect(
        "invented span",
        _by("generate:quote_not_in_text"),
        None,
        _says("{sentence}", evidence=["The miller sold the lamps."]),
    ),
    Defect(
        "span turned into its contrary",
        _by("generate:quote_not_in_text"),
        None,
        lambda case, _: good_answer(case) | {"evidence": [case.sentence.replace(" ", " never ", 1)]},
    ),
    Defect("invented number", _by("curate:number_not_in_evidence"), None, _says("{sentence} That makes 98765.4 in all.")),
    Defect(
        "key not in the span",
        _by("generate:key_not_in_evidence"),
        None,
        lambda case, _: good_answer(case) | {"answer": f"{case.sentence} It cost 98765 crowns.", "answer_key": "98765 crowns"},
    ),
    Defect(
        "key in the question",
        _by("generate:gives_answer_away"),
        None,
        lambda case, _: good_answer(case) | {"answer_key": " ".join(case.sentence.split()[1:4]).strip(",;:")},
        spares="comparison",  # which may name what it offers a choice of
    ),
    Defect("list of works", _by("curate:reference_list"), None, _says("{sentence}\n[1] A. Nobody, a work.\n[2] B. Noone, another work.")),
    Defect("broken characters", _by("curate:garbled_text"), None, _says("{sentence} \ufffd.")),
    Defect(
        "another language",
        _by("curate:language_mismatch"),
        None,
        _says(
            "Das steht so nicht fest, denn der Leuchtturm wurde erst im folgenden Jahr von den Fischern des Dorfes wieder aufgebaut, "
            "nachdem die Flut ihn zerstört hatte und niemand mehr dort wohnen wollte."
        ),
    ),
    Defect("empty answer", _by("generate:empty_answer"), None, _says("")),
    Defect(
        "invented fact",
        _by("curate:low_score"),
        None,
        _says("The committee of the northern harbour handed every lantern to the widow of the miller."),
        is_for_scorer=True,
    ),
    Defect(
        "trivial",
        _by("curate:low_score"),
        lambda case: f'With which letter does the statement "{case.head}" begin?',
        lambda case, _: good_answer(case) | {"answer": f"It begins with {case.sentence[0]}.", "answer_key": None},
        is_for_scorer=True,
    ),
)


HARMLESS = Defect("none", _by())


class BadGenerator(GoodGenerator):
    """A model that commits one defect with every answerable question, all of them in turn; and calls every refusal answered after all.

    ``only``: names of the defects that it commits.
    """

    def __init__(self, only: Sequence[str] = (), others: Callable[[dict[str, Any]], str] | None = None) -> None:
        super().__init__(others)
        self.defects = [defect for defect in DEFECTS if not only or defect.name in only]

    def defect_of(self, case: Case, kind: str) -> Defect:
        defect = self.defects[case.mark % len(self.defects)]
        return HARMLESS if defect.spares == kind else defect

    def question(self, case: Case, kind: str, other: str) -> str:
        return good_question(case, kind, other) if kind in APART else self.defect_of(case, kind).question(case, kind)

    def said_of(self, case: Case) -> list[str]:
        return [*super().said_of(case), normalise(self.defect_of(case, "factual").question(case))]

    def made_from(self, cases: Iterable[Case]) -> dict[str, list[tuple[Case, Defect]]]:
        """Normalised question -> the sentences and defects that it may have been made with."""
        found: dict[str, list[tuple[Case, Defect]]] = {}
        for case in cases:
            for kind in ASKED.keys() - APART:
                defect = self.defect_of(case, kind)
                found.setdefault(normalise(defect.question(case, kind)), []).append((case, defect))
        return found

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Which sentence a question was made from is found by making every sentence's question again."""
        question = asked.value("Question")
        origins = self.made_from(case for passage in asked.passages for case in passage.cases).get(normalise(question))
        return origins[0][1].answer(origins[0][0], question) if origins else super().answer(asked)

    def reword(self, asked: Asked) -> dict[str, Any]:
        question = asked.value("Question")
        return {"wordings": [question, f"{question[:-1]} in 4711?", f"{question[:-1]}."]}

    def second_look(self, asked: Asked) -> dict[str, Any]:
        return {"evidence": [asked.passages[0].text[:80]], "is_answered": True}

    def planted(self, cases: Iterable[Case]) -> dict[str, Defect]:
        """Normalised question -> the defect that it was made with, of all that can be asked about these sentences.

        Left out are questions that two sentences share: one of them may have been had without the other's defect.
        """
        origins = self.made_from(dict.fromkeys(cases))
        sole = {question: made[0][1] for question, made in origins.items() if len({(case.text, case.number) for case, _ in made}) == 1}
        return {question: defect for question, defect in sole.items() if defect is not HARMLESS}
