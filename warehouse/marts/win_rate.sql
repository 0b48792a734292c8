-- One row per run, judge, contrast and test set: how often arm_a wins over arm_b, with its interval and what may be claimed from it.
-- A win: arm_a states the reference fact and arm_b does not. Rates are shares; a tie counts half; what people were not asked to label
-- counts nowhere. p_holm is p_value among all tests of the run and judge; a difference is claimed only where it and the interval agree.
select
    e.contrast,
    e.split,
    e.n,
    e.n_wins,
    e.n_ties,
    e.n_losses,
    e.n_unscored,
    coalesce(e.n_not_asked, 0) as n_not_asked,
    round(e.rate, 3) as rate,
    round(e.low, 3) as low,
    round(e.high, 3) as high,
    round(e.p_value, 4) as p_value,
    round(e.p_holm, 4) as p_holm,
    e.is_difference,
    a.n_stated as arm_a_states,
    b.n_stated as arm_b_states,
    round(e.mde, 3) as mde,
    e.scope,
    e.judge,
    e.run_id
from estimates e
left join arm_rates a on a.run_id = e.run_id and a.split = e.split and a.arm = split_part(e.contrast, ':', 1)
left join arm_rates b on b.run_id = e.run_id and b.split = e.split and b.arm = split_part(e.contrast, ':', 2)
order by
    e.run_id, e.judge, e.contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], e.split)
