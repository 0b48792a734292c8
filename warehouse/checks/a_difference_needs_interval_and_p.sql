-- A difference is claimed only where the interval leaves out one half and a p-value, adjusted for all tests, stands beside it.
select run_id, judge, contrast, split, rate, low, high, p_value, p_holm
from estimates
where is_difference and not coalesce(p_holm >= p_value and (low > .5 or high < .5), false)
