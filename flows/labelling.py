"""Labels of a finished run's answers -> people among its judges, with their units and figures beside those of the others."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flows.compare import test_batches
from flows.judging import Batch, contrast_calls, labels_that_count, people_control_call
from flows.run_config import RunConfig, settings_of
from flows.spending import budget_of
from tasks import judge_unit, outcomes
from tasks.controls import PEOPLE
from tasks.judge import judge_name
from tasks.label_session import HOW, inert, label_items
from tasks.labelling import draw_sample, n_planted, planted, read_controls, read_questions
from tasks.report_data import run_verdict
from tasks.stages import rows
from tasks.units import Made, Unit, land_once, record_units, unit, units_of
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import unit_id
from warehouse.store import Warehouse
from warehouse.tables import ANSWERS, ESTIMATES, LABELS, SCORES, SPLITS, VERDICTS, Estimate, Label, Run
from warehouse.views import ledger_rows, write_duckdb

Asking = Callable[[str], str | None]
Saying = Callable[[str], None]
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Sitting:
    """What a person is asked to label."""

    reviewer: str
    contrast: str | None = None
    """arm_a:arm_b; None: the run's headline contrast."""
    n: int = 50
    """Questions of the run's test sets, by this person, earlier sittings included."""
    seed: int = 0
    """Draws the questions, the controls, their places and which answer stands first."""

    def __post_init__(self) -> None:
        """Raises ConfigError where nobody is named, or nothing is asked for."""
        name = self.reviewer
        if not name.strip() or name != name.strip() or inert(name) != name or "\n" in name or len(name) > LONGEST_NAME:
            raise ConfigError(
                f"{inert(name)!r} is nobody's name", where="--reviewer", mend="say who labels, in plain letters: --reviewer NAME"
            )
        if self.n < 1:
            raise ConfigError(f"{self.n} questions are too few", where="--n", mend="use at least 1")


@dataclass(frozen=True, slots=True)
class Sat:
    """What came of a sitting: the new labels, how many items are left to this person, and the people's figures on the contrast."""

    run_id: str
    contrast: str
    labels: Sequence[Label]
    n_left: int
    estimates: Sequence[Estimate]


def label_run(store: Warehouse, run_id: str | None, sitting: Sitting, ask: Asking, say: Saying, width: int = 100) -> Sat:
    """Put a sample of a run's questions to a person, keep each answer as it comes, then count all labels in with the run.

    Raises:
        MissingPrerequisite: no run has come to its verdict, or the two arms answered no question.
        ConfigError: the run does not compare these arms.
    """
    run, _, _ = run_verdict(store, run_id)
    config = settings_of(run)
    contrast = sitting.contrast or config.report.headline_contrast
    if contrast not in config.judge.contrasts:
        raise ConfigError(
            f"run {run.run_id} does not compare {contrast}", where="--contrast", mend=f"use any of {', '.join(config.judge.contrasts)}"
        )
    questions = draw_sample(read_questions(store, run.run_id, contrast), sitting.n, sitting.seed)
    if not questions:
        raise MissingPrerequisite(
            f"there is no test question that {' and '.join(contrast.split(':'))} both answered",
            where=f"run {run.run_id}",
            mend="`tunehouse status` says how far the run is",
        )
    share = config.judge.human.control_share
    controls = read_controls(store, run.run_id, n_planted(len(questions), share), config.judge.human, sitting.seed)
    items = planted(questions, controls, share, sitting.seed)
    known = {label.label_id for label in ledger_rows(store, LABELS)}
    todo = [item for item in items if item.label_id(sitting.reviewer, contrast) not in known]
    name = unit_id("label", 1, [sitting.reviewer, contrast, datetime.now(UTC).isoformat(), uuid.uuid4().hex])

    def keep(labels: Sequence[Label]) -> None:
        with store.lock(name):
            store.land(name, {LABELS: labels}, stage="label", label=f"{sitting.reviewer}, {contrast}")

    if todo:
        say(HOW)
    labels = label_items(todo, sitting.reviewer, contrast, sitting.seed, ask=ask, say=say, keep=keep, width=width)
    estimates = count_labels(store, run)
    store.sweep()  # the sitting's record was written anew with each label
    return Sat(run.run_id, contrast, labels, len(todo) - len(labels), [row for row in estimates if row.contrast == contrast])


