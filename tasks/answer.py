"""Questions -> answers of one arm, by the model loaded here or one that is served; and the answers of arms that no model gives.

An arm is named for what it works with: ``base`` or ``tuned`` (adapter on), ``_rag`` behind it for excerpts in the prompt.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.answer_params import AnswerParams, uses_adapter, uses_excerpts
from tasks.base_model import EXCERPTS_PROMPT, base_sha256, prompt_sha256
from tasks.engine import ADAPTER_WEIGHTS, FULL_WEIGHTS, GREEDY, Engine, Manner, Question, engine_of, is_adapter, whole_engine_of
from tasks.served import Put, Reply, ask_served
from warehouse.errors import MissingPrerequisite
from warehouse.keys import key
from warehouse.store import file_sha256
from warehouse.tables import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = 1


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers: a base, or an adapter on it (``adapter_id``: of this run), or a model trained whole in ``adapter``'s place."""

    arm: str
    model: str
    adapter: Path | None = None
    adapter_id: str | None = None
    adapter_sha256: str | None = None


def answer_questions(
    questions: Sequence[Question],
    arm: str,
    model: str,
    adapter: Path | None,
    adapter_id: str | None,
    params: AnswerParams = AnswerParams(),  # noqa: B008  # frozen
    adapter_sha256: str | None = None,
    put: Put | None = None,
) -> list[Answer]:
    """One answer a question, in the questions' order. ``adapter``: folder of the tuned arms' adapter; other arms do without.

    ``put``: how a served arm's calls are put.
    Safe to call from several threads: they take turns on the loaded model.

    Raises:
        MissingPrerequisite: the model cannot be loaded, or a tuned arm has no adapter.
        TunehouseError: the adapter's weights are not those of ``adapter_sha256``.
    """
    if not questions:
        return []
    who = Speaker(arm, model, adapter, adapter_id, adapter_sha256)
    replies = replies_of(questions, who, params, put=put)
    owner = adapter_id if uses_adapter(arm) else None
    name = params.served.model_of(arm)
    settings = [params.max_new_tokens, params.max_prompt_tokens, params.dtype, prompt_sha256(EXCERPTS_PROMPT)]
    identity = [*(["served", name] if name else []), *weights_of(arm, model, params)]
    return [
        Answer(
            answer_id=key("answer", VERSION, arm, *identity, owner, settings, question),
            pair_id=question.pair_id,
            arm=arm,
            model=model_shown(arm, model, params),
            adapter_id=owner,
            answer=reply.text,
            n_prompt_tokens=reply.n_prompt_tokens,
            n_answer_tokens=reply.n_answer_tokens,
            finish_reason=reply.finish_reason,
        )
        for question, reply in zip(_as_shown(questions, arm), replies, strict=True)
    ]


def given_answers(texts: Sequence[tuple[str, str]], arm: str) -> list[Answer]:
    """The answers of an arm that no model gives, from (pair_id, text)."""
    return [Answer(key("answer", VERSION, arm, pair_id, text), pair_id, arm, "", None, text, 0, 0, "stop") for pair_id, text in texts]


def replies_of(
    questions: Sequence[Question], who: Speaker, params: AnswerParams, manner: Manner = GREEDY, put: Put | None = None
) -> list[Reply]:
    """One reply a question, in the questions' order. ``put``: how a served arm's calls are put.

    Raises:
        TypeError: the arm is served, and it is not said how its calls are put.
        MissingPrerequisite: the model cannot be loaded, or a tuned arm has no adapter.
        TunehouseError: the adapter's weights are not those of ``adapter_sha256``.
    """
    kept = _as_shown(questions, who.arm)
    if name := params.served.model_of(who.arm):
        _adapter_folder(who.arm, who.adapter)
        if put is None:
            raise TypeError(f"arm {who.arm} is served: its calls are put by a unit that lands them")
        owner = [who.adapter_id] if who.adapter_id and uses_adapter(who.arm) else []
        return ask_served(kept, name, who.model, params, manner, [*weights_of(who.arm, who.model, params), *owner], put)
    with speaking(who, params) as engine:
        return engine.reply_to(kept, params, manner)


@contextmanager
def speaking(who: Speaker, params: AnswerParams) -> Iterator[Engine]:
    """The engine that answers for an arm, locked, with the arm's adapter on.

    Raises:
        MissingPrerequisite: the model cannot be loaded, or a tuned arm has no adapter.
        TunehouseError: the adapter's weights are not those of ``adapter_sha256``.
    """
    model, folder = who.model, _adapter_folder(who.arm, who.adapter)
    if further := params.models.get(who.arm):
        model, folder = (model, Path(further)) if is_adapter(further) else (further, None)
    is_whole = folder is not None and not is_adapter(folder)
    engine = whole_engine_of(folder, params.dtype, who.adapter_sha256) if folder and is_whole else engine_of(model, params.dtype)
    with engine.lock:
        engine.use(None if is_whole else folder, who.adapter_sha256)
        yield engine


def weights_of(arm: str, base: str, params: AnswerParams) -> list[str]:
    """SHA-256 of what an arm answers with, less the run's own adapter: the base, and for a further arm its model or adapter.

    Raises:
        MissingPrerequisite: there is no such model.
    """
    if not (further := params.models.get(arm)):
        return [base_sha256(base)]
    return [base_sha256(base), file_sha256(Path(further) / ADAPTER_WEIGHTS)] if is_adapter(further) else [base_sha256(further)]


def model_shown(arm: str, model: str, params: AnswerParams) -> str:
    """What an answer's row calls its model."""
    name = params.served.model_of(arm)
    return params.models.get(arm) or (f"{model} as {name}" if name else model)


def _as_shown(questions: Sequence[Question], arm: str) -> list[Question]:
    """The questions with what the arm may see."""
    return [question if uses_excerpts(arm) else replace(question, excerpts=()) for question in questions]


def _adapter_folder(arm: str, adapter: Path | None) -> Path | None:
    if not uses_adapter(arm):
        return None
    if adapter is None or not any((adapter / name).is_file() for name in (ADAPTER_WEIGHTS, FULL_WEIGHTS)):
        raise MissingPrerequisite(
            f"arm {arm} has no adapter",
            where=str(adapter or "answer.arms"),
            mend="train one first: tunehouse run, or leave the tuned arms out",
        )
    return adapter
