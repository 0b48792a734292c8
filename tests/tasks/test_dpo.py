"""Preferences: files read without parting a question, tested facts refused, and a margin that rises where it was not taught."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks import stopping, train_loop
from tasks.base_model import load_base
from tasks.dpo import tune_preferences
from tasks.dpo_policy import dpo_loss, load_policy, sides_of
from tasks.log_probs import token_log_probs
from tasks.prefer_params import PreferParams
from tasks.preferences import hold_out, inherited, judge_answers, questions_for, read_choices, refuse_tested, what_is_tested
from tasks.train import discard_checkpoints, train_adapter
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, LeakFound, TunehouseError
from warehouse.tables import QaPair, TrainingExample

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
    refuse_tested(pairs, what_is_tested([qa("t1", "How long is the bolt?", "It is long.")]))
    with pytest.raises(LeakFound, match="t1"):
        refuse_tested(pairs, what_is_tested([qa("t1", "which colour has part 3?", "It is red.")]))

    with pytest.raises(LeakFound, match="t2"):
        refuse_tested([replace(pairs[0], fact_id="f-t2")], what_is_tested([qa("t2", "How long?", "Long.")]))
    said = "the bolt of the outer cover is to be turned by a quarter after cleaning it"
    with pytest.raises(LeakFound, match="t3"):
        refuse_tested([replace(pairs[0], rejected=f"Not so: {said}.")], what_is_tested([qa("t3", "How?", said)]))
    refuse_tested([replace(pairs[0], rejected=said)], what_is_tested([replace(qa("t3", "How?", said), answer_kind="refusal")]))


def test_base_answers_that_do_not_state_the_key_are_what_is_rejected_and_no_tested_fact_is_asked():
    pairs = [qa(name, f"How long is {name}?", "It is 35 Nm.", "35 Nm") for name in ("p1", "p2", "p3", "p4")]
    taught = [
        *pairs,
        qa("p5", "How?", "So."),
        replace(qa("p6", "What colour?", "It is not said.", "not said"), answer_kind="refusal"),
    ]

    tested = what_is_tested([replace(pairs[2], pair_id="t1", question="What is p3 long?")])

    asked = questions_for(taught, tested, PreferParams(source="base"))
    found, questions = judge_answers(taught, asked, {"p1": "It is 12 Nm.", "p2": "35 Nm.", "p4": " "})

    assert [(one.pair_id, one.fact_id, one.chosen, one.rejected) for one in found] == [("p1", "f-p1", "It is 35 Nm.", "It is 12 Nm.")]
    assert {one.pair_id: one.fate for one in questions} == {
        "p1": "preference", "p2": "base_is_right", "p3": "fact_is_tested", "p4": "base_is_silent", "p5": "no_key", "p6": "refusal",
    }  # fmt: skip
    assert [one.answer for one in questions if one.pair_id == "p3"] == [None]
    assert questions_for([], tested, PreferParams()) == []
    assert judge_answers([], [], {}) == ([], [])


def test_no_more_questions_are_put_than_asked_for_and_fewer_are_part_of_more():
    taught = [qa(f"p{n}", f"How long is {n}?", "It is 35 Nm.", "35 Nm") for n in range(9)]
    few, more = (
        {
            one.pair_id
            for one in questions_for(taught, what_is_tested([]), PreferParams(source="base", max_questions=n))
            if one.fate == "preference"
        }
        for n in (3, 6)
    )
    assert len(few) == 3
    assert len(more) == 6
    assert few < more
    assert questions_for(taught[::-1], what_is_tested([]), PreferParams()) == questions_for(taught, what_is_tested([]), PreferParams())


def test_what_the_parent_was_taught_is_the_adapter_s_own():
    (row,) = inherited([TrainingExample("e1", "a1", "p1", "train", 9, is_truncated=False)], "a2")
    assert (row.adapter_id, row.pair_id, row.example_id != "e1") == ("a2", "p1", True)


@pytest.fixture(scope="module")
def train(tiny_llama) -> TrainParams:
    return TrainParams(base_model=str(tiny_llama), rank=4, alpha=8, learning_rate=1e-2, epochs=1, tokens_per_step=512, n_threads=1)


@pytest.fixture(scope="module")
def parent(train, tmp_path_factory):
    """An adapter that was taught another answer than the preferred one, and its place."""
    place = tmp_path_factory.mktemp("parent") / "weights" / "sft"
    facts = [TrainExample(f"p{n}", f"Which colour has part {n}?", "It is blue.") for n in range(4)]
    return train_adapter(facts, [], train, place, "sft").adapter, place


PARAMS = PreferParams(source="base", learning_rate=5e-3, epochs=3, pairs_per_step=4)


def test_tuning_raises_the_margin_of_pairs_that_were_held_out(choices, parent, train, tmp_path):
    taught, out = hold_out(read_choices(choices), 0.4, seed=0)

    done, again = (tune_preferences(taught, out, parent, train, PARAMS, tmp_path / "weights" / name, "dpo") for name in ("a", "b"))

    assert done.run.margin_after > done.run.margin_before + 1
    assert done.run.validation_loss < math.log(2) == pytest.approx(done.steps[0].loss, abs=0.01)
    assert done.run.last_loss < done.run.first_loss
    assert (done.run.n_train, done.run.n_validation, done.run.n_steps) == (len(taught), len(out), 3 * -(-len(taught) // 4))
    assert (done.adapter.parent_adapter_id, done.adapter.parent_sha256) == ("sft", parent[0].sha256)
    assert done.adapter.is_live
    assert {(one.preference_id, one.role) for one in done.examples} == {
        *((one.preference_id, "train") for one in taught),
        *((one.preference_id, "held_out") for one in out),
    }
    assert [row.loss for row in again.steps] == [row.loss for row in done.steps]
    assert again.adapter.sha256 == done.adapter.sha256 != parent[0].sha256


def test_both_answers_are_said_as_alone_in_a_row_of_many(choices, parent, train):
    base = load_base(train.base_model, "float32")
    sides = sides_of(base, read_choices(choices)[:5], 512)
    policy = load_policy(base, parent[1], sides, replace(train, dtype="float32"), 0.1)

    together = policy.measured(sides)

    assert policy.is_packed
    with torch.no_grad():
        policy.model.set_attn_implementation("sdpa")
        alone = [[token_log_probs(policy.model, side).sum().item() for side in (one.chosen, one.rejected)] for one in sides]
    assert together.tolist() == [pytest.approx(one, abs=1e-3) for one in alone]
    assert policy.measured([]).shape == (0, 2)


@pytest.mark.parametrize("stops_at", [1, 4])
def test_a_stopped_tuning_goes_on_to_the_same_weights(choices, parent, train, tmp_path, stops_at):
    pairs, params = read_choices(choices), replace(PARAMS, epochs=1)
    whole = tune_preferences(pairs, [], parent, train, params, tmp_path / "weights" / "whole", "dpo")

    def stop(step: int, _n_steps: int, _loss: float) -> None:
        if step == stops_at:
            stopping.ask()

    place = tmp_path / "weights" / "parted"
    try:
        with pytest.raises(KeyboardInterrupt):
            tune_preferences(pairs, [], parent, train, params, place, "dpo", stop)
    finally:
        stopping.withdraw()
    assert [path.name for path in sorted((place / "checkpoints").glob("step-*"))][-1] == f"step-{stops_at:08d}"
    parted = tune_preferences(pairs, [], parent, train, params, place, "dpo")

    assert parted.adapter.sha256 == whole.adapter.sha256
    assert parted.run.n_resumes == 1
    assert [row.loss for row in parted.steps] == [row.loss for row in whole.steps]
    assert parted.run.validation_loss is parted.run.margin_before is None
    discard_checkpoints(place)
    assert not (place / "checkpoints").exists()


def test_lack_of_memory_halves_the_rows_and_the_losses_stay(choices, parent, train, tmp_path, monkeypatch):
    pairs, params = read_choices(choices), replace(PARAMS, epochs=1)
    usual = tune_preferences(pairs, [], parent, train, params, tmp_path / "weights" / "usual", "dpo")
    real, longest = train_loop.torch.autograd.backward, []

    def backward(loss, *args):
        if len(longest) < 2:  # two rows in a row are too much
            longest.append(1)
            raise torch.OutOfMemoryError("too much")
        real(loss, *args)

    monkeypatch.setattr(train_loop.torch.autograd, "backward", backward)
    short = tune_preferences(pairs, [], parent, train, params, tmp_path / "weights" / "short", "dpo")

    assert "rows_halved" in short.run.notes
    assert [row.loss for row in short.steps] == pytest.approx([row.loss for row in usual.steps], rel=2e-2)


def test_a_full_disk_and_a_loss_that_is_no_number_are_named(choices, parent, train, tmp_path):
    pairs = read_choices(choices)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "full").write_text("a file is in the way")
    with pytest.raises(TunehouseError, match="could not be written"):
        tune_preferences(pairs, [], parent, train, PARAMS, tmp_path / "weights" / "full", "dpo")
    wild = replace(PARAMS, learning_rate=1e30)
    with pytest.raises(TunehouseError, match=r"(?s)step \d+ has loss nan.*prefer.learning_rate") as caught:
        tune_preferences(pairs, [], parent, train, wild, tmp_path / "weights" / "wild", "dpo")
    assert any(one.preference_id in str(caught.value) for one in pairs)


def test_no_pairs_a_changed_parent_and_one_trained_whole_are_refused(choices, parent, train, tmp_path):
    pairs, (row, place) = read_choices(choices), parent
    with pytest.raises(TunehouseError, match="no preference pairs"):
        tune_preferences([], pairs, parent, train, PARAMS, tmp_path, "dpo")
    with pytest.raises(TunehouseError, match="weights have changed"):
        tune_preferences(pairs, [], (replace(row, sha256="0" * 64), place), train, PARAMS, tmp_path, "dpo")
    with pytest.raises(ConfigError, match="no adapter to tune"):
        tune_preferences(pairs, [], (replace(row, method="full"), place), train, PARAMS, tmp_path, "dpo")


def test_an_adapter_that_the_tuning_does_not_move_is_not_live(choices, parent, train, tmp_path):
    still = replace(PARAMS, learning_rate=1e-30, epochs=1)
    done = tune_preferences(read_choices(choices), [], parent, train, still, tmp_path / "weights" / "still", "dpo")
    assert done.adapter.sha256 == parent[0].sha256
    assert not done.adapter.is_live


@pytest.mark.parametrize("setting", [{"beta": 0}, {"epochs": 0}, {"held_out_share": 1.0}, {"learning_rate": 0.0}, {"choices": "a.csv"}])
def test_settings_out_of_bounds_are_refused_by_name(setting):
    with pytest.raises(ConfigError, match=f"prefer.{next(iter(setting))}"):
        PreferParams(**setting)
