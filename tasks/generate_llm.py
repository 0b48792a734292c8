"""Chunks of one document -> facts in a model's words: questions, answers with verbatim evidence, wordings, refinements, refusals.

Every chunk is asked for a set number of questions of set kinds. Each of these slots ends as a fact or as a row ``unfilled_...`` that
says why not; each question that a model offered and that came to nothing is a row too. All chunks are asked at once: the provider's queue
says how many requests are under way, and no document waits for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tasks.generate_answer import ANSWER, SECOND_LOOK, answer_question, is_answered
from tasks.generate_draft import Drafted, Dropped, Stated
from tasks.generate_llm_params import LlmGenerateParams
from tasks.generate_plan import Slot, plan_slots
from tasks.generate_questions import ALONE, PROMPTS, Offer, ask_questions
from tasks.generate_refine import REFINE, REWORD, grow
from tasks.generate_rows import UNFILLED
from tasks.generate_scene import Nearest, NotUsable, Scene
from tasks.prompt import Ask, load_prompt
from warehouse.keys import key
from warehouse.tables import Chunk, Document

VERSION = 1
PROMPT_NAMES = (ALONE, *PROMPTS.values(), ANSWER, REWORD, REFINE, SECOND_LOOK)


def prompt_hashes() -> dict[str, str]:
    """sha256 of every prompt file that the generator uses, by name: a changed prompt names another unit."""
    return {name: load_prompt(name).sha256 for name in PROMPT_NAMES}


def generator_name(params: LlmGenerateParams) -> str:
    """Name, version and model, as they stand with the pairs."""
    return f"llm-{VERSION} {params.model.model}"


async def ask_document(document: Document, chunks: Sequence[Chunk], params: LlmGenerateParams, ask: Ask, nearest: Nearest) -> Drafted:
    """Facts of the document, chunk by chunk in reading order. ``chunks``: those that may be asked about.

    Raises:
        ProviderError: no call can succeed. A call that comes to nothing is a dropped item and raises nothing.
    """
    drafted = Drafted()
    long_enough = []
    for chunk in sorted(chunks, key=lambda chunk: (chunk.rank, chunk.chunk_id)):
        if len(chunk.text.split()) < params.min_chunk_words:
            drafted.dropped.append(Dropped(chunk.chunk_id, "too_short", f"{len(chunk.text.split())} words"))
        else:
            long_enough.append(chunk)
    slots = plan_slots(long_enough, params)
    texts = {chunk.chunk_id: chunk.text for chunk in long_enough}
    scene = Scene(document, {chunk.chunk_id: chunk for chunk in long_enough}, texts, params, generator_name(params), ask, nearest)
    drafted.add(await asyncio.gather(*(_ask_chunk(scene, chunk, slots[chunk.chunk_id]) for chunk in long_enough)))
    return drafted


async def _ask_chunk(scene: Scene, chunk: Chunk, slots: Sequence[Slot]) -> Drafted:
    """Ask for what the slots want, and again for what came to nothing, as often as ``top_up_rounds`` says."""
    drafted = Drafted()
    why: dict[str, NotUsable] = {}
    asked: list[str] = []
    left = list(slots)
    for round_ in range(1 + scene.params.top_up_rounds):
        open_slots = [slot for slot in left if slot.slot_id not in why or not why[slot.slot_id].is_failed_call]
        if not open_slots:
            break
        offered = await ask_questions(scene, chunk, open_slots, asked, round_)
        drafted.dropped.extend(offered.dropped)
        why |= offered.missing
        asked += [offer.question for offer in offered.offers]
        settled = await asyncio.gather(*(_settle(scene, offer) for offer in offered.offers))
        for offer, outcome in zip(offered.offers, settled, strict=True):
            if isinstance(outcome, NotUsable):
                why[offer.slot.slot_id] = outcome
                drafted.dropped.append(Dropped(key(offer.slot.slot_id, round_, offer.question), outcome.reason, _both(offer, outcome)))
            else:
                drafted.add([outcome])
                left.remove(offer.slot)
    drafted.dropped.extend(
        Dropped(slot.slot_id, f"{UNFILLED}{why[slot.slot_id].reason}", f"{slot.kind} question of chunk {chunk.chunk_id}") for slot in left
    )
    return drafted


async def _settle(scene: Scene, offer: Offer) -> Drafted | NotUsable:
    """The fact that a question asks for, with wordings and refinements; or why there is none."""
    try:
        stated = await (_refusal(scene, offer) if offer.slot.kind == "unanswerable" else _fact(scene, offer))
    except NotUsable as fault:
        return fault
    return await grow(scene, stated)


async def _fact(scene: Scene, offer: Offer) -> Stated:
    found = await answer_question(scene, offer.question, offer.chunks, offer.slot.kind, offer.slot.chunk.chunk_id)
    return Stated(
        offer.slot.chunk.chunk_id,
        found.stretches,
        (offer.question,),
        found.answer,
        found.answer_key,
        found.answer_kind,
        offer.slot.kind,
        prompt_sha256=offer.prompt_sha256,
        slot_id=offer.slot.slot_id,
    )


async def _refusal(scene: Scene, offer: Offer) -> Stated:
    """An unanswerable question with the refusal, after a second look over the chunks nearest to it found no answer."""
    chunk = offer.slot.chunk
    if found := await is_answered(scene, offer.question, scene.near(offer.question, [chunk]), chunk.chunk_id):
        raise NotUsable("answered_after_all", found)
    return Stated(
        chunk.chunk_id,
        (),
        (offer.question,),
        scene.params.refusal,
        None,
        "refusal",
        offer.slot.kind,
        prompt_sha256=offer.prompt_sha256,
        slot_id=offer.slot.slot_id,
    )


def _both(offer: Offer, fault: NotUsable) -> str:
    return offer.question if fault.detail in ("", offer.question) else f"{offer.question} | {fault.detail}"
