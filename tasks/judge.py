"""Two arms' answers to one question -> verdicts: a judge says which does better, never which arm we hope for.

The similarity judge reads no order and no text: it goes by what ``scores`` measured, above all by whether the answer states the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import QaPair, Score, Verdict

VERSION = 1
Ruling = Literal["first", "second", "tie", "unparsed", "error"]


@dataclass(frozen=True, slots=True)
class JudgeParams:
    """Who compares the answers, and which arms."""

    judges: tuple[str, ...] = ("similarity",)
    """Judges by name; each gives its own verdicts, which are never mixed."""
    contrasts: tuple[str, ...] = ("tuned:base", "tuned:base_rag", "tuned_rag:base_rag")
    """Pairs of arms to compare, arm_a:arm_b; a win is a win of arm_a."""
    tie_band: float = 0.05
    """Pairs without an answer key: a difference of contrastive cosine up to this is a tie."""

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


@dataclass(frozen=True, slots=True)
class Case:
    """One question with both arms' scored answers."""

    pair: QaPair
    score_a: Score
    score_b: Score
    params: JudgeParams


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a judge says of one case, shown in one order, asked once."""

    verdict: Ruling
    reply: str
    order: Literal["ab", "ba", "none"] = "none"
    vote: int = 0


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge and the version that its verdicts carry: raise it whenever it would judge the same case otherwise."""

    version: int
    decide: Callable[[Case], list[Ballot]]


def similarity(case: Case) -> list[Ballot]:
    """The arm that states the answer key, a tie where both or neither does; without a key, the closer to the own reference."""
    a, b = case.score_a, case.score_b
    if a.states_key is not None and b.states_key is not None:
        said = ", ".join(f"{score.arm} {'states it' if score.states_key else 'does not'}" for score in (a, b))
        wanted = f"answer key {case.pair.answer_key!r}" if case.pair.answer_key else "that it cannot be answered"
        return [Ballot(_ruling(a.states_key - b.states_key, 0), f"{wanted}: {said}")]
    difference = a.contrastive_cosine - b.contrastive_cosine
    figures = ", ".join(f"{score.arm} {score.contrastive_cosine:.3f}" for score in (a, b))
    return [Ballot(_ruling(difference, case.params.tie_band), f"contrastive cosine: {figures}; tie band {case.params.tie_band:g}")]


JUDGES: dict[str, Judge] = {"similarity": Judge(1, similarity)}


def judge_name(judge: str) -> str:
    """Name and version of a judge, as they stand with its verdicts."""
    return f"{judge}/{JUDGES[judge].version}"


def judge_pairs(
    contrast: str,
    judge: str,
    scores_a: Mapping[str, Score],
    scores_b: Mapping[str, Score],
    pairs: Mapping[str, QaPair],
    params: JudgeParams = JudgeParams(),
) -> list[Verdict]:
    """The judge's verdicts on every question of ``pairs``. All three mappings by pair_id.

    A question that an arm has no scored answer to gets one row ``error`` with the reason: it is unscored, never missing, never a loss.
    """
    name = judge_name(judge)
    verdicts = []
    for pair_id, pair in pairs.items():
        score_a, score_b = scores_a.get(pair_id), scores_b.get(pair_id)
        if score_a and score_b:
            ballots = JUDGES[judge].decide(Case(pair, score_a, score_b, params))
        else:
            silent = [arm for arm, score in zip(contrast.split(":"), (score_a, score_b), strict=True) if score is None]
            ballots = [Ballot("error", f"no scored answer by {' and '.join(silent)}")]
        answer_ids = [score.answer_id if score else "" for score in (score_a, score_b)]
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
            for ballot in ballots
        ]
    return verdicts


def outcome_of(verdicts: Sequence[Verdict]) -> Literal["arm_a", "arm_b", "tie"] | None:
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


def _arm(verdict: Verdict) -> str:
    if verdict.verdict == "tie":
        return "tie"
    return "arm_a" if (verdict.verdict == "first") == (verdict.order != "ba") else "arm_b"


def _ruling(difference: float, tie_band: float) -> Ruling:
    if abs(difference) <= tie_band:
        return "tie"
    return "first" if difference > 0 else "second"
