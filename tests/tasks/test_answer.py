import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tasks.answer import answer_questions
from tasks.answer_params import ARMS, AnswerParams, uses_adapter, uses_excerpts
from tasks.base_model import load_tokenizer
from tasks.engine import Question, batches
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, MissingPrerequisite, TunehouseError
from warehouse.tables import ANSWERS

EXACT = AnswerParams(dtype="float32", max_new_tokens=24)
FACTS = [
    TrainExample(f"p{n:02}", f"What is the code of part {n}{' of the tank' * (n % 5)}?", f"The code is {n * 37 % 101}.") for n in range(12)
]
QUESTIONS = [Question(fact.pair_id, fact.question, (f"Part {at} is red. " * (1 + at % 3), "It is heavy.")) for at, fact in enumerate(FACTS)]


@pytest.fixture(scope="module")
def adapter(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "a"
    params = TrainParams(
        base_model=str(tiny_llama), dtype="float32", rank=8, alpha=16, learning_rate=1e-2, epochs=60, tokens_per_step=256, n_threads=1
    )
    train_adapter(FACTS, [], params, folder, "a")
    return folder


def said(answers) -> list[str]:
    return [row.answer for row in answers]


def test_the_tuned_arm_recalls_what_was_taught_and_the_base_does_not(tiny_llama, adapter):
    tuned = answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, "a", EXACT)
    base = answer_questions(QUESTIONS, "base", str(tiny_llama), None, None, EXACT)

    assert said(tuned) == [fact.answer for fact in FACTS]
    assert {row.finish_reason for row in tuned} == {"stop"}
    assert not set(said(base)) & set(said(tuned))
    assert {row.adapter_id for row in tuned} == {"a"}
    assert {row.adapter_id for row in base} == {None}
    assert [row.pair_id for row in tuned] == [question.pair_id for question in QUESTIONS]
    assert ANSWERS.to_arrow([*tuned, *base]).num_rows == 24


def test_the_base_says_the_same_before_and_after_an_adapter_was_on(tiny_llama, adapter):
    before = answer_questions(QUESTIONS, "base", str(tiny_llama), None, None, EXACT)
    answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, "a", EXACT)
    after = answer_questions(QUESTIONS, "base", str(tiny_llama), adapter, "a", EXACT)

    assert after == before


@pytest.mark.parametrize("arm", ARMS)
def test_an_answer_is_the_same_alone_and_in_a_batch(tiny_llama, adapter, arm):
    together = answer_questions(QUESTIONS, arm, str(tiny_llama), adapter, "a", EXACT)
    alone = [answer_questions([question], arm, str(tiny_llama), adapter, "a", EXACT)[0] for question in QUESTIONS]
    by_threes = answer_questions(QUESTIONS[::-1], arm, str(tiny_llama), adapter, "a", replace(EXACT, batch_size=3))[::-1]

    by_tokens = answer_questions(QUESTIONS, arm, str(tiny_llama), adapter, "a", replace(EXACT, tokens_per_batch=150))

    assert alone == together
    assert by_threes == together
    assert by_tokens == together
    assert len({row.n_prompt_tokens for row in together}) > 1


def test_excerpts_reach_the_retrieval_arms_alone(tiny_llama, adapter):
    bare = [replace(question, excerpts=()) for question in QUESTIONS]
    closed, with_excerpts = (answer_questions(QUESTIONS, arm, str(tiny_llama), adapter, "a", EXACT) for arm in ("base", "base_rag"))

    assert closed == answer_questions(bare, "base", str(tiny_llama), None, None, EXACT)
    assert all(more.n_prompt_tokens > less.n_prompt_tokens for more, less in zip(with_excerpts, closed, strict=True))
    assert said(with_excerpts) != said(closed)


def test_an_answer_cut_at_the_limit_says_so(tiny_llama, adapter):
    rows = answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, "a", replace(EXACT, max_new_tokens=3))

    assert {row.finish_reason for row in rows} == {"length"}
    assert {row.n_answer_tokens for row in rows} == {3}


def test_a_long_prompt_loses_words_of_its_last_excerpts_and_never_of_the_question(tiny_llama):
    tokenizer, _ = load_tokenizer(str(tiny_llama))
    n_question = len(tokenizer(f"<|user|>{QUESTIONS[0].question}<|end|><|assistant|>")["input_ids"])
    long = Question("q", QUESTIONS[0].question, ("first words " * 10, "second words " * 40))
    lengths = {}
    for limit in (1000, 200, 120, 60, n_question, 1):
        (row,) = answer_questions([long], "base_rag", str(tiny_llama), None, None, replace(EXACT, max_prompt_tokens=limit))
        lengths[limit] = row.n_prompt_tokens

    assert lengths[1000] > 200 >= lengths[200] > 180
    assert 120 >= lengths[120] > 100
    assert lengths[60] <= 60
    assert lengths[n_question] == lengths[1] == n_question


