"""A run's controls and positions -> whether its judges may be believed, in words: unfit, unstable, or of a model's own family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.controls import is_gated
from tasks.units import units_of
from warehouse.store import Warehouse
from warehouse.tables import CONTROL_RATES, ControlRate
from warehouse.views import query

LEAST_CONSISTENCY = 0.6
"""Below it a swap of the answers changes two verdicts in five: the judge reads the place more than the text."""
UNKNOWN = "no controls"
RANKS = ("human", "llm", "rubric", "similarity", "loglik")
"""Kinds of judges, the ones to be heard first."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a run's judges."""

    controls: Sequence[ControlRate] = ()
    consistency: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By judge and contrast, of those that are shown both orders: the share of questions with the same verdict in both."""

    def unfit(self, judge: str) -> tuple[str, ...]:
        """The controls that a judge failed; empty for one that may be believed, and for measures.

        A model that was put to no controls is not known to be fit. A person is, until controls say otherwise.
        """
        if not is_gated(judge):
            return ()
        own = [row for row in self.controls if row.judge == judge]
        if not any(row.n for row in own):
            return () if judge.startswith("human") else (UNKNOWN,)
        return tuple(sorted(row.control for row in own if row.is_passed is False))

    def unfit_notice(self, judge: str) -> str:
        """``judge unfit: K2, K5`` or nothing."""
        failed = self.unfit(judge)
        return f"judge unfit: {', '.join(failed)}" if failed else ""

    def unstable_notice(self, judge: str, contrast: str) -> str:
        """What the headline says of a judge that goes by places; nothing where it does not."""
        consistency = self.consistency.get((judge, contrast))
        if consistency is None or consistency >= LEAST_CONSISTENCY:
            return ""
        return f"judge unstable: only {100 * consistency:.0f} % of its verdicts are the same when the answers change places"


def read_trust(store: Warehouse, run_id: str) -> Trust:
    """What a run landed about its judges."""
    rates = store.rows(CONTROL_RATES, [work.unit_id for work in units_of(store, run_id, "controls")])
    positions = query(store, "select judge, contrast, consistency from stg_positions", run_id).to_pylist()
    return Trust(rates, {(row["judge"], row["contrast"]): row["consistency"] for row in positions})


def judge_rank(judge: str) -> int:
    """People before models, models before measures."""
    kind = judge.partition("/")[0]
    return RANKS.index(kind) if kind in RANKS else len(RANKS)
