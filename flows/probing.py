"""Arms and test questions -> what they are asked beside: other formats, other prompts, drawn answers; part of the flow *compare*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from flows.doing import do_or_fail
from flows.judging import Batch
from flows.run_config import RunConfig
from flows.spending import budget_of, calling
from tasks import probe
from tasks.answer_params import PROMPTED, asks_model
from tasks.base_model import EXCERPTS_AFTER_PROMPT, prompt_sha256
from tasks.prefect_tasks import best_prompted_batch, probe_batch
from tasks.probe import Purpose
from tasks.probe_unit import ProbeBatch
from tasks.stages import AnswerBatch
from tasks.units import Unit, record_units, unit
from warehouse.store import Warehouse
from warehouse.tables import SPLITS

ByBatch = Mapping[tuple[str, int], Unit]
"""The unit of each (arm, batch number)."""


def ask_otherwise(
    store: Warehouse,
    config: RunConfig,
    run_id: str,
    batches: Sequence[Batch],
    asked: Mapping[tuple[str, int], AnswerBatch],
    answering: ByBatch,
    splitting: Unit,
) -> list[tuple[Purpose, Unit]]:
    """Put the questions in every other way that the settings name. Returns each unit with its purpose."""
    sets = {row.pair_id: row.split for row in store.rows(SPLITS, [splitting.unit_id])}
    pairs, budget = [pair for _, some in batches for pair in some], budget_of(store, config, run_id)
    units: list[tuple[Purpose, Unit]] = []
    calls = []
    for purpose, arms in arms_asked(config).items():
        chosen = probe.chosen_pairs(purpose, pairs, sets, config.answer, config.score)
        settings = [probe.manners(purpose, config.answer), config.score, prompt_sha256(EXCERPTS_AFTER_PROMPT)]
        for arm, number in (place for place in asked if place[0] in arms):
            batch, answered, sources = asked[arm, number], answering[arm, number], batches[number][0]
            questions = tuple(question for question in batch.questions if question.pair_id in chosen)
            if not questions:
                continue
            work = unit(
                "probe", probe.VERSION, f"{purpose}, {answered.label}", inputs=[purpose, arm, *(one.pair_id for one in questions)],
                reads=[answered, sources.curated], also_reads=[sources.generated, *([batch.adapter] if batch.adapter else [])],
                settings=settings,
            )  # fmt: skip
            units.append((purpose, work))
            probing = ProbeBatch(purpose, replace(batch, questions=questions), answered, sources.curated)
            arguments = {
                "batch": probing,
                "model": config.train.base_model,
                "params": config.answer,
                "score_params": config.score,
                "budget": budget,
            }
            calls.append((work, arguments))
    record_units(store, run_id, "probe", [work for _, work in units])
    with calling(config, budget, "answer"):
        do_or_fail(probe_batch, store, calls, "asking otherwise")
    return units


def arms_asked(config: RunConfig) -> dict[Purpose, list[str]]:
    """The arms that are asked otherwise, by purpose; none for a purpose that the settings leave out."""
    base = ["base"]
    found: dict[Purpose, list[str]] = {
        "format": [arm for arm in config.answer.arms if asks_model(arm)] if config.answer.formats.n_questions else [],
        "prompt": base if PROMPTED in config.answer.arms else [],
        "sample": base if config.answer.knowledge.n_samples else [],
    }
    return {purpose: found[purpose] for purpose in get_args(Purpose) if found[purpose]}


def answer_best_prompted(
    store: Warehouse, config: RunConfig, run_id: str, batches: Sequence[Batch], probed: Sequence[Unit], splitting: Unit
) -> dict[tuple[str, int], Unit]:
    """The best-prompted base's answers to every batch, of those that ``probed`` units hold. Returns the unit of each batch."""
    units: dict[tuple[str, int], Unit] = {}
    calls = []
    for number, (sources, pairs) in enumerate(batches):
        names = tuple(pair.pair_id for pair in pairs)
        settings = [config.answer.elicitation.seed, config.report.min_documents]
        label = f"{PROMPTED}, {sources.curated.label}"
        work = unit("elicit", probe.VERSION, label, inputs=names, reads=[*probed, splitting], settings=settings)
        units[PROMPTED, number] = work
        arguments = {"probed": tuple(probed), "split": splitting, "pair_ids": names, "params": config.answer, "report": config.report}
        calls.append((work, arguments))
    record_units(store, run_id, "elicit", list(units.values()))
    do_or_fail(best_prompted_batch, store, calls, "choosing prompts")
    return units
