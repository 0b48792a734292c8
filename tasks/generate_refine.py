"""Fact -> the same fact in more wordings; pair -> a harder pair of the same document, answered anew, whose parent it names."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tasks.generate_answer import answer_question
from tasks.generate_draft import Drafted, Dropped, Stated
from tasks.generate_llm_params import REFINEMENTS, Refinement
from tasks.generate_replies import Refined, Reworded
from tasks.generate_scene import NotUsable, Scene, as_question
from tasks.key_match import states
from tasks.prompt import load_prompt
from tasks.quoting import line_of_data
from tasks.text import normalise, numbers
from warehouse.keys import draw, key

REWORD = "reword"
REFINE = "refine"


async def grow(scene: Scene, stated: Stated, depth: int = 0) -> Drafted:
    """The fact with its wordings, then what was refined from it, each with its own. ``depth``: refinements already behind it."""
    worded, refined = await asyncio.gather(_worded(scene, stated), _refined(scene, stated, depth))
    worded.add([refined])
    return worded


def head_id(scene: Scene, stated: Stated) -> str:
    """Id of the pair that asks the fact's first question."""
    fact_id = stated.fact_id(scene.document.document_id, scene.texts)
    return stated.pair_id(scene.document.document_id, fact_id, stated.questions[0], scene.generator)


async def _worded(scene: Scene, stated: Stated) -> Drafted:
    """Every wording that was asked for stands in the fact or in ``dropped``."""
    n_wanted, item_id = scene.params.wordings - 1, head_id(scene, stated)
    if not n_wanted:
        return Drafted([stated])
    prompt = load_prompt(REWORD)
    values = {"question": line_of_data(stated.questions[0]), "answer": line_of_data(stated.answer), "n_wordings": str(n_wanted)}
    try:
        reply = await scene.call(prompt, values, Reworded, item_id)
    except NotUsable as failure:
        return Drafted([stated], [Dropped(key(item_id, REWORD), f"wording_{failure.reason}", stated.questions[0])])
    questions, dropped = [stated.questions[0]], []
    for offered in reply.wordings:
        try:
            questions.append(_checked(offered, questions, stated, n_wanted + 1))
        except NotUsable as failure:
            dropped.append(Dropped(key(item_id, REWORD, offered), f"wording_{failure.reason}", offered))
    dropped += [
        Dropped(key(item_id, REWORD, place), "wording_not_offered", stated.questions[0])
        for place in range(len(reply.wordings), n_wanted)
    ]  # fmt: skip
    return Drafted([replace(stated, questions=tuple(questions), wordings_sha256=prompt.sha256)], dropped)


def _checked(offered: str, questions: list[str], stated: Stated, n_most: int) -> str:
    """A wording that asks for the same thing, as far as a program can tell.

    Raises:
        NotUsable: it is no question, is there already, changes a figure, or says the answer.
    """
    question = as_question(offered)
    if normalise(question) in {normalise(one) for one in questions}:
        raise NotUsable("repeated")
    if numbers(question) != numbers(questions[0]):
        raise NotUsable("changes_numbers")
    if stated.answer_key and stated.answer_kind != "comparison" and states(question, stated.answer_key):
        raise NotUsable("gives_answer_away")
    if len(questions) >= n_most:
        raise NotUsable("surplus")
    return question


async def _refined(scene: Scene, parent: Stated, depth: int) -> Drafted:
    """The pair refined once, and what comes of that; nothing where the draw leaves it out."""
    parent_id, seed = head_id(scene, parent), scene.params.seed
    is_wanted = depth < scene.params.refine_rounds and draw(seed, REFINE, parent_id) < scene.params.refine_share
    if parent.answer_kind == "refusal" or not is_wanted:
        return Drafted()
    way = REFINEMENTS[int(draw(seed, "way", parent_id) * len(REFINEMENTS))]
    try:
        stated = await _refined_once(scene, parent, parent_id, way)
    except NotUsable as failure:
        return Drafted([], [Dropped(key(parent_id, REFINE, way), f"refined_{failure.reason}", failure.detail)])
    return await grow(scene, stated, depth + 1)


async def _refined_once(scene: Scene, parent: Stated, parent_id: str, way: Refinement) -> Stated:
    prompt = load_prompt(REFINE)
    question = parent.questions[0]
    own = [scene.chunks[name] for name in dict.fromkeys((parent.chunk_id, *(stretch.chunk_id for stretch in parent.stretches)))]
    values = {
        "source": scene.shown(scene.near(question, own)),
        "question": line_of_data(question),
        "answer": line_of_data(parent.answer),
        "way": way,
    }
    reply = await scene.call(prompt, values, Refined, parent_id)
    refined = as_question(reply.question)
    if normalise(refined) == normalise(question):
        raise NotUsable("same_question", refined)
    found = await answer_question(scene, refined, scene.near(refined, own), way, parent_id)
    if normalise(found.answer) == normalise(parent.answer):
        raise NotUsable("same_answer", refined)
    chunk_id = parent.chunk_id if any(one.chunk_id == parent.chunk_id for one in found.stretches) else found.stretches[0].chunk_id
    return Stated(
        chunk_id,
        found.stretches,
        (refined,),
        found.answer,
        found.answer_key,
        found.answer_kind,
        f"{REFINE}_{way}",
        prompt_sha256=prompt.sha256,
        parent_id=parent_id,
    )
