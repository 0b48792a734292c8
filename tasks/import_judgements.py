"""A plain-text log of pairwise judgements made elsewhere -> entries, verdicts and their win rate; what has no verdict is a row too.

The form is that of the prototype's judge: `Loaded N finetune entries from FILE`, a line `Winner: EvalWinner.FINE_TUNED` or `.BASE` for
each comparison, and after some of them the case in full, from `Saving base model win RANK` to `Better Answer: EvalWinner.BASE`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tasks.formulas import mde, wilson
from tasks.statistics import Outcome, ReportParams, estimate
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import Estimate, ImportedJudgement, Verdict

VERSION = 1
SPLIT = "imported"
RULINGS: dict[str, Literal["first", "second", "tie"]] = {"FINE_TUNED": "first", "BASE": "second", "TIE": "tie"}
OUTCOMES: dict[str, Literal["arm_a", "arm_b", "tie"]] = {"first": "arm_a", "second": "arm_b", "tie": "tie"}
LOADED = re.compile(r"^Loaded (\d+) finetune entries\b", re.MULTILINE)
TOTAL = re.compile(r"^Total Comparisons: (\d+)\s*$", re.MULTILINE)
STEP = re.compile(
    r"^Winner: (?:EvalWinner\.)?(?P<winner>\S+)[ \t]*$"
    r"|^Saving \S+ model win (?P<rank>\d+)[ \t]*\n(?P<case>.*?)^={10,}\nBetter Answer: (?:EvalWinner\.)?(?P<better>\S+)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
PART = re.compile(r"^={10,}\n(TRUE|BASE MODEL|FINETUNED MODEL) ANSWER:\n-{10,}\n", re.MULTILINE)


class Case(NamedTuple):
    """One comparison as the log prints it; texts are None where it prints the winner alone."""

    winner: str
    question: str | None = None
    context: str | None = None
    reference: str | None = None
    base: str | None = None
    tuned: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds. ``n_loaded``: entries that it set out to judge, at least as many as ``cases``."""

    name: str
    sha256: str
    n_loaded: int
    cases: tuple[Case, ...]


class Imported(NamedTuple):
    """A log's rows: every loaded entry, its verdict (an error where there is none), and one estimate."""

    entries: list[ImportedJudgement]
    verdicts: list[Verdict]
    estimate: Estimate


def read_log(content: bytes, name: str) -> Log:
    """Read a log. One that does not say how many entries it loaded counts as having judged them all.

    Raises:
        ConfigError: it holds no verdict, or contradicts itself.
    """
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    cases: list[Case] = []
    for step in STEP.finditer(text):
        if step["winner"]:
            cases.append(Case(step["winner"]))
        elif int(step["rank"]) == len(cases) - 1 and step["better"] == cases[-1].winner:
            cases[-1] = _case(cases[-1].winner, step["case"])
        else:
            raise _contradiction(name, f"case {step['rank']} ({step['better']}) does not follow the winner that it belongs to")
    if not cases:
        raise ConfigError("no verdict was found", where=name, mend="name a log with lines such as `Winner: EvalWinner.BASE`")
    total, loaded = TOTAL.search(text), LOADED.search(text)
    if total and int(total[1]) != len(cases):
        raise _contradiction(name, f"it counts {total[1]} comparisons and prints {len(cases)}")
    n_loaded = int(loaded[1]) if loaded else len(cases)
    if n_loaded < len(cases):
        raise _contradiction(name, f"it loaded {n_loaded} entries and judged {len(cases)}")
    return Log(name, hashlib.sha256(content).hexdigest(), n_loaded, tuple(cases))


def judgements(log: Log, contrast: str, judge: str, params: ReportParams) -> Imported:
    """The log's rows. ``contrast``: what its fine-tuned and its base model are called here, e.g. tuned:base."""
    cases = [*log.cases, *[None] * (log.n_loaded - len(log.cases))]
    names = [key("imported", log.sha256, rank) for rank in range(len(cases))]
    entries = [_entry(log, name, rank, case) for rank, (name, case) in enumerate(zip(names, cases, strict=True))]
    verdicts = [
        Verdict(
            verdict_id=key("verdict", contrast, name, judge, "none", 0, log.sha256),
            contrast=contrast,
            pair_id=name,
            judge=judge,
            order="none",
            vote=0,
            verdict="error" if case is None else RULINGS.get(case.winner, "unparsed"),
            reply="the log has no verdict on this entry" if case is None else f"Winner: {case.winner}",
        )
        for name, case in zip(names, cases, strict=True)
    ]
    outcomes = [Outcome(verdict.pair_id, "", "", OUTCOMES.get(verdict.verdict)) for verdict in verdicts]
    return Imported(entries, verdicts, _estimate(outcomes, contrast, judge, params))


def _estimate(outcomes: list[Outcome], contrast: str, judge: str, params: ReportParams) -> Estimate:
    """A log names no documents: Wilson's interval over questions, too narrow where those of a document go together; no claim."""
    row = estimate(outcomes, SPLIT, contrast, judge, params)
    if not row.n:
        return row
    low, high = wilson(row.n_wins + row.n_ties / 2, row.n, params.alpha)
    return replace(
        row,
        low=low,
        high=high,
        unit="question",
        n_units=row.n,
        mde=mde(row.n, params.alpha, params.power),
        scope=f"these {row.n} judgements, as if each stood alone: their documents are not known",
        method="Wilson over questions; no p over clusters",
    )


def _entry(log: Log, name: str, rank: int, case: Case | None) -> ImportedJudgement:
    said = case or Case("")
    return ImportedJudgement(
        name, log.name, log.sha256, rank, case is not None, said.question, said.context, said.reference, said.tuned, said.base
    )


def _case(winner: str, text: str) -> Case:
    head, *parts = PART.split(text)
    answers = {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
    asked = re.search(r"^Question: (.*?)(?:^Context: (.*))?\Z", head.strip(), re.MULTILINE | re.DOTALL)
    question, context = asked.groups() if asked else (None, None)
    texts = (question and question.strip(), context and context.strip())
    return Case(winner, *texts, answers.get("TRUE"), answers.get("BASE MODEL"), answers.get("FINETUNED MODEL"))


def _contradiction(name: str, what: str) -> ConfigError:
    return ConfigError(f"the log contradicts itself: {what}", where=name, mend="use the log as it was printed")
