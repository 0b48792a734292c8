"""A run's preferences -> the units that find them and tune its adapter to them; off by default (``prefer.source: none``)."""

from __future__ import annotations

from pathlib import Path

from flows.run_config import RunConfig, settings_of
from tasks import preferences, stages, train_params
from tasks.prefer_params import PreferParams
from tasks.prefer_unit import taught_pairs, tested_pairs
from tasks.train_params import TrainParams
from tasks.units import Unit, unit, units_of, without
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import key
from warehouse.store import Warehouse, file_sha256
from warehouse.tables import RUNS, SPLITS, QaPair, Run, SplitRow
from warehouse.views import latest_finished_run, ledger_rows


def preference_units(store: Warehouse, config: RunConfig, curated: list[Unit], splitting: Unit, training: Unit) -> list[Unit]:
    """The unit that finds the preference pairs and the one that tunes the adapter of ``training`` to them; none where that is off.

    The first is named by what is asked, as the training is by what is taught: a document that is only tested on does not ask anew.

    Raises:
        ConfigError: the file cannot be read.
    """
    if config.prefer.source == "none":
        return []
    from tasks import dpo
    from tasks.base_model import base_sha256

    pairs, splits = stages.kept_pairs(store, curated), store.rows(SPLITS, [splitting.unit_id])
    base = base_sha256(config.train.base_model)
    inputs = _from_file(config.prefer, pairs, splits) if config.prefer.source == "file" else _from_base(config, pairs, splits)
    asking = [config.prefer.source, base, config.train.dtype, config.prefer.max_new_tokens] if config.prefer.source == "base" else ["file"]
    what = f"preferences from the {config.prefer.source}"
    finding = unit(
        "preferences", preferences.VERSION, what, inputs=inputs, also_reads=[*curated, splitting], settings=asking, is_named_by_content=True
    )  # fmt: skip
    train = dpo.dpo_settings(config.train, config.prefer)
    settings = [without(config.prefer, "max_questions", "max_new_tokens"), without(train, *train_params.SHAPES_NO_RESULT), base]
    return [finding, unit("dpo", dpo.VERSION, "DPO on the run's adapter", reads=[training, finding], settings=settings)]


def _from_base(config: RunConfig, pairs: list[QaPair], splits: list[SplitRow]) -> list[str]:
    taught = taught_pairs(pairs, splits, config.train)
    questions = preferences.questions_for(taught, preferences.what_is_tested(tested_pairs(pairs, splits)), config.prefer)
    by_id = {pair.pair_id: pair for pair in taught}
    return [key(row, by_id[row.pair_id].question, by_id[row.pair_id].answer, by_id[row.pair_id].answer_key) for row in questions]


def _from_file(params: PreferParams, pairs: list[QaPair], splits: list[SplitRow]) -> list[str]:
    """Also by what is tested: that is what a file is held against."""
    path = Path(params.choices)
    _refuse_missing(path)
    tested = sorted(tested_pairs(pairs, splits), key=lambda pair: pair.pair_id)
    return [file_sha256(path), *(key(pair.fact_id, pair.question, pair.bare_question, pair.answer) for pair in tested)]


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise ConfigError("there is no such file", where=f"prefer.choices {path}", mend="name a .csv or .jsonl file")


def preferring(store: Warehouse, run: str | None, params: PreferParams) -> RunConfig:
    """The settings of a run (None: the latest finished one's) with ``params``, to run again: what stands is not done again.

    Raises:
        MissingPrerequisite: there is no such run, or it has trained no adapter.
        ConfigError: its adapter cannot be tuned so, its settings are another version's, or there is no such file of multiple choice.
    """
    if params.source == "file":
        _refuse_missing(Path(params.choices))
    run_id = run or latest_finished_run(store)
    found: list[Run] = [row for row in ledger_rows(store, RUNS) if row.run_id == run_id]
    if not found or not units_of(store, found[0].run_id, "train"):
        raise MissingPrerequisite(f"run {run_id or '(none)'} has no adapter", where=str(store.root), mend="`tunehouse run PDF_OR_FOLDER`")
    config = settings_of(found[0]).model_copy(update={"warehouse": str(store.root), "prefer": params})
    refuse_whole(config.train)
    return config


def refuse_whole(train: TrainParams) -> None:
    """Let pass trainings that give an adapter, which alone can be tuned further.

    Raises:
        ConfigError: every weight is trained.
    """
    if train.method == "full":
        raise ConfigError(
            "every weight is trained: there is no adapter to tune to preferences", where="prefer.source", mend="use train.method lora"
        )
