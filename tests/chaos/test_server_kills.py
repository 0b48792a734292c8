"""Kill -9 of a flow, of worker and flow, of the server, each in mid-run: retried as it is, nothing done twice but what was under way.

Mid-run is no matter of luck: the endpoint that the generator asks hangs for one document until it is told to heal.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ..endpoint import Endpoint, settings
from ..served import PAPERS, Served, flow_processes, processes_of

pytestmark = pytest.mark.slow
SICK, SICK_FILE = "Fernwick G40", "fernwick-g40-handbook.pdf"
WITHIN_SECONDS = 180
LATE_REPORT_SECONDS = 12  # the worker's own report of the crash may come after the state has changed, and undo an earlier retry


class House:
    """A server with a run of *synthesize* that has landed two documents and hangs at the third."""

    def __init__(self, folder: Path) -> None:
        self.served, self.endpoint = Served(folder), Endpoint(SICK, "hang")
        self.endpoint.server.start()
        papers = folder / "papers"
        papers.mkdir()
        for path in sorted(PAPERS.glob("*.pdf"))[:3]:
            shutil.copy(path, papers)
        (folder / "run.yaml").write_text(yaml.safe_dump({"generate": settings(self.endpoint.server, timeout_seconds=20, max_attempts=3)}))
        self.served.up(str(papers), "--config", str(folder / "run.yaml"))
        assert self.served.ended(self.served.start("ingest/ingest"))["type"] == "COMPLETED"
        self.run = self.served.start("synthesize/synthesize")
        self.served.until(lambda: self.served.stages()["generate"] == 2 and self.asks_about_the_sick(), 120, "the middle of the run")
        self.before, self.n_asked = self.served.commits(), self.endpoint.server.n_requests

    def asks_about_the_sick(self) -> bool:
        return any(SICK in asked.request["messages"][-1]["content"] for asked in self.endpoint.server.asked)

    def kill(self, *pids: int | None) -> None:
        for pid in pids:
            assert pid
            os.kill(pid, signal.SIGKILL)

    def flow(self) -> int:
        (pid,) = flow_processes(self.served.folder)
        return pid

    def crashed(self, seconds: float) -> float:
        """Wait until Prefect has seen it; return how long that took."""
        began = time.monotonic()
        self.served.until(lambda: self.served.state(self.run)["type"] == "CRASHED", seconds, "Crashed")
        return time.monotonic() - began

    def finish(self) -> None:
        """Let the endpoint heal, retry as the UI does, and look at what was done."""
        self.endpoint.server.heal()
        if self.served.state(self.run)["type"] != "COMPLETED":
            self.served.retry(self.run)
            self.served.until(lambda: self.served.state(self.run)["type"] == "RUNNING", WITHIN_SECONDS, "the retry")
            assert self.served.ended(self.run)["type"] == "COMPLETED", self.served.logs()
        self.check()

    def check(self) -> None:
        after = self.served.commits()
        assert {unit: after[unit] for unit in self.before} == self.before, "a unit that stood was done again"
        new = [said for unit, said in after.items() if unit not in self.before]
        assert sorted(said.split(":")[0] for said in new if SICK_FILE in said) == ["curate", "generate"]
        assert self.served.stages() == {
            **dict.fromkeys(("ingest", "chunk", "embed", "generate", "curate"), 3),
            "deduplicate": 1,
            "split": 1,
        }

    def close(self) -> None:
        self.served.down()
        self.endpoint.server.close()
        self.served.kill_all()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.mark.ops
def test_a_killed_flow_process_is_seen_at_once_and_its_run_retried(house):
    house.kill(house.flow())

    assert house.crashed(30) < 30
    time.sleep(LATE_REPORT_SECONDS)
    house.finish()


@pytest.mark.ops
def test_a_killed_worker_and_flow_are_seen_by_their_silence_and_the_run_retried_after_up(house):
    house.kill(house.served.pid("worker-cpu"), house.flow())

    house.crashed(WITHIN_SECONDS)
    assert "worker cpu started" in house.served.up()
    house.finish()


@pytest.mark.ops
def test_a_killed_server_is_started_again_and_the_run_completes(house):
    house.kill(house.served.pid("server"))
    house.served.until(lambda: house.served.pid("server") is None, 20, "the server's end")
    time.sleep(5)  # long enough for the flow and the workers to have missed it

    assert "server started" in house.served.up()
    house.endpoint.server.heal()
    house.served.ended(house.run, WITHIN_SECONDS)  # by itself, or to be retried
    house.finish()


@pytest.mark.ops
def test_a_killed_server_and_its_database_gone_cost_no_unit(house):
    house.kill(house.served.pid("server"), house.served.pid("worker-cpu"), house.flow())
    house.served.until(lambda: house.served.pid("server") is None, 20, "the server's end")
    for path in (house.served.home / "server").glob("prefect.db*"):
        path.unlink()

    house.served.up()
    house.endpoint.server.heal()
    run = house.served.start("synthesize/synthesize")

    assert house.served.ended(run)["type"] == "COMPLETED"
    house.check()


@pytest.mark.ops
def test_down_in_mid_run_leaves_no_process_and_the_run_is_retried_after_up(house):
    house.served.down()
    assert processes_of(house.served.folder) == []

    house.served.up()
    house.crashed(WITHIN_SECONDS)
    house.finish()
