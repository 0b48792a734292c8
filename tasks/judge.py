"""Two arms' answers to one question -> verdicts: a judge says which does better, never which arm we hope for.

The similarity judge reads no order and no text: it goes by what ``scores`` measured, above all by whether the answer states the key. The
judges ``llm`` and ``rubric`` ask a model (:mod:`tasks.judge_llm`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tasks import judge_llm
from tasks.ballot import Ballot, Case, Order, Ruling
from tasks.control_cases import ControlParams
from tasks.judge_llm import LlmJudgeParams
from tasks.prompt import Ask
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import QaPair, Score, Verdict

VERSION = 1


@dataclass(frozen=True, slots=True)
class JudgeParams:
    """Who compares the answers, and which arms."""

    judges: tuple[str, ...] = ("similarity",)
    """Judges by name; each gives its own verdicts, which are never mixed."""
    contrasts: tuple[str, ...] = ("tuned:base", "tuned:base_rag", "tuned_rag:base_rag")
    """Pairs of arms to compare, arm_a:arm_b; a win is a win of arm_a."""
    tie_band: float = 0.05
    """Pairs without an answer key: a difference of contrastive cosine up to this is a tie."""
    llm: LlmJudgeParams = field(default_factory=LlmJudgeParams)
    """The model that the judges llm and rubric ask; read only where judge.judges names one of them."""
    controls: ControlParams = field(default_factory=ControlParams)
    """Questions with a known winner that are put to every judge first."""

    def __post_init__(self) -> None:
        """Refuse unknown judges and contrasts that compare nothing."""
        for judge in self.judges:
            if judge not in JUDGES:
                raise ConfigError(f"there is no judge {judge!r}", where="judge.judges", mend=f"use any of {', '.join(JUDGES)}")
        for contrast in self.contrasts:
            arms = contrast.split(":")
            if len(arms) != 2 or not all(arms) or arms[0] == arms[1]:  # noqa: PLR2004  # arm_a and arm_b
                raise ConfigError(
                    f"{contrast!r} does not compare two arms", where="judge.contrasts", mend="write arm_a:arm_b, e.g. tuned:base"
                )
        for name, values in (("judges", self.judges), ("contrasts", self.contrasts)):
            if not values or len(set(values)) < len(values):
                raise ConfigError(f"{list(values)} is empty or names one twice", where=f"judge.{name}", mend="name each once")
        if not 0 <= self.tie_band <= 1:
            raise ConfigError(f"{self.tie_band} is out of bounds", where="judge.tie_band", mend="use a number from 0 to 1")
        if self.asks_model and not self.llm.model.model:
            raise ConfigError(
                f"the judge {self.asks_model[0]} has no model", where="judge.llm.model.model", mend="name it, e.g. openai/gpt-4o-mini"
            )

    @property
    def asks_model(self) -> tuple[str, ...]:
        """The judges that ask a model."""
        return tuple(judge for judge in self.judges if JUDGES[judge].prompt_of)


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge and the version that its verdicts carry: raise it whenever it would judge the same case otherwise."""

    version: int
    decide: Callable[[Sequence[Case], JudgeParams, Ask | None], list[list[Ballot]]]
    """The ballots of each case, in the cases' order."""
    prompt_of: Callable[[LlmJudgeParams], str] | None = None
    """Name of the prompt that it puts to a model; None for a judge that asks none."""


def similarity(case: Case, params: JudgeParams) -> list[Ballot]:
    """The arm that states the answer key, a tie where both or neither does; without a key, the closer to the own reference."""
    a, b = case.score_a, case.score_b
    if a.states_key is not None and b.states_key is not None:
        said = ", ".join(f"{score.arm} {'states it' if score.states_key else 'does not'}" for score in (a, b))
        wanted = f"answer key {case.pair.answer_key!r}" if case.pair.answer_key else "that it cannot be answered"
        return [Ballot(_ruling(a.states_key - b.states_key, 0), f"{wanted}: {said}")]
    difference = a.contrastive_cosine - b.contrastive_cosine
    figures = ", ".join(f"{score.arm} {score.contrastive_cosine:.3f}" for score in (a, b))
    return [Ballot(_ruling(difference, params.tie_band), f"contrastive cosine: {figures}; tie band {params.tie_band:g}")]


