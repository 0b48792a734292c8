-- Every gate rests on the estimate and the flip rate of its run, and passes only where both figures hold.
select g.run_id, g.judge, g.contrast, g.split, g.win_rate, g.negative_flips, g.is_passed
from gates g
left join estimates e using (run_id, judge, contrast, split)
left join flip_rates f using (run_id, contrast, split)
where g.run_id is not null
    and (
        g.win_rate is distinct from case g.basis when 'low' then e.low else e.rate end
        or g.max_negative_flips is not null
        and g.negative_flips is distinct from case g.basis when 'low' then f.negative_high else f.negative_rate end
        or g.is_passed and not coalesce(g.win_rate >= g.min_win_rate, false)
        or g.is_passed and g.max_negative_flips is not null and not coalesce(g.negative_flips <= g.max_negative_flips, false)
    )
