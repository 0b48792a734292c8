-- One row per run and document: what came of it, from pages to test questions. Of n_train pairs train.max_pairs lets n_taught be taught.
with chunked as (
    select run_id, document_id, count(*) as n_chunks
    from chunks
    group by all
),
asked as (
    select
        run_id, document_id,
        count(*) as n_pairs,
        count(distinct fact_id) as n_facts,
        count(distinct chunk_id) as n_chunks_asked
    from qa_pairs
    group by all
),
kept as (
    select
        run_id, document_id,
        count(*) as n_kept,
        count(distinct fact_id) as n_facts_kept,
        count(*) filter (split = 'train') as n_train,
        count(*) filter (split = 'validation') as n_validation,
        count(*) filter (split = 'test_rephrased') as n_test_rephrased,
        count(*) filter (split = 'test_unseen_fact') as n_test_unseen_fact,
        count(*) filter (split = 'test_unseen_document') as n_test_unseen_document
    from splits
    group by all
),
taught as (
    select e.run_id, s.document_id, count(distinct e.pair_id) as n_taught
    from training_examples e
    join splits s using (run_id, pair_id)
    where e.role = 'train'
    group by all
)
select
    d.run_id,
    d.file_name,
    d.status,
    d.n_pages,
    coalesce(c.n_chunks, 0) as n_chunks,
    coalesce(a.n_chunks_asked, 0) as n_chunks_asked,
    coalesce(a.n_facts, 0) as n_facts,
    coalesce(a.n_pairs, 0) as n_pairs,
    coalesce(k.n_facts_kept, 0) as n_facts_kept,
    coalesce(k.n_kept, 0) as n_kept,
    coalesce(k.n_train, 0) as n_train,
    coalesce(t.n_taught, 0) as n_taught,
    coalesce(k.n_validation, 0) as n_validation,
    coalesce(k.n_test_rephrased, 0) as n_test_rephrased,
    coalesce(k.n_test_unseen_fact, 0) as n_test_unseen_fact,
    coalesce(k.n_test_unseen_document, 0) as n_test_unseen_document,
    d.document_id
from documents d
left join chunked c using (run_id, document_id)
left join asked a using (run_id, document_id)
left join kept k using (run_id, document_id)
left join taught t using (run_id, document_id)
order by d.run_id, d.file_name, d.document_id
