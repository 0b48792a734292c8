-- One row per run, judge, contrast and question: its verdicts put together, as tasks/judge.py outcome_of does.
-- An order goes to the arm that more than half of its votes name, a question to the arm that every order names; otherwise a tie.
-- Null (unscored) where a vote is unparsed, an error or was not asked for, or an order is missing or has fewer votes.
with named as (
    select
        run_id, judge, contrast, pair_id, "order",
        verdict in ('unparsed', 'error', 'not_asked') as is_unscored,
        case
            when verdict = 'tie' then 'tie'
            when (verdict = 'first') = ("order" <> 'ba') then 'arm_a'
            else 'arm_b'
        end as arm
    from verdicts
),
orders as (
    select
        run_id, judge, contrast, pair_id, "order",
        count(*) as n_votes,
        count(*) filter (is_unscored) as n_unscored,
        2 * count(*) filter (arm = 'arm_a' and not is_unscored) > count(*) as is_for_a,
        2 * count(*) filter (arm = 'arm_b' and not is_unscored) > count(*) as is_for_b
    from named
    group by all
)
select
    run_id, judge, contrast, pair_id,
    split_part(contrast, ':', 1) as arm_a,
    split_part(contrast, ':', 2) as arm_b,
    case
        when sum(n_unscored) > 0 or min(n_votes) <> max(n_votes) then null
        when list_sort(list("order")) not in (['none'], ['ab', 'ba']) then null
        when bool_and(is_for_a) then 'arm_a'
        when bool_and(is_for_b) then 'arm_b'
        else 'tie'
    end as outcome
from orders
group by run_id, judge, contrast, pair_id
