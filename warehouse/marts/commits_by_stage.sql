-- One row per stage over the whole warehouse, whatever the run: units committed, what they hold, and when.
with parts as (
    select unit_id, sum(n_rows) as n_rows, sum(n_bytes) as n_bytes
    from commit_parts
    group by unit_id
)
select
    c.stage,
    count(*) as n_units,
    count(*) filter (c.n_retryable > 0) as n_pending,
    coalesce(sum(p.n_rows), 0)::bigint as n_rows,
    coalesce(sum(p.n_bytes), 0)::bigint as n_bytes,
    min(c.committed_at) as first_committed_at,
    max(c.committed_at) as last_committed_at
from commits c
left join parts p using (unit_id)
group by c.stage
order by last_committed_at, c.stage
