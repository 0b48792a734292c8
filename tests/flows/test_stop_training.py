"""`tunehouse run` asked to stop while it trains in a thread, which no signal reaches."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
SETTINGS = {"train.epochs": "2000", "train.checkpoint_seconds": "9999", "train.n_threads": "1", "split.unseen_document_share": "0.4"}


def until(found, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not found() and time.monotonic() < ends:
        time.sleep(0.2)
    assert found()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_that_trains_with_a_checkpoint_of_the_last_step(tmp_path: Path, number: signal.Signals):
    for path in sorted(PAPERS.glob("*.pdf"))[:3]:
        shutil.copy(path, tmp_path)
    words = ["run", str(tmp_path), "--warehouse", str(tmp_path / "data")]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    said = tmp_path / "said.txt"
    with (
        said.open("wb") as out,
        subprocess.Popen([sys.executable, "-m", "flows.cli", *words], cwd=ROOT, env=env, stdout=out, stderr=out) as run,
    ):
        try:
            until(lambda: run.poll() is not None or "training: " in said.read_text(encoding="utf-8"), 300)
            assert run.poll() is None, said.read_text(encoding="utf-8")
            run.send_signal(number)
            assert run.wait(100) == 130
        finally:
            run.kill()

    assert "the next run continues" in said.read_text(encoding="utf-8")
    (checkpoints,) = (tmp_path / "data" / "weights").glob("*/checkpoints")
    assert next(path.name for path in checkpoints.iterdir()).startswith("step-")
