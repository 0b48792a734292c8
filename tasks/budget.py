"""Tokens -> money, and a limit on both calls and money that all processes of one run share.

The count of a run stands in ``journal/<run_id>.budget``, 32 bytes under a lock of the system: whatever threads, task runners or machines
work on the run, and however often it is taken up again, they spend from one purse. Money is put aside before a request is sent and
settled when its reply is there, so that requests under way count.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.providers.base import CallFailed
from warehouse.errors import ConfigError, TunehouseError
from warehouse.journal import budget_path
from warehouse.keys import TECHNICAL

MILLION = 1_000_000
BYTES_PER_TOKEN = 4
RECORD = struct.Struct("<qqqq")
NANO = 1_000_000_000
LOOK_AGAIN_SECONDS = 0.05


def token_estimate(text: str) -> int:
    """About how many tokens a text is: a quarter of its UTF-8 bytes, rounded up. English prose has 4 to 5 bytes a token."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs."""

    input_usd_per_million: float
    """US dollars for a million tokens sent."""
    output_usd_per_million: float
    """US dollars for a million tokens that come back."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a negative price."""
        if self.input_usd_per_million < 0 or self.output_usd_per_million < 0:
            raise ConfigError("a price is negative", where="budget.prices", mend="use 0 for a model that costs nothing")


@dataclass(frozen=True, slots=True)
class BudgetParams:
    """What a run may spend on calls to models, and what they cost."""

    max_usd: float | None = field(default=None, metadata=TECHNICAL)
    """Most US dollars that one run may spend on calls; null sets no limit. The run stops there and can be taken up again."""
    max_calls: int | None = field(default=None, metadata=TECHNICAL)
    """Most calls that one run may make; null sets no limit. The run stops there and can be taken up again."""
    prices: dict[str, Price] = field(default_factory=dict, metadata=TECHNICAL)
    """Price of each model by its provider/model, e.g. openai/gpt-4o-mini: {input_usd_per_million: 0.15, output_usd_per_million: 0.6}."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a negative limit."""
        for name in ("max_usd", "max_calls"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise ConfigError(f"{limit} is less than nothing", where=f"budget.{name}", mend="use 0 or more, or null for no limit")

    def cost_usd(self, model: str, n_prompt_tokens: int, n_reply_tokens: int) -> float | None:
        """What so many tokens cost with a model (provider/model), US dollars; None where it has no price."""
        price = self.prices.get(model)
        if price is None:
            return None
        return (n_prompt_tokens * price.input_usd_per_million + n_reply_tokens * price.output_usd_per_million) / MILLION

    def refuse_unpriced(self, model: str) -> None:
        """Refuse to spend from a limited purse on what has no price.

        Raises:
            ConfigError: ``max_usd`` is set and the model has no price.
        """
        if self.max_usd is not None and model not in self.prices:
            raise ConfigError(
                f"{model} has no price, and budget.max_usd limits what may be spent",
                where="budget.prices",
                mend=f"add `{model}: {{input_usd_per_million: ..., output_usd_per_million: ...}}` (0 for a model of your own)",
            )


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has spent so far: calls sent, how many asks were refused, dollars settled and dollars put aside for calls under way."""

    n_calls: int = 0
    n_refused: int = 0
    usd: float = 0.0
    usd_under_way: float = 0.0


class Budget:
    """The purse of one run. Only its names travel to another process; safe for threads and processes."""

    def __init__(self, root: Path | str, run_id: str, params: BudgetParams) -> None:
        self.root, self.run_id, self.params = Path(root), run_id, params
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Budget], tuple[Path, str, BudgetParams]]:
        """The count stands in a file: any process opens it anew."""
        return Budget, (self.root, self.run_id, self.params)

    async def reserve(self, model: str, n_prompt_tokens: int, n_reply_tokens: int, *, wait_seconds: float) -> float:
        """Count one call and put aside what it costs at most; returns the dollars put aside, for :meth:`settle`.

        Where only calls under way stand between this one and the limit, waits until they are settled, at most ``wait_seconds``.

        Raises:
            CallFailed: ``budget_spent``; nothing may be sent.
        """
        nano = _nano(self.params.cost_usd(model, n_prompt_tokens, n_reply_tokens))
        deadline = time.monotonic() + wait_seconds
        while True:
            refusal = self._take(nano, is_last_try=time.monotonic() >= deadline)
            if refusal is None:
                return nano / NANO
            if refusal:
                raise CallFailed("budget_spent", refusal, n_attempts=0)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _take(self, nano: int, *, is_last_try: bool) -> str | None:
        """None when the call may be sent, why not when it may not, empty when that will turn out with the calls under way."""
        limit = None if self.params.max_usd is None else _nano(self.params.max_usd)
        with self._record() as record:
            if self.params.max_calls is not None and record.n_calls >= self.params.max_calls:
                refusal = f"{record.n_calls} of budget.max_calls {self.params.max_calls} calls are made"
            elif limit is None or record.spent + record.under_way + nano <= limit:
                record.n_calls += 1
                record.under_way += nano
                return None
            elif record.under_way > 0 and record.spent + nano <= limit and not is_last_try:
                return ""
            else:
                spent, next_call = record.spent / NANO, nano / NANO
                refusal = f"{spent:.4f} of budget.max_usd {self.params.max_usd:g} are spent, the next call may cost {next_call:.4f}"
            record.n_refused += 1
            return refusal

    def settle(self, reserved_usd: float, cost_usd: float | None) -> None:
        """Book what a call really cost in place of what was put aside for it."""
        with self._record() as record:
            record.under_way = max(record.under_way - _nano(reserved_usd), 0)
            record.spent += _nano(cost_usd)

    def take_up(self) -> None:
        """Go on with a run of which nothing is under way: calls that a kill broke off count as what they may have cost."""
        with self._record() as record:
            record.spent, record.under_way = record.spent + record.under_way, 0

    def spent(self) -> Spent:
        """What the run has spent so far."""
        with self._record() as record:
            return Spent(record.n_calls, record.n_refused, record.spent / NANO, record.under_way / NANO)

    @property
    def path(self) -> Path:
        """The file that holds the count."""
        return budget_path(self.root, self.run_id)

    @contextmanager
    def _record(self) -> Iterator[_Record]:
        """The count, ours alone for as long as the block runs, and written back at its end."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                content = os.pread(handle, RECORD.size, 0)
                record = _Record(*(RECORD.unpack(content) if len(content) == RECORD.size else (0, 0, 0, 0)))
                yield record
                os.pwrite(handle, RECORD.pack(record.n_calls, record.n_refused, record.spent, record.under_way), 0)
            finally:
                os.close(handle)


@dataclass(slots=True)
class _Record:
    """What the file holds; money in billionths of a dollar, so that sums are exact."""

    n_calls: int
    n_refused: int
    spent: int
    under_way: int


def _nano(usd: float | None) -> int:
    return round((usd or 0.0) * NANO)


_halted: dict[tuple[str, str], TunehouseError] = {}


def halt(budget: Budget, error: TunehouseError) -> None:
    """Let no unit of the run in this process send another call: no call can succeed, or a person stopped the run."""
    _halted.setdefault((str(budget.root), budget.run_id), error)


def resume(budget: Budget) -> None:
    """Let the run send calls again: it is taken up anew."""
    _halted.pop((str(budget.root), budget.run_id), None)


def refuse_halted(budget: Budget) -> None:
    """Raise what halted the run, if anything did."""
    if error := _halted.get((str(budget.root), budget.run_id)):
        raise error
