-- One row per run, contrast and test set: the share of facts that arm_a lost and gained against arm_b. The questions are in flips.
select
    contrast,
    split,
    n,
    n_negative,
    round(negative_rate, 3) as negative_rate,
    round(negative_low, 3) as negative_low,
    round(negative_high, 3) as negative_high,
    n_positive,
    round(positive_rate, 3) as positive_rate,
    round(gain, 3) as gain,
    round(gain_low, 3) as gain_low,
    round(gain_high, 3) as gain_high,
    mcnemar_p,
    method,
    run_id
from flip_rates
order by run_id, contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split)
