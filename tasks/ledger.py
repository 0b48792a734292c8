"""Prompt, values -> reply: every call to a model is counted, written down as it comes and never made twice.

An answer is looked up before it is asked for: in the unit's own journal, in the units under way, in what any unit ever landed. What has
to be asked is taken from the run's budget first and appended to the journal when it is there, so that neither a kill nor a stopped run
costs more than the requests under way.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel

from tasks.budget import Budget, halt, refuse_halted, token_estimate
from tasks.ledger_known import RETRYABLE, Settled, as_row, known_calls
from tasks.ledger_reply import BadAnswer, PlainText, clean, parse_reply, reply_schema, schema_key
from tasks.prompt import Prompt, load_prompt
from tasks.providers import provider_for
from tasks.providers.base import CallFailed, Message, ModelParams, Reason, Reply
from tasks.units import Unit
from warehouse.errors import TunehouseError
from warehouse.journal import Journal, journal_path, read_lines
from warehouse.keys import key, shaping
from warehouse.store import Warehouse
from warehouse.tables import LlmCall

KEPT_CHARS = 20_000
REPAIR = "repair"
BAD_ANSWER = "bad_answer"
STOPPED = CallFailed("unavailable", "the run was stopped", n_attempts=0)
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request, whole: what is sent, what the reply must be, and what it is about."""

    prompt: Prompt
    messages: tuple[Message, ...]
    reply_type: type[BaseModel]
    item_id: str
    sample: int
    call_key: str


