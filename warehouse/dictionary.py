"""Table declarations and SQL files -> ``warehouse/README.md``, the data dictionary. ``python -m warehouse.dictionary`` rewrites it."""

from __future__ import annotations

from pathlib import Path

from warehouse.checks import claims
from warehouse.schema import Table
from warehouse.tables import TABLES
from warehouse.views import shipped_views

README = Path(__file__).parent / "README.md"
INTRODUCTION = """# Data dictionary

Generated from `warehouse/tables.py`, `staging/`, `marts/` and `checks/` by `python -m warehouse.dictionary`; a test holds it current.

A unit of work is one document, one batch of answers or one adapter at one stage. It is committed once: its Parquet parts are written
aside and renamed, then one record `commits/<unit_id>.json` names them with their sha256. A row exists if and only if a commit names its
part. Rows know no run: `run_units` says which units a run is made of, so a unit may serve many runs and nothing is computed twice.

The view of every table adds `unit_id` and `run_id`, and shows the rows of **one run**: the latest that completed, or the one named by
`tunehouse sql --run RUN_ID "..."` (`--run all` for every run; in the DuckDB shell `set variable run_id = '...'`). Always everything show
the ledgers `runs`, `run_units`, `run_results`, `unit_failures`, `tombstones` and `sweep_runs`, and what people said, `reviews` and
`labels`; `commits`, `commit_parts` and `commit_reads` (the content that a unit's upstream units held when it was made); and
`every_documents`, `every_chunks`, `every_qa_pairs`, `every_splits`, `every_adapters`, `every_training_examples`
and `every_estimates`, which have a `unit_id` and no `run_id`.

Character positions are 0-based code points of `pages.text`; boxes are `x0 y0 x1 y1` in PDF points from the top left of the page.
"""


def data_dictionary() -> str:
    """The whole README as Markdown."""
    tables = "\n".join(_describe(table) for table in TABLES)
    views = "\n".join(f"| `{name}` | {_first_line(select)} |" for name, select in shipped_views().items())
    checks = "\n".join(f"| `{name}` | {claim} |" for name, (claim, _) in claims().items())
    return (
        f"{INTRODUCTION}\n## Tables\n\n{tables}\n"
        f"## Views\n\n`tunehouse sql NAME` shows one.\n\n| view | one row per |\n|---|---|\n{views}\n\n"
        f"## Checks\n\n`tunehouse check` runs them; each selects the rows that break its claim.\n\n| check | claim |\n|---|---|\n{checks}\n"
    )


def _describe(table: Table) -> str:
    rows = []
    for column in table.columns:
        kind = str(column.arrow).replace("list<item: ", "list<")
        kind += " or null" if column.nullable else ""
        doc = column.doc + (f" ({', '.join(column.choices)})" if column.choices else "")
        rows.append(f"| `{column.name}` | {kind} | {doc.replace('|', chr(92) + '|')} |")
    return f"### {table.name}\n\n{table.doc}\n\n| column | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _first_line(select: str) -> str:
    return select.splitlines()[0].removeprefix("--").strip().removeprefix("One row per ").rstrip(".")


if __name__ == "__main__":
    README.write_text(data_dictionary(), encoding="utf-8")
