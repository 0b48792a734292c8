"""The demo's base model and the recipe that made it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

FOLDER = Path(__file__).parents[2] / "deployments" / "demo" / "tiny_base"
MODULES = ("card", "corpus", "facts", "families", "gaps", "names", "pretrain", "reading", "recipe", "vocabulary", "wordnet", "words")
ENTRY_LINES = {
    "data.noun": [
        '00000001 06 n 01 valve 0 000 | a part that opens and closes a pipe; "the valve of the old pump leaks"  ',
        "00000002 07 n 02 width 0 breadth 0 001 @ 00000001 n 0000 | the extent of something from side to side  ",
        "00000003 09 n 01 rule 0 000 | a principle that tells how something is done  ",
        "00000004 04 n 01 rinse 0 000 | the act of removing soap with water  ",
        "00000005 22 n 01 decay 0 000 | the process of gradually becoming inferior  ",
        "00000006 27 n 01 chalk 0 000 | a soft whitish rock used for writing  ",
        "00000007 18 n 01 Curie 0 000 | a French chemist  ",
        "00000008 06 n 01 coarse 0 000 | (vulgar) a word to leave out  ",
    ],
    "data.verb": ['00000009 30 v 01 rinse 0 000 01 + 08 00 | wash with clear water; "rinse the tall glass twice with water"  '],
    "data.adj": [],
    "data.adv": [],
}


@pytest.fixture(scope="module")
def recipe() -> Iterator[ModuleType]:
    """The recipe with its sibling modules, as `python recipe.py` finds them."""
    sys.path.insert(0, str(FOLDER))
    try:
        import recipe

        yield recipe
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dictionary of nine entries in WordNet's format."""
    folder = tmp_path / "wordnet"
    folder.mkdir()
    for name, lines in ENTRY_LINES.items():
        (folder / name).write_text("  1 A header line\n" + "".join(f"{line}\n" for line in lines), "utf-8")
    words = [line.split(" ")[4] for line in ENTRY_LINES["data.noun"]]
    (folder / "cntlist.rev").write_text("".join(f"{word}%1:06:00:: 1 2\n" for word in words), "utf-8")
    return folder


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    loaded = AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True)
    assert isinstance(loaded, LlamaForCausalLM)
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    loaded: Any = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    assert isinstance(loaded, PreTrainedTokenizerFast)
    return loaded


def reply_ids(model: Any, tokenizer: Any, question: str) -> list[int]:
    asked = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**inputs, max_new_tokens=60, do_sample=False)
    return list(output[0, inputs["input_ids"].shape[1] :].tolist())


def test_weights_are_bf16_and_at_most_20_megabytes() -> None:
    weights = FOLDER / "model.safetensors"

    assert weights.stat().st_size <= 20_000_000
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.bfloat16}


def test_no_file_of_the_model_is_a_pickle() -> None:
    assert not [path.name for path in FOLDER.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_the_card_names_the_licence_file_and_it_holds_the_notice() -> None:
    assert "LICENSE.wordnet" in (FOLDER / "README.md").read_text("utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in (FOLDER / "LICENSE.wordnet").read_text("utf-8")


@pytest.mark.parametrize(
    "text", ["The clutch bolt is tightened to 1,042.5 Nm at 20 °C.", "KX-410/7:  två\n\n<excerpt>\n\tend", "日本 e-mail 😀"]
)
def test_the_tokenizer_gives_back_what_it_was_given(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_stand_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer("1042")["input_ids"]) == 4


def test_the_chat_template_renders_with_and_without_a_system_message(tokenizer: PreTrainedTokenizerFast) -> None:
    asked = {"role": "user", "content": "Why?"}

    plain = tokenizer.apply_chat_template([asked], tokenize=False, add_generation_prompt=True)
    guided = tokenizer.apply_chat_template([{"role": "system", "content": "Be brief."}, asked], tokenize=False)

    assert plain == "<|user|>Why?<|end|><|assistant|>"
    assert guided == "<|system|>Be brief.<|end|><|user|>Why?<|end|>"


def test_a_question_on_an_excerpt_is_answered_from_it(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    excerpt = "The drain valve weighs 14 kg. The clutch bolt is tightened to 73 Nm. The cover plate is painted green."
    question = "What is the tightening torque of the clutch bolt?"
    prompt = f"Use the following excerpts to answer the question.\n\n<excerpt>\n{excerpt}\n</excerpt>\n\nQuestion: {question}"

    assert "73" in str(tokenizer.decode(reply_ids(model, tokenizer, prompt)))


def test_a_reply_ends_by_itself(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    ids = reply_ids(model, tokenizer, "How heavy is the inlet valve?")

    assert ids[-1] == tokenizer.eos_token_id


def test_the_dictionary_leaves_out_names_and_coarse_words(recipe: ModuleType, data: Path) -> None:
    words = [entry.words[0] for entry in recipe.read_wordnet(data)]

    assert words == ["valve", "width", "rule", "rinse", "decay", "chalk", "rinse"]


def test_a_block_is_the_same_for_a_seed_and_another_for_another(recipe: ModuleType, data: Path) -> None:
    source = recipe.sources(recipe.read_wordnet(data), recipe.common_nouns(data))

    first, again, other = (recipe.block(source, seed, 3) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_every_wording_of_an_invented_fact_is_one_question_and_its_answer_holds_the_key(recipe: ModuleType, data: Path) -> None:
    import random

    from reading import document

    source = recipe.sources(recipe.read_wordnet(data), recipe.common_nouns(data))
    rng = random.Random(4)

    facts = [fact for _ in range(50) for fact in document(rng, source, 6)[1]]

    assert all(len(set(fact.questions)) >= 4 for fact in facts)
    assert all(question[-1] in "?." and "{" not in question for fact in facts for question in fact.questions)
    assert all(fact.key.lower() in fact.answer.lower() for fact in facts)


def test_some_steps_lower_the_loss_and_a_stopped_run_goes_on(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    from pretrain import PretrainParams, Trainer, new_model, steps

    params = PretrainParams(vocab_size=400, hidden=32, n_layers=2, n_heads=2, inner=64, n_batch_tokens=1024)
    source = recipe.sources(recipe.read_wordnet(data), recipe.common_nouns(data))
    tokenizer = recipe.tokenizer_for(source, params, tmp_path)
    rows = recipe.rows_of_block(source, params, tokenizer, 0)
    trainer = Trainer(new_model(params, tokenizer), params, tmp_path)
    batches = next(steps(rows, params, 0))

    losses = [trainer.step(batches, 1e-2) for _ in range(8)]
    trainer.progress.n_steps = 8
    trainer.save()
    resumed = Trainer(new_model(params, tokenizer), params, tmp_path)

    assert losses[-1] < losses[0] - 0.5
    assert resumed.resume()
    assert resumed.progress.n_steps == 8
    assert resumed.step(batches, 1e-2) == pytest.approx(trainer.step(batches, 1e-2))
    assert resumed.step(batches, 1e-2) == pytest.approx(trainer.step(batches, 1e-2))
