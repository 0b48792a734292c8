"""Preferences: files read without parting a question, tested facts refused, and a margin that rises where it was not taught."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks.dpo import DpoParams, dpo_loss, tune_preferences
from tasks.preferences import hold_out, pairs_from_answers, read_choices, refuse_tested
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, LeakFound, TunehouseError
from warehouse.tables import QaPair, SplitRow

LINE = '{{"question": "Which colour has part {n}?", "options": ["It is red.", "It is blue.", "It is green."], "answer": "A"}}'


@pytest.fixture
def choices(tmp_path) -> Path:
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(LINE.format(n=n) for n in range(12)))
    return path


def qa(pair_id: str, question: str, answer: str, answer_key: str | None = None) -> QaPair:
    return QaPair(pair_id, "d1", "c1", f"f-{pair_id}", 0, question, question, answer, answer_key, "name", "p", "x")


def test_the_loss_is_that_of_the_paper():
    # beta ((pc - rc) - (pr - rr)) = .1 ((-10 + 12) - (-9 + 8)) = .3
    loss = dpo_loss(torch.tensor([-10.0, -9.0]), torch.tensor([-12.0, -8.0]), 0.1)

    assert loss.item() == pytest.approx(math.log(1 + math.exp(-0.3)))
    assert dpo_loss(torch.zeros(2), torch.zeros(2), 0.5).item() == pytest.approx(math.log(2))


def test_the_right_option_is_chosen_and_no_question_is_parted(choices, tmp_path):
    pairs = read_choices(choices)
    table = tmp_path / "choices.csv"
    table.write_text(
        "question,option_a,option_b,option_c,answer\n"
        + "".join(f"Which colour has part {n}?,It is red.,It is blue.,It is green.,It is red.\n" for n in range(12))
    )

    taught, out = hold_out(pairs, 0.4, seed=0)

    assert [(one.chosen, one.rejected) for one in pairs[:2]] == [("It is red.", "It is blue."), ("It is red.", "It is green.")]
    assert read_choices(table) == pairs == read_choices(choices)
    assert len(taught) + len(out) == 24
    assert taught
    assert out
    assert {one.group_id for one in taught} & {one.group_id for one in out} == set()


@pytest.mark.parametrize(
    "line",
    ['{"question": "Q?", "options": ["a", "b"], "answer": "c"}', '{"question": "Q?", "options": ["a", "a"], "answer": "a"}',
     '{"question": "", "options": ["a", "b"], "answer": "a"}', '["a"]', "{"],
)  # fmt: skip
def test_a_line_that_is_no_question_is_named(tmp_path, line):
    (tmp_path / "bad.jsonl").write_text(line)
    with pytest.raises(ConfigError, match=r"bad\.jsonl"):
        read_choices(tmp_path / "bad.jsonl")


def test_a_planted_test_fact_is_refused(choices):
    pairs = read_choices(choices)
    refuse_tested(pairs, [qa("t1", "How long is the bolt?", "It is long.")])
    with pytest.raises(LeakFound, match="t1"):
        refuse_tested(pairs, [qa("t1", "which colour has part 3?", "It is red.")])

    with pytest.raises(LeakFound, match="t2"):
        refuse_tested([replace(pairs[0], fact_id="f-t2")], [qa("t2", "How long?", "Long.")])


def test_base_answers_that_do_not_state_the_key_are_what_is_rejected_and_only_of_train():
    pairs = [qa(name, f"How long is {name}?", "It is 35 Nm.", "35 Nm") for name in ("p1", "p2", "p3")]
    splits = [SplitRow(one.pair_id, "d1", one.fact_id, "l", "train" if one.pair_id != "p3" else "test_unseen_fact") for one in pairs]

    found = pairs_from_answers(pairs, splits, {"p1": "It is 12 Nm.", "p2": "35 Nm.", "p3": "No."})

    assert [(one.fact_id, one.chosen, one.rejected) for one in found] == [("f-p1", "It is 35 Nm.", "It is 12 Nm.")]
    assert pairs_from_answers([], [], {}) == []


def test_tuning_raises_the_margin_of_pairs_that_were_held_out(choices, tiny_llama, tmp_path):
    train = TrainParams(base_model=str(tiny_llama), rank=4, alpha=8, learning_rate=1e-2, epochs=1, tokens_per_step=512, n_threads=1)
    facts = [TrainExample(f"p{n}", f"Which colour has part {n}?", "It is blue.") for n in range(4)]
    train_adapter(facts, [], train, tmp_path / "weights" / "sft", "sft")
    taught, out = hold_out(read_choices(choices), 0.4, seed=0)
    params = DpoParams(learning_rate=5e-3, epochs=3, pairs_per_step=4)

    done, again = (tune_preferences(taught, out, tmp_path / "weights" / "sft", tmp_path / name, train, params) for name in ("a", "b"))

    assert done.margin_after > done.margin_before + 1
    assert done.losses[-1] < done.losses[0]
    assert again.losses == done.losses
    assert (tmp_path / "a" / "adapter_model.safetensors").read_bytes() == (tmp_path / "b" / "adapter_model.safetensors").read_bytes()
    with pytest.raises(TunehouseError, match="no preference pairs"):
        tune_preferences([], out, tmp_path / "weights" / "sft", tmp_path / "c", train, params)
