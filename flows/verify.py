"""Flow *verify*: a warehouse -> every claim of ``warehouse/checks`` tried and every stored file compared with its commit."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.markup import inert_row
from warehouse.checks import run_checks
from warehouse.errors import SchemaError
from warehouse.store import Warehouse

MOST_FAULTS = 20


@flow(name="verify", flow_run_name="verify", persist_result=False)
def verify(warehouse: str = "data", run_id: str | None = None) -> str:
    """Check a run's rows and all stored files; the run fails when anything is amiss. Returns what was checked, in words.

    Args:
        warehouse: Folder that everything landed in.
        run_id: The run whose rows are checked, or `all`; empty: the latest finished one.

    Raises:
        SchemaError: naming the broken claims and the first changed files.
    """
    store = Warehouse(warehouse)
    checks, faults = run_checks(store, run_id), store.verify()
    rows = [{"claim": done.name, "offenders": done.offenders.num_rows, "meaning": done.claim} for done in checks]
    rows.append({"claim": "stored_files_are_as_committed", "offenders": len(faults), "meaning": "; ".join(faults[:MOST_FAULTS])})
    create_table_artifact([inert_row(row) for row in rows], key="checks", description="`tunehouse check` prints the offending rows.")
    broken = [f"{row['claim']} ({row['offenders']})" for row in rows if row["offenders"]]
    if broken:
        raise SchemaError("; ".join([*broken, *faults[:MOST_FAULTS]]), where=warehouse, mend="`tunehouse check` prints the offending rows")
    return f"{len(rows)} claims hold"
