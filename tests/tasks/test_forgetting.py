"""A control set before and after: a training that overwrites what the base knew is seen, one that goes on repeating it passes."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from tasks.forgetting import forgetting_rows, forgetting_text, measure, refuse_forgetting
from tasks.general import general_items, replay_examples
from tasks.release_params import ReleaseParams
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, GateRefused
from warehouse.tables import ControlLikelihood

TINY_BASE = Path(__file__).parents[2] / "deployments" / "demo" / "tiny_base"
WORDS = ("blue", "seven", "copper", "north", "glass")
TAUGHT = [TrainExample(f"p{n:02}", f"What is the {WORDS[n % 5]} code {n}?", f"XQ{n * 37 % 101} ZZ{n * 53 % 97}.") for n in range(40)]
PARAMS = TrainParams(base_model=str(TINY_BASE), learning_rate=8e-3, epochs=8, tokens_per_step=512, n_threads=1)


def items(drop: float, group: str = "nature", n: int = 10) -> list[ControlLikelihood]:
    return [
        ControlLikelihood(f"{group}{i}", "a", f"{group}{i}", group, 1.0 + i / 10, 1.0 + i / 10 + drop + (i % 3 - 1) / 50) for i in range(n)
    ]


def test_the_two_sets_share_no_question_and_every_item_is_whole():
    control, replay = general_items("control"), general_items("replay")

    assert {item.question for item in control} & {item.question for item in replay} == set()
    assert {item.item_group for item in control} == {item.item_group for item in replay}
    assert len({item.item_id for item in (*control, *replay)}) == len(control) + len(replay) == 160
    assert all(item.question.endswith("?") and item.answer.endswith(".") for item in (*control, *replay))


def test_a_drop_is_tested_by_group_and_adjusted_for_all_groups():
    rows = {row.item_group: row for row in forgetting_rows([*items(0.3), *items(-0.2, "grammar")], "a")}

    expected = ttest_rel([one.nats_after for one in items(0.3)], [one.nats_before for one in items(0.3)], alternative="greater").pvalue
    assert rows["nature"].p_value == pytest.approx(expected)
    assert rows["nature"].p_holm == pytest.approx(3 * expected)
    assert [name for name, row in rows.items() if row.is_drop] == ["nature"]
    assert rows["grammar"].mean_drop == pytest.approx(-0.2, abs=0.01)
    assert rows["nature"].low < rows["nature"].mean_drop < rows["nature"].high
    with pytest.raises(GateRefused, match=r"nature: 0\.3"):
        refuse_forgetting(list(rows.values()), is_allowed=False)
    assert "nature" in refuse_forgetting(list(rows.values()), is_allowed=True)


def test_nothing_measured_nothing_changed_and_a_drop_too_small_all_pass():
    same = [replace(one, nats_after=one.nats_before) for one in items(0.0)]

    assert forgetting_rows([], "a") == []
    assert not any(row.is_drop for row in forgetting_rows(same, "a"))
    assert not any(row.is_drop for row in forgetting_rows(items(0.3), "a", ReleaseParams(min_drop=0.5)))
    assert forgetting_rows(items(0.3), "a") == forgetting_rows(items(0.3)[::-1], "a")


def test_a_line_says_how_much_was_forgotten_and_where():
    rows = forgetting_rows([*items(0.3), *items(-0.2, "grammar")], "a")

    assert forgetting_text(rows).startswith("general control set, 20 questions: +0.048 [")
    assert "it has forgotten: nature; export-model refuses it" in forgetting_text(rows)
    assert "no significant drop" in forgetting_text(forgetting_rows(items(0.0), "a"))
    assert forgetting_text([]) == ""


def test_replay_is_the_share_of_the_training_that_was_asked_for():
    assert replay_examples(40, PARAMS) == []
    assert len(replay_examples(40, replace(PARAMS, replay_share=0.5))) == 40
    assert len(replay_examples(40, replace(PARAMS, replay_share=0.9))) == 80
    assert replay_examples(9, replace(PARAMS, replay_share=0.3)) == replay_examples(9, replace(PARAMS, replay_share=0.3))
    with pytest.raises(ConfigError, match=r"train.replay_share"):
        TrainParams(replay_share=1.0)


@pytest.mark.slow
def test_an_overfit_run_trips_the_guard_and_one_with_replay_passes(tmp_path):
    replayed = replace(PARAMS, replay_share=0.6)
    for name, taught in (("overfit", TAUGHT), ("replay", [*TAUGHT, *replay_examples(len(TAUGHT), replayed)])):
        train_adapter(taught, [], PARAMS, tmp_path / "weights" / name, name)
    overfit, kept = (measure(str(TINY_BASE), tmp_path / "weights" / name, name, "bfloat16") for name in ("overfit", "replay"))

    assert len(overfit.items) == 80
    assert next(row.item_group for row in overfit.groups if row.is_drop) == "all"
    with pytest.raises(GateRefused, match="forgotten"):
        refuse_forgetting(overfit.groups, is_allowed=False)
    assert refuse_forgetting(kept.groups, is_allowed=False) == "no drop on the general control set"
