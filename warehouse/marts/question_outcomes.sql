-- One row per run, judge, contrast and question: who won, what both arms said, and whether each states the reference fact.
-- Outcome: the arm that every order names, otherwise a tie; null until every order has a verdict that can be read.
-- Judgements made elsewhere stand in the set `imported`, with what their log prints.
select
    o.run_id,
    o.judge,
    o.contrast,
    coalesce(s.split, case when i.pair_id is not null then 'imported' end) as split,
    o.outcome,
    a.states_key as arm_a_states,
    b.states_key as arm_b_states,
    coalesce(p.question, i.question) as question,
    p.answer_key,
    coalesce(p.answer, i.reference) as reference,
    coalesce(answer_a.answer, i.answer_a) as arm_a_answer,
    coalesce(answer_b.answer, i.answer_b) as arm_b_answer,
    p.document_id,
    p.fact_id,
    s.lineage_id,
    o.pair_id
from stg_verdicts o
left join splits s using (run_id, pair_id)
left join qa_pairs p using (run_id, pair_id)
left join imported_judgements i using (run_id, pair_id)
left join answers answer_a on answer_a.run_id = o.run_id and answer_a.pair_id = o.pair_id and answer_a.arm = o.arm_a
left join answers answer_b on answer_b.run_id = o.run_id and answer_b.pair_id = o.pair_id and answer_b.arm = o.arm_b
left join scores a on a.run_id = o.run_id and a.answer_id = answer_a.answer_id
left join scores b on b.run_id = o.run_id and b.answer_id = answer_b.answer_id
