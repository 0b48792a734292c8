"""Slots of one chunk -> questions offered for them: a call for what the chunk answers, one for each pair of chunks, one for refusals.

A question is put into the first open slot of its kind. What is offered beyond the slots is dropped, what is not offered leaves one open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.generate_draft import Dropped
from tasks.generate_plan import Slot
from tasks.generate_replies import Questions
from tasks.generate_scene import NotUsable, Scene, as_question
from tasks.prompt import load_prompt
from tasks.quoting import fenced
from tasks.text import normalise
from warehouse.keys import key
from warehouse.tables import Chunk

ALONE = "questions"
PROMPTS = {"multi_hop": "questions_multi_hop", "unanswerable": "questions_unanswerable"}
"""Prompt of each kind that is not asked together with the others."""
PARTNER_WORDS = 60
"""Words of a chunk by which those near to it are found."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A question for a slot, with the chunks that it was made from."""

    slot: Slot
    question: str
    chunks: tuple[Chunk, ...]
    prompt_sha256: str


@dataclass(frozen=True, slots=True)
class Offers:
    """What a round of asking gave: every slot has an offer or a reason why not; ``dropped``: questions that fill none."""

    offers: list[Offer] = field(default_factory=list)
    missing: dict[str, NotUsable] = field(default_factory=dict)
    """By slot_id."""
    dropped: list[Dropped] = field(default_factory=list)


async def ask_questions(scene: Scene, chunk: Chunk, slots: Sequence[Slot], asked: Sequence[str], round_: int) -> Offers:
    """One question for each slot, as far as the model offers them. ``asked``: questions of this chunk that must not come again."""
    groups = [(ALONE, [chunk], [slot for slot in slots if slot.kind not in PROMPTS])]
    groups += [(PROMPTS["unanswerable"], [chunk], [slot for slot in slots if slot.kind == "unanswerable"])]
    hops = [slot for slot in slots if slot.kind == "multi_hop"]
    partners = _partners(scene, chunk) if hops else []
    for at, slot in enumerate(hops):
        partner = partners[(at + round_) % len(partners)]
        groups.append((PROMPTS["multi_hop"], [chunk, partner], [slot]))
    parts = await asyncio.gather(*(_ask(scene, prompt, shown, some, asked) for prompt, shown, some in groups if some))
    return _sorted_out(parts, asked, round_)


def _partners(scene: Scene, chunk: Chunk) -> list[Chunk]:
    """The document's other chunks, those nearest in subject first; there is at least one where multi-hop questions are planned."""
    query = " ".join(f"{chunk.section} {chunk.text}".split()[:PARTNER_WORDS])
    names = [*scene.nearest(query), *scene.chunks]
    return [scene.chunks[name] for name in dict.fromkeys(names) if name in scene.chunks and name != chunk.chunk_id]


async def _ask(scene: Scene, prompt_name: str, chunks: list[Chunk], slots: list[Slot], asked: Sequence[str]) -> Offers:
    prompt = load_prompt(prompt_name)
    values = {"source": scene.shown(chunks), "wanted": _wanted(slots), "asked_before": _asked_before(asked)}
    try:
        reply = await scene.call(prompt, values, Questions, chunks[0].chunk_id)
    except NotUsable as failure:
        return Offers(missing={slot.slot_id: failure for slot in slots})
    made = Offers()
    left = list(slots)
    for offered in reply.questions:
        slot = next((slot for slot in left if slot.kind == offered.kind or prompt_name != ALONE), None)
        if slot is None:
            item_id = key(chunks[0].chunk_id, prompt_name, offered.question)
            made.dropped.append(Dropped(item_id, "surplus_question", offered.question))
            continue
        left.remove(slot)
        made.offers.append(Offer(slot, offered.question, tuple(chunks), prompt.sha256))
    made.missing.update({slot.slot_id: NotUsable("exhausted", f"no more {slot.kind} questions were offered") for slot in left})
    return made


def _sorted_out(parts: Sequence[Offers], asked: Sequence[str], round_: int) -> Offers:
    """All groups together; an offer that is no question, or asks what is asked already, leaves its slot open."""
    made = Offers()
    taken = {normalise(question) for question in asked}
    for part in parts:
        made.missing.update(part.missing)
        made.dropped.extend(part.dropped)
        for offer in part.offers:
            try:
                question = _unasked(offer.question, taken)
            except NotUsable as fault:
                made.missing[offer.slot.slot_id] = fault
                made.dropped.append(Dropped(key(offer.slot.slot_id, round_, offer.question), fault.reason, offer.question))
                continue
            taken.add(normalise(question))
            made.offers.append(Offer(offer.slot, question, offer.chunks, offer.prompt_sha256))
    return made


def _unasked(offered: str, taken: set[str]) -> str:
    question = as_question(offered)
    if normalise(question) in taken:
        raise NotUsable("repeated_question", question)
    return question


def _wanted(slots: Sequence[Slot]) -> str:
    return "\n".join(f"- {kind}: {n}" for kind, n in Counter(slot.kind for slot in slots).items())


def _asked_before(asked: Sequence[str]) -> str:
    return f"\nAsked already, not to be asked again:\n{fenced(chr(10).join(asked))}\n" if asked else ""
