-- One row per curve, value of its setting, contrast, judge and test set: how the value's run did. Always shows every run.
-- A value whose run came to no verdict is one row with its reason. n_taught counts train pairs, replayed questions aside; n_done of the
-- run's n_units were not there before. Each p_holm is among the tests of its own run.
with estimated as (
    select distinct u.run_id, e.* exclude (unit_id)
    from every_estimates e
    join run_units u using (unit_id)
    where u.stage = 'report'
),
taught as (
    select u.run_id, count(distinct e.pair_id) as n_taught
    from every_training_examples e
    join run_units u using (unit_id)
    where u.stage = 'train' and e.role = 'train' and not starts_with(e.pair_id, 'replay-')
    group by u.run_id
)
select
    c.setting,
    c.value,
    c.status,
    t.n_taught,
    e.contrast,
    e.judge,
    e.split,
    e.n,
    round(e.rate, 3) as rate,
    round(e.low, 3) as low,
    round(e.high, 3) as high,
    round(e.p_value, 4) as p_value,
    round(e.p_holm, 4) as p_holm,
    e.is_difference,
    f.n_units,
    f.n_units_done as n_done,
    c.reason,
    c.run_id,
    c.rank,
    c.curve_id
from curve_points c
left join run_results f using (run_id)
left join taught t using (run_id)
left join estimated e using (run_id)
order by
    c.curve_id, e.judge, e.contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], e.split), c.rank
