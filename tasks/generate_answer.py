"""Question and chunks -> answer with the stretches of text that it rests on: every quote is looked up, the key is looked for in them.

No span, no pair. A quote that stands nowhere drops the answer even where another quote stands: whoever invents one source may have
invented the claim. A key that the evidence does not state drops it too; a key that only the answer leaves out, or nobody could repeat
verbatim, is left out itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.find_quote import find_quote, quoted_parts, widened
from tasks.generate_draft import Stretch, printed
from tasks.generate_llm_params import LlmGenerateParams
from tasks.generate_replies import Answered, SecondLook
from tasks.generate_scene import NotUsable, Scene
from tasks.key_match import ITEM_SEPARATOR, key_items, states
from tasks.quoting import line_of_data, unmarked
from tasks.text import words
from warehouse.tables import AnswerKind, Chunk

ANSWER = "answer"
SECOND_LOOK = "second_look"
KINDS: dict[str, AnswerKind] = {"definition": "definition", "comparison": "comparison", "compare": "comparison", "procedure": "procedure"}


@dataclass(frozen=True, slots=True)
class Proven:
    """An answer whose evidence stands in the chunks."""

    stretches: tuple[Stretch, ...]
    answer: str
    answer_key: str | None
    answer_kind: AnswerKind


async def answer_question(scene: Scene, question: str, chunks: Sequence[Chunk], kind: str, item_id: str) -> Proven:
    """Ask for the answer and look its evidence up in ``chunks``.

    Raises:
        NotUsable: with the reason why there is no answer that could be kept.
    """
    values = {"source": scene.shown(chunks), "question": line_of_data(question)}
    return proven(await scene.call(ANSWER, values, Answered, item_id), question, chunks, kind, scene.params)


def proven(reply: Answered, question: str, chunks: Sequence[Chunk], kind: str, params: LlmGenerateParams) -> Proven:
    """The reply as an answer that rests on the chunks' own words.

    Raises:
        NotUsable: it does not.
    """
    if not reply.is_answerable:
        raise NotUsable("not_answerable", question)
    answer = unmarked(reply.answer)
    if not words(answer):
        raise NotUsable("empty_answer", question)
    stretches = evidence(reply.evidence, chunks, params)
    if kind == "multi_hop" and len({stretch.chunk_id for stretch in stretches}) == 1:
        raise NotUsable("one_chunk_answers", question)
    texts = {chunk.chunk_id: chunk.text for chunk in chunks}
    answer_key = _checked_key(reply.answer_key, answer, "\n".join(printed(one, texts) for one in stretches), params)
    answer_kind = _answer_kind(kind, answer_key)
    if answer_key and answer_kind != "comparison" and states(question, answer_key):
        raise NotUsable("gives_answer_away", f"{question} {answer_key}")
    return Proven(stretches, answer, answer_key, answer_kind)


def evidence(quotes: Sequence[str], chunks: Sequence[Chunk], params: LlmGenerateParams) -> tuple[Stretch, ...]:
    """The whole sentences that the quotes stand in, in reading order, each once. Earlier chunks are searched first.

    Raises:
        NotUsable: nothing was quoted, or a quote stands in none of the chunks.
    """
    parts = [part for quote in quotes for part in quoted_parts(unmarked(quote)) if words(part)]
    if not parts:
        raise NotUsable("no_span", "the reply quotes nothing")
    return _merged([_located(part, chunks, params.min_quote_score) for part in parts], chunks)


async def is_answered(scene: Scene, question: str, chunks: Sequence[Chunk], item_id: str) -> str | None:
    """What in the chunks answers the question after all, in the words that the model found; None where nothing does."""
    values = {"source": scene.shown(chunks), "question": line_of_data(question)}
    look = await scene.call(SECOND_LOOK, values, SecondLook, item_id)
    return (" | ".join(map(unmarked, look.evidence)) or "the model says so") if look.is_answered else None


def _located(quote: str, chunks: Sequence[Chunk], min_score: float) -> Stretch:
    """To the letter in any chunk before nearly in the first."""
    found = [(place, chunk) for chunk in chunks if (place := find_quote(quote, chunk.text, min_score))]
    if not found:
        raise NotUsable("quote_not_in_text", quote)
    place, chunk = max(found, key=lambda one: (one[0].how != "near", one[0].score))
    return Stretch(chunk.chunk_id, *widened(chunk.text, place.char_from, place.n_chars))


def _merged(stretches: Sequence[Stretch], chunks: Sequence[Chunk]) -> tuple[Stretch, ...]:
    rank = {chunk.chunk_id: (chunk.rank, chunk.chunk_id) for chunk in chunks}
    merged: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda one: (rank[one.chunk_id], one.char_from, -one.n_chars)):
        last = merged[-1] if merged else None
        if last and last.chunk_id == stretch.chunk_id and stretch.char_from <= last.char_from + last.n_chars:
            end = max(last.char_from + last.n_chars, stretch.char_from + stretch.n_chars)
            merged[-1] = Stretch(last.chunk_id, last.char_from, end - last.char_from)
        else:
            merged.append(stretch)
    return tuple(merged)


def _checked_key(answer_key: str | None, answer: str, stated: str, params: LlmGenerateParams) -> str | None:
    key = " ".join(unmarked(answer_key or "").split()).strip(" .,:")
    if key and key_items(key):
        if not states(stated, key):
            raise NotUsable("key_not_in_evidence", key)
        if states(answer, key) and (ITEM_SEPARATOR in key or len(key.split()) <= params.max_key_words):
            return key
    if params.must_have_key:
        raise NotUsable("no_key", answer)
    return None


def _answer_kind(kind: str, answer_key: str | None) -> AnswerKind:
    if kind in KINDS:
        return KINDS[kind]
    if answer_key is None:
        return "text"
    if ITEM_SEPARATOR in answer_key:
        return "list"
    return "number" if answer_key[0].isdigit() else "term"