class Ledger:
    """One unit's calls to one model. Its :meth:`ask` is what a stage asks with (``tasks.prompt.Ask``).

    Used as a context manager, while the unit's lock is held, by coroutines of one event loop; other units may ask beside it in other
    threads. A call that is under way when the block ends in an error is waited for and written down, not thrown away.

    ``weights``: what tells the model from another of the same name, such as an adapter's id; a part of the calls' keys.

    Raises:
        ConfigError: the budget is limited in dollars and the model has no price.
    """

    def __init__(
        self, store: Warehouse, work: Unit, params: ModelParams, *, stage: str, document_id: str, budget: Budget, weights: str = ""
    ) -> None:
        budget.params.refuse_unpriced(params.model)
        self._weights = [weights] if weights else []
        self._unit_id, self._stage, self._document_id = work.unit_id, stage, document_id
        self._params, self._budget = params, budget
        self._journal = Journal(journal_path(store, work.unit_id))
        self._is_fresh = work.is_fresh
        paid = [] if work.is_fresh else [as_row(line) for _, line in read_lines(self._journal.path).lines]
        self._rows: dict[str, LlmCall] = {row.call_key: row for row in paid if row}
        self._known = known_calls(store)
        self._known.open_unit(work.unit_id, self._rows)
        self._slots = asyncio.Semaphore(params.max_concurrency)
        self._purse = asyncio.Lock()
        self._under_way: dict[Future[Settled], Future[Reply]] = {}

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def rows(self) -> list[LlmCall]:
        """Every call of the unit: to land with it in ``llm_calls``."""
        return list(self._rows.values())

    @property
    def n_retryable(self) -> int:
        """How many calls a later run must ask again."""
        return sum(row.status == RETRYABLE for row in self._rows.values())

    def close(self) -> None:
        """Take back what is not sent yet, and wait for the rest, as long as one try may take, so that what it brings is written down."""
        under_way = dict(self._under_way)
        for waiting in under_way.values():
            waiting.cancel()  # once a request has begun, this does nothing
        concurrent.futures.wait(under_way, timeout=self._params.timeout_seconds)
        self._journal.close()
        self._known.close_unit(self._unit_id)

    async def ask(self, prompt: Prompt, values: Mapping[str, str], reply_type: type[T], *, item_id: str, sample: int = 0) -> T:
        """The model's reply as ``reply_type``; one that does not parse is mended in a second turn, which is a call of its own.

        Raises:
            CallFailed: the call came to nothing; its row says why.
            ProviderError: no call can succeed. What came before is written down.
            TunehouseError: a reply could not be written down, or the run was stopped.
        """
        request = self._request(prompt, prompt.fill(**values), reply_type, item_id, sample)
        row, value = await self._turn(request)
        if row.status == "failed" and row.reply and _reason(row) == BAD_ANSWER:
            mend = load_prompt(REPAIR)
            turns = (*request.messages, Message("assistant", row.reply), *mend.fill(fault=_detail(row)))
            row, value = await self._turn(self._request(mend, turns, reply_type, item_id, sample))
        if row.status != "ok":
            raise CallFailed(cast("Reason", _reason(row)), _detail(row), n_attempts=row.n_attempts, seconds=row.call_seconds)
        return cast("T", value if value is not None else parse_reply(row.reply, reply_type))

    async def call(self, prompt: Prompt, messages: tuple[Message, ...], *, item_id: str) -> LlmCall:
        """The row of one call in free words, whatever came of it: for a stage to which a reply that is cut or empty is a reply too.

        Raises:
            ProviderError: no call can succeed. What came before is written down.
            TunehouseError: a reply could not be written down, or the run was stopped.
        """
        return (await self._turn(self._request(prompt, messages, PlainText, item_id, 0)))[0]

    def _request(self, prompt: Prompt, messages: tuple[Message, ...], reply_type: type[BaseModel], item_id: str, sample: int) -> _Request:
        shape = [self._params.provider, self._params.model, shaping(self._params), prompt.sha256, *self._weights]
        call_key = key(*shape, [asdict(message) for message in messages], schema_key(reply_type), sample)
        return _Request(prompt, messages, reply_type, item_id, sample, call_key)

    async def _turn(self, request: _Request) -> Settled:
        """One call: looked up, waited for where another asks the same, or made."""
        mine = self._rows.get(request.call_key)
        if mine and mine.status != RETRYABLE:
            return mine, None
        claimed = self._known.claim(request.call_key, is_fresh=self._is_fresh)
        if isinstance(claimed, LlmCall):
            row, value = claimed, None
        else:
            future, is_mine = claimed
            if is_mine:
                await self._send(request, future)
            await _finished(future)
            row, value = future.result()
        row = self._own(row, request)
        self._rows[request.call_key] = row
        return row, value

    def _own(self, row: LlmCall, request: _Request) -> LlmCall:
        """The row as this unit lands it: another unit's cost this one nothing."""
        llm_call_id = key(self._unit_id, request.call_key)
        if row.llm_call_id == llm_call_id:
            return row
        return replace(
            row,
            llm_call_id=llm_call_id,
            stage=self._stage,
            item_id=request.item_id,
            document_id=self._document_id,
            cost_usd=0.0,
            is_from_ledger=True,
        )

    async def _send(self, request: _Request, claim: Future[Settled]) -> None:
        """Put a claimed call to the model; whatever comes of it settles the claim."""
        started = _Started(datetime.now(UTC).isoformat(timespec="milliseconds"))
        n_tokens = sum(token_estimate(message.content) for message in request.messages)
        schema = reply_schema(request.reply_type) if self._params.use_json_schema else None
        async with self._slots:
            try:
                refuse_halted(self._budget)
                async with self._purse:
                    started.reserved_usd = await self._budget.reserve(
                        self._params.model, n_tokens, self._params.max_tokens, wait_seconds=self._params.max_wait_seconds
                    )
                params = replace(self._params, seed=self._params.seed + request.sample)  # else every sample would be the same
                done = provider_for(self._params).submit(request.messages, params, schema)
            except asyncio.CancelledError:
                self._settle(request, started, STOPPED)
                raise
            except Exception as error:  # noqa: BLE001  # handed to all who wait for this call, the caller among them
                self._settle(request, started, error)
                return
            self._under_way[claim] = done
            claim.add_done_callback(self._under_way.pop)
            done.add_done_callback(lambda future: self._come(request, started, future))
            await _finished(done)

    def _come(self, request: _Request, started: _Started, future: Future[Reply]) -> None:
        """A reply, or what became of it instead, is there: in the provider's thread."""
        self._settle(request, started, STOPPED if future.cancelled() else future.exception() or future.result())

    def _settle(self, request: _Request, started: _Started, outcome: Reply | BaseException) -> None:
        """Book the call, write it down, and let everyone who waits for it go on."""
        settled: Settled | BaseException
        try:
            if isinstance(outcome, (Reply, CallFailed)):
                row, value = self._row(request, started.asked_at, outcome)
                settled = row, value
                if started.reserved_usd is not None:
                    self._budget.settle(started.reserved_usd, row.cost_usd)
                if row.status != RETRYABLE:
                    self._journal.append(asdict(row))
            else:
                settled = outcome
                if started.reserved_usd is not None:
                    self._budget.settle(started.reserved_usd, 0.0)
                if isinstance(outcome, TunehouseError):
                    halt(self._budget, outcome)
        except Exception as error:  # noqa: BLE001  # this may be the provider's thread: whoever waits must hear of it
            settled = error
        self._known.settle(request.call_key, self._unit_id, settled)

    def _row(self, request: _Request, asked_at: str, outcome: Reply | CallFailed) -> Settled:
        """A call's row, and the reply as parsed."""
        reply = outcome if isinstance(outcome, Reply) else outcome.reply
        text, status, error, value = clean(reply.text) if reply else "", "ok", None, None
        if isinstance(outcome, CallFailed):
            status, error = (RETRYABLE if outcome.is_healable else "failed"), clean(f"{outcome.reason}: {outcome.detail}")
        else:
            try:
                value = parse_reply(text, request.reply_type)
            except BadAnswer as fault:
                status, error = "failed", f"{BAD_ANSWER}: {clean(str(fault))}"
        n_prompt, n_reply = (reply.n_prompt_tokens, reply.n_reply_tokens) if reply else (0, 0)
        row = LlmCall(
            llm_call_id=key(self._unit_id, request.call_key),
            call_key=request.call_key,
            stage=self._stage,
            item_id=request.item_id,
            document_id=self._document_id,
            prompt=request.prompt.name,
            prompt_sha256=request.prompt.sha256,
            model=self._params.model,
            served_model=clean(reply.served_model) if reply else "",
            parameters=json.dumps(shaping(self._params), sort_keys=True),
            sample=request.sample,
            messages=json.dumps([asdict(message) for message in request.messages], ensure_ascii=False),
            reply=text if status == "ok" else text[:KEPT_CHARS],
            finish_reason=clean(reply.finish_reason) if reply else "",
            status=cast("Any", status),
            error=error,
            n_prompt_tokens=n_prompt,
            n_reply_tokens=n_reply,
            n_attempts=reply.n_attempts if reply else cast("CallFailed", outcome).n_attempts,
            call_seconds=reply.seconds if reply else cast("CallFailed", outcome).seconds,
            cost_usd=self._budget.params.cost_usd(self._params.model, n_prompt, n_reply),
            is_from_ledger=False,
            asked_at=asked_at,
        )
        return row, value


@dataclass(slots=True)
class _Started:
    """A call on its way: since when, and what was put aside for it."""

    asked_at: str
    reserved_usd: float | None = None


async def _finished(future: Future[Any]) -> None:
    """Wait for a future of another thread. Nothing happens to it when the waiting is broken off."""
    loop = asyncio.get_running_loop()
    here = loop.create_future()

    def tell(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if here.done() else here.set_result(None))

    future.add_done_callback(tell)
    await here


def _reason(row: LlmCall) -> str:
    return (row.error or "").partition(": ")[0]


def _detail(row: LlmCall) -> str:
    return (row.error or "").partition(": ")[2]
