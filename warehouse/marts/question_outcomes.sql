-- One row per run, judge, contrast and question: who won, what both arms said, and whether each states the reference fact.
-- Outcome: the arm that every order names, otherwise a tie; null until every order has a verdict that can be read.
select
    o.run_id,
    o.judge,
    o.contrast,
    s.split,
    o.outcome,
    a.states_key as arm_a_states,
    b.states_key as arm_b_states,
    p.question,
    p.answer_key,
    p.answer as reference,
    answer_a.answer as arm_a_answer,
    answer_b.answer as arm_b_answer,
    p.document_id,
    p.fact_id,
    s.lineage_id,
    o.pair_id
from stg_verdicts o
left join splits s using (run_id, pair_id)
left join qa_pairs p using (run_id, pair_id)
left join answers answer_a on answer_a.run_id = o.run_id and answer_a.pair_id = o.pair_id and answer_a.arm = o.arm_a
left join answers answer_b on answer_b.run_id = o.run_id and answer_b.pair_id = o.pair_id and answer_b.arm = o.arm_b
left join scores a on a.run_id = o.run_id and a.answer_id = answer_a.answer_id
left join scores b on b.run_id = o.run_id and b.answer_id = answer_b.answer_id
