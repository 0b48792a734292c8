-- One row per run, test set and arm or contrast: how far the prompt's format alone moves its rate, or its gain.
select
    split, 'arm' as what, arm as name, n_formats, round(default_rate, 3) as by_default, round(lowest_rate, 3) as lowest,
    round(highest_rate, 3) as highest, round(spread, 3) as spread, null as n_same_sign, run_id
from format_spreads
union all
select
    split, 'contrast', contrast, n_formats, round(default_gain, 3), round(lowest_gain, 3), round(highest_gain, 3),
    round(highest_gain - lowest_gain, 3), n_same_sign, run_id
from format_gains
order by run_id, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), what, name
