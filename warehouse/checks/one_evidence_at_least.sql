-- Every kept pair rests on at least one span of evidence, in its own document.
select k.run_id, k.pair_id, k.document_id
from kept_pairs k
where not exists (
    from evidence e
    where e.run_id = k.run_id and e.pair_id = k.pair_id and e.document_id = k.document_id
)
