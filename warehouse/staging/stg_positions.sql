-- One row per run, judge and contrast with both orders shown: how far the verdicts depend on which answer was shown first.
-- Over the questions whose verdict can be read in both orders. Consistent: both name the same arm, or both say tie.
select
    ab.run_id, ab.judge, ab.contrast,
    count(*) as n,
    count(*) filter (ab.verdict = case ba.verdict when 'first' then 'second' when 'second' then 'first' else 'tie' end) / count(*)
        as consistency,
    count(*) filter (ab.verdict = 'first' and ba.verdict = 'first') / count(*) as first_bias,
    count(*) filter (ab.verdict = 'second' and ba.verdict = 'second') / count(*) as second_bias
from stg_order_verdicts ab
join stg_order_verdicts ba
    on ba.run_id = ab.run_id and ba.judge = ab.judge and ba.contrast = ab.contrast and ba.pair_id = ab.pair_id
where ab."order" = 'ab' and ba."order" = 'ba' and ab.verdict is not null and ba.verdict is not null
group by ab.run_id, ab.judge, ab.contrast
