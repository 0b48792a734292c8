"""Flow *report*: a finished run -> its HTML report in the warehouse, and its verdict on the flow run's page."""

from __future__ import annotations

from prefect import flow

from flows import artifacts
from flows.run_config import RunConfig
from tasks.report_data import run_verdict
from tasks.report_html import write_report
from warehouse.store import Warehouse


@flow(name="report", flow_run_name="report", persist_result=False)
def report(warehouse: str = "data", run_id: str | None = None) -> str:
    """Write the report anew, every answer beside its source. Returns the file.

    Args:
        warehouse: Folder that everything landed in.
        run_id: The run to report on; empty: the latest finished one.
    """
    store = Warehouse(warehouse)
    run, _, _ = run_verdict(store, run_id)
    artifacts.publish(store, run.run_id, RunConfig.model_validate_json(run.settings).report)
    return str(write_report(store, run.run_id))
