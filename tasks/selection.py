"""A unit to be done again -> which of a flow's planned units are done now: it alone, or also what depends on it. Without one, all.

A flow plans its units as it always does, so that what a unit is made from is said in one place; only the choice is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from warehouse.store import Warehouse

if TYPE_CHECKING:
    from tasks.units import Unit  # which asks here whether to record units

_selection: ContextVar[Selection | None] = ContextVar("selection", default=None)


class Reached(Exception):  # no error: what was asked for is done, and the flow need not go on
    """The unit is done, and nothing else was asked for or can be done."""


@dataclass
class Selection:
    """The unit to be done again, and what has been chosen so far."""

    unit_id: str
    downstream: bool = False
    """Also do what was made from it and does not fit it any more."""
    is_fresh: bool = False
    """Ask a model anew, though it has answered the same before."""
    chosen: dict[str, Unit] = field(default_factory=dict)
    """By unit id, in the order of doing."""

    waiting: dict[str, tuple[Unit, list[str]]] = field(default_factory=dict)
    """By unit id: what would be done too, did it not also read units that have never been done, and those."""

    @property
    def is_reached(self) -> bool:
        """True once the flow has planned the unit."""
        return self.unit_id in self.chosen

    @property
    def is_recording(self) -> bool:
        """True when the units that a flow plans become the run's: what comes after the unit may be made of other units than before."""
        return self.downstream and self.is_reached

    def choose(self, store: Warehouse, work: Unit) -> Unit | None:
        """The unit as it is to be done, or None to leave it as it is."""
        if work.unit_id == self.unit_id:
            self.chosen[work.unit_id] = replace(work, is_again=True, is_fresh=self.is_fresh)
        elif self.downstream and not self.chosen.keys().isdisjoint(work.reads) and not store.is_landed(work.unit_id):
            if missing := sorted(unit for unit in work.reads if store.commit(unit) is None):
                self.waiting[work.unit_id] = (work, missing)
                return None
            self.chosen[work.unit_id] = work
        return self.chosen.get(work.unit_id)

    def go_on_or_raise(self, errors: Iterable[BaseException]) -> None:
        """After some units were done: raise the first error there was, or :class:`Reached` when nothing else is asked for or can be done.

        What comes after a unit that waits is not even planned: it would be planned from what is not there.
        """
        for error in errors:
            raise error
        if self.is_reached and (self.waiting or not self.downstream):
            raise Reached


def current() -> Selection | None:
    """The selection that this thread works under."""
    return _selection.get()


@contextmanager
def selecting(selection: Selection) -> Iterator[Selection]:
    """Have flows of this thread do only what ``selection`` chooses, while the block runs."""
    token = _selection.set(selection)
    try:
        yield selection
    finally:
        _selection.reset(token)
