-- No unit was made from rows that its upstream units do not hold any more; `stale_units` names the command that rebuilds one that was.
select distinct u.run_id, c.unit_id, c.stage, c.label, r.read_unit_id, upstream.stage as read_stage, upstream.label as read_label
from _unit_runs u
join commits c using (unit_id)
join commit_reads r using (unit_id)
join commits upstream on upstream.unit_id = r.read_unit_id
where u.run_id is not null and upstream.content <> r.content
