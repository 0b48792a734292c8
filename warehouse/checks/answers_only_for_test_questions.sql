-- Only test questions are answered and judged: nothing that was trained or validated on. Imported judgements are no questions of ours.
select 'answers' as table_name, a.run_id, a.answer_id as id, a.pair_id, s.split
from answers a
left join splits s using (run_id, pair_id)
where a.run_id is not null and not coalesce(starts_with(s.split, 'test_'), false)
union all
select 'verdicts', v.run_id, v.verdict_id, v.pair_id, s.split
from verdicts v
left join splits s using (run_id, pair_id)
anti join imported_judgements i on i.run_id = v.run_id and i.pair_id = v.pair_id
where v.run_id is not null and not coalesce(starts_with(s.split, 'test_'), false)
