-- An arm answers a question once in a run.
select run_id, arm, pair_id, count(*) as n
from answers
where run_id is not null
group by run_id, arm, pair_id
having count(*) > 1
