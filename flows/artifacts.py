"""A run's verdict, its failures and what came of a rerun -> Prefect artifacts; what the warehouse holds stays the record.

Keys are the same for every run (`scorecard`, `estimates`, `rejections`, `intervals`, `failures`, `saved`, `rerun`): Prefect shows the
history of each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.exceptions import PrefectException

from flows.failures import failure_rows
from flows.markup import inert, inert_row
from flows.saved import saved_text
from flows.summary import verdict_text
from tasks.report_html import interval_image
from tasks.statistics import ReportParams
from tasks.units import units_of
from warehouse.store import Warehouse
from warehouse.tables import ESTIMATES
from warehouse.views import connect

MOST_ROWS = 500
REJECTIONS = "select stage, reason, n, example_detail as detail from rejections order by n desc, stage, reason"

log = logging.getLogger(__name__)


def publish(store: Warehouse, run_id: str, params: ReportParams) -> None:
    """Write a finished run's artifacts."""
    estimates = store.rows(ESTIMATES, [work.unit_id for work in units_of(store, run_id, "report")])
    with connect(store, run_id) as con:
        rates = con.sql("select * exclude (run_id) from win_rate").to_arrow_table().to_pylist()
        rejections = con.sql(REJECTIONS).limit(MOST_ROWS).to_arrow_table().to_pylist()
    about = f"Run {run_id}; `tunehouse report --run {run_id}` has every answer beside its source."
    _create(create_markdown_artifact, inert(verdict_text(store, run_id)), key="scorecard", description=about)
    _create(create_table_artifact, [inert_row(row) for row in rates], key="estimates", description=about)
    _create(create_table_artifact, [inert_row(row) for row in rejections], key="rejections", description=about)
    _create(create_image_artifact, interval_image(estimates, params), key="intervals", description=about)
    publish_failures(store, run_id)


def publish_failures(store: Warehouse, run_id: str) -> None:
    """Write what the run could not do, why, and the command that redoes each; an empty table says that nothing is left."""
    rows = [inert_row({name: value for name, value in row.items() if name != "unit_id"}) for row in failure_rows(store, run_id)[:MOST_ROWS]]
    about = f"Run {run_id}; `tunehouse status` lists the same. An id in a command names the unit for the deployment rerun-unit too."
    _create(create_table_artifact, rows, key="failures", description=about)


def publish_end(store: Warehouse, run_id: str, began: str) -> None:
    """Write what a run, or a retry of it that ``began`` at that time, leaves to do, and what it had not to do because it stood."""
    publish_failures(store, run_id)
    publish_text("saved", saved_text(store, run_id, began) or "nothing stood committed before: all of it was done now")


def publish_text(key: str, text: str) -> None:
    """Write a few lines that a flow has to say."""
    _create(create_markdown_artifact, "\n".join(f"- {inert(line)}" for line in text.splitlines()), key=key)


def _create(create: Callable[..., Any], content: Any, **about: str) -> None:
    """That Prefect cannot take an artifact is logged, and no reason to lose a run that stands in the warehouse."""
    try:
        create(content, **about)
    except (PrefectException, httpx.HTTPError) as error:
        log.warning("artifact %s could not be written: %s", about["key"], error)
