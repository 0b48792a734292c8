"""The same run on Dask, on workers with homes of their own, with Postgres behind the server: every table comes out the same."""

from __future__ import annotations

import os
import pickle
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.units import Unit
from warehouse.errors import MissingPrerequisite
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS

from ..chaos.damage import difference
from ..served import Served, free_port
from .small_runs import records, run, save_pages, settings


def test_a_warehouse_and_a_unit_travel_to_another_process(tmp_path):
    store, work = Warehouse(tmp_path), Unit("u", "ingest", "a.pdf", ("v",))

    again, same = pickle.loads(pickle.dumps((store, work)))

    assert (again.root, same) == (store.root, work)


def test_dask_that_is_not_installed_is_named_with_the_remedy(tmp_path, monkeypatch):
    import importlib.util

    from flows.elsewhere import for_documents

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPrerequisite, match="dask"):
        for_documents(settings(tmp_path, tmp_path / "data", "runner=dask"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "papers"
    save_pages(folder)
    return folder


@pytest.fixture(scope="module")
def sequential(prefect_server, pages, tmp_path_factory) -> Warehouse:
    """The run in one process, one document after the other."""
    warehouse = tmp_path_factory.mktemp("sequential") / "data"
    run(pages, warehouse, "workers=1")
    return Warehouse(warehouse)


def assert_same(sequential: Warehouse, other: Path) -> None:
    found = difference(sequential, Warehouse(other))
    assert found.is_none, found.examples
    assert found.n_rows > 100


@pytest.mark.slow
def test_documents_are_read_on_dask(prefect_server, pages, tmp_path):
    from flows.ingest import ingest

    ingest(settings(pages, tmp_path / "data", "runner=dask", "workers=2"))

    store = Warehouse(tmp_path / "data")
    assert [document.status for document in store.rows(DOCUMENTS, list(records(store)))] == ["ok"] * len(list(pages.iterdir()))


@pytest.mark.long
@pytest.mark.slow
def test_dask_on_two_processes_makes_the_same_tables(sequential, pages, tmp_path):
    run(pages, tmp_path / "data", "runner=dask", "workers=2")

    assert_same(sequential, tmp_path / "data")


# ---- workers of a server ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def postgres() -> Iterator[str]:
    """A Postgres of its own on a free port: its URL, without a password."""
    tools = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if tools is None or not shutil.which("psql"):
        pytest.skip("no Postgres is installed")
    is_root = os.geteuid() == 0  # it refuses to run as root
    name = "postgres" if is_root else pwd.getpwuid(os.geteuid()).pw_name
    owner = {"user": name} if is_root else {}
    folder = Path(tempfile.mkdtemp(prefix="tunehouse-postgres-"))  # pytest's own folders are closed to other users
    if is_root:
        shutil.chown(folder, name)
    data, port = folder / "data", free_port()
    start = ["-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1", "-l", str(folder / "log"), "-w"]
    subprocess.run([tools / "initdb", "-D", data, "-A", "trust"], check=True, capture_output=True, **owner)
    subprocess.run(
        [tools / "pg_ctl", "-D", data, *start, "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **owner
    )
    try:
        subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", name, "-c", "create database prefect"], check=True, capture_output=True
        )
        yield f"postgresql+asyncpg://{name}@127.0.0.1:{port}/prefect"
    finally:
        subprocess.run([tools / "pg_ctl", "-D", data, "-m", "fast", "stop"], check=False, capture_output=True, **owner)
        shutil.rmtree(folder)


def run_on_workers(folder: Path, pages: Path, *words: str) -> Served:
    """Start the whole pipeline on a server's workers: each has a Prefect home of its own and shares nothing but the warehouse."""
    config = settings(pages, folder / "data").model_dump(mode="json", exclude_unset=True)
    (folder / "run.yaml").write_text(
        yaml.safe_dump({name: value for name, value in config.items() if name not in {"sources", "warehouse"}})
    )
    served = Served(folder)
    try:
        served.up(str(pages), "--config", str(folder / "run.yaml"), *words)
        state = served.ended(served.start("pipeline/pipeline"), 500)
        assert state["type"] == "COMPLETED", f"{state['message']}\n{served.logs()}"
        homes = {served.home / role for role in ("server", "worker-cpu", "worker-gpu")}
        assert all(home.is_dir() for home in homes)
        by_pool = {role: (served.home / f"worker-{role}.log").read_text() for role in ("cpu", "gpu")}
        assert "train: " in by_pool["gpu"]
        assert "train: " not in by_pool["cpu"]
        assert "ingest: " in by_pool["cpu"]
        assert "ingest: " not in by_pool["gpu"]
        served.down()
    finally:
        served.kill_all()
    return served


@pytest.mark.ops
@pytest.mark.slow
def test_two_workers_with_homes_of_their_own_make_the_same_tables(sequential, pages, tmp_path):
    served = run_on_workers(tmp_path, pages)

    assert_same(sequential, served.warehouse)


@pytest.mark.ops
@pytest.mark.slow
def test_postgres_behind_the_server_makes_the_same_tables(sequential, pages, tmp_path, postgres):
    served = run_on_workers(tmp_path, pages, "--database-url", postgres)

    assert_same(sequential, served.warehouse)
    assert not (served.home / "server" / "prefect.db").exists()
    asked = ["psql", postgres.replace("+asyncpg", ""), "-tAc", "select count(*) from task_run"]
    assert int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout) > 0
