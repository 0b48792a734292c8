-- Arms named tuned, and the placebo, answer with an adapter that this run trained, and no other arm does.
select run_id, answer_id, arm, adapter_id
from answers
where run_id is not null and (starts_with(arm, 'tuned') or arm = 'placebo') <> (adapter_id is not null)
