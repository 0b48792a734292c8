-- One row per run, contrast, test set and what is held against a judge: its controls, how steady it is when answers change places, its
-- agreement with others, its rate corrected by people's labels.
select
    'agreement' as what, array_to_string(judges, ' and ') as judge, contrast, split, statistic as measure, n,
    round(agreement, 3) as said, round(value, 3) as value, round(low, 3) as low, round(high, 3) as high, '' as note, run_id
from judge_agreements
union all
select
    'calibration', judge || ' by ' || labeller, contrast, split, 'share of a ' || outcome, n,
    round(said, 3), round(rate, 3), round(low, 3), round(high, 3), note, run_id
from calibrations
union all
select
    'control', judge, null, null, control || ' ' || what, n, least, round(rate, 3), round(low, 3), round(high, 3),
    case when is_passed is null then 'no question'
        when is_passed then 'passed'
        when is_gate then 'FAILED: the judge is unfit' else 'not seen by this measure' end
    || case when n + n_errors < n_wanted then ', fewer than the ' || n_wanted || ' asked for' else '' end
    || case when n_errors > 0 then ', ' || n_errors || ' without a reply' else '' end,
    run_id
from control_rates
union all
select
    'position', judge, contrast, null, 'same verdict when the answers change places', n, 0.6, round(consistency, 3), null, null,
    'the first shown won twice: ' || round(100 * first_bias)::int || ' %, the second: ' || round(100 * second_bias)::int || ' %'
    || case when consistency < 0.6 then '; judge unstable' else '' end,
    run_id
from stg_positions
order by run_id, contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), what, judge, measure
