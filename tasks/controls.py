"""A judge and questions whose winner is known -> how often it finds the winner, and whether that is often enough to believe it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tasks import control_cases
from tasks.ballot import Ballot, Case
from tasks.control_cases import CONTROLS, Control, ControlCase
from tasks.formulas import wilson
from tasks.judge import JUDGES, JudgeParams, judge_name, outcome_of
from tasks.judge_people import said
from tasks.prompt import Ask
from warehouse.keys import key
from warehouse.tables import ControlRate, ControlVerdict, Label, QaPair, Score

VERSION = control_cases.VERSION
PEOPLE = "human"
LEAST_CHANCE = 0.05
"""People see few controls: they fail where so few right would come by chance more rarely than this at the rates needed."""
GATED = frozenset({"llm", "rubric", "human"})
"""Kinds of judges whose verdicts count only once they passed; the others are measures, of which it is known what they cannot see."""
Scorer = Callable[[Sequence[tuple[QaPair, str]]], list[Score]]
"""Pairs with an answer to each -> the measures of each answer, in order."""


def is_gated(judge: str) -> bool:
    """True for a judge, named with or without its version, that must pass its controls."""
    return judge.partition("/")[0] in GATED


def judge_controls(
    judge: str, cases: Sequence[ControlCase], params: JudgeParams, score: Scorer, ask: Ask | None = None
) -> list[ControlVerdict]:
    """What a judge says of every control question; ``score`` is asked only by judges that go by measures."""
    decided = JUDGES[judge].decide(_as_cases(judge, cases, score), params, ask)
    name = judge_name(judge, params)
    return [control_verdict(name, case, ballot) for case, ballots in zip(cases, decided, strict=True) for ballot in ballots]


def _as_cases(judge: str, cases: Sequence[ControlCase], score: Scorer) -> list[Case]:
    said = [(case.pair, answer) for case in cases for answer in (case.answer_a, case.answer_b)]
    scores = [_unmeasured(pair) for pair, _ in said] if JUDGES[judge].prompt_of else score(said)
    sides = zip(scores[::2], scores[1::2], strict=True)
    return [
        Case(case.pair, replace(a, arm="answer_a"), replace(b, arm="answer_b"), case.answer_a, case.answer_b, case.evidence)
        for case, (a, b) in zip(cases, sides, strict=True)
    ]


def _unmeasured(pair: QaPair) -> Score:
    return Score("", pair.pair_id, "", None, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None)


def control_verdict(judge: str, case: ControlCase, ballot: Ballot) -> ControlVerdict:
    """The row of one ballot. ``judge``: its name and version."""
    return ControlVerdict(
        control_verdict_id=key("control", judge, case.control, case.variant, case.pair.pair_id, case.answer_b, ballot.order, ballot.vote),
        judge=judge,
        control=case.control,
        variant=case.variant,
        pair_id=case.pair.pair_id,
        answer_a=case.answer_a,
        answer_b=case.answer_b,
        order=ballot.order,
        vote=ballot.vote,
        verdict="error" if ballot.verdict == "not_asked" else ballot.verdict,
        reply=ballot.reply,
    )


def people_controls(labels: Sequence[Label], judge: str) -> list[ControlVerdict]:
    """What people said of the controls planted among their questions. ``vote`` is who, by rank of the names; ``judge``: what they go by."""
    people = sorted({label.reviewer for label in labels})
    verdicts = []
    for label in labels:
        if not label.control:
            continue
        verdict = said(label)
        verdicts.append(
            ControlVerdict(
                control_verdict_id=key("control", judge, label.label_id),
                judge=judge,
                control=label.control,
                variant=label.variant,
                pair_id=label.pair_id,
                answer_a=label.answer_a,
                answer_b=label.answer_b,
                order="none",
                vote=people.index(label.reviewer),
                verdict="unparsed" if verdict == "skip" else verdict,
                reply=f"{label.reviewer}: {label.verdict}, shown in order {label.order}",
            )
        )
    return verdicts


def control_rates(judge: str, verdicts: Sequence[ControlVerdict], n_wanted: int, alpha: float = 0.05) -> list[ControlRate]:
    """One row for every control, also one that no pair lent itself to. ``judge``: the name that stands with ``verdicts``."""
    questions: dict[str, dict[tuple[str, str, int], list[ControlVerdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        person = verdict.vote if is_people(judge) else 0  # people are tested one by one, a model by its majority
        questions[verdict.control][verdict.pair_id, verdict.variant, person].append(verdict)
    rates = [_rate(judge, name, control, list(questions[name].values()), n_wanted, alpha) for name, control in CONTROLS.items()]
    failed = people_fail(verdicts) if is_people(judge) else set()
    return [replace(rate, is_passed=rate.control not in failed) if is_people(judge) and rate.n else rate for rate in rates]


def _rate(
    judge: str, name: str, control: Control, questions: Sequence[Sequence[ControlVerdict]], n_wanted: int, alpha: float
) -> ControlRate:
    answered = [votes for votes in questions if all(vote.verdict != "error" for vote in votes)]
    n_passed = sum(_is_passed(votes, control) for votes in answered)
    n = len(answered)
    interval = wilson(n_passed, n, alpha) if n else None
    return ControlRate(
        control_rate_id=key("control rate", VERSION, judge, name, control, n_wanted, alpha, sorted(map(key, _flat(questions)))),
        judge=judge,
        control=name,
        what=control.what,
        n_wanted=n_wanted,
        n=n,
        n_passed=n_passed,
        n_errors=len(questions) - n,
        rate=n_passed / n if n else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        least=control.least,
        is_passed=n_passed / n >= control.least if n else None,
        is_gate=is_gated(judge),
    )


def people_fail(verdicts: Sequence[ControlVerdict]) -> set[str]:
    """The controls that make people unfit: those that somebody got wrong who got too many wrong over all of theirs.

    A person sees few of each kind, and a slip of the hand is no reason to throw their labels away. Too many: so few right would come in
    fewer than ``LEAST_CHANCE`` of cases of somebody who is right as often as each control asks (a sum of unequal coins).
    """
    of_person: dict[int, list[ControlVerdict]] = defaultdict(list)
    for verdict in verdicts:
        of_person[verdict.vote].append(verdict)
    failed: set[str] = set()
    for answered in of_person.values():
        wrong = {verdict.control for verdict in answered if not _is_passed([verdict], CONTROLS[verdict.control])}
        n_right = sum(_is_passed([verdict], CONTROLS[verdict.control]) for verdict in answered)
        if at_most(n_right, [CONTROLS[verdict.control].least for verdict in answered]) < LEAST_CHANCE:
            failed |= wrong
    return failed


def at_most(n: int, chances: Sequence[float]) -> float:
    """Probability that at most ``n`` of independent things with these chances happen (Poisson binomial)."""
    exactly = [1.0]
    for chance in chances:
        exactly = [here * (1 - chance) + before * chance for here, before in zip([*exactly, 0.0], [0.0, *exactly], strict=True)]
    return sum(exactly[: n + 1])


def is_people(judge: str) -> bool:
    """True for the judge human, named with or without its version."""
    return judge.partition("/")[0] == PEOPLE


def _is_passed(votes: Sequence[ControlVerdict], control: Control) -> bool:
    outcome = outcome_of(votes)
    if control.expected == "not arm_b":
        return outcome in ("arm_a", "tie")
    return outcome == control.expected


def _flat(questions: Iterable[Sequence[ControlVerdict]]) -> Iterable[ControlVerdict]:
    return (vote for votes in questions for vote in votes)
