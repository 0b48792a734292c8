-- One row per sweep, combination of values, contrast, judge and test set: how the combination's run did. Always shows every run.
-- settings['train.rank'] is the value on that axis. A combination whose run came to no verdict is one row with its reason. n_taught counts
-- train pairs, replayed questions aside; n_done of the run's n_units were not there before. Each p_holm is among its own run's tests.
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
    s.sweep,
    cast(cast(s.settings as json) as map(varchar, varchar)) as settings,
    s.status,
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
    s.reason,
    s.run_id,
    s.rank,
    s.sweep_id
from sweep_runs s
left join run_results f using (run_id)
left join taught t using (run_id)
left join estimated e using (run_id)
order by
    s.sweep, s.sweep_id, e.judge, e.contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], e.split), s.rank