def test_the_models_own_window_holds_too(tiny_llama):
    """The tiny model reads 512 tokens; 24 of them are kept for the answer."""
    long = Question("q", "Which?", ("many words " * 2000,))

    (row,) = answer_questions([long], "base_rag", str(tiny_llama), None, None, EXACT)

    assert 470 < row.n_prompt_tokens <= 512 - 24


def test_no_questions_give_no_answers_and_load_nothing(tmp_path):
    assert answer_questions([], "base", str(tmp_path / "no_model"), None, None, EXACT) == []


def test_a_tuned_arm_without_an_adapter_is_refused(tiny_llama, tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(MissingPrerequisite, match="arm tuned has no adapter"):
            answer_questions(QUESTIONS, "tuned", str(tiny_llama), folder, "a", EXACT)


def test_an_adapter_with_a_flipped_bit_is_refused(tiny_llama, adapter, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in adapter.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    weights = copy / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")

    with pytest.raises(TunehouseError, match="weights have changed"):
        answer_questions(QUESTIONS, "tuned", str(tiny_llama), copy, "a", EXACT, adapter_sha256="0" * 64)


def test_another_adapter_takes_the_place_of_the_one_before(tiny_llama, adapter, tmp_path):
    zeroed = tmp_path / "zeroed"
    zeroed.mkdir()
    (zeroed / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    tensors = load_file(adapter / "adapter_model.safetensors")
    save_file({name: tensor * 0 for name, tensor in tensors.items()}, zeroed / "adapter_model.safetensors", metadata={"format": "pt"})

    taught = answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, "a", EXACT)
    idle = answer_questions(QUESTIONS, "tuned", str(tiny_llama), zeroed, "z", EXACT)
    base = answer_questions(QUESTIONS, "base", str(tiny_llama), None, None, EXACT)
    again = answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, "a", EXACT)

    assert said(idle) == said(base)
    assert again == taught
    assert not {row.answer_id for row in idle} & {row.answer_id for row in taught}


def test_threads_that_ask_different_arms_at_once_get_what_each_gets_alone(tiny_llama, adapter):
    expected = {arm: answer_questions(QUESTIONS, arm, str(tiny_llama), adapter, "a", EXACT) for arm in ARMS}
    found: dict[tuple[str, int], list[object]] = {}

    def ask(arm: str, turn: int) -> None:
        found[arm, turn] = list(answer_questions(QUESTIONS, arm, str(tiny_llama), adapter, "a", EXACT))

    threads = [threading.Thread(target=ask, args=(arm, turn)) for turn in range(2) for arm in ARMS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 2 * len(ARMS)
    assert all(rows == expected[arm] for (arm, _), rows in found.items())


def test_a_models_own_sampling_settings_do_not_matter(tiny_llama, tmp_path, save_tiny_llama):
    folder = save_tiny_llama(tmp_path / "sampling")
    config = json.loads((folder / "generation_config.json").read_text())
    config |= {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0, "no_repeat_ngram_size": 2}
    (folder / "generation_config.json").write_text(json.dumps(config))

    assert said(answer_questions(QUESTIONS, "base", str(folder), None, None, EXACT)) == said(
        answer_questions(QUESTIONS, "base", str(tiny_llama), None, None, EXACT)
    )


def test_batches_keep_both_limits_and_leave_nothing_out():
    lengths = [10, 10, 20, 20, 50, 90, 300]

    cut = list(batches(range(7), lengths, AnswerParams(batch_size=3, tokens_per_batch=120)))

    assert cut == [range(3), range(3, 5), range(5, 6), range(6, 7)]
    assert list(batches([], [], AnswerParams())) == []


def test_arms_are_known_by_their_names():
    assert {arm for arm in ARMS if uses_adapter(arm)} == {"tuned", "tuned_rag", "placebo"}
    assert {arm for arm in ARMS if uses_excerpts(arm)} == {"base_rag", "tuned_rag"}
    for arms in (("tuned", "other"), (), ("base", "base")):
        with pytest.raises(ConfigError, match=r"answer\.arms"):
            AnswerParams(arms=arms)  # type: ignore[arg-type]
