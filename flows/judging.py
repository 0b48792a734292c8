"""Scored answers -> every judge on questions whose winner is known, then on every contrast; part of the flow *compare*.

Where a judge asks a model, its units are worked on in a flow run of their own, by as many threads as keep the model's slots full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from prefect import Task, flow

from flows.doing import THREADS, do_all
from flows.elsewhere import for_asking, subflow
from flows.run_config import RunConfig
from flows.spending import budget_of, calling, refuse_useless
from tasks import controls, embed, judge, selection
from tasks.base_model import base_sha256
from tasks.choice_unit import ByModel
from tasks.judge_people import counted
from tasks.judge_unit import JudgeBatch, drawn_controls
from tasks.prefect_tasks import judge_batch, judge_controls
from tasks.stages import DocumentUnits, kept_pairs
from tasks.units import Unit, record_units, unit
from warehouse.keys import key
from warehouse.store import Warehouse
from warehouse.tables import LABELS, Label, QaPair
from warehouse.views import ledger_rows

Batch = tuple[DocumentUnits, tuple[QaPair, ...]]
Calls = list[tuple[Unit, dict[str, Any]]]
STAGES = ("controls", "judge")


def judge_all(
    store: Warehouse,
    config: RunConfig,
    run_id: str,
    curated: Sequence[Unit],
    batches: Sequence[Batch],
    scoring: Mapping[tuple[str, int], Unit],
    choosing: Mapping[tuple[str, int], Unit],
) -> list[Unit]:
    """The controls of every judge, then every judge on every contrast and batch. Returns the units of the latter.

    ``choosing``: what each arm would choose, for judges that go by it.
    """
    controlling = control_calls(store, config, curated)
    judging = contrast_calls(config, batches, scoring, labels_that_count(store, config), choosing)
    record_units(store, run_id, "controls", [work for work, _ in controlling])
    record_units(store, run_id, "judge", [work for work, _ in judging])
    if config.judge.asks_model and selection.current() is None:
        subflow(judges, config, run_id, for_asking(config, STAGES), controlling=controlling, judging=judging)
    else:
        put_to_judges(store, config, run_id, controlling, judging)
    return [work for work, _ in judging]


@flow(name="judges", flow_run_name="judges", task_runner=THREADS, persist_result=False, validate_parameters=False)
def judges(config: RunConfig, run_id: str, controlling: Calls, judging: Calls) -> str:
    """Put the control questions, then the real ones, to judges that ask a model. Returns the run's id."""
    put_to_judges(Warehouse(config.warehouse), config, run_id, controlling, judging)
    return run_id


def put_to_judges(store: Warehouse, config: RunConfig, run_id: str, controlling: Calls, judging: Calls) -> None:
    """Do the units. Verdicts that a model still owes leave theirs to be done by a later run.

    Raises:
        ProviderError: no call can succeed.
    """
    budget = budget_of(store, config, run_id)
    steps: tuple[tuple[Task[..., Any], Calls, str], ...] = (
        (judge_controls, controlling, "judging what is known"),
        (judge_batch, judging, "judging"),
    )
    for task, calls, what in steps:
        with calling(config, budget, "judge"):
            errors = do_all(task, store, [(work, arguments | {"budget": budget}) for work, arguments in calls], what).values()
            refuse_useless(budget, errors)
        for error in errors:
            raise error


def control_calls(store: Warehouse, config: RunConfig, curated: Sequence[Unit]) -> Calls:
    """One unit for each judge. It is named by its questions: a corpus that draws the same ones asks nothing again.

    People were put theirs when they labelled: their unit is named by what they said.
    """
    cases = drawn_controls(store, curated, config.judge)
    calls: Calls = []
    for name in config.judge.judges:
        if controls.is_people(name):
            calls.append(people_control_call(store, config, curated))
            continue
        settings = [judge.judge_name(name, config.judge), judge.shaping_of(name, config.judge), config.judge.controls.n_pairs]
        by_model = None
        if judge.JUDGES[name].weighs:
            by_model = ByModel(config.train.base_model, config.answer)
            settings += [base_sha256(by_model.model), config.answer.max_new_tokens, config.answer.max_prompt_tokens, config.answer.dtype]
        elif not judge.JUDGES[name].prompt_of:
            settings += [config.score, embed.model_identity(config.embed.model), config.embed.window_words]
        work = unit(
            "controls", controls.VERSION, name, inputs=[key(case) for case in cases],
            also_reads=[*curated, *(work.reads[2] for work in curated)], settings=settings, is_named_by_content=True,
        )  # fmt: skip
        arguments = {"judge": name, "cases": cases, "params": config.judge, "score_params": config.score, "embed_params": config.embed}
        calls.append((work, arguments | {"by_model": by_model}))
    return calls


def people_control_call(store: Warehouse, config: RunConfig, curated: Sequence[Unit]) -> tuple[Unit, dict[str, Any]]:
    """The unit of what people said of the controls planted among their questions, in the contrasts and pairs of this run."""
    pairs = {pair.pair_id for pair in kept_pairs(store, curated)}
    chosen = [
        row for row in labels_that_count(store, config) if row.control and row.pair_id in pairs and row.contrast in config.judge.contrasts
    ]
    settings = [judge.judge_name("human", config.judge)]
    work = unit(
        "controls", controls.VERSION, "human", inputs=[key(row) for row in chosen],
        also_reads=curated, settings=settings, is_named_by_content=True,
    )  # fmt: skip
    arguments = {"judge": "human", "cases": (), "params": config.judge, "score_params": config.score, "embed_params": config.embed}
    return work, arguments | {"labels": tuple(chosen)}


def labels_that_count(store: Warehouse, config: RunConfig) -> list[Label]:
    """Every label of the people whose word counts; none where people are no judge of this run."""
    return counted(ledger_rows(store, LABELS), config.judge.human) if "human" in config.judge.judges else []


def contrast_calls(
    config: RunConfig,
    batches: Sequence[Batch],
    scoring: Mapping[tuple[str, int], Unit],
    labels: Sequence[Label] = (),
    choosing: Mapping[tuple[str, int], Unit] = MappingProxyType({}),
) -> Calls:
    """One unit for each judge, contrast and batch; of people also named by what they said of these questions."""
    calls: Calls = []
    for name in config.judge.judges:
        for contrast in config.judge.contrasts:
            arm_a, arm_b = contrast.split(":")
            for number, (sources, pairs) in enumerate(batches):
                sides = scoring[arm_a, number], scoring[arm_b, number]
                label = f"{name}, {contrast}, {sources.curated.label}"
                settings = [judge.judge_name(name, config.judge), contrast, judge.shaping_of(name, config.judge)]
                asked = tuple(pair.pair_id for pair in pairs)
                spoken = tuple(row for row in labels if (row.contrast, row.control) == (contrast, "") and row.pair_id in asked)
                spoken = spoken if controls.is_people(name) else ()
                weighed = (choosing[arm_a, number], choosing[arm_b, number]) if judge.JUDGES[name].weighs else ()
                reads, inputs = [*sides, *weighed, sources.generated], [key(row) for row in spoken]
                work = unit("judge", judge.VERSION, label, inputs=inputs, reads=reads, also_reads=[sources.curated], settings=settings)
                batch = JudgeBatch(name, contrast, *sides, sources.curated, asked, spoken, weighed)
                calls.append((work, {"batch": batch, "params": config.judge}))
    return calls
