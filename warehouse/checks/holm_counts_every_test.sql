-- Every estimate is adjusted for all p-values of its run and judge, and no adjusted p is below the p it comes from.
select run_id, judge, contrast, split, p_value, p_holm, n_tests, count(p_value) over (partition by run_id, judge) as n_tests_seen
from estimates
where run_id is not null
qualify n_tests <> n_tests_seen or (p_value is null) <> (p_holm is null) or p_holm < p_value
