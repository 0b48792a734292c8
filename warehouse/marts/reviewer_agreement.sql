-- One row per contrast and two people, over all runs: how far they agree on what both decided, with Cohen's kappa.
-- Outcomes are win, tie and loss of arm_a. Kappa takes off what two who guess would agree on; null where all they said is one outcome.
with said as (
    select
        reviewer, contrast, pair_id, answer_a, answer_b,
        case when verdict = 'tie' then 'tie' when (verdict = 'first') = ("order" = 'ab') then 'arm_a' else 'arm_b' end as outcome
    from labels
    where control = '' and verdict <> 'skip'
),
shared as (
    select a.contrast, a.reviewer as reviewer_a, b.reviewer as reviewer_b, a.outcome as by_a, b.outcome as by_b
    from said a
    join said b using (contrast, pair_id, answer_a, answer_b)
    where a.reviewer < b.reviewer
),
counted as (
    select
        contrast, reviewer_a, reviewer_b,
        count(*) as n,
        count(*) filter (by_a = by_b) / count(*) as agreement,
        (
            count(*) filter (by_a = 'arm_a') * count(*) filter (by_b = 'arm_a')
            + count(*) filter (by_a = 'tie') * count(*) filter (by_b = 'tie')
            + count(*) filter (by_a = 'arm_b') * count(*) filter (by_b = 'arm_b')
        ) / (count(*) * count(*)) as by_chance
    from shared
    group by all
)
select
    contrast,
    reviewer_a,
    reviewer_b,
    n,
    round(agreement, 3) as agreement,
    case when by_chance < 1 then round((agreement - by_chance) / (1 - by_chance), 3) end as kappa
from counted
order by contrast, reviewer_a, reviewer_b
