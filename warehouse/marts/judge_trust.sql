-- One row per run, contrast, test set and what is held against a judge: its agreement with others, its rate corrected by people's labels.
select
    'agreement' as what, array_to_string(judges, ' and ') as judge, contrast, split, statistic as measure, n,
    round(agreement, 3) as said, round(value, 3) as value, round(low, 3) as low, round(high, 3) as high, '' as note, run_id
from judge_agreements
union all
select
    'calibration', judge || ' by ' || labeller, contrast, split, 'share of a ' || outcome, n,
    round(said, 3), round(rate, 3), round(low, 3), round(high, 3), note, run_id
from calibrations
order by run_id, contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), what, judge, measure
