"""What a run may spend on models: who is asked, whether each has its price, the purse they share, and where it stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flows.endpoint_limits import holding_slots
from flows.run_config import RunConfig
from tasks.budget import Budget, halt, refuse_halted, resume
from tasks.judge import asked_by
from tasks.providers.base import ModelParams
from tasks.served import model_params
from tasks.units import units_of
from warehouse.errors import ConfigError, ProviderError, RetryableUnits
from warehouse.store import Warehouse

PAIR_STAGES = ("generate", "curate")
"""Stages that ask a model about documents, and whose pairs every later stage needs whole."""


def models_asked(config: RunConfig) -> dict[str, tuple[ModelParams, ...]]:
    """Stage -> the models that it asks: one, or as many as judge. Empty when no stage asks one."""
    asked: dict[str, tuple[ModelParams, ...]] = {}
    if config.generate.method == "llm":
        asked["generate"] = (config.generate.llm.model,)
    if config.curate.scorer.is_on:
        asked["curate"] = (config.curate.scorer.model,)
    if judges := config.judge.asks_model:
        judging = tuple(dict.fromkeys(asked_by(judge, config.judge).model for judge in judges))
        asked |= {"controls": judging, "judge": judging}
    if served := tuple(dict.fromkeys(filter(None, map(config.answer.served.model_of, config.answer.arms)))):
        asked["answer"] = tuple(model_params(name, config.answer) for name in served)
    return asked


def refuse_unpriced(config: RunConfig) -> None:
    """Raise before anything is sent when the purse is limited and a model that would be asked has no price.

    Raises:
        ConfigError: naming the model.
    """
    for models in models_asked(config).values():
        for params in models:
            config.budget.refuse_unpriced(params.model)


def budget_of(store: Warehouse, config: RunConfig, run_id: str) -> Budget:
    """The purse of a run."""
    return Budget(store.root, run_id, config.budget)


@contextmanager
def calling(config: RunConfig, budget: Budget, stage: str) -> Iterator[None]:
    """A block that has the models of ``stage`` asked, as many at once as the server's limits leave for it.

    When it is broken off (Ctrl-C), its threads send nothing more; what is under way is written down.
    """
    resume(budget)
    if models_asked(config):
        budget.take_up()
    with holding_slots(models_asked(config).get(stage, ())):
        try:
            yield
        except BaseException:
            halt(budget, RetryableUnits("the run was stopped", where=str(budget.root), mend="run again: what is paid is not asked again"))
            raise


def refuse_useless(budget: Budget, errors: Iterable[BaseException]) -> None:
    """Raise when one of the units' errors says that no further call can succeed, such as a key that is not accepted.

    Raises:
        ProviderError: no such key or model.
        ConfigError: a setting is wrong.
    """
    for error in errors:
        if isinstance(error, (ProviderError, ConfigError)):
            raise error
    refuse_halted(budget)


def refuse_unfinished(store: Warehouse, config: RunConfig, run_id: str, budget: Budget) -> None:
    """Raise while a document's pairs are not all asked for: a data set with holes is not worth a training.

    Raises:
        RetryableUnits: naming the documents, and what was spent where that is why.
    """
    stages = [stage for stage in models_asked(config) if stage in PAIR_STAGES]
    unfinished = [work for stage in stages for work in units_of(store, run_id, stage) if not store.is_landed(work.unit_id)]
    if not unfinished:
        return
    named = "; ".join(sorted({work.label for work in unfinished})[:5])
    n_documents = len({work.label for work in unfinished})
    spent = budget.spent()
    if spent.n_refused:
        raise RetryableUnits(
            f"the budget is spent: {spent.n_calls} calls, {spent.usd:.4f} US dollars; {n_documents} documents are unfinished: {named}",
            where=f"budget.max_usd {config.budget.max_usd}, budget.max_calls {config.budget.max_calls}, run {run_id}",
            mend="raise budget.max_usd or budget.max_calls and run again: what is paid is not asked again",
        )
    raise RetryableUnits(
        f"{n_documents} documents have calls that must be asked again: {named}",
        where=str(store.root),
        mend="run again: only these are asked. `tunehouse sql \"from llm_calls where status = 'retryable'\" --run all` shows why",
    )
