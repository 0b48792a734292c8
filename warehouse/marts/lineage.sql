-- One row per run, QA pair, evidence span, answer and verdict: the way from a file to what was judged of it.
-- Pairs that were dropped, or are trained on, end where they end: what comes after is null.
with dropped as (
    select run_id, item_id as pair_id, min_by(stage, stage) as rejected_stage, min_by(reason, stage) as rejected_reason
    from rejected
    group by all
),
taught as (
    select run_id, pair_id, min(adapter_id) as adapter_id, min(role) as role
    from training_examples
    group by all
)
select
    p.run_id,
    d.file_name,
    d.title,
    e.page,
    e.char_from,
    e.n_chars,
    e.quote,
    c.section,
    c.kind as chunk_kind,
    p.question,
    p.answer as reference,
    p.answer_key,
    s.split,
    x.rejected_stage,
    x.rejected_reason,
    t.role as training_role,
    coalesce(t.adapter_id, a.adapter_id) as adapter_id,
    a.arm,
    a.answer,
    z.states_key,
    v.judge,
    v.contrast,
    v."order",
    v.vote,
    v.verdict,
    o.outcome,
    p.document_id,
    p.chunk_id,
    p.fact_id,
    s.lineage_id,
    p.pair_id,
    e.evidence_id,
    a.answer_id,
    v.verdict_id
from qa_pairs p
left join documents d using (run_id, document_id)
left join chunks c on c.run_id = p.run_id and c.chunk_id = p.chunk_id
left join evidence e on e.run_id = p.run_id and e.pair_id = p.pair_id
left join splits s on s.run_id = p.run_id and s.pair_id = p.pair_id
left join dropped x on x.run_id = p.run_id and x.pair_id = p.pair_id
left join taught t on t.run_id = p.run_id and t.pair_id = p.pair_id
left join answers a on a.run_id = p.run_id and a.pair_id = p.pair_id
left join scores z on z.run_id = p.run_id and z.answer_id = a.answer_id
left join verdicts v on v.run_id = p.run_id and v.pair_id = p.pair_id and list_contains(string_split(v.contrast, ':'), a.arm)
left join stg_verdicts o on o.run_id = p.run_id and o.pair_id = p.pair_id and o.judge = v.judge and o.contrast = v.contrast
