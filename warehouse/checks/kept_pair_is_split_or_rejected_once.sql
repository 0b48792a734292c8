-- Every kept pair is in one set, or rejected as a duplicate or by the split, once, and nothing else is; once a run has split at all.
with outcomes as (
    select run_id, pair_id, split as outcome
    from splits
    union all
    select run_id, item_id, 'rejected: ' || reason
    from rejected
    where stage in ('deduplicate', 'split')
)
select
    coalesce(k.run_id, o.run_id) as run_id,
    coalesce(k.pair_id, o.pair_id) as pair_id,
    count(k.pair_id) > 0 as is_kept,
    count(o.outcome) as n_outcomes,
    string_agg(o.outcome, '; ' order by o.outcome) as outcomes
from kept_pairs k
full join outcomes o on k.run_id = o.run_id and k.pair_id = o.pair_id
where coalesce(k.run_id, o.run_id) in (select run_id from run_units join commits using (unit_id) where run_units.stage = 'split')
group by all
having count(k.pair_id) <> 1 or count(o.outcome) <> 1
