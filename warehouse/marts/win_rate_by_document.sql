-- One row per run, judge, contrast, test set and document: how often arm_a wins over arm_b in what one document says; a tie counts half.
-- Together the documents of a set make its row of win_rate, whose interval tells how far one may count on a document not among them.
-- Questions that were not drawn for people to label are neither scored nor unscored.
with judged as (
    select distinct run_id, judge, contrast
    from verdicts
),
not_asked as (
    select distinct run_id, judge, contrast, pair_id
    from verdicts
    where verdict = 'not_asked'
)
select
    j.contrast,
    s.split,
    d.file_name,
    count(o.outcome) as n,
    count(*) filter (o.outcome = 'arm_a') as n_wins,
    count(*) filter (o.outcome = 'tie') as n_ties,
    count(*) filter (o.outcome = 'arm_b') as n_losses,
    count(*) - count(o.outcome) - count(n.pair_id) as n_unscored,
    round(avg(case o.outcome when 'arm_a' then 1 when 'tie' then 0.5 when 'arm_b' then 0 end), 3) as rate,
    s.document_id,
    j.judge,
    j.run_id
from judged j
join splits s on s.run_id = j.run_id and starts_with(s.split, 'test_')
left join documents d on d.run_id = s.run_id and d.document_id = s.document_id
left join stg_verdicts o on o.run_id = j.run_id and o.judge = j.judge and o.contrast = j.contrast and o.pair_id = s.pair_id
left join not_asked n on n.run_id = j.run_id and n.judge = j.judge and n.contrast = j.contrast and n.pair_id = s.pair_id
group by j.run_id, j.judge, j.contrast, s.split, s.document_id, d.file_name
order by
    j.run_id, j.judge, j.contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], s.split),
    rate desc nulls last, d.file_name, s.document_id
