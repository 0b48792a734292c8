-- Arms named tuned answer with an adapter that this run trained, and no other arm does.
select run_id, answer_id, arm, adapter_id
from answers
where run_id is not null and starts_with(arm, 'tuned') <> (adapter_id is not null)
