-- Every kept pair rests on at least one span of evidence, in its own document; save a refusal, which rests on there being none.
select k.run_id, k.pair_id, k.document_id, q.answer_kind
from kept_pairs k
left join qa_pairs q using (run_id, pair_id)
where (q.answer_kind is distinct from 'refusal') <> exists (
    from evidence e
    where e.run_id = k.run_id and e.pair_id = k.pair_id and e.document_id = k.document_id
)
