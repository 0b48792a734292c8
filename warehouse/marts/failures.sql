-- One row per run and unit whose last try failed and that has not been landed since, with the command that redoes it. Always shows every run.
with tries as (
    select
        *,
        row_number() over (partition by unit_id order by failed_at desc, unit_failure_id) as newest_first,
        count(*) over (partition by unit_id) as n_failures
    from unit_failures
)
select
    u.run_id,
    f.stage,
    f.label,
    f.error_type,
    f.error,
    f.n_failures,
    f.failed_at,
    'tunehouse rerun ' || f.unit_id as redo,
    f.unit_id,
    f.flow_run_id,
    f.task_run_id
from tries f
join (select distinct run_id, unit_id from run_units) u using (unit_id)
left join commits c using (unit_id)
where f.newest_first = 1 and (c.unit_id is null or c.committed_at < f.failed_at)
order by u.run_id, f.failed_at, f.unit_id
