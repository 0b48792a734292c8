-- One row per two runs, measure and test set that they share: the same questions, answered by one run and the other.
select
    run_a, run_b, subject, measure, split, n, n_only_a, n_only_b,
    round(mean_a, 3) as mean_a, round(mean_b, 3) as mean_b, round(gain, 3) as gain, round(low, 3) as low, round(high, 3) as high,
    n_better, n_worse, round(p_value, 4) as p_value, round(p_holm, 4) as p_holm, is_difference, unit, n_units
from run_comparisons
order by run_a, run_b, measure <> 'states_key', subject, measure,
    list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split)
