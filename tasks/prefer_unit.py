"""Preference units -> rows: what they read from the warehouse, and the pure functions they call. No Prefect here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from tasks import preferences, stages
from tasks.prefer_params import PreferParams
from tasks.train_params import TrainParams
from tasks.units import Made, Unit, units_of
from tasks.weights import put_in_place, training_folder
from warehouse import tables as t
from warehouse.store import Warehouse


def tuned_units(store: Warehouse, run_id: str) -> list[Unit]:
    """The unit whose adapter the run's tuned arms answer with: that of the preferences where there is one."""
    return units_of(store, run_id, "dpo") or units_of(store, run_id, "train")


def taught_pairs(pairs: Sequence[t.QaPair], splits: Sequence[t.SplitRow], train: TrainParams) -> list[t.QaPair]:
    """The pairs of the train set that are taught."""
    taught = {example.pair_id for example in stages.train_examples(pairs, splits, "train", train)}
    return [pair for pair in pairs if pair.pair_id in taught]


def tested_pairs(pairs: Sequence[t.QaPair], splits: Sequence[t.SplitRow]) -> list[t.QaPair]:
    """The pairs of all test sets."""
    tested = {row.pair_id for row in splits if row.split in t.TEST_SPLITS}
    return [pair for pair in pairs if pair.pair_id in tested]


def find_preferences(store: Warehouse, curated: Sequence[Unit], split_unit: Unit, train: TrainParams, params: PreferParams) -> Made:
    """A multiple-choice file, or train questions put to the base -> ``preference_pairs preference_questions``.

    The file is held against the test sets. What is taught was, when it was split; beyond that, no fact of a test set is put to the base.

    Raises:
        LeakFound: a pair teaches what a test set asks.
        ConfigError: the file cannot be taken.
    """
    pairs, splits = stages.kept_pairs(store, curated), stages.rows(store, t.SPLITS, [split_unit])
    tested = preferences.what_is_tested(tested_pairs(pairs, splits))
    asked: list[t.PreferenceQuestion] = []
    if params.source == "file":
        found = preferences.read_choices(Path(params.choices))
        preferences.refuse_tested(found, tested)
    else:
        taught = taught_pairs(pairs, splits, train)
        questions = preferences.questions_for(taught, tested, params)
        found, asked = preferences.judge_answers(taught, questions, _base_answers(taught, questions, train, params))
    return Made({t.PREFERENCE_PAIRS: found, t.PREFERENCE_QUESTIONS: asked})


def _base_answers(
    taught: Sequence[t.QaPair], questions: Sequence[t.PreferenceQuestion], train: TrainParams, params: PreferParams
) -> dict[str, str]:
    from tasks.answer import answer_questions  # noqa: PLC0415  # pulls in torch
    from tasks.answer_params import AnswerParams  # noqa: PLC0415
    from tasks.engine import Question  # noqa: PLC0415

    put = {one.pair_id for one in questions if preferences.is_put(one)}
    asked = [Question(pair.pair_id, pair.question) for pair in taught if pair.pair_id in put]
    answering = AnswerParams(max_new_tokens=params.max_new_tokens, dtype=train.dtype)
    return {row.pair_id: row.answer for row in answer_questions(asked, "base", train.base_model, None, None, answering)}


def tune(store: Warehouse, work: Unit, trained: Unit, found: Unit, train: TrainParams, params: PreferParams) -> Made:
    """An adapter and preference pairs -> the adapter tuned further, with its rows and files.

    It was taught what its parent was taught: those ``training_examples`` are its own too.
    """
    dpo = importlib.import_module("tasks.dpo")  # torch and peft take seconds
    (parent,) = stages.rows(store, t.ADAPTERS, [trained])
    pairs = stages.rows(store, t.PREFERENCE_PAIRS, [found])
    taught, held_out = preferences.hold_out(pairs, params.held_out_share, params.seed)
    place = store.root / parent.folder
    done = dpo.tune_preferences(taught, held_out, (parent, place), train, params, training_folder(store, work), work.unit_id)
    made = {
        t.ADAPTERS: [done.adapter],
        t.TRAINING_RUNS: [done.run],
        t.TRAINING_STEPS: done.steps,
        t.TRAINING_EXAMPLES: preferences.inherited(stages.rows(store, t.TRAINING_EXAMPLES, [trained]), work.unit_id),
        t.PREFERENCE_EXAMPLES: done.examples,
    }
    return Made(made, files=put_in_place(store, work, done.files))
