"""A real `tunehouse up` for tests: started by its command line, asked through its REST API, stopped by `tunehouse down`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAPERS = ROOT / "deployments" / "demo" / "papers"
TINY = ROOT / "deployments" / "demo" / "tiny_base"
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A warehouse with its server, pools and workers. Not one path outside ``folder`` is written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.warehouse, self.home = folder, folder / "data", folder / "data" / ".prefect-server"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.deployment_ids: dict[str, str] = {}
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.env = own | {"HOME": str(folder / "user"), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
        (folder / "user").mkdir(parents=True, exist_ok=True)

    def tunehouse(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *words],
            cwd=ROOT,
            env=self.env | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def up(self, *words: str, **env: str) -> str:
        done = self.tunehouse("up", "--warehouse", str(self.warehouse), "--port", str(self.port), *words, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def down(self, **env: str) -> str:
        return self.tunehouse("down", "--warehouse", str(self.warehouse), **env).stdout

    def pid(self, name: str) -> int | None:
        from flows.server_process import Child

        return Child(self.home, name).pid()

    # ---- asking the server -------------------------------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request, with the token that the server asks of whoever changes anything."""
        headers = {"Content-Type": "application/json"}
        if method != "GET":
            token = self.api("GET", "/csrf-token?client=tests")["token"]
            headers |= {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "tests"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api{path}", data=data, headers=headers, method=method)
        for tries_left in range(9, -1, -1):
            try:
                with urllib.request.urlopen(request, timeout=60) as reply:
                    text = reply.read()
                    break
            except urllib.error.HTTPError as error:
                if error.code != 503 or not tries_left:  # 503: SQLite was busy; Prefect's own client asks again, too
                    raise
            time.sleep(1)
        return json.loads(text) if text else None

    def deployment(self, name: str) -> dict[str, Any]:
        return self.api("GET", f"/deployments/name/{name}")

    def start(self, deployment: str, **parameters: Any) -> str:
        """Start a deployment's flow; return the flow run's id. A dict parameter is laid over the deployment's own."""
        own = self.deployment(deployment)
        merged = own["parameters"] | {k: own["parameters"].get(k, {}) | v if isinstance(v, dict) else v for k, v in parameters.items()}
        return str(self.api("POST", f"/deployments/{own['id']}/create_flow_run", {"parameters": merged})["id"])

    def state(self, flow_run_id: str) -> dict[str, Any]:
        return self.api("GET", f"/flow_runs/{flow_run_id}")["state"]

    def ended(self, flow_run_id: str, seconds: float = 180) -> dict[str, Any]:
        """The state that the run ends in."""
        self.until(lambda: self.state(flow_run_id)["type"] in ENDS, seconds, f"the end of flow run {flow_run_id}")
        return self.state(flow_run_id)

    def retry(self, flow_run_id: str) -> None:
        """What the UI's Retry sends."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the tests"}
        done = self.api("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": True})
        assert done["status"] == "ACCEPT", done

    def until(self, holds: Callable[[], Any], seconds: float, what: str) -> None:
        ends = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except urllib.error.HTTPError as error:
                if error.code < 500:  # asked wrongly: waiting does not help
                    raise
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass  # the server is down or starting
            assert time.monotonic() < ends, f"{what} did not come within {seconds:.0f} s\n{self.logs()}"
            time.sleep(0.25)

    # ---- looking at what was done ------------------------------------------------------------------------------------------------

    def commits(self) -> dict[str, str]:
        """Unit id -> stage and label and when, of every unit of work that stands."""
        from warehouse.store import Warehouse

        return {c.unit_id: f"{c.stage}: {c.label} @ {c.committed_at}" for c in Warehouse(self.warehouse).commits() if c.stage != "run"}

    def stages(self) -> Counter[str]:
        return Counter(said.split(":")[0] for said in self.commits().values())

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(self.home.glob("*.log")))

    def kill_all(self) -> None:
        """Whatever a failed test left behind."""
        for path in self.home.glob("*.process"):
            if pid := self.pid(path.stem):
                os.kill(pid, signal.SIGKILL)
        for process in processes_of(self.folder):
            os.kill(process, signal.SIGKILL)


def processes_of(folder: Path) -> list[int]:
    """Every process that was started with this folder's Prefect home: servers, workers and the flow runs below them."""
    found, mark = [], f"PREFECT_HOME={folder}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended, or is not ours
    return found


def flow_processes(folder: Path) -> list[int]:
    """The processes that execute flow runs."""
    return [pid for pid in processes_of(folder) if b"PREFECT__FLOW_RUN_ID=" in Path(f"/proc/{pid}/environ").read_bytes()]
