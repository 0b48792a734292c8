-- One row per person and contrast, over all runs: what they labelled, and how they did on the controls planted among it.
-- A lasting lead of n_first over n_second is a habit of the eye, not of the answers: which is shown first is drawn.
with said as (
    select
        *,
        case when verdict in ('tie', 'skip') then verdict when (verdict = 'first') = ("order" = 'ab') then 'arm_a' else 'arm_b' end as outcome
    from labels
)
select
    reviewer,
    contrast,
    count(*) filter (control = '' and verdict <> 'skip') as n_labelled,
    count(*) filter (control = '' and outcome = 'arm_a') as n_wins,
    count(*) filter (control = '' and outcome = 'tie') as n_ties,
    count(*) filter (control = '' and outcome = 'arm_b') as n_losses,
    count(*) filter (control = '' and verdict = 'skip') as n_skipped,
    count(*) filter (control = '' and verdict = 'first') as n_first,
    count(*) filter (control = '' and verdict = 'second') as n_second,
    count(*) filter (control <> '') as n_controls,
    count(*) filter (
        case
            when control in ('K1', 'K7', 'K8') then outcome = 'tie'
            when control = 'K5' then outcome in ('arm_a', 'tie')
            when control <> '' then outcome = 'arm_a'
            else false
        end
    ) as n_controls_right,
    min(labelled_at) as first_at,
    max(labelled_at) as last_at
from said
group by reviewer, contrast
order by contrast, reviewer
