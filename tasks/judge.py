"""Two arms' answers to one question -> verdicts: a judge says which does better, never which arm we hope for.

The similarity judge reads no order and no text: it goes by what ``scores`` measured, above all by whether the answer states the key. The
judges ``llm``, ``llm_second`` and ``rubric`` ask a model (:mod:`tasks.judge_llm`), ``human`` says what people labelled
(:mod:`tasks.judge_people`), ``loglik`` which arm finds the reference likelier than other answers (:mod:`tasks.choice`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tasks import judge_llm, judge_people
from tasks.ballot import Ballot, Case, Order, Ruling
from tasks.choice import ChoiceParams
from tasks.control_cases import ControlParams
from tasks.judge_llm import LlmJudgeParams
from tasks.judge_people import HumanJudgeParams
from tasks.prompt import Ask
from warehouse.errors import ConfigError
from warehouse.keys import key, shaping
from warehouse.tables import ChoiceScore, Label, QaPair, Score, Verdict

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
    llm_second: LlmJudgeParams = field(default_factory=LlmJudgeParams)
    """The model that the judge llm_second asks: best of another family than llm's, so that their agreement says something."""
    human: HumanJudgeParams = field(default_factory=HumanJudgeParams)
    """People as a judge: their labels come from `tunehouse label`, not from a run."""
    choice: ChoiceParams = field(default_factory=ChoiceParams)
    """What the judge loglik has every arm weigh; read only where judge.judges names it."""
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
        self._refuse_models()

    def _refuse_models(self) -> None:
        for judge in self.asks_model:
            if not asked_by(judge, self).model.model:
                where = f"judge.{'llm_second' if judge == 'llm_second' else 'llm'}.model.model"
                raise ConfigError(f"the judge {judge} has no model", where=where, mend="name it, e.g. openai/gpt-4o-mini")
        if {"llm", "llm_second"} <= set(self.judges) and shaping(self.llm) == shaping(self.llm_second):
            raise ConfigError(
                "both model judges are the same one", where="judge.llm_second", mend="name another model, best of another family"
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
    asked: Callable[[JudgeParams], LlmJudgeParams] = lambda params: params.llm
    """The model that it asks, where it asks one."""
    kind: str = ""
    """What its name begins with where verdicts stand, if not its name here: the same model is the same judge in both places."""
    weighs: bool = False
    """Whether it goes by ``choice_scores``, which the arms' models must be loaded for."""


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


def _by_comparing_again(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:
    return judge_llm.compare(cases, params.llm_second, _needed(ask))


def _by_marking(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:
    return judge_llm.rate(cases, params.llm, _needed(ask))


def loglik(case: Case, params: JudgeParams) -> list[Ballot]:
    """The arm that alone finds the reference the likeliest of the answers offered; a tie where both or neither does."""
    arms = [score.arm for score in (case.score_a, case.score_b)]
    of = {choice.arm: choice for choice in case.choices}
    silent = [f"{arm}: {of[arm].reason if arm in of else 'not weighed'}" for arm in arms if arm not in of or of[arm].reason]
    if silent:
        return [Ballot("error", "; ".join(silent))]
    is_chosen = [bool(getattr(of[arm], params.choice.reading)) for arm in arms]
    said = ", ".join(f"{arm} {'chooses it' if chosen else 'does not'}" for arm, chosen in zip(arms, is_chosen, strict=True))
    n = len(of[arms[0]].option_pair_ids)
    return [Ballot(_ruling(is_chosen[0] - is_chosen[1], 0), f"the reference among {n} answers, by {params.choice.reading}: {said}")]


def _by_likelihood(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:  # noqa: ARG001  # as every judge
    return [loglik(case, params) for case in cases]


def _by_people(cases: Sequence[Case], params: JudgeParams, ask: Ask | None) -> list[list[Ballot]]:  # noqa: ARG001  # as every judge
    return judge_people.vote(cases)


JUDGES: dict[str, Judge] = {
    "similarity": Judge(1, _by_scores),
    "loglik": Judge(1, _by_likelihood, weighs=True),
    "llm": Judge(1, _by_comparing, lambda params: params.prompt),
    "llm_second": Judge(1, _by_comparing_again, lambda params: params.prompt, lambda params: params.llm_second, kind="llm"),
    "rubric": Judge(1, _by_marking, lambda params: params.rubric_prompt),
    "human": Judge(1, _by_people),
}


def judge_name(judge: str, params: JudgeParams) -> str:
    """Name and version of a judge, as they stand with its verdicts; of one that asks a model also which, and by what prompt."""
    found = JUDGES[judge]
    name = f"{found.kind or judge}/{found.version}"
    asked = found.asked(params)
    return f"{name} {judge_llm.named(asked, found.prompt_of(asked))}" if found.prompt_of else name


def is_weighed(judge: str) -> bool:
    """True for a judge, named with or without its version, that goes by likelihoods and reads no answer."""
    found = JUDGES.get(judge.partition("/")[0])
    return found is not None and found.weighs


def asked_by(judge: str, params: JudgeParams) -> LlmJudgeParams:
    """The settings of the model that a judge asks."""
    return JUDGES[judge].asked(params)


def shaping_of(judge: str, params: JudgeParams) -> object:
    """The settings that shape a judge's verdicts, beside its name."""
    if judge == "human":  # what was labelled says all
        return None
    if JUDGES[judge].weighs:
        return params.choice
    return asked_by(judge, params) if JUDGES[judge].prompt_of else params.tie_band


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm's side of a batch, all by pair_id."""

    scores: Mapping[str, Score]
    answers: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, ChoiceScore] = field(default_factory=dict)


def judge_pairs(
    contrast: str,
    judge: str,
    arms: tuple[Arm, Arm],
    pairs: Mapping[str, QaPair],
    params: JudgeParams = JudgeParams(),
    evidence: Mapping[str, Sequence[str]] | None = None,
    ask: Ask | None = None,
    labels: Sequence[Label] = (),
) -> list[Verdict]:
    """The judge's verdicts on every question of ``pairs``.

    ``evidence``: quotes by pair_id; ``ask``: for judges that ask a model; ``labels``: what people said, for the judge human.
    A question that an arm has no scored answer to gets one row ``error`` with the reason: it is unscored, never missing, never a loss.
    """
    name, (a, b), spoken = judge_name(judge, params), arms, judge_people.by_answers(labels)
    complete = [pair_id for pair_id in pairs if pair_id in a.scores and pair_id in b.scores]
    cases = [
        Case(
            pairs[pair_id], a.scores[pair_id], b.scores[pair_id],
            a.answers.get(pair_id, ""), b.answers.get(pair_id, ""), tuple((evidence or {}).get(pair_id, ())),
            spoken.get((contrast, pair_id, "", a.answers.get(pair_id, ""), b.answers.get(pair_id, "")), ()),
            tuple(arm.choices[pair_id] for arm in arms if pair_id in arm.choices),
        )
        for pair_id in complete
    ]  # fmt: skip
    decided = dict(zip(complete, JUDGES[judge].decide(cases, params, ask), strict=True))
    verdicts = []
    for pair_id in pairs:
        scores = a.scores.get(pair_id), b.scores.get(pair_id)
        silent = [arm for arm, score in zip(contrast.split(":"), scores, strict=True) if score is None]
        answer_ids = [score.answer_id if score else "" for score in scores]
        answer_ids += [arm.choices[pair_id].choice_id for arm in arms if pair_id in arm.choices]
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
    names, else it is a tie. None where a vote is unparsed, an error or was not asked for, or an order is missing or has fewer votes.
    """
    n_votes = Counter(verdict.order for verdict in verdicts)
    if set(n_votes) not in ({"none"}, {"ab", "ba"}) or len(set(n_votes.values())) > 1:
        return None
    if any(verdict.verdict in ("unparsed", "error", "not_asked") for verdict in verdicts):
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
