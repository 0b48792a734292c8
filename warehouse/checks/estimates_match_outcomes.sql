-- The counts of every estimate are those of question_outcomes over the planned questions of its test set.
with planned as (
    select run_id, split, count(*) as n_planned
    from splits
    group by all
    union all
    select run_id, 'imported', count(*)
    from imported_judgements
    group by all
),
counted as (
    select
        run_id, judge, contrast, split,
        count(outcome) as n,
        count(*) filter (outcome = 'arm_a') as n_wins,
        count(*) filter (outcome = 'tie') as n_ties,
        count(*) filter (outcome = 'arm_b') as n_losses
    from question_outcomes
    group by all
),
left_out as (
    select v.run_id, v.judge, v.contrast, s.split, count(distinct v.pair_id) as n_not_asked
    from verdicts v
    join splits s using (run_id, pair_id)
    where v.verdict = 'not_asked'
    group by all
)
select
    e.run_id, e.judge, e.contrast, e.split,
    e.n_planned, coalesce(p.n_planned, 0) as n_planned_seen,
    e.n, coalesce(c.n, 0) as n_seen,
    e.n_wins, coalesce(c.n_wins, 0) as n_wins_seen,
    e.n_ties, coalesce(c.n_ties, 0) as n_ties_seen,
    e.n_losses, coalesce(c.n_losses, 0) as n_losses_seen,
    e.n_unscored, e.n_not_asked, coalesce(o.n_not_asked, 0) as n_not_asked_seen
from estimates e
left join planned p using (run_id, split)
left join counted c using (run_id, judge, contrast, split)
left join left_out o using (run_id, judge, contrast, split)
where
    e.run_id is not null
    and (
        e.n_planned <> coalesce(p.n_planned, 0)
        or e.n <> coalesce(c.n, 0)
        or e.n_wins <> coalesce(c.n_wins, 0)
        or e.n_ties <> coalesce(c.n_ties, 0)
        or e.n_losses <> coalesce(c.n_losses, 0)
        or e.n <> e.n_wins + e.n_ties + e.n_losses
        or coalesce(e.n_not_asked, 0) <> coalesce(o.n_not_asked, 0)
        or e.n_planned <> e.n + e.n_unscored + coalesce(e.n_not_asked, 0)
    )
