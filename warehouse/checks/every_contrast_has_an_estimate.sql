-- Every judge and contrast with verdicts has an estimate for every test set, empty sets too.
select j.run_id, j.judge, j.contrast, t.split
from (select distinct run_id, judge, contrast from verdicts where run_id is not null) j
cross join (select unnest(['test_rephrased', 'test_unseen_fact', 'test_unseen_document']) as split) t
anti join estimates e on e.run_id = j.run_id and e.judge = j.judge and e.contrast = j.contrast and e.split = t.split
