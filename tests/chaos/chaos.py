"""``python tests/chaos/chaos.py --kills 100 --seed 0``: SIGKILL the real pipeline at random moments of every stage, and show what is lost.

An undisturbed run comes first. Then a warehouse is begun, killed, continued, killed ... once in each stage, and finished by a run that is
left in peace; the finished run must hold the same rows in the same bytes. About half of the kills fall at a random instant of their stage,
the others inside a random write of it. Then as many further warehouses as the kills need, and last two runs at once on one warehouse.

Every run is a fork of one process, which has imported everything and started nothing; all report to one Prefect server.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # two runs of two tasks each share the cores
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


def main() -> int:
    """Start the server, then the rounds in a process whose environment names it; 0 when nothing was lost, doubled, torn or left over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="kills, spread evenly over the stages (default: 100)")
    parser.add_argument("--pairs", type=int, default=1, help="times that two runs are started at once (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments (default: 0)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave everything there")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tunehouse-chaos-")))
        folder.mkdir(parents=True, exist_ok=args.keep is None)
        environment = stack.enter_context(prefect_server(folder))
        rounds = Path(__file__).with_name("rounds.py")
        words = [folder, args.kills, args.pairs, args.seed, args.json or folder / "figures.json"]
        return subprocess.run([sys.executable, rounds, *map(str, words)], env=environment, check=False).returncode


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """A Prefect server on a free port of this machine, its database in ``folder``. Gives the environment for what shall use it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / "prefect"
    home.mkdir(mode=0o700, exist_ok=True)
    environment = os.environ | ENVIRONMENT | {"PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with (folder / "server.log").open("wb") as log:
        words = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        server = subprocess.Popen([sys.executable, *words], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield environment | {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
