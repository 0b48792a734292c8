-- Every test question has an answer of every arm, or stands in rejected with the reason; once answers are there at all.
with arms as (
    select distinct run_id, arm from answers
    union
    select distinct run_id, unnest(string_split(contrast, ':')) from verdicts
)
select s.run_id, s.pair_id, s.split, arms.arm
from splits s
join arms using (run_id)
anti join answers a on a.run_id = s.run_id and a.pair_id = s.pair_id and a.arm = arms.arm
anti join rejected r on r.run_id = s.run_id and r.item_id = s.pair_id and r.stage = 'answer'
where starts_with(s.split, 'test_')
