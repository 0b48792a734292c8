"""Chunks -> slots: which kinds of question each chunk is asked for, so that a document's questions have the shares that were set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.generate_llm_params import QUESTION_KINDS, LlmGenerateParams, QuestionKind
from warehouse.keys import draw, key
from warehouse.tables import Chunk


@dataclass(frozen=True, slots=True)
class Slot:
    """One question to be had. Ends as a fact, or as a row ``unfilled_...`` with its id."""

    slot_id: str
    chunk: Chunk
    kind: QuestionKind


def plan_slots(chunks: Sequence[Chunk], params: LlmGenerateParams) -> dict[str, list[Slot]]:
    """chunk_id -> its ``questions_per_chunk`` slots. Over all chunks each kind has its share, up or down to the next whole number.

    A document of one chunk has no multi-hop questions; their share goes to the other kinds. The draw depends on the chunks' ids alone.
    """
    ordered = sorted(chunks, key=lambda chunk: chunk.chunk_id)
    ids = [chunk.chunk_id for chunk in ordered]
    places = [(chunk, place) for chunk in ordered for place in range(params.questions_per_chunk)]
    places.sort(key=lambda at: draw(params.seed, "kind", at[0].chunk_id, at[1]))
    wanted = _kinds(len(places), has_two=len(chunks) > 1, start=draw(params.seed, "shares", ids), params=params)
    slots: dict[str, list[Slot]] = {name: [] for name in ids}
    for (chunk, place), kind in zip(places, wanted, strict=True):
        slots[chunk.chunk_id].append(Slot(key(chunk.chunk_id, "slot", place), chunk, kind))
    return {name: sorted(some, key=lambda slot: (QUESTION_KINDS.index(slot.kind), slot.slot_id)) for name, some in slots.items()}


def _kinds(n: int, *, has_two: bool, start: float, params: LlmGenerateParams) -> list[QuestionKind]:
    """``n`` kinds by systematic sampling: each ``floor`` or ``ceil`` of its share, and on average exactly that, however small ``n``."""
    shares = {kind: params.shares.of(kind) for kind in QUESTION_KINDS if params.shares.of(kind) and (has_two or kind != "multi_hop")}
    shares = shares or {"factual": 1.0}
    wanted: list[QuestionKind] = []
    reached = 0.0
    for kind, share in shares.items():
        reached += share
        upto = n if kind == list(shares)[-1] else math.floor(n * reached / sum(shares.values()) + start)
        wanted += [kind] * (upto - len(wanted))
    return wanted
