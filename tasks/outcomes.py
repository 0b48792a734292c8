"""Verdicts, scores and answers -> every table of figures about a run: one row per test set, empty ones too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks import agreement, calibration, flip_rates, length_control, rank_arms, statistics
from tasks.ballot import without_source_block
from tasks.judge import JudgeParams, is_weighed, judge_name, outcome_of
from tasks.statistics import Outcome, ReportParams, adjust, arm_rate, estimate
from warehouse import tables as t
from warehouse.schema import Table
from warehouse.tables import TEST_SPLITS, Answer, ArmRate, Estimate, LengthControl, Score, SplitRow, Verdict

VERSION = 3
VERSIONS = tuple(module.VERSION for module in (statistics, flip_rates, length_control, agreement, calibration, rank_arms))
OutcomeSets = Mapping[tuple[str, str, str], Sequence[Outcome]]
"""By (judge, contrast, test set) every planned question with its outcome."""


def outcome_sets(
    verdicts: Sequence[Verdict], splits: Sequence[SplitRow], judge_params: JudgeParams
) -> dict[tuple[str, str, str], list[Outcome]]:
    """Who won each planned question: all judges and contrasts that ``judge_params`` names, and any that has verdicts; empty sets too."""
    given: dict[tuple[str, str], dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        given[verdict.judge, verdict.contrast][verdict.pair_id].append(verdict)
    asked = {(judge_name(judge, judge_params), contrast) for judge in judge_params.judges for contrast in judge_params.contrasts}
    return {
        (judge, contrast, split): [_outcome(q, given[judge, contrast].get(q.pair_id, [])) for q in planned]
        for judge, contrast in sorted(asked | set(given))
        for split, planned in test_sets(splits).items()
    }


def _outcome(question: SplitRow, verdicts: Sequence[Verdict]) -> Outcome:
    is_asked = not any(verdict.verdict == "not_asked" for verdict in verdicts)
    return Outcome(question.pair_id, question.document_id, question.lineage_id, outcome_of(verdicts), is_asked)


def make_estimates(
    verdicts: Sequence[Verdict], splits: Sequence[SplitRow], judge_params: JudgeParams, params: ReportParams
) -> list[Estimate]:
    """One row per judge, contrast and test set, their p-values adjusted together; see :func:`outcome_sets` for which there are."""
    return estimates_of(outcome_sets(verdicts, splits, judge_params), params)


def estimates_of(sets: OutcomeSets, params: ReportParams) -> list[Estimate]:
    """One row per set; the p-values of one judge are adjusted as one family."""
    return adjust([estimate(outcomes, split, contrast, judge, params) for (judge, contrast, split), outcomes in sets.items()], params)


def make_length_controls(sets: OutcomeSets, answers: Sequence[Answer], params: ReportParams) -> list[LengthControl]:
    """One row per set: the win rate if both answers had the same number of characters, as judges are shown them.

    None for a judge that reads no answer.
    """
    length = {(answer.arm, answer.pair_id): len(without_source_block(answer.answer)) for answer in answers}
    rows = []
    for (judge, contrast, split), outcomes in sets.items():
        if is_weighed(judge):
            continue
        arms = contrast.split(":")
        sides = {q.pair_id: [length[arm, q.pair_id] for arm in arms if (arm, q.pair_id) in length] for q in outcomes}
        both = {pair_id: (of[0], of[1]) for pair_id, of in sides.items() if len(of) == len(arms)}
        rows.append(length_control.length_control(outcomes, both, split, contrast, judge, params))
    return rows


def make_arm_rates(scores: Sequence[Score], splits: Sequence[SplitRow], arms: Iterable[str], params: ReportParams) -> list[ArmRate]:
    """One row per arm and test set: all ``arms``, answered or not, and any that has scores."""
    of_arm: dict[str, dict[str, Score]] = {arm: {} for arm in arms}
    for score in scores:
        of_arm.setdefault(score.arm, {})[score.pair_id] = score
    rates = []
    for arm, answered in of_arm.items():
        for split, planned in test_sets(splits).items():
            found = [(q, answered[q.pair_id]) for q in planned if q.pair_id in answered]
            stated = [
                Outcome(q.pair_id, q.document_id, q.lineage_id, "arm_a" if score.states_key else "arm_b")
                for q, score in found
                if score.states_key is not None
            ]
            rates.append(arm_rate(stated, arm, split, n_planned=len(planned), n_answered=len(found), params=params))
    return rates


def figures(
    verdicts: Sequence[Verdict],
    scores: Sequence[Score],
    answers: Sequence[Answer],
    splits: Sequence[SplitRow],
    arms: Iterable[str],
    judge_params: JudgeParams,
    params: ReportParams,
) -> dict[Table, list[Any]]:
    """Every table of figures about a run, by table."""
    sets = outcome_sets(verdicts, splits, judge_params)
    contrasts = sorted({contrast for _, contrast, _ in sets})
    return {
        t.ESTIMATES: estimates_of(sets, params),
        t.ARM_RATES: make_arm_rates(scores, splits, arms, params),
        t.FLIP_RATES: flip_rates.make_flip_rates(scores, splits, contrasts, params),
        t.LENGTH_CONTROLS: make_length_controls(sets, answers, params),
        t.JUDGE_AGREEMENTS: agreement.make_agreements(sets, params),
        t.CALIBRATIONS: calibration.make_calibrations(sets, params),
        t.ARM_STRENGTHS: rank_arms.make_strengths(sets, params),
    }


def figures_with(
    judge: str,
    verdicts: Sequence[Verdict],
    answers: Sequence[Answer],
    splits: Sequence[SplitRow],
    judge_params: JudgeParams,
    params: ReportParams,
) -> dict[Table, list[Any]]:
    """What a judge that is heard later adds to the figures of the others: its own, and how the others compare with it."""
    sets = outcome_sets(verdicts, splits, judge_params)
    own = {of: outcomes for of, outcomes in sets.items() if of[0] == judge}
    return {
        t.ESTIMATES: estimates_of(own, params),
        t.LENGTH_CONTROLS: make_length_controls(own, answers, params),
        t.JUDGE_AGREEMENTS: [row for row in agreement.make_agreements(sets, params) if judge in row.judges],
        t.CALIBRATIONS: [row for row in calibration.make_calibrations(sets, params) if judge in (row.judge, row.labeller)],
        t.ARM_STRENGTHS: rank_arms.make_strengths(own, params),
    }


def test_sets(splits: Sequence[SplitRow]) -> dict[str, list[SplitRow]]:
    """The questions of each test set, empty sets too."""
    return {split: [row for row in splits if row.split == split] for split in TEST_SPLITS}
