-- One row per run, test set and arm: how often the arm states the reference fact. Rates are shares of the questions with an answer key.
select
    split,
    arm,
    n_planned,
    n_planned - n_answered as n_unanswered,
    n_keyed,
    n_stated,
    round(rate, 3) as rate,
    round(low, 3) as low,
    round(high, 3) as high,
    unit,
    n_units,
    method,
    run_id
from arm_rates
order by run_id, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), arm
