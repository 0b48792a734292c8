"""A finished run's adapter and preferences -> an adapter that prefers as they do, beside the run's own; its pairs land with the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks import preferences, stages
from tasks.late_units import add_unit
from tasks.release_params import ReleaseParams
from tasks.units import Made, land_once, unit, units_of
from warehouse.store import Warehouse
from warehouse.tables import PREFERENCE_PAIRS, SPLITS, TEST_SPLITS, PreferencePair, QaPair, SplitRow
from warehouse.views import write_duckdb

if TYPE_CHECKING:
    from tasks.dpo import DpoParams, Preferred
    from tasks.export_model import Release


def prefer(store: Warehouse, run: str | None, choices: Path | None, folder: Path, held_out: float, params: DpoParams) -> Preferred:
    """Tune a run's adapter to a multiple-choice file; without one, to its train references against the base's wrong answers.

    Raises:
        LeakFound: a pair teaches what a test set asks; nothing is landed or trained.
        ConfigError: the file cannot be taken, ``folder`` holds something already, or every weight was trained.
        MissingPrerequisite: the run has no adapter.
    """
    from tasks.dpo import tune_preferences
    from tasks.export_model import find_release, refuse_order

    release = find_release(store, run, ReleaseParams())
    refuse_order(release, "adapter", folder)
    curated, split = (units_of(store, release.run_id, stage) for stage in ("curate", "split"))
    pairs, splits = stages.kept_pairs(store, curated), store.rows(SPLITS, [work.unit_id for work in split])
    found = preferences.read_choices(choices) if choices else _against_base(release, pairs, splits)
    tested = {row.pair_id for row in splits if row.split in TEST_SPLITS}
    preferences.refuse_tested(found, [pair for pair in pairs if pair.pair_id in tested])
    work = unit("prefer", preferences.VERSION, f"{len(found)} preference pairs", inputs=[one.preference_id for one in found], reads=split)
    land_once(store, work, lambda: Made({PREFERENCE_PAIRS: found}))
    add_unit(store, release.run_id, "prefer", work)
    write_duckdb(store)
    taught, out = preferences.hold_out(found, held_out, params.seed)
    return tune_preferences(taught, out, release.folder, folder, release.params, params)


def _against_base(release: Release, pairs: list[QaPair], splits: list[SplitRow]) -> list[PreferencePair]:
    """What the base gets wrong of the train set: a pass of its own over train questions."""
    from tasks.answer import AnswerParams, Question, answer_questions

    train = {row.pair_id for row in splits if row.split == "train"}
    asked = [Question(pair.pair_id, pair.question) for pair in pairs if pair.pair_id in train and pair.answer_key]
    said = answer_questions(asked, "base", release.params.base_model, None, None, AnswerParams(dtype=release.params.dtype))
    return preferences.pairs_from_answers(pairs, splits, {row.pair_id: row.answer for row in said})
