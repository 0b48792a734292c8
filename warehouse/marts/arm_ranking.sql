-- One row per run, judge, test set and arm, strongest first: Bradley-Terry strength in log-odds, centred on the arms' mean.
select
    split,
    case when is_connected then rank() over (partition by run_id, judge, split order by strength desc) end as place,
    arm,
    round(strength, 3) as strength,
    round(low, 3) as low,
    round(high, 3) as high,
    n,
    n_units,
    unit,
    note,
    judge,
    run_id
from arm_strengths
order by run_id, judge, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split), strength desc, arm
