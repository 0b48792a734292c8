-- The counts of every arm rate are those of scores over the questions of its test set.
with planned as (
    select run_id, split, count(*) as n_planned
    from splits
    group by all
),
counted as (
    select
        z.run_id, z.arm, s.split,
        count(*) as n_answered,
        count(z.states_key) as n_keyed,
        count(*) filter (z.states_key) as n_stated
    from scores z
    join splits s using (run_id, pair_id)
    group by all
)
select
    r.run_id, r.arm, r.split,
    r.n_planned, coalesce(p.n_planned, 0) as n_planned_seen,
    r.n_answered, coalesce(c.n_answered, 0) as n_answered_seen,
    r.n_keyed, coalesce(c.n_keyed, 0) as n_keyed_seen,
    r.n_stated, coalesce(c.n_stated, 0) as n_stated_seen
from arm_rates r
left join planned p using (run_id, split)
left join counted c using (run_id, arm, split)
where
    r.run_id is not null
    and (
        r.n_planned <> coalesce(p.n_planned, 0)
        or r.n_answered <> coalesce(c.n_answered, 0)
        or r.n_keyed <> coalesce(c.n_keyed, 0)
        or r.n_stated <> coalesce(c.n_stated, 0)
    )
