"""Test questions and every arm -> how likely its model finds the reference among other answers; for the judge loglik, part of *compare*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.doing import do_or_fail
from flows.judging import Batch
from flows.run_config import RunConfig
from tasks import answer, choice
from tasks.answer_params import asks_model
from tasks.base_model import EXCERPTS_PROMPT, prompt_sha256
from tasks.judge import JUDGES
from tasks.prefect_tasks import choose_batch
from tasks.stages import AnswerBatch, kept_pairs
from tasks.units import Unit, record_units, unit
from warehouse.keys import key
from warehouse.store import Warehouse
from warehouse.tables import SPLITS


def choose_arms(
    store: Warehouse,
    config: RunConfig,
    run_id: str,
    curated: Sequence[Unit],
    splitting: Unit,
    batches: Sequence[Batch],
    asked: Mapping[tuple[str, int], AnswerBatch],
) -> dict[tuple[str, int], Unit]:
    """Every arm of a contrast weighs the same answers to every question. Returns the unit of each (arm, batch number).

    None where no judge goes by it. ``asked``: what each arm is asked; an arm that is not in it is asked nothing of its own.
    """
    if not any(JUDGES[name].weighs for name in config.judge.judges):
        return {}
    pairs, splits = kept_pairs(store, curated), store.rows(SPLITS, [splitting.unit_id])
    offers = [choice.make_offers(some, pairs, splits, config.judge.choice) for _, some in batches]
    arms = dict.fromkeys(arm for contrast in config.judge.contrasts for arm in contrast.split(":"))
    units: dict[tuple[str, int], Unit] = {}
    calls: list[tuple[Unit, dict[str, Any]]] = []
    for arm in arms:
        identity = _identity(arm, config)
        for number, (sources, _) in enumerate(batches):
            batch = asked.get((arm, number)) or AnswerBatch(arm, (), None)
            shown = [key(question) for question in batch.questions] if identity else []
            work = unit(
                "choose", choice.VERSION, f"{arm}, {sources.curated.label}",
                inputs=[arm, *shown, *(key(offer) for offer in offers[number])],
                reads=[*([batch.adapter] if batch.adapter else []), sources.generated],
                also_reads=[*curated, *(work.reads[2] for work in curated), splitting],
                settings=identity, is_named_by_content=True,
            )  # fmt: skip
            units[arm, number] = work
            arguments = {"batch": batch, "offers": offers[number], "identity": [key(identity)]}
            calls.append((work, arguments | {"model": config.train.base_model, "params": config.answer}))
    record_units(store, run_id, "choose", list(units.values()))
    do_or_fail(choose_batch, store, calls, "weighing")
    return units


def _identity(arm: str, config: RunConfig) -> list[Any]:
    """The weights and settings that shape what an arm finds likely; nothing for an arm without a model."""
    if not asks_model(arm):
        return []
    said = config.answer
    limits = [said.max_new_tokens, said.max_prompt_tokens, said.dtype, prompt_sha256(EXCERPTS_PROMPT)]
    return [*answer.weights_of(arm, config.train.base_model, said), *limits]
