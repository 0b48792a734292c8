"""Estimates and arm rates -> the summary that a person reads: one line per test set, empty ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.controls import is_gated
from tasks.judge import is_weighed
from tasks.judge_trust import Trust, judge_rank
from tasks.statistics import ReportParams
from warehouse.tables import TEST_SPLITS, ArmRate, ControlRate, Estimate

IMPORTED = "imported"
UNSEEN_FIRST = ("test_unseen_document", "test_unseen_fact")
CAVEATS = (
    "A rate says how often an answer states the reference fact, not which answer is good.",
    "Contradictions, negations and hedges around a stated fact are not checked.",
    "test_rephrased is recall of what was taught, never a headline.",
)


def summary(
    estimates: Sequence[Estimate],
    arm_rates: Sequence[ArmRate],
    coverage: Sequence[Mapping[str, Any]],
    params: ReportParams,
    trust: Trust = Trust(),  # noqa: B008  # frozen
) -> str:
    """The summary as Markdown that also reads well in a terminal. ``coverage``: rows of the view of that name."""
    ordered = _ordered(estimates, params)
    if ordered and all(row.split == IMPORTED for row in ordered):
        return headline(ordered, arm_rates, params) + "\n"
    interval = f"{100 * (1 - params.alpha):g} % interval"
    parts = [
        headline(ordered, arm_rates, params, trust),
        "## How often each arm states the reference fact",
        _table(("test set", "arm", "states it", "share", interval, "unanswered"), [_arm_line(row) for row in _in_order(arm_rates)]),
        *_winners(ordered, interval, trust),
        *controls_section(trust),
    ]
    if coverage:
        lines = [(row["step"], row["part"], row["fate"], str(row["n"])) for row in coverage]
        parts += ["## What became of everything", _table(("step", "part", "fate", "n"), lines)]
    return "\n\n".join([*parts, "\n".join(f"- {caveat}" for caveat in CAVEATS)]) + "\n"


def headline(
    estimates: Sequence[Estimate],
    arm_rates: Sequence[ArmRate],
    params: ReportParams,
    trust: Trust = Trust(),  # noqa: B008  # frozen
) -> str:
    """One sentence on the headline contrast over what was never taught; where none of that was tested, it says so.

    A judge that failed its controls has no say: the controls that it failed stand in its sentence's place.
    """
    imported = [row for row in estimates if row.split == IMPORTED]
    if imported:
        return " ".join(imported_sentence(row, params) for row in imported)
    ordered = [row for row in _ordered(estimates, params) if row.contrast == params.headline_contrast] or _ordered(estimates, params)
    unseen = [row for split in UNSEEN_FIRST for row in ordered if row.split == split and row.n_planned]
    estimable = [row for row in unseen if row.low is not None]
    for row in (*estimable, *unseen):
        return sentence(row, arm_rates, params, trust)
    recall = next((row for row in ordered if row.n_planned), None)
    none = "No headline: no question about anything untaught was held out."
    if recall is None:
        return f"{none} There are no test questions."
    return f"{none} Recall of what was taught: {sentence(recall, arm_rates, params, trust)}"


def sentence(
    row: Estimate,
    arm_rates: Sequence[ArmRate],
    params: ReportParams,
    trust: Trust = Trust(),  # noqa: B008  # frozen
) -> str:
    """What may be said of one contrast on one test set, with its qualifications.

    Of a measure more or less often, never better: that takes a judge that passed its controls.
    """
    arm_a, arm_b = row.contrast.split(":")
    if unfit := trust.unfit_notice(row.judge):
        return (
            f"{unfit}. {row.judge} did not pass the questions whose winner is known, so nothing is said of {arm_a} and {arm_b} by its "
            "verdicts; `tunehouse sql judge_trust` shows how it did."
        )
    if not row.n:
        return f"{row.split}: {row.scope} ({row.n_planned} planned), so {arm_a} and {arm_b} are not compared."
    # what an arm finds likely is no count of what it states
    rates = {rate.arm: rate for rate in arm_rates if rate.split == row.split and not is_weighed(row.judge)}
    shares = " against ".join(f"{arm} {rates[arm].n_stated} of {rates[arm].n_keyed}" for arm in (arm_a, arm_b) if arm in rates)
    facts = [
        f"win rate {_percent(row.rate)}{' ' + _interval(row) if row.low is not None else ''} of {row.n} questions",
        shares,
        row.scope,
        _p_value(row, params),
        f"differences under {100 * row.mde:.0f} points stay unseen at this size" if row.mde is not None else "",
        *_reservations(row, rates.get(arm_a), params),
        trust.unstable_notice(row.judge, row.contrast),
        f"judge {row.judge}",
    ]
    return f"{_claim(row, arm_a, arm_b)} on {row.split}: {'; '.join(fact for fact in facts if fact)}."


def meaning_of_win(judge: str) -> str:
    """What a win by this judge says, to be put after "a question where"."""
    if is_gated(judge):
        return "the judge finds the first arm's answer better, whichever is shown first"
    return f"the first arm {_measured(judge)[0]} and the second does not"


def imported_sentence(row: Estimate, params: ReportParams) -> str:
    """What may be said of judgements that were made elsewhere: counts and bounds, never a claim."""
    arm_a, arm_b = row.contrast.split(":")
    if not row.n:
        return f"Judgements made elsewhere: none of {row.n_planned} can be read, so {arm_a} and {arm_b} are not compared."
    share, (low, high) = 100 * (row.rate or 0), (100 * (end or 0) for end in (row.low, row.high))
    bounds = f"between {100 * (row.bound_low or 0):.1f} and {100 * (row.bound_high or 0):.1f} % whatever they were"
    ties = f", {row.n_ties} tied" if row.n_ties else ""
    return (
        f"Judgements made elsewhere, by {row.judge}: {arm_a} won {row.n_wins} and {arm_b} {row.n_losses} of {row.n}{ties}; "
        f"win rate {share:.1f} % [{low:.1f}, {high:.1f}] ({100 * (1 - params.alpha):g} % interval, {row.scope}). "
        f"{row.n_unscored} of {row.n_planned} entries have no verdict: {bounds}. No difference is claimed: their documents, the order in "
        "which the answers were shown and the judge's controls are not known."
    )


def _claim(row: Estimate, arm_a: str, arm_b: str) -> str:
    is_judged = is_gated(row.judge)
    if row.is_difference and row.rate is not None:
        is_more = row.rate > 0.5  # noqa: PLR2004  # where neither arm wins more
        if is_judged:
            return f"{arm_a} is judged {'better' if is_more else 'worse'} than {arm_b} more often than not"
        return f"{arm_a} {_measured(row.judge)[0]} {'more' if is_more else 'less'} often than {arm_b}"
    what = (f"{arm_a} answers better than {arm_b}", "judged quality") if is_judged else _stating(arm_a, arm_b, row.judge)
    if row.low is None:
        return f"Whether {what[0]} cannot be told"
    return f"No difference between {arm_a} and {arm_b} in {what[1]} can be shown"


def _stating(arm_a: str, arm_b: str, judge: str) -> tuple[str, str]:
    does, doing = _measured(judge)
    return f"{arm_a} {does} more often than {arm_b}", doing


def _measured(judge: str) -> tuple[str, str]:
    """What an arm does that wins by a measure, in words."""
    if is_weighed(judge):
        return "finds the reference the likeliest answer", "finding the reference the likeliest answer"
    return "states the reference fact", "stating the reference fact"


def _p_value(row: Estimate, params: ReportParams) -> str:
    if row.p_value is None or row.p_holm is None:
        return f"no p-value below {params.min_units_for_p} independent units"
    family = f", {row.p_holm:.2g} among the {row.n_tests} tests of this run (Holm)" if row.n_tests > 1 else ""
    return f"p = {row.p_value:.2g}{family}"


def _reservations(row: Estimate, rate: ArmRate | None, params: ReportParams) -> list[str]:
    found = []
    excludes_half = row.low is not None and row.high is not None and not row.low <= 0.5 <= row.high  # noqa: PLR2004
    if row.p_holm is not None and not row.is_difference and excludes_half != (row.p_holm < params.alpha):
        found.append("interval and p-value disagree, so no difference is claimed")
    if row.p_holm is not None and (smallest := 2 / 2**row.n_units * row.n_tests) >= params.alpha:
        found.append(
            f"{row.n_units} {row.unit}s and {row.n_tests} tests can give no smaller p than {min(smallest, 1):.2g}: "
            "test more documents, or fewer contrasts"
        )
    n_asked = row.n_planned - (row.n_not_asked or 0)
    if row.n_not_asked:
        found.append(f"a sample: {n_asked} of {row.n_planned} questions were drawn for people to label")
    if row.n_unscored > params.max_unscored_share * n_asked:
        bounds = f"between {_percent(row.bound_low)} and {_percent(row.bound_high)} whatever they were"
        found.append(f"{row.n_unscored} of {n_asked} questions are unscored: {bounds}")
    if rate and rate.n_keyed < rate.n_answered:
        found.append(f"{rate.n_answered - rate.n_keyed} questions without an answer key are judged by closeness to the reference")
    return found


def _ordered(estimates: Sequence[Estimate], params: ReportParams) -> list[Estimate]:
    def place(row: Estimate) -> tuple[Any, ...]:
        return row.contrast != params.headline_contrast, row.contrast, judge_rank(row.judge), row.judge, _rank(row.split)

    return sorted(estimates, key=place)


def _in_order(arm_rates: Sequence[ArmRate]) -> list[ArmRate]:
    return sorted(arm_rates, key=lambda row: (_rank(row.split), row.arm))


def _rank(split: str) -> int:
    return TEST_SPLITS.index(split) if split in TEST_SPLITS else len(TEST_SPLITS)


def _arm_line(row: ArmRate) -> tuple[str, ...]:
    if not row.n_planned:
        return row.split, row.arm, "no questions", "", "", ""
    interval = _interval(row) if row.low is not None else "not estimable"
    return row.split, row.arm, f"{row.n_stated} of {row.n_keyed}", _percent(row.rate), interval, str(row.n_planned - row.n_answered)


def _estimate_line(row: Estimate) -> tuple[str, ...]:
    if not row.n_planned:
        return row.contrast, row.split, "no questions", *[""] * 9
    counts = (str(n) for n in (row.n_wins, row.n_ties, row.n_losses, row.n_unscored))
    asked = f"{row.n_planned - row.n_not_asked} of {row.n_planned}" if row.n_not_asked else str(row.n_planned)
    p_values = ("" if p is None else f"{p:.2g}" for p in (row.p_value, row.p_holm))
    interval = _interval(row) if row.low is not None else "none"
    return row.contrast, row.split, asked, *counts, _percent(row.rate), interval, *p_values, row.scope


def _winners(ordered: Sequence[Estimate], interval: str, trust: Trust) -> list[str]:
    """Who wins, by each judge in turn."""
    judges = list(dict.fromkeys(row.judge for row in ordered))
    header = ("contrast", "test set", "questions", "won", "tied", "lost", "unscored", "win rate", interval, "p", "p, Holm", "speaks about")
    parts = []
    for judge in judges or [""]:
        title = f"## Who wins: a win is a question where {meaning_of_win(judge)}"
        by = f", by {judge}" if len(judges) > 1 else ""
        parts += [title + by, *filter(None, [trust.unfit_notice(judge)])]
        parts.append(_table(header, [_estimate_line(row) for row in ordered if row.judge == judge]))
    return parts


def controls_section(trust: Trust) -> list[str]:
    """How every judge did where the winner is known; nothing where no controls were put."""
    rows = sorted(trust.controls, key=lambda row: (judge_rank(row.judge), row.judge, row.control))
    if not rows:
        return []
    lines = [(row.judge, row.control, row.what, _passed(row), f"{100 * row.least:.0f} %", _fitness(row)) for row in rows]
    return ["## How the judges do where the winner is known", _table(("judge", "", "control", "right", "needed", ""), lines)]


def _passed(row: ControlRate) -> str:
    share = f" ({_percent(row.rate)})" if row.n else ""
    errors = f", {row.n_errors} without a reply" if row.n_errors else ""
    return f"{row.n_passed} of {row.n}{share}{errors}"


def _fitness(row: ControlRate) -> str:
    if row.is_passed is None:
        return "no pair lends itself to it"
    few = f"; fewer than the {row.n_wanted} asked for" if row.n + row.n_errors < row.n_wanted else ""
    return ("passed" if row.is_passed else "FAILED" if row.is_gate else "not seen by this measure") + few


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _interval(row: Estimate | ArmRate) -> str:
    return f"[{100 * (row.low or 0):.0f}, {100 * (row.high or 0):.0f}]"


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are padded to one width."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (header, *lines)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(header))]
    padded = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])
