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
