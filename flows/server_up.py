"""A warehouse -> a Prefect server, its pools and deployments, and a worker for each pool; and all of it stopped again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.server_home import CHECKOUT, FOLDER, Settings, deployments, environment, keep
from flows.server_process import Child
from warehouse.errors import ConfigError, TunehouseError
from warehouse.store import write_atomically

SERVER = "server"
START_SECONDS = 240.0
PRIVATE = 0o077
"""The server's files are its owner's alone; the workers' go into a warehouse that others may share."""
TEMPLATE = CHECKOUT / "deployments" / "prefect.yaml"


@dataclass(frozen=True, slots=True)
class Standing:
    """What runs after ``up``: where, which processes were started now, and what is deployed."""

    settings: Settings
    started: tuple[str, ...]
    deployments: dict[str, dict[str, Any]]


def home_of(warehouse: Path) -> Path:
    """The folder of a warehouse's server."""
    return warehouse.resolve() / FOLDER


def make_home(home: Path) -> None:
    """Make the folder, for its owner alone."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)


def up(home: Path, settings: Settings, config: dict[str, Any], *, template: Path | None = None, pools: Sequence[str]) -> Standing:
    """Start what does not run yet, deploy what is not deployed as it stands, and say what there is.

    Raises:
        ConfigError: the port is taken by somebody else, or a server of this folder runs elsewhere.
        TunehouseError: a process did not start, or not everything could be deployed; its last words are named.
    """
    make_home(home)
    with alone(home):
        started = [SERVER] if start_server(home, settings) else []
        found = deploy(home, settings, config, template or TEMPLATE)
        for pool in pools:
            words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--name", f"{pool} of {socket.gethostname()}"]
            if Child(home, f"worker-{pool}").start([*words, "--type", "process"], environment(home, settings, f"worker-{pool}"), CHECKOUT):
                started.append(f"worker {pool}")
    return Standing(settings, tuple(started), found)


def down(home: Path) -> list[str]:
    """Stop what ``up`` started from this folder, workers first. Returns the names of what ran."""
    if not home.is_dir():
        return []
    with alone(home):
        workers = sorted(path.stem for path in home.glob("worker-*.process"))
        return [name for name in [*workers, SERVER] if Child(home, name).stop()]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the folder against a second ``up`` or ``down``."""
    with os.fdopen(os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def start_server(home: Path, settings: Settings) -> bool:
    """Start the server unless it runs, and wait until it answers. Returns whether it was started now."""
    server = Child(home, SERVER)
    runs = server.pid() is not None
    path = home / "settings.json"
    if runs and path.exists() and (was := Settings(**json.loads(path.read_bytes()))) != settings:
        raise ConfigError(f"the server runs already, at {was.url}, with other settings", where=str(home), mend="`tunehouse down` first")
    if not runs:
        refuse_taken_port(settings)
        keep(home, settings)
        words = [sys.executable, "-m", "prefect", "server", "start", "--host", settings.host, "--port", str(settings.port)]
        server.start(words, environment(home, settings, SERVER), CHECKOUT, umask=PRIVATE)
    ends = time.monotonic() + START_SECONDS
    while not answers(settings):
        if server.pid() is None or time.monotonic() > ends:
            raise server.ended()
        time.sleep(0.2)
    return not runs


def answers(settings: Settings) -> bool:
    """True when the server is ready."""
    try:
        with urllib.request.urlopen(f"{settings.url}/api/health", timeout=5) as reply:  # noqa: S310  # our own http address
            return bool(reply.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def refuse_taken_port(settings: Settings) -> None:
    """Raise when something else listens where the server is to.

    Raises:
        ConfigError: naming the port.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigError(
                f"port {settings.port} cannot be used: {error.strerror}",
                where=f"--host {settings.host} --port {settings.port}",
                mend="name another --port",
            ) from error


def deploy(home: Path, settings: Settings, config: dict[str, Any], template: Path) -> dict[str, dict[str, Any]]:
    """Make pools, limits, automation and deployments in a process with the server's settings. Returns what is deployed.

    Raises:
        TunehouseError: something is missing afterwards.
    """
    try:
        filled = deployments(yaml.safe_load(template.read_text(encoding="utf-8")), config)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the deployments cannot be read: {error}", where=str(template), mend="see deployments/prefect.yaml of tunehouse"
        ) from error
    text = yaml.safe_dump(filled, sort_keys=False)
    file, mark = home / "prefect.yaml", home / "deployed.sha256"
    write_atomically(file, text.encode())
    now = hashlib.sha256(f"{CHECKOUT}\n{text}".encode()).hexdigest()
    is_current = mark.exists() and mark.read_text() == now
    words = [sys.executable, "-m", "flows.server_setup", str(file), *(["current"] if is_current else [])]
    env = environment(home, settings, "deploy")
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, cwd=CHECKOUT)  # noqa: S603
    (home / "deploy.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise TunehouseError("the server could not be set up", where=str(home / "deploy.log"), mend=f"its last words: {done.stderr[-400:]}")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["missing"]:
        named = ", ".join(result["missing"])
        raise TunehouseError(f"not deployed: {named}", where=str(home / "deploy.log"), mend=f"Prefect said: {result['said'][-800:]}")
    write_atomically(mark, now.encode())
    return dict(result["deployments"])