def count_labels(store: Warehouse, run: Run) -> list[Estimate]:
    """Have people be a judge of a finished run, by every label that stands now. Returns their estimates.

    The run is made of their units too from now on; what the other judges said, and the figures about it, are not touched. A run that
    named them among its judges has figures of them already, and takes new labels in when it is run again.
    """
    config, run_id = settings_of(run), run.run_id
    if PEOPLE in config.judge.judges:
        return []
    config = config.model_copy(update={"judge": replace(config.judge, judges=(PEOPLE,))})
    curated, scoring, answering = (units_of(store, run_id, stage) for stage in ("curate", "score", "answer"))
    (splitting,) = units_of(store, run_id, "split")
    batches = test_batches(store, config, curated, splitting)
    budget = budget_of(store, config, run_id)
    control, arguments = people_control_call(store, config, curated)
    land_once(store, control, lambda: judge_unit.judge_controls(store, control, budget=budget, **arguments))
    own = contrast_calls(config, batches, scoring_of(store, scoring, batches, config), labels_that_count(store, config))
    for work, given in own:
        land_once(store, work, lambda work=work, given=given: judge_unit.judge(store, work, budget=budget, **given))  # type: ignore[misc]
    heard = {stage: _others(store, run_id, stage) for stage in ("controls", "judge", "report")}
    judging = [*heard["judge"], *(work for work, _ in own)]
    reads = [splitting, *answering, *judging]
    estimating = unit("report", outcomes.VERSION, PEOPLE, reads=reads, settings=[config.report, config.judge, outcomes.VERSIONS])
    name = judge_name(PEOPLE, config.judge)

    def made() -> Made:
        verdicts, answers, splits = (rows(store, *of) for of in ((VERDICTS, judging), (ANSWERS, answering), (SPLITS, [splitting])))
        return Made(outcomes.figures_with(name, verdicts, answers, splits, config.judge, config.report))

    land_once(store, estimating, made)
    for stage, works in (("controls", [control]), ("judge", judging[len(heard["judge"]) :]), ("report", [estimating])):
        record_units(store, run_id, stage, [*heard[stage], *works])
    write_duckdb(store)
    return [row for row in store.rows(ESTIMATES, [estimating.unit_id]) if row.judge == name]


def scoring_of(store: Warehouse, scoring: Sequence[Unit], batches: Sequence[Batch], config: RunConfig) -> dict[tuple[str, int], Unit]:
    """The units of a run's scores by (arm, batch number), as the flow that made them had them.

    Raises:
        MissingPrerequisite: a batch of an arm that is compared has no scores.
    """
    number_of = {pair.pair_id: number for number, (_, pairs) in enumerate(batches) for pair in pairs}
    found = {}
    for work in scoring:
        for row in store.rows(SCORES, [work.unit_id])[:1]:
            found[row.arm, number_of[row.pair_id]] = work
    compared = {arm for contrast in config.judge.contrasts for arm in contrast.split(":")}
    if missing := sorted((arm, number) for arm in compared for number in range(len(batches)) if (arm, number) not in found):
        arm, number = missing[0]
        raise MissingPrerequisite(
            f"{arm} has no scores of {batches[number][0].curated.label}",
            where=str(store.root),
            mend="`tunehouse run` with the same settings",
        )
    return found


def _others(store: Warehouse, run_id: str, stage: str) -> list[Unit]:
    """The run's units of a stage that are not people's."""
    return [work for work in units_of(store, run_id, stage) if work.label.split(",")[0] != PEOPLE]
