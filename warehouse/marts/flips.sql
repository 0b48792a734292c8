-- One row per run, contrast and question of which one arm alone states the reference fact: gained by arm_a, or lost by it.
with contrasts as (
    select distinct run_id, contrast, pair_id, arm_a, arm_b
    from stg_verdicts
)
select
    c.run_id,
    c.contrast,
    s.split,
    case when a.states_key then 'gained' else 'lost' end as flip,
    p.question,
    p.answer_key,
    answer_a.answer as arm_a_answer,
    answer_b.answer as arm_b_answer,
    p.document_id,
    c.pair_id
from contrasts c
join scores a on a.run_id = c.run_id and a.pair_id = c.pair_id and a.arm = c.arm_a
join scores b on b.run_id = c.run_id and b.pair_id = c.pair_id and b.arm = c.arm_b
join answers answer_a on answer_a.run_id = c.run_id and answer_a.answer_id = a.answer_id
join answers answer_b on answer_b.run_id = c.run_id and answer_b.answer_id = b.answer_id
join qa_pairs p on p.run_id = c.run_id and p.pair_id = c.pair_id
left join splits s on s.run_id = c.run_id and s.pair_id = c.pair_id
where a.states_key <> b.states_key
order by c.run_id, c.contrast, s.split, flip desc, c.pair_id
