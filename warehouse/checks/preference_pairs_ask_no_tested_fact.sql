-- No preference pair asks for a fact of a test set, or in a tested question's words.
select p.run_id, p.preference_id, s.pair_id as test_pair_id, p.question, s.fact_id
from preference_pairs p
join splits s on s.run_id = p.run_id
join qa_pairs q on q.run_id = s.run_id and q.pair_id = s.pair_id
where s.split like 'test%' and (p.fact_id = s.fact_id or lower(trim(p.question)) in (lower(trim(q.question)), lower(trim(q.bare_question))))
