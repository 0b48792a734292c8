"""Settings -> one run of the real pipeline in a process of its own, which tells over a pipe what it is doing, to be killed there.

Nothing is replaced: three functions of the product are wrapped in this process to say when they are called. An event is one line of JSON:
``work`` (a unit's work begins), ``landed`` (its commit record stands), ``write`` (a flush to disk is due), ``stopped`` (waiting to be
killed inside one), ``end``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from flows.pipeline import pipeline
from flows.run_config import RunConfig
from flows.runs import STAGES
from tasks import prefect_tasks
from tasks.units import Made, Unit
from warehouse.commits import Commit, Origin
from warehouse.store import Warehouse

FOREVER = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to stop dead and wait for the kill: in the ``write``-th (1-based) flush to disk from ``stage`` on."""

    stage: str
    write: int


class Witness:
    """Says what the process does. ``pipe``: descriptor of the end to write to."""

    def __init__(self, pipe: int, plan: Plan | None) -> None:
        self.pipe = pipe
        self.plan = plan
        self.place = threading.local()
        self.n_writes = itertools.count(1)

    def say(self, event: str, **facts: Any) -> None:
        """Send one event: a line short enough to be written whole, whatever happens next."""
        line = json.dumps({"event": event, "at": time.monotonic(), **facts}) + "\n"
        os.write(self.pipe, line.encode())

    def watch(self) -> None:
        """Wrap the functions that do, land and flush."""
        prefect_tasks.land_once = self.watched_land_once(prefect_tasks.land_once)
        Warehouse.land = self.watched_land(Warehouse.land)  # type: ignore[method-assign]
        os.fsync = self.watched_fsync(os.fsync)

    def watched_land_once(self, land_once: Callable[..., Any]) -> Callable[..., Any]:
        """Say when a unit's work begins: not where it stands committed."""

        def watched(store: Warehouse, work: Unit, make: Callable[[], Made], origin: Origin | None = None) -> Any:
            def watched_make() -> Made:
                self.place.stage = work.stage
                self.say("work", stage=work.stage, unit=work.unit_id)
                return make()

            try:
                return land_once(store, work, watched_make, origin)
            finally:
                self.place.stage = None

        return watched

    def watched_land(self, land: Callable[..., Commit]) -> Callable[..., Commit]:
        """Say that a commit record stands, and what it names. The run's own ledgers count to the stage that they are about."""

        def watched(store: Warehouse, unit_id: str, *rows: Any, stage: str = "", label: str = "", **more: Any) -> Commit:
            if stage == "run":
                about = label.rsplit(maxsplit=1)[-1]
                self.place.stage = about if about in STAGES else None
            commit = land(store, unit_id, *rows, stage=stage, label=label, **more)
            self.say("landed", stage=stage, unit=unit_id, content=content_of(commit))
            return commit

        return watched

    def watched_fsync(self, fsync: Callable[[Any], None]) -> Callable[[Any], None]:
        """Say that a flush is due; at the planned one wait for the kill, with the write half done."""

        def watched(handle: Any) -> None:
            stage = getattr(self.place, "stage", None)
            if stage is not None:
                self.say("write", stage=stage)
                if self.plan and STAGES.index(stage) >= STAGES.index(self.plan.stage) and next(self.n_writes) == self.plan.write:
                    self.say("stopped", stage=stage)
                    time.sleep(FOREVER)
            fsync(handle)

        return watched


def content_of(commit: Commit) -> str:
    """What a commit landed, as a short hash: equal for equal parts."""
    return hashlib.sha256(json.dumps([(part.file, part.sha256) for part in commit.parts]).encode()).hexdigest()[:16]


def run(settings: dict[str, Any], pipe: int, log: str, plan: Plan | None) -> NoReturn:
    """In a fresh fork: be the leader of a process group of its own, run the pipeline, say how it ended, leave."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 1
    try:
        witness = Witness(pipe, plan)
        witness.watch()
        state = pipeline(RunConfig.model_validate(settings), return_state=True)
        witness.say("end", is_completed=state.is_completed(), message=str(state.message or "")[:1000])
        code = 0 if state.is_completed() else 1
    finally:
        os._exit(code)
