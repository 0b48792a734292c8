-- A difference is claimed only where the interval leaves out one half and a p-value stands beside it.
select run_id, judge, contrast, split, rate, low, high, p_value
from estimates
where is_difference and not coalesce(p_value is not null and (low > .5 or high < .5), false)
