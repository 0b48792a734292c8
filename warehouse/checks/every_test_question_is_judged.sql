-- Every test question has a verdict of every judge on every contrast: an error counts, a missing row does not.
with judging as (
    select distinct run_id, judge, contrast from verdicts
    union
    select distinct run_id, judge, contrast from estimates
)
select s.run_id, s.pair_id, s.split, j.judge, j.contrast
from splits s
join judging j using (run_id)
anti join verdicts v on v.run_id = s.run_id and v.pair_id = s.pair_id and v.judge = j.judge and v.contrast = j.contrast
where starts_with(s.split, 'test_')
