"""`tunehouse run` asked to stop while it trains in a thread, which no signal reaches; its server ends after it, and not before."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..served import processes_of
from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
SETTINGS = {"train.epochs": "2000", "train.checkpoint_seconds": "9999", "train.n_threads": "1", "split.unseen_document_share": "0.4"}


def until(found, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not found() and time.monotonic() < ends:
        time.sleep(0.2)
    assert found()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_its_processes_ends_a_run_that_trains_with_a_checkpoint_of_the_last_step(tmp_path: Path, number: signal.Signals):
    with training(tmp_path) as run:
        os.killpg(run.pid, number)  # as a terminal, `timeout` and systemd do
        assert run.wait(50) == 130  # a flow whose server is gone tries for a minute to tell it how it ended

    said = (tmp_path / "said.txt").read_text(encoding="utf-8")
    assert "the next run continues" in said
    assert "Traceback" not in said
    (checkpoints,) = (tmp_path / "data" / "weights").glob("*/checkpoints")
    assert next(path.name for path in checkpoints.iterdir()).startswith("step-")
    until(lambda: processes_of(tmp_path / "data" / ".prefect") == [], 10)


def test_a_killed_run_leaves_no_server_behind(tmp_path: Path):
    with training(tmp_path) as run:
        assert len(processes_of(tmp_path / "data" / ".prefect")) > 0
        run.kill()
        run.wait()
        until(lambda: processes_of(tmp_path / "data" / ".prefect") == [], 30)


@contextmanager
def training(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of its own session and server that has begun to train, and prints to ``said.txt``."""
    for path in sorted(PAPERS.glob("*.pdf"))[:3]:
        shutil.copy(path, tmp_path)
    words = ["run", str(tmp_path), "--warehouse", str(tmp_path / "data")]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "flows.cli", *words]
    said = tmp_path / "said.txt"
    with (
        said.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True) as run,
    ):
        try:
            until(lambda: run.poll() is not None or "training: " in said.read_text(encoding="utf-8"), 300)
            assert run.poll() is None, said.read_text(encoding="utf-8")
            yield run
        finally:
            run.kill()
