-- Every unit and every result belongs to a run that is listed, and a completed run's units are all committed.
select 'run_units' as table_name, u.run_id, u.unit_id as id
from run_units u
anti join runs r using (run_id)
union all
select 'run_results', f.run_id, f.run_id
from run_results f
anti join runs r using (run_id)
union all
select 'commits', u.run_id, u.unit_id
from run_units u
join run_results f on f.run_id = u.run_id and f.status = 'completed'
anti join commits c using (unit_id)
