-- Every answer has its scores, and they name the same question and arm; a question is scored by its answer key, a refusal by declining.
select a.run_id, a.answer_id, a.pair_id, a.arm, s.pair_id as scored_pair_id, s.arm as scored_arm, p.answer_key, s.states_key
from answers a
left join scores s using (run_id, answer_id)
left join qa_pairs p on p.run_id = a.run_id and p.pair_id = a.pair_id
where
    a.run_id is not null
    and (
        s.answer_id is null or s.pair_id <> a.pair_id or s.arm <> a.arm
        or (p.answer_key is null and p.answer_kind <> 'refusal' and s.states_key is not null)
        or (p.answer_kind = 'refusal' and s.states_key is null)
    )
