-- One row per run, judge and contrast: how often a judge says the same when the answers change places, and which place it favours.
-- first_bias: share of questions where the answer shown first won both times. Below .6 the judge counts as unstable.
select
    judge, contrast, n,
    round(consistency, 3) as consistency,
    round(first_bias, 3) as first_bias,
    round(second_bias, 3) as second_bias,
    consistency < 0.6 as is_unstable,
    run_id
from stg_positions
order by run_id, judge, contrast
