-- One row per run, test set and arm: how often the arm declines to answer what the document does not say, and what it does say.
-- An arm that always declines has both shares at 1, one that never does both at 0; good is a high first and a low second.
select
    a.split,
    s.arm,
    count(*) filter (p.answer_kind = 'refusal') as n_unanswerable,
    count(*) filter (p.answer_kind = 'refusal' and s.declines) as n_declined,
    round(avg(s.declines::int) filter (p.answer_kind = 'refusal'), 3) as declined_share,
    count(*) filter (p.answer_kind <> 'refusal') as n_answerable,
    count(*) filter (p.answer_kind <> 'refusal' and s.declines) as n_declined_wrongly,
    round(avg(s.declines::int) filter (p.answer_kind <> 'refusal'), 3) as declined_wrongly_share,
    s.run_id
from scores s
join qa_pairs p using (run_id, pair_id)
join splits a using (run_id, pair_id)
where s.declines is not null
group by s.run_id, a.split, s.arm
order by s.run_id, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], a.split), s.arm
