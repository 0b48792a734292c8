"""A Prefect server of its own for the flow tests, started once."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPERS = ROOT / "deployments" / "demo" / "papers"


@pytest.fixture(scope="session")
def prefect_server():
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_LOGGING_LEVEL, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_LEVEL: "ERROR"}),
    ):
        yield


@pytest.fixture(scope="session")
def pages(tmp_path_factory) -> Path:
    """A folder of three one-page PDFs."""
    from .small_runs import save_pages

    folder = tmp_path_factory.mktemp("pages")
    save_pages(folder)
    return folder


@pytest.fixture(scope="session")
def finished_run(prefect_server, pages, tmp_path_factory) -> Path:
    """The warehouse of a finished small run over ``pages``, for tests to copy."""
    from .small_runs import run

    warehouse = tmp_path_factory.mktemp("finished") / "data"
    run(pages, warehouse)
    return warehouse


@pytest.fixture
def store(finished_run, tmp_path):
    """A copy of that warehouse."""
    import shutil

    from warehouse.store import Warehouse

    return Warehouse(shutil.copytree(finished_run, tmp_path / "data"))
