"""One unit's questions to models that you serve -> rows of ``llm_calls``: counted, written down as they come, never put twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tasks.budget import Budget
from tasks.ledger import Ledger
from tasks.prompt import Prompt
from tasks.providers.base import Message, ModelParams
from tasks.units import Unit
from warehouse.schema import Table
from warehouse.store import Warehouse
from warehouse.tables import LLM_CALLS, QA_PAIRS, LlmCall


class ServedCalls:
    """The calls of one unit, to any number of models and in any number of ways: what ``tasks.served`` puts its questions with."""

    def __init__(self, store: Warehouse, work: Unit, budget: Budget) -> None:
        self._store, self._work, self._budget = store, work, budget
        self._rows: dict[str, LlmCall] = {}

    def __call__(
        self, params: ModelParams, weights: Sequence[str], frame: Prompt, turns: Sequence[tuple[str, tuple[Message, ...]]]
    ) -> list[LlmCall]:
        """The row of each call, in order; all are put at once, the model's slots say how many are under way."""
        pairs = self._store.rows(QA_PAIRS, self._work.reads)
        document_id = next((pair.document_id for pair in pairs), "")

        async def gathered(ledger: Ledger) -> list[LlmCall]:
            return list(await asyncio.gather(*(ledger.call(frame, messages, item_id=item_id) for item_id, messages in turns)))

        with Ledger(
            self._store, self._work, params,
            stage=self._work.stage, document_id=document_id, budget=self._budget, weights=" ".join(weights),
        ) as ledger:  # fmt: skip
            found = asyncio.run(gathered(ledger))
            self._rows |= {row.call_key: row for row in ledger.rows}
        return found

    def tables(self) -> dict[Table, Sequence[Any]]:
        """What lands beside the unit's own rows; nothing where no served model was asked."""
        return {LLM_CALLS: list(self._rows.values())} if self._rows else {}
