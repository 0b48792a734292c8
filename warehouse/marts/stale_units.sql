-- One row per run and unit that was made from what its upstream units do not hold any more, or that reads such a unit. Always shows every run.
-- is_certain: false where the unit is stale only if making anew what it reads changes that.
with recursive links as (
    select distinct unit_id, unnest(reads) as read_unit_id
    from run_units
),
changed as (
    select r.unit_id, count(*) as n_changed_reads, min_by(c.stage || ' of ' || c.label, c.unit_id) as example_changed_read
    from commit_reads r
    join commits c on c.unit_id = r.read_unit_id
    where c.content <> r.content
    group by r.unit_id
),
reached as (
    select unit_id from changed
    union
    select links.unit_id
    from reached
    join links on links.read_unit_id = reached.unit_id
)
select
    u.run_id,
    u.stage,
    u.label,
    changed.unit_id is not null as is_certain,
    coalesce(changed.n_changed_reads, 0) as n_changed_reads,
    changed.example_changed_read,
    c.committed_at,
    case u.stage
        when 'gate' then 'tunehouse gate --run ' || u.run_id
        when 'compare_runs' then 'tunehouse compare-runs ' || replace(u.label, ' v ', ' ')
        else 'tunehouse rerun ' || u.unit_id || ' --downstream'
    end as redo,
    u.unit_id
from run_units u
join reached using (unit_id)
join commits c using (unit_id)
left join changed using (unit_id)
order by u.run_id, is_certain desc, u.stage, u.rank
