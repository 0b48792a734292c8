-- Every generated pair is kept by curation or rejected by it, once, and nothing else is; once a run has curated at all.
with outcomes as (
    select run_id, pair_id, 'kept' as outcome
    from kept_pairs
    union all
    select run_id, item_id, 'rejected: ' || reason
    from rejected
    where stage = 'curate'
)
select
    coalesce(q.run_id, o.run_id) as run_id,
    coalesce(q.pair_id, o.pair_id) as pair_id,
    count(q.pair_id) > 0 as is_generated,
    count(o.outcome) as n_outcomes,
    string_agg(o.outcome, '; ' order by o.outcome) as outcomes
from qa_pairs q
full join outcomes o on q.run_id = o.run_id and q.pair_id = o.pair_id
where coalesce(q.run_id, o.run_id) in (select run_id from run_units join commits using (unit_id) where run_units.stage = 'curate')
group by all
having count(q.pair_id) <> 1 or count(o.outcome) <> 1
