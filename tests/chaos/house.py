"""What all runs share: the sample PDFs, a small base model, and this process to fork from, which has imported everything."""

from __future__ import annotations

import json
import math
import os
import pickle
import runpy
import select
import signal
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pymupdf  # this, and what follows without a use, runs import late and slowly
import rouge_score.rouge_scorer  # noqa: F401
import scipy.stats  # noqa: F401
import transformers.models.llama.modeling_llama  # noqa: F401
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from victim import Plan, run

import tasks.train  # noqa: F401
from flows.runs import STAGES
from tasks import embed

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ("tavelin-lab-protocol", "sarn-heights-incident-report", "mirefold-plate-loan-policy")
N_PAGES = 1
SETTINGS = {
    "train": {"max_steps": 6, "checkpoint_steps": 2, "rank": 8},
    "answer": {"max_new_tokens": 8, "max_prompt_tokens": 768, "batch_size": 16},
    "split": {"unseen_document_share": 0.3, "rephrased_share": 0.3},
}
PATIENCE_SECONDS = 300.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StagePace:
    """What the undisturbed run took: seconds, flushes to disk and units of each stage, in order."""

    seconds: dict[str, float]
    n_writes: dict[str, int]
    n_units: dict[str, int]


@dataclass(eq=False)
class Child:
    """A run in a process group of its own, as seen from here."""

    pid: int
    pipe: int
    events: list[dict[str, Any]] = field(default_factory=list)
    is_killed: bool = False
    _rest: bytes = b""

    @property
    def is_completed(self) -> bool:
        """True when it said so."""
        return any(event["event"] == "end" and event["is_completed"] for event in self.events)

    @property
    def stage(self) -> str:
        """The stage of the last work or write that it told of."""
        return str(next((event["stage"] for event in reversed(self.events) if event["event"] in ("work", "write")), "ingest"))

    def under_way(self) -> set[str]:
        """Units whose work it began and did not say to have landed."""
        begun = {event["unit"] for event in self.events if event["event"] == "work"}
        return begun - {event["unit"] for event in self.events if event["event"] == "landed"}

    def fileno(self) -> int:
        """What ``select`` waits on."""
        return self.pipe

    def kill_in(self, stage: str, delay: float | None) -> None:
        """SIGKILL its group ``delay`` seconds after the first work from ``stage`` on, or (None) when it stops in its planned write.

        :attr:`is_killed` tells whether it was still running then.
        """
        due, ends = math.inf, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < due:
            n_known = len(self.events)
            is_heard = self.listen(max(0.0, min(due, ends) - time.monotonic()))
            for event in self.events[n_known:]:
                if delay is None and event["event"] == "stopped":
                    due = 0.0
                elif delay is not None and due == math.inf and event["event"] == "work" and is_from(stage, event["stage"]):
                    due = event["at"] + delay
            if not is_heard and time.monotonic() < due:
                break  # it has ended, or it hangs
        else:
            self.is_killed = not any(event["event"] == "end" for event in self.events)
        self.kill()

    def listen(self, seconds: float) -> bool:
        """Read events until some came or the time is up. False when no more will come, or none came in time."""
        ready, _, _ = select.select([self.pipe], [], [], seconds)
        data = os.read(self.pipe, 1 << 16) if ready else b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]
        return bool(data)

    def kill(self) -> None:
        """SIGKILL what is left of its group, and hear its last events."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while self.listen(0.0):
            pass
        os.close(self.pipe)


def wait_for(*children: Child) -> None:
    """Let them end by themselves, hearing all of them; one that hangs is killed, and so has not completed."""
    ends, running = time.monotonic() + PATIENCE_SECONDS, list(children)
    while running and time.monotonic() < ends:
        ready, _, _ = select.select(running, [], [], max(0.0, ends - time.monotonic()))
        running = [child for child in running if child not in ready or child.listen(0.0)]
    for child in children:
        child.kill()


def is_from(stage: str, other: str) -> bool:
    """True when ``other`` is ``stage`` or comes after it."""
    return STAGES.index(other) >= STAGES.index(stage)


class House:
    """The folder that everything happens in, and the settings of every run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.undisturbed = folder / "undisturbed"
        self.base = folder / "base"
        self.n_folders = 0
        self.papers = folder / "papers"
        in_a_fork(lambda: (save_base(self.base), save_papers(self.papers)))

    def start(self, warehouse: Path, plan: Plan | None = None) -> Child:
        """Fork a run of the pipeline on ``warehouse``."""
        train = {**SETTINGS["train"], "base_model": str(self.base)}
        settings = {**SETTINGS, "train": train, "sources": [str(self.papers)], "warehouse": str(warehouse)}
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            run(settings, writer, str(self.folder / "runs.log"), plan)
        os.close(writer)
        return Child(pid, reader)

    def new_folder(self, name: str) -> Path:
        """A folder that is not there yet."""
        self.n_folders += 1
        return self.folder / f"{name}-{self.n_folders}"

    def undisturbed_run(self) -> StagePace:
        """The run that all others are held against, and how long each of its stages took.

        Raises:
            RuntimeError: it does not complete.
        """
        child = self.start(self.undisturbed)
        wait_for(child)
        if not child.is_completed:
            raise RuntimeError(f"the undisturbed run did not complete: {child.events[-1:]}; see {self.folder / 'runs.log'}")
        works = [event for event in child.events if event["event"] == "work"]
        begun = {event["stage"]: event["at"] for event in reversed(works)}
        ended = {event["stage"]: event["at"] for event in child.events if event["event"] == "landed"}
        ended[STAGES[-1]] = child.events[-1]["at"]  # with the run's result and the views for other tools
        return StagePace(
            {stage: ended[stage] - begun[stage] for stage in STAGES if stage in begun},
            Counter(event["stage"] for event in child.events if event["event"] == "write"),
            Counter(event["stage"] for event in works),
        )


def save_base(folder: Path) -> None:
    """A two-layer Llama with random weights, long enough for prompts with excerpts."""
    runpy.run_path(str(ROOT / "tests" / "tasks" / "conftest.py"))["_save"](folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 4096}))


def save_papers(folder: Path) -> None:
    """The first pages of some sample PDFs: enough for a few questions in every test set."""
    folder.mkdir(exist_ok=True)
    for name in PAPERS:
        with pymupdf.open(ROOT / "deployments" / "demo" / "papers" / f"{name}.pdf") as paper:
            paper.select(range(N_PAGES))
            paper.save(folder / f"{name}.pdf")


@contextmanager
def warmed_up() -> Iterator[None]:
    """Import and load what a run needs, so that a fork of this process starts at once, and start nothing; wait for the server.

    Raises:
        RuntimeError: something was started, so that a fork might hang.
        TimeoutError: the server does not answer.
    """
    embed._load(embed.model_path(embed.EmbedParams().model))
    if threading.active_count() > 1:
        raise RuntimeError(f"a thread runs in the process that is to be forked: {threading.enumerate()}")
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_healthy():
        if time.monotonic() > ends:
            raise TimeoutError("the Prefect server did not start")
        time.sleep(0.2)
    # each flow would otherwise wait a second for the thread of its heartbeat
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def is_healthy() -> bool:
    """True when the server answers."""
    try:
        with urllib.request.urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def in_a_fork(function: Callable[[], Result]) -> Result:
    """What ``function`` returns, computed in a fork, so that the threads which DuckDB, Arrow or torch start are not in this process.

    Raises:
        RuntimeError: it raised; its traceback stands on standard error.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(pickle.dumps(function()))
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError("a fork failed")
    return pickle.loads(data)
