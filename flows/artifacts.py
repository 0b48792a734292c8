"""A run's verdict -> Prefect artifacts, so that the run's page in Prefect shows it; what the warehouse holds stays the record.

Keys are the same for every run (`scorecard`, `estimates`, `failures`, `intervals`), so that Prefect shows each one's history.
"""

from __future__ import annotations

import logging
from typing import Any

import httpx
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.exceptions import PrefectException

from flows.summary import verdict_text
from tasks.report_html import clean, interval_image
from tasks.statistics import ReportParams
from tasks.units import units_of
from warehouse.store import Warehouse
from warehouse.tables import ESTIMATES
from warehouse.views import connect

MOST_FAILURES = 500
FAILURES = """
    select 'document' as what, file_name as name, status as reason, 1 as n, coalesce(reason, '') as detail
    from documents
    where status <> 'ok'
    union all by name
    select stage as what, '' as name, reason, n, example_detail as detail
    from rejections
    order by what, n desc, name, reason
"""
MARKUP = str.maketrans({"<": "&lt;", "[": "\\["})  # the cells' own bars are escaped where the tables are made

log = logging.getLogger(__name__)


def publish(store: Warehouse, run_id: str, params: ReportParams) -> None:
    """Write the run's artifacts. That Prefect cannot take them is logged, and no reason to lose a run that stands in the warehouse."""
    estimates = store.rows(ESTIMATES, [work.unit_id for work in units_of(store, run_id, "report")])
    with connect(store, run_id) as con:
        rates = con.sql("select * exclude (run_id) from win_rate").to_arrow_table().to_pylist()
        failures = con.sql(FAILURES).limit(MOST_FAILURES).to_arrow_table().to_pylist()
    about = f"Run {run_id}; `tunehouse report --run {run_id}` has every answer beside its source."
    try:
        create_markdown_artifact(clean(verdict_text(store, run_id)).translate(MARKUP), key="scorecard", description=about)
        create_table_artifact([_plain(row) for row in rates], key="estimates", description=about)
        create_table_artifact([_plain(row) for row in failures], key="failures", description=about)
        create_image_artifact(interval_image(estimates, params), key="intervals", description=about)
    except (PrefectException, httpx.HTTPError) as error:
        log.warning("the run's artifacts could not be written: %s", error)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: clean(value) if isinstance(value, str) else value for name, value in row.items()}
