"""The claims of ``checks/*.sql`` -> offenders: each file selects the rows that break its claim; none is what we want."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from warehouse.store import Warehouse
from warehouse.views import connect

FOLDER = Path(__file__).parent / "checks"


@dataclass(frozen=True, slots=True)
class Check:
    """A claim and the rows that break it."""

    name: str
    claim: str
    offenders: pa.Table

    @property
    def holds(self) -> bool:
        """True when no row breaks the claim."""
        return int(self.offenders.num_rows) == 0


def claims() -> dict[str, tuple[str, str]]:
    """Name -> (claim in words, select) of every shipped check."""
    found = {}
    for path in sorted(FOLDER.glob("*.sql")):
        select = path.read_text(encoding="utf-8")
        found[path.stem] = (select.splitlines()[0].removeprefix("--").strip(), select)
    return found


def run_checks(store: Warehouse, run: str | None = None) -> list[Check]:
    """Every claim, tried on a run (the latest finished one, or ``"all"``)."""
    with connect(store, run) as con:
        return [Check(name, claim, con.sql(select).to_arrow_table()) for name, (claim, select) in claims().items()]
