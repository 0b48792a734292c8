"""Answers to the same questions under several prompts -> how far the prompt alone moves a rate, and what a better prompt would gain.

A prompt's format, with its meaning unchanged, moves small models by tens of points, and each model by its own (Sclar et al. 2024,
arXiv:2310.11324). So a gain is worth what it is over formats, and a base model deserves its best prompt before it is called worse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tasks.formulas import cluster_interval
from tasks.statistics import Outcome, ReportParams, clusters_of
from tasks.wording import DEFAULT, FORMATS, PROMPTS, Wording, refuse_unclear
from warehouse.errors import ConfigError
from warehouse.keys import draw, key
from warehouse.tables import Elicitation, FormatGain, FormatRate, FormatSpread

VERSION = 1
DIFFERENCE = (-1.0, 1.0)


class Asked(NamedTuple):
    """One question put to one arm under one prompt. ``is_right``: the answer states the reference fact."""

    arm: str
    prompt: str
    split: str
    pair_id: str
    document_id: str
    lineage_id: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class FormatParams:
    """How far the prompt's format alone moves each arm; needs n_questions x formats further answers of every arm."""

    n_questions: int = 0
    """Questions of each test set that are put in every format; 0: none are."""
    wordings: tuple[Wording, ...] = FORMATS
    """The formats beside the question as it is."""
    seed: int = 0
    """Draws the questions."""

    def __post_init__(self) -> None:
        """Refuse settings under which nothing could be compared."""
        if self.n_questions < 0:
            raise ConfigError(f"{self.n_questions} is below 0", where="answer.formats.n_questions", mend="use 0 for none")
        refuse_unclear(self.wordings, "answer.formats.wordings")


@dataclass(frozen=True, slots=True)
class ElicitationParams:
    """How a best prompt is chosen without scoring it on what it was chosen by; the arm base_prompted asks every test question in each."""

    wordings: tuple[Wording, ...] = PROMPTS
    """The prompts to choose from, beside the question as it is."""
    seed: int = 0
    """Draws the half of the documents (or fact families) that chooses; the other half scores."""

    def __post_init__(self) -> None:
        """Refuse prompts that are not told apart."""
        refuse_unclear(self.wordings, "answer.elicitation.wordings")


def format_rates(asked: Sequence[Asked]) -> list[FormatRate]:
    """One row per arm, format and test set."""
    groups: dict[tuple[str, str, str], list[Asked]] = defaultdict(list)
    for one in asked:
        groups[one.arm, one.prompt, one.split].append(one)
    return [
        FormatRate(key("format rate", VERSION, sorted(some)), arm, prompt, split, len(some), sum(q.is_right for q in some), _rate(some))
        for (arm, prompt, split), some in sorted(groups.items())
    ]


def format_spreads(asked: Sequence[Asked]) -> list[FormatSpread]:
    """One row per arm and test set, over the questions answered in every format: S = highest - lowest rate."""
    rows = []
    for (arm, split), formats in sorted(_by_arm(asked).items()):
        shared = set.intersection(*(set(of) for of in formats.values()))
        rates = {name: _mean([of[pair].is_right for pair in shared]) for name, of in sorted(formats.items())}
        known = {name: rate for name, rate in rates.items() if rate is not None}
        lowest, highest = (min(known, key=known.__getitem__), max(known, key=known.__getitem__)) if known else (None, None)
        rows.append(
            FormatSpread(
                format_spread_id=key("format spread", VERSION, arm, split, sorted(one for of in formats.values() for one in of.values())),
                arm=arm,
                split=split,
                n=len(shared),
                n_formats=len(formats),
                default_rate=rates.get(DEFAULT),
                lowest_rate=known[lowest] if lowest else None,
                lowest_format=lowest,
                highest_rate=known[highest] if highest else None,
                highest_format=highest,
                spread=known[highest] - known[lowest] if lowest and highest else None,
            )
        )
    return rows


def format_gains(asked: Sequence[Asked], contrasts: Sequence[str]) -> list[FormatGain]:
    """One row per contrast and test set where both arms were asked: in how many formats the gain keeps the sign of the default's."""
    of_arm = _by_arm(asked)
    rows = []
    for contrast in contrasts:
        arm_a, arm_b = contrast.split(":")
        for split in sorted({one.split for one in asked}):
            a, b = of_arm.get((arm_a, split), {}), of_arm.get((arm_b, split), {})
            gains = {name: gain for name in sorted(a.keys() & b.keys()) if (gain := _gain(a[name], b[name])) is not None}
            if gains:
                default = gains.get(DEFAULT)
                rows.append(
                    FormatGain(
                        format_gain_id=key("format gain", VERSION, contrast, split, gains),
                        contrast=contrast,
                        split=split,
                        n_formats=len(gains),
                        default_gain=default,
                        lowest_gain=min(gains.values()),
                        highest_gain=max(gains.values()),
                        n_same_sign=sum(default is not None and _sign(gain) == _sign(default) for gain in gains.values()),
                    )
                )
    return rows


