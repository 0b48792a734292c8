"""``python tests/chaos/train_kills.py --kills 20 --seed 0``: SIGKILL and SIGTERM a training at random moments, and compare the bits.

An undisturbed training comes first. Then one training is started and killed, by either signal in turn, at a random moment after its first
step, until it has been killed so often, and started once more and left in peace. It must then hold the same weights, to the bit. A training
that comes to its end before all kills are done is begun anew. Every start is a process: ``python -m tasks.train --settings FILE``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "deployments" / "demo" / "tiny_base"
TRAIN = {"base_model": str(BASE), "rank": 8, "epochs": 40, "tokens_per_step": 512, "dropout": 0.1, "n_threads": 1, "checkpoint_steps": 3}
EXIT_SECONDS = 30
"""A training that is asked to stop must be gone after this long."""
log = logging.getLogger("train_kills")


def main() -> int:
    """0 when every training ended with the same bits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    with tempfile.TemporaryDirectory(prefix="tunehouse-train-kills-") as folder:
        return 0 if rounds(Path(folder), args.kills, args.seed) else 1


def rounds(folder: Path, n_kills: int, seed: int, settings: dict[str, object] = TRAIN) -> bool:
    """Kill ``n_kills`` times; True when every training that was killed ended with the bits of the undisturbed one."""
    rng = random.Random(seed)
    write_pairs(folder / "pairs.jsonl")
    undisturbed = write_settings(folder, "undisturbed", settings)
    started = time.monotonic()
    code, _ = start(undisturbed, None, 0)
    assert code == 0, "the undisturbed training failed"
    wanted, seconds = read_result(folder / "undisturbed"), time.monotonic() - started
    log.info("undisturbed: %d steps, %.0f s, sha256 %.12s", wanted["n_steps"], seconds, wanted["sha256"])
    n_done = n_same = n_ended = 0
    while n_done < n_kills:
        name = f"killed-{n_ended}"
        one = write_settings(folder, name, settings)
        while n_done < n_kills:
            number = (signal.SIGKILL, signal.SIGTERM)[n_done % 2]
            code, took = start(one, number, rng.uniform(0, wanted["train_seconds"] / 4))
            if (folder / name / "result.json").exists():
                break  # it came to its end before the signal did
            n_done += 1
            log.info("  %s no. %d: exit %d%s", number.name, n_done, code, f", {took:.1f} s after" if number == signal.SIGTERM else "")
            assert code == (-number if number == signal.SIGKILL else 128 + number), f"exit {code} after {number.name}"
            assert took < EXIT_SECONDS
        else:
            code, _ = start(one, None, 0)
            assert code == 0
        n_ended += 1
        found = read_result(folder / name)
        n_same += found["sha256"] == wanted["sha256"]
        log.info("%s: resumed %d times, %s", name, found["n_resumes"], "same bits" if found["sha256"] == wanted["sha256"] else "OTHER BITS")
        shutil.rmtree(folder / name)
    log.info("%d kills, %d trainings, %d with the bits of the undisturbed one", n_done, n_ended, n_same)
    return n_same == n_ended


def start(settings: Path, number: signal.Signals | None, delay: float) -> tuple[int, float]:
    """Start a training; send it ``number`` that long after its first step. Returns (exit code, seconds from the signal to the exit)."""
    command = [sys.executable, "-m", "tasks.train", "--settings", str(settings)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        timer, sent = None, []
        for line in process.stderr:
            if number and timer is None and line.startswith("training "):

                def kill(number: int = number) -> None:
                    sent.append(time.monotonic())
                    process.send_signal(number)

                timer = threading.Timer(delay, kill)
                timer.start()
        code = process.wait()
    if timer:
        timer.cancel()
    return code, time.monotonic() - sent[0] if sent else 0.0


def write_pairs(path: Path) -> None:
    """Sixty questions of a made-up parts list."""
    rows = [{"question": f"What is the code of part {n}?", "answer": f"The code of part {n} is {n * 37 % 101}."} for n in range(60)]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def write_settings(folder: Path, name: str, train: dict[str, object]) -> Path:
    """The settings file of a training into ``folder/name``."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"pairs": str(folder / "pairs.jsonl"), "out": str(folder / name), "train": train}), encoding="utf-8")
    return path


def read_result(folder: Path) -> dict[str, object]:
    """The adapter's checksum and the run's row."""
    made = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {**made["run"], "sha256": made["adapter"]["sha256"]}


if __name__ == "__main__":
    sys.exit(main())
