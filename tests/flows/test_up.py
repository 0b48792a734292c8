"""`tunehouse up`: what it is started with, what it refuses, that it can be said twice, and that `down` stops exactly what it started."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.server_home import AUTH, CHECKOUT, DATABASE, Settings, deployments, environment, keep, run_settings, settle
from flows.server_process import Child
from flows.server_up import TEMPLATE, down, refuse_taken_port, up
from warehouse.errors import ConfigError

from ..served import PAPERS, Served, processes_of

SECRET = "user:canary-7361"


@pytest.fixture(autouse=True)
def no_prefect_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)


# ---- settings --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_an_address_that_others_can_reach_is_refused_without_an_auth_string(host, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=AUTH):
        settle(tmp_path, host, None, None)

    monkeypatch.setenv(AUTH, SECRET)
    assert settle(tmp_path, host, None, None).has_auth


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_none(host, tmp_path):
    assert settle(tmp_path, host, None, None).host == host


def test_a_server_that_had_an_auth_string_is_not_started_again_without(tmp_path, monkeypatch):
    monkeypatch.setenv(AUTH, SECRET)
    keep(tmp_path, settle(tmp_path, None, None, None))
    monkeypatch.delenv(AUTH)

    with pytest.raises(ConfigError, match="stand open"):
        settle(tmp_path, None, None, None)


def test_a_password_is_refused_on_the_command_line_and_kept_out_of_the_records(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="PGPASSWORD"):
        settle(tmp_path, None, None, "postgresql+asyncpg://me:canary@db/prefect")

    monkeypatch.setenv(DATABASE, "postgresql+asyncpg://me:canary@db:5433/prefect")
    keep(tmp_path, settle(tmp_path, None, None, None))

    written = (tmp_path / "settings.json").read_text()
    assert "canary" not in written
    assert json.loads(written)["database"] == "postgresql+asyncpg://me@db:5433/prefect"


def test_a_second_up_knows_what_the_first_was_told(tmp_path):
    keep(tmp_path, settle(tmp_path, None, 4999, "postgresql+asyncpg://me@db/prefect"))

    assert settle(tmp_path, None, None, None) == Settings(port=4999, database="postgresql+asyncpg://me@db/prefect")


def test_nothing_of_the_users_own_prefect_reaches_the_server_or_a_worker(tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_HOME", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"):
        monkeypatch.setenv(name, "the users own")
    monkeypatch.setenv("PREFECT_SERVER_LOGGING_LEVEL", "DEBUG")

    for role in ("server", "worker-gpu"):
        env = environment(tmp_path, Settings(), role)
        assert "the users own" not in env.values()
        assert env["PREFECT_SERVER_LOGGING_LEVEL"] == "DEBUG"
        assert env["PREFECT_HOME"] == str(tmp_path / role)


def test_workers_know_the_auth_string_but_not_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv(AUTH, SECRET)
    monkeypatch.setenv(DATABASE, "postgresql+asyncpg://me:canary@db/prefect")
    settings = settle(tmp_path, None, None, None)

    worker, server = (environment(tmp_path, settings, role) for role in ("worker-cpu", "server"))

    assert worker["PREFECT_API_AUTH_STRING"] == server[AUTH] == SECRET
    assert "canary" in server[DATABASE]
    assert DATABASE not in worker
    assert AUTH not in worker


# ---- deployments -----------------------------------------------------------------------------------------------------------------


def test_settings_reach_every_deployment_and_the_yaml_stays_as_it_is(tmp_path):
    template = yaml.safe_load(TEMPLATE.read_text())
    before = json.dumps(template)
    config = run_settings(tmp_path, tmp_path / "data", [str(PAPERS)], None, ["train.rank=7"])

    filled = {entry["name"]: entry for entry in deployments(template, config)["deployments"]}

    assert json.dumps(template) == before
    assert filled["pipeline"]["parameters"]["config"]["finetune_deployment"] == "finetune/finetune"
    for entry in filled.values():
        own = entry["parameters"].get("config", entry["parameters"])
        assert own["warehouse"] == str(tmp_path / "data")
    assert filled["finetune"]["parameters"]["config"]["train"]["rank"] == 7
    assert filled["pipeline"]["schedules"][0]["active"]


def test_without_sources_the_nightly_run_rests(tmp_path):
    config = run_settings(tmp_path, tmp_path / "data", [], None, [])

    filled = deployments(yaml.safe_load(TEMPLATE.read_text()), config)["deployments"]

    assert [plan["active"] for entry in filled for plan in entry.get("schedules", [])] == [False]


def test_up_without_settings_keeps_those_it_had(tmp_path):
    first = run_settings(tmp_path, tmp_path / "data", [str(PAPERS)], None, ["chunk.max_tokens=99"])

    assert run_settings(tmp_path, tmp_path / "data", [], None, []) == first


def test_every_entrypoint_is_a_file_that_defines_no_classes():
    import ast

    for entry in yaml.safe_load(TEMPLATE.read_text())["deployments"]:
        file, _, function = entry["entrypoint"].partition(":")
        tree = ast.parse((CHECKOUT / file).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


# ---- processes -------------------------------------------------------------------------------------------------------------------

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_child_is_known_while_it_lives_and_no_longer(tmp_path):
    child = Child(tmp_path, "worker-cpu")
    assert child.start(SLEEP, os.environ, CHECKOUT)
    try:
        pid = child.pid()
        assert not child.start(SLEEP, os.environ, CHECKOUT)
        assert child.pid() == pid
        assert "time.sleep(600)" in Path(f"/proc/{pid}/cmdline").read_text()
    finally:
        assert child.stop()
    assert child.pid() is None
    assert not child.stop()


def test_a_record_whose_process_was_killed_points_at_nobody(tmp_path):
    child = Child(tmp_path, "server")
    child.start(SLEEP, os.environ, CHECKOUT)
    os.kill(child.pid(), signal.SIGKILL)
    os.waitpid(-1, 0)
    record = json.loads(child.record.read_text())
    stranger = subprocess.Popen(SLEEP)
    child.record.write_text(json.dumps(record | {"pid": stranger.pid}))  # as if the id had been given to somebody else
    try:
        assert child.pid() is None
        assert down(tmp_path) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_child_that_ends_at_once_is_an_error_with_its_last_words(tmp_path):
    from warehouse.errors import TunehouseError

    with pytest.raises(TunehouseError, match="no such thing"):
        Child(tmp_path, "server").start([sys.executable, "-c", "raise SystemExit('no such thing')"], os.environ, CHECKOUT)


def test_a_port_that_somebody_has_is_named_before_anything_starts(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=str(taken.getsockname()[1])):
            refuse_taken_port(Settings(port=taken.getsockname()[1]))
        with pytest.raises(ConfigError):
            up(tmp_path, Settings(port=taken.getsockname()[1]), {"warehouse": "data"}, pools=[])
    assert not (tmp_path / "settings.json").exists()


# ---- the whole -------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_up_starts_all_says_so_twice_the_same_starts_again_what_was_killed_and_down_leaves_nothing(tmp_path):
    served = Served(tmp_path)
    try:
        said = served.up(str(PAPERS), **{AUTH: SECRET})
        assert "server, worker cpu, worker gpu started" in said
        assert "pipeline/pipeline" in said
        names = ("server", "worker-cpu", "worker-gpu")
        first = {name: served.pid(name) for name in names}

        assert "everything ran already" in served.up(**{AUTH: SECRET})
        assert {name: served.pid(name) for name in names} == first

        os.kill(first["worker-gpu"], signal.SIGKILL)
        os.kill(first["server"], signal.SIGKILL)
        served.until(lambda: served.pid("server") is None, 20, "the server's end")
        assert "server, worker gpu started" in served.up(**{AUTH: SECRET})
        assert served.pid("worker-cpu") == first["worker-cpu"]

        assert stat.S_IMODE(served.home.stat().st_mode) == 0o700
        assert stat.S_IMODE((served.home / "server" / "prefect.db").stat().st_mode) == 0o600
        assert not list((tmp_path / "user").rglob("*")), "somebody else's home was written to"
        canary = SECRET.partition(":")[2].encode()
        assert [path for path in served.home.rglob("*") if path.is_file() and canary in path.read_bytes()] == []
        assert not any(canary in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(tmp_path))
        with pytest.raises(OSError, match="401"):
            served.api("GET", "/deployments/name/pipeline/pipeline")

        assert served.down().split(": ")[1].split() == ["worker-cpu,", "worker-gpu,", "server"]
        assert processes_of(tmp_path) == []
    finally:
        served.kill_all()
