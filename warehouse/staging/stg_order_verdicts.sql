-- One row per run, judge, contrast, question and presentation order: the place that more than half of its votes name, else a tie.
-- Null where a vote is unparsed, an error or was not asked for.
select
    run_id, judge, contrast, pair_id, "order",
    case
        when count(*) filter (verdict in ('unparsed', 'error', 'not_asked')) > 0 then null
        when 2 * count(*) filter (verdict = 'first') > count(*) then 'first'
        when 2 * count(*) filter (verdict = 'second') > count(*) then 'second'
        else 'tie'
    end as verdict
from verdicts
group by all
