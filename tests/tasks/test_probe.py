"""Questions asked otherwise of the demo's base: which are chosen, what lands, and what the figures make of it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from tasks.answer import Speaker, answer_questions, replies_of
from tasks.answer_params import OWN_ANSWER, PROMPTED, AnswerParams, asks_model
from tasks.engine import Manner, Question
from tasks.knowledge import KnowledgeParams
from tasks.metrics import ScoreParams
from tasks.probe import Speech, best_answers, chosen_pairs, manners, probe, probe_figures, probe_of_answer
from tasks.prompt_spread import ElicitationParams, FormatParams
from tasks.statistics import ReportParams
from tasks.wording import Wording
from warehouse import tables as t
from warehouse.errors import ConfigError, MissingPrerequisite

BASE = str(Path(__file__).parents[2] / "deployments" / "demo" / "tiny_base")
SCORE, REPORT = ScoreParams(), ReportParams()
PARAMS = AnswerParams(
    arms=("base", PROMPTED),
    dtype="float32",
    max_new_tokens=12,
    formats=FormatParams(n_questions=2, wordings=(Wording("bullets", marks="bullets"), Wording("system", system="Answer."))),
    elicitation=ElicitationParams(wordings=(Wording("brief", before="Answer briefly."),)),
    knowledge=KnowledgeParams(n_samples=3, temperature=1.0),
)
SETS = ("test_rephrased", "test_unseen_fact")


def pair(name: str, answer_key: str | None = "42", kind: str = "number") -> t.QaPair:
    question = f"What is the mass of part {name}?"
    return t.QaPair(name, f"d{name[-1]}", "c", f"f{name}", 0, question, question, f"It is {answer_key}.", answer_key, kind, "p", "x/1")


PAIRS = [pair(f"q{at}") for at in range(8)] + [pair("none8", None), pair("no9", "no", "refusal")]
SPLITS = [t.SplitRow(p.pair_id, p.document_id, p.fact_id, p.fact_id, SETS[at % 2]) for at, p in enumerate(PAIRS)]
PLACED = {row.pair_id: row.split for row in SPLITS}
QUESTIONS = [Question(p.pair_id, p.question) for p in PAIRS]


def reply(text: str):
    from tasks.served import Reply

    return Reply(text, 5, 3, "stop")


def rows(purpose, variant, right) -> list[t.Probe]:
    """One probe a pair; those in ``right`` state the fact."""
    said = {p.pair_id: p.answer if p.pair_id in right else "Blue." for p in PAIRS}
    return [probe(purpose, variant, Speech("base", BASE, None), p, reply(said[p.pair_id]), SCORE) for p in PAIRS]


def test_each_purpose_chooses_its_questions():
    every = {p.pair_id for p in PAIRS}
    formats = chosen_pairs("format", PAIRS, PLACED, PARAMS, SCORE)

    assert chosen_pairs("prompt", PAIRS, PLACED, PARAMS, SCORE) == every
    assert chosen_pairs("sample", PAIRS, PLACED, PARAMS, SCORE) == every - {"none8", "no9"}
    assert sorted(PLACED[name] for name in formats) == ["test_rephrased"] * 2 + ["test_unseen_fact"] * 2
    assert "none8" not in chosen_pairs("format", PAIRS, PLACED, replace(PARAMS, formats=FormatParams(n_questions=99)), SCORE)
    assert chosen_pairs("format", PAIRS[::-1], PLACED, PARAMS, SCORE) == formats
    assert chosen_pairs("format", [], {}, PARAMS, SCORE) == set()


def test_a_drawn_reply_is_the_same_alone_and_in_a_batch_and_another_by_another_seed():
    who = Speaker("base", BASE)
    manner = Manner(temperature=1.0, seed=5)
    together = replies_of(QUESTIONS, who, PARAMS, manner)
    alone = [replies_of([question], who, PARAMS, manner)[0] for question in QUESTIONS]
    other = replies_of(QUESTIONS, who, PARAMS, replace(manner, seed=6))
    cold = replies_of(QUESTIONS, who, PARAMS, replace(manner, temperature=1e-4))

    assert alone == together
    assert other != together
    assert cold == replies_of(QUESTIONS, who, PARAMS)
    assert len({one.seed for one in manners("sample", PARAMS).values()}) == 3


def test_drawn_tokens_come_as_often_as_their_probability_says():
    import torch

    from tasks.drawn_tokens import DrawnTokens

    shares, temperature = torch.tensor([0.1, 0.6, 0.3]), 0.7
    n = 20_000
    drawn = DrawnTokens(temperature, [at / n for at in range(n)], torch.device("cpu"))
    scores = (shares.log() * temperature).repeat(n, 1)
    found = torch.bincount(drawn(torch.empty(0), scores).argmax(dim=1), minlength=3) / n

    assert found.tolist() == pytest.approx(shares.tolist(), abs=4 * (0.25 / n) ** 0.5)


def test_another_wording_reaches_the_model():
    who = Speaker("base", BASE)
    plain, worded = replies_of(QUESTIONS, who, PARAMS), replies_of(QUESTIONS, who, PARAMS, Manner(PARAMS.formats.wordings[0]))

    assert all(more.n_prompt_tokens > less.n_prompt_tokens for more, less in zip(worded, plain, strict=True))


def test_an_arms_own_answer_is_the_default_of_its_probes():
    (answer,) = answer_questions(QUESTIONS[:1], "base", BASE, None, None, PARAMS)
    row = probe_of_answer("format", answer, PAIRS[0], SCORE)

    assert (row.variant, row.answer, row.n_prompt_tokens) == ("default", answer.answer, answer.n_prompt_tokens)
    assert row.states_key is False
    assert t.PROBES.to_arrow([row]).num_rows == 1


def test_the_best_prompted_base_answers_every_question_with_a_prompt_that_others_chose():
    every = {p.pair_id for p in PAIRS}
    probes = [*rows("prompt", "default", set()), *rows("prompt", "brief", every)]
    answers = best_answers(probes, SPLITS, PROMPTED, PARAMS, REPORT)
    by_default = best_answers([*rows("prompt", "default", every), *rows("prompt", "brief", set())], SPLITS, PROMPTED, PARAMS, REPORT)

    assert [row.pair_id for row in answers if row.answer != "Blue."] == sorted(every, key=[row.pair_id for row in answers].index)
    assert {row.arm for row in answers} == {PROMPTED}
    assert {row.answer for row in by_default} == {p.answer for p in PAIRS}
    assert best_answers([], SPLITS, PROMPTED, PARAMS, REPORT) == []
    assert best_answers(probes[::-1], SPLITS[::-1], PROMPTED, PARAMS, REPORT) == answers


def test_probes_become_every_table_that_they_tell():
    every = {p.pair_id for p in PAIRS}
    probes = [
        *rows("format", "default", every), *rows("format", "bullets", {"q0", "q2"}),
        *rows("prompt", "default", set()), *rows("prompt", "brief", every),
        *rows("sample", "0", {"q0", "q1"}), *rows("sample", "1", {"q0"}),
    ]  # fmt: skip
    sets = {("j/1", "tuned:base", split): [] for split in SETS}
    made = probe_figures(probes, SPLITS, sets, PARAMS, REPORT)
    (spread, _) = made[t.FORMAT_SPREADS]
    known = {row.pair_id: row.slice for row in made[t.KNOWLEDGE_SLICES]}

    assert (spread.arm, spread.split, spread.n, spread.default_rate, spread.lowest_format) == ("base", "test_rephrased", 4, 1.0, "bullets")
    assert {row.format for row in made[t.FORMAT_RATES]} == {"default", "bullets"}
    assert [(row.arm, row.split, row.best_prompt, row.gap) for row in made[t.ELICITATIONS]] == [("base", s, "brief", 1.0) for s in SETS]
    assert (known["q0"], known["q1"], known["q2"]) == ("known", "maybe", "unknown")
    assert len(made[t.SLICE_RATES]) == 6
    assert not any(probe_figures([], SPLITS, sets, PARAMS, REPORT).values())


def test_a_further_arm_answers_with_its_own_model_or_an_adapter_of_the_base(tiny_llama, save_tiny_llama, tmp_path):
    other = save_tiny_llama(tmp_path / "other", seed=7)
    params = AnswerParams(arms=("base", "other"), models={"other": str(other)}, dtype="float32", max_new_tokens=8)
    base, further = (answer_questions(QUESTIONS, arm, str(tiny_llama), None, None, params) for arm in ("base", "other"))
    itself = answer_questions(QUESTIONS, "base", str(other), None, None, params)

    assert [row.answer for row in further] == [row.answer for row in itself]
    assert [row.answer for row in further] != [row.answer for row in base]
    assert {(row.arm, row.model, row.adapter_id) for row in further} == {("other", str(other), None)}
    with pytest.raises(MissingPrerequisite):
        answer_questions(QUESTIONS, "other", str(tiny_llama), None, None, replace(params, models={"other": str(tmp_path / "gone")}))


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"arms": ("base", "stranger")}, r"answer\.arms"),
        ({"arms": ("tuned", PROMPTED)}, r"answer\.arms"),
        ({"arms": ("tuned",), "knowledge": KnowledgeParams(n_samples=4)}, r"answer\.arms"),
        ({"models": {"tuned_two": "m"}}, r"answer\.models"),
        ({"models": {"reference": "m"}}, r"answer\.models"),
        ({"models": {"a:b": "m"}}, r"answer\.models"),
        ({"refusal": " "}, r"answer\.refusal"),
    ],
)
def test_arms_that_cannot_answer_are_refused(settings, where):
    with pytest.raises(ConfigError, match=where):
        AnswerParams(**settings)


def test_every_setting_of_answering_either_shapes_an_arms_own_answers_or_does_not():
    """A new field must be put on one side: those of OWN_ANSWER name the units of answers, which stand in people's warehouses."""
    beside = {"arms", "batch_size", "models", "refusal", "elicitation", "formats", "knowledge"}

    assert {field.name for field in fields(AnswerParams)} == {*OWN_ANSWER} | beside
    assert not {*OWN_ANSWER} & beside


def test_arms_without_a_model_are_known_and_nothing_more_is_asked_by_default():
    assert [arm for arm in ("base", "tuned_rag", "mine", PROMPTED, "reference", "refusal") if asks_model(arm)] == [
        "base",
        "tuned_rag",
        "mine",
    ]
    assert not AnswerParams().is_probing
    assert AnswerParams(arms=("base", PROMPTED)).is_probing