def _by_scores(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:  # noqa: ARG001  # as every judge
    return [similarity(case, params) for case in cases]


def _by_comparing(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:
    return judge_llm.compare(cases, params.llm, _needed(ask))


def _by_marking(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:
    return judge_llm.rate(cases, params.llm, _needed(ask))


JUDGES: dict[str, Judge] = {
    "similarity": Judge(1, _by_scores),
    "llm": Judge(1, _by_comparing, lambda params: params.prompt),
    "rubric": Judge(1, _by_marking, lambda params: params.rubric_prompt),
}


def judge_name(judge: str, params: JudgeParams) -> str:
    """Name and version of a judge, as they stand with its verdicts; of one that asks a model also which, and by what prompt."""
    found = JUDGES[judge]
    name = f"{judge}/{found.version}"
    return f"{name} {judge_llm.named(params.llm, found.prompt_of(params.llm))}" if found.prompt_of else name


def shaping_of(judge: str, params: JudgeParams) -> object:
    """The settings that shape a judge's verdicts, beside its name."""
    return params.llm if JUDGES[judge].prompt_of else params.tie_band


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm's side of a batch, all by pair_id."""

    scores: Mapping[str, Score]
    answers: Mapping[str, str] = field(default_factory=dict)


def judge_pairs(
    contrast: str,
    judge: str,
    arms: tuple[Arm, Arm],
    pairs: Mapping[str, QaPair],
    params: JudgeParams = JudgeParams(),
    evidence: Mapping[str, Sequence[str]] | None = None,
    ask: Ask | None = None,
) -> list[Verdict]:
    """The judge's verdicts on every question of ``pairs``. ``evidence``: quotes by pair_id; ``ask``: for judges that ask a model.

    A question that an arm has no scored answer to gets one row ``error`` with the reason: it is unscored, never missing, never a loss.
    """
    name, (a, b) = judge_name(judge, params), arms
    complete = [pair_id for pair_id in pairs if pair_id in a.scores and pair_id in b.scores]
    cases = [
        Case(
            pairs[pair_id], a.scores[pair_id], b.scores[pair_id],
            a.answers.get(pair_id, ""), b.answers.get(pair_id, ""), tuple((evidence or {}).get(pair_id, ())),
        )
        for pair_id in complete
    ]  # fmt: skip
    decided = dict(zip(complete, JUDGES[judge].decide(cases, params, ask), strict=True))
    verdicts = []
    for pair_id in pairs:
        scores = a.scores.get(pair_id), b.scores.get(pair_id)
        silent = [arm for arm, score in zip(contrast.split(":"), scores, strict=True) if score is None]
        answer_ids = [score.answer_id if score else "" for score in scores]
        verdicts += [
            Verdict(
                verdict_id=key("verdict", contrast, pair_id, name, ballot.order, ballot.vote, answer_ids),
                contrast=contrast,
                pair_id=pair_id,
                judge=name,
                order=ballot.order,
                vote=ballot.vote,
                verdict=ballot.verdict,
                reply=ballot.reply,
            )
            for ballot in decided.get(pair_id) or [Ballot("error", f"no scored answer by {' and '.join(silent)}")]
        ]
    return verdicts


class Voted(Protocol):
    """A verdict as far as :func:`outcome_of` looks at it."""

    @property
    def order(self) -> Order: ...  # noqa: D102
    @property
    def verdict(self) -> Ruling: ...  # noqa: D102


def outcome_of(verdicts: Sequence[Voted]) -> Literal["arm_a", "arm_b", "tie"] | None:
    """Who won one question, from all of one judge's verdicts on it; ``warehouse/staging/stg_verdicts.sql`` says the same in SQL.

    Each order goes to the arm that more than half of its votes name, else it is a tie; the question goes to the arm that every order
    names, else it is a tie. None (unscored) where a vote is unparsed or an error, or an order is missing or has fewer votes.
    """
    n_votes = Counter(verdict.order for verdict in verdicts)
    if set(n_votes) not in ({"none"}, {"ab", "ba"}) or len(set(n_votes.values())) > 1:
        return None
    if any(verdict.verdict in ("unparsed", "error") for verdict in verdicts):
        return None
    named = Counter((verdict.order, _arm(verdict)) for verdict in verdicts)
    for arm in ("arm_a", "arm_b"):
        if all(2 * named[order, arm] > n for order, n in n_votes.items()):
            return arm
    return "tie"


def _arm(verdict: Voted) -> str:
    if verdict.verdict == "tie":
        return "tie"
    return "arm_a" if (verdict.verdict == "first") == (verdict.order != "ba") else "arm_b"


def _ruling(difference: float, tie_band: float) -> Ruling:
    if abs(difference) <= tie_band:
        return "tie"
    return "first" if difference > 0 else "second"


def _needed(ask: Ask | None) -> Ask:
    if ask is None:
        raise TypeError("a judge that asks a model was given nobody to ask")
    return ask
