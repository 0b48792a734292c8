-- One row per document that was gone when a run looked for it: what its last run held of it, and whether it is back. Always shows every run.
with held as (
    select
        tombstone_id,
        count(*) filter (kind = 'chunk') as n_chunks,
        count(*) filter (kind = 'pair') as n_pairs,
        count(*) filter (split = 'train') as n_train,
        count(*) filter (split = 'validation') as n_validation,
        count(*) filter (starts_with(split, 'test_')) as n_test
    from stg_tombstoned_rows
    group by tombstone_id
),
seen as (
    select p.document_id, count(distinct e.adapter_id) as n_adapters
    from every_training_examples e
    join every_qa_pairs p using (pair_id)
    group by p.document_id
),
later as (
    select d.document_id, max(r.started_at) as last_seen_at
    from every_documents d
    join run_units u using (unit_id)
    join runs r using (run_id)
    group by d.document_id
)
select
    t.file_name,
    t.title,
    t.noticed_at,
    coalesce(later.last_seen_at > t.noticed_at, false) as is_back,
    coalesce(h.n_chunks, 0) as n_chunks,
    coalesce(h.n_pairs, 0) as n_pairs,
    coalesce(h.n_train, 0) as n_train,
    coalesce(h.n_validation, 0) as n_validation,
    coalesce(h.n_test, 0) as n_test,
    coalesce(s.n_adapters, 0) as n_adapters,
    t.last_run_id,
    t.noticed_run_id,
    t.document_id
from tombstones t
left join held h using (tombstone_id)
left join seen s using (document_id)
left join later using (document_id)
order by t.noticed_at desc, t.file_name, t.document_id
