"""A run -> what it could not do, why, and the command that redoes each: units that failed, wait, or are stale, and files not read whole."""

from __future__ import annotations

from typing import Any

from warehouse.store import Warehouse
from warehouse.views import connect

FAILURES = """
    with units as (
        select distinct unit_id, stage, label, rank from run_units where run_id = $run_id
    ),
    found as (
        select
            1 as urgency, u.stage, u.label, f.error_type as reason,
            f.error || case when f.n_failures > 1 then ' (tried ' || f.n_failures || ' times)' else '' end as detail,
            f.redo, u.unit_id, u.rank
        from failures f
        join units u using (unit_id)
        where f.run_id = $run_id
        union all
        select
            2, u.stage, u.label, 'retryable', c.n_retryable || ' to be asked again'
            || coalesce('; ' || d.reason, '') || coalesce('; e.g. ' || l.error, ''),
            'tunehouse rerun ' || u.unit_id, u.unit_id, u.rank
        from units u
        join commits c using (unit_id)
        left join (select unit_id, min(reason) as reason from documents group by all) d using (unit_id)
        left join (select unit_id, min(error) as error from llm_calls where status = 'retryable' group by all) l using (unit_id)
        where c.n_retryable > 0
        union all
        select
            3, u.stage, u.label, 'stale', s.example_changed_read || ' has been done again since, with another outcome',
            s.redo, u.unit_id, u.rank
        from stale_units s
        join units u using (unit_id)
        where s.run_id = $run_id and s.is_certain
        union all
        select 4, u.stage, d.file_name, d.status, coalesce(d.reason, ''), 'mend the file, then run again', u.unit_id, u.rank
        from documents d
        join units u using (unit_id)
        join commits c using (unit_id)
        where d.status not in ('ok', 'duplicate') and c.n_retryable = 0
    )
    select unit_id, stage, label as name, reason, redo, detail
    from found
    order by urgency, stage, rank, name
"""
"""A file that is a copy of another lacks nothing; one that can never be read is listed, since a person may mend the file."""


def failure_rows(store: Warehouse, run_id: str) -> list[dict[str, Any]]:
    """(unit_id, stage, name, reason, redo, detail) of each, what failed first. Units that were only not come to yet are not among them."""
    with connect(store, run_id) as con:
        found = con.execute(FAILURES, {"run_id": run_id})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
