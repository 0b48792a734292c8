-- One row per run, judge, contrast, test set and slice: the win rate among facts that the base model knew, half knew, did not know.
select
    contrast, split, slice, n_planned, n, n_wins, n_ties, n_losses,
    round(rate, 3) as rate, round(low, 3) as low, round(high, 3) as high, unit, n_units, judge, run_id
from slice_rates
order by run_id, judge, contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), list_position(['known', 'maybe', 'unknown'], slice)