def elicitation(
    asked: Sequence[Asked], arm: str, split: str, report: ReportParams, params: ElicitationParams = ElicitationParams()
) -> Elicitation:
    """What the best prompt gains over the default for one arm: chosen on half A of the clusters, scored on half B.

    Only questions answered under every prompt count. A prompt no better than the default on half A is not chosen.
    """
    choice = _choose([one for one in asked if one.arm == arm and one.split == split], split, report, params)
    prompts, half_a, half_b, best = choice.prompts, choice.half_a, choice.half_b, choice.best_on_a
    chosen = prompts[best] if best is not None else {}
    scored = [(q, chosen[q.pair_id]) for q in half_b] if chosen else []
    gaps = [float(one.is_right) - float(q.is_right) for q, one in scored]
    clusters = clusters_of([_question(q) for q, _ in scored], split, report)
    interval = cluster_interval(gaps, clusters.keys, report.alpha, DIFFERENCE) if clusters.keys else None
    return Elicitation(
        elicitation_id=key(
            "elicitation", VERSION, arm, split, params.seed, report.alpha, sorted(one for of in prompts.values() for one in of.values())
        ),
        arm=arm,
        split=split,
        n_choosing=len(half_a),
        n_scoring=len(scored),
        best_prompt=best,
        default_rate=_mean([q.is_right for q, _ in scored]),
        best_rate=_mean([one.is_right for _, one in scored]),
        gap=sum(gaps) / len(gaps) if gaps else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        unit=clusters.unit,
        n_units=clusters.n,
    )


def best_prompts(
    asked: Sequence[Asked], pair_ids: Sequence[str], split: str, report: ReportParams, params: ElicitationParams = ElicitationParams()
) -> dict[str, str]:
    """By pair_id the prompt of one arm's answer, on one test set: the best of the other half of the clusters, so that none scores its own.

    ``pair_ids``: every question of the set. What cannot be counted right or wrong chose nothing, and takes the best of half A. A half
    without questions chooses the default.
    """
    choice = _choose(asked, split, report, params)
    on_a, on_b = choice.best_on_a or DEFAULT, choice.best_on_b or DEFAULT
    in_a = {one.pair_id for one in choice.half_a}
    return {pair_id: on_b if pair_id in in_a else on_a for pair_id in pair_ids}


class _Choice(NamedTuple):
    """One arm's answers on one test set by prompt, the halves of the questions answered under every prompt, and the best on each."""

    prompts: Mapping[str, Mapping[str, Asked]]
    half_a: list[Asked]
    half_b: list[Asked]
    best_on_a: str | None
    best_on_b: str | None


def _choose(asked: Sequence[Asked], split: str, report: ReportParams, params: ElicitationParams) -> _Choice:
    prompts: dict[str, dict[str, Asked]] = next(iter(_by_arm(asked).values()), {})
    shared = sorted(set.intersection(*(set(of) for of in prompts.values()))) if DEFAULT in prompts else []
    half_a, half_b = halves([prompts[DEFAULT][pair] for pair in shared], split, params.seed, report)
    return _Choice(prompts, half_a, half_b, _best(prompts, half_a), _best(prompts, half_b))


def _best(prompts: Mapping[str, Mapping[str, Asked]], half: Sequence[Asked]) -> str | None:
    """The prompt under which most of the half is right; of several the default, else the first by name. None for an empty half."""
    n_right = {name: sum(of[q.pair_id].is_right for q in half) for name, of in prompts.items()}
    return max(sorted(n_right), key=lambda name: (n_right[name], name == DEFAULT)) if half else None


def halves(questions: Sequence[Asked], split: str, seed: int, params: ReportParams) -> tuple[list[Asked], list[Asked]]:
    """The questions in two halves by a draw over whole clusters, so that what stands together is never on both sides."""
    unit = clusters_of([_question(one) for one in questions], split, params).unit
    names = {one.pair_id: one.document_id if unit == "document" else one.lineage_id for one in questions}
    ranked = sorted(set(names.values()), key=lambda name: draw(seed, "elicitation", name))
    first = set(ranked[::2])
    return [one for one in questions if names[one.pair_id] in first], [one for one in questions if names[one.pair_id] not in first]


def _by_arm(asked: Sequence[Asked]) -> dict[tuple[str, str], dict[str, dict[str, Asked]]]:
    """(arm, split) -> prompt -> pair_id -> what was asked."""
    found: dict[tuple[str, str], dict[str, dict[str, Asked]]] = {}
    for one in asked:
        found.setdefault((one.arm, one.split), {}).setdefault(one.prompt, {})[one.pair_id] = one
    return found


def _gain(a: Mapping[str, Asked], b: Mapping[str, Asked]) -> float | None:
    return _mean([int(a[pair].is_right) - int(b[pair].is_right) for pair in a.keys() & b.keys()])


def _question(one: Asked) -> Outcome:
    return Outcome(one.pair_id, one.document_id, one.lineage_id, "tie")


def _rate(some: Sequence[Asked]) -> float | None:
    return _mean([one.is_right for one in some])


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
