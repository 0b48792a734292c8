-- Every judge and contrast with verdicts has an estimate for every test set, empty sets too; imported judgements have one for theirs.
with judged as (
    select v.run_id, v.judge, v.contrast, bool_or(i.pair_id is not null) as is_imported
    from verdicts v
    left join imported_judgements i using (run_id, pair_id)
    where v.run_id is not null
    group by all
)
select j.run_id, j.judge, j.contrast, t.split
from judged j
join (select unnest(['test_rephrased', 'test_unseen_fact', 'test_unseen_document', 'imported']) as split) t
    on j.is_imported = (t.split = 'imported')
anti join estimates e on e.run_id = j.run_id and e.judge = j.judge and e.contrast = j.contrast and e.split = t.split
