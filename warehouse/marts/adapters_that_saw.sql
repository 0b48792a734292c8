-- One row per document and adapter that was trained or validated on pairs made from it, whatever the run. Always shows every run.
-- is_gone: the document's file was gone when a run last looked for it.
with seen as (
    select distinct p.document_id, e.adapter_id, e.role, e.pair_id
    from every_training_examples e
    join every_qa_pairs p using (pair_id)
),
named as (
    select d.document_id, min(d.file_name) as file_name, min(d.title) as title, max(r.started_at) as last_seen_at
    from every_documents d
    left join run_units u using (unit_id)
    left join runs r using (run_id)
    group by d.document_id
),
gone as (
    select document_id, max(noticed_at) as noticed_at
    from tombstones
    group by document_id
)
select
    n.file_name,
    n.title,
    s.adapter_id,
    any_value(a.base_model) as base_model,
    count(*) filter (s.role = 'train') as n_train_pairs,
    count(*) filter (s.role = 'validation') as n_validation_pairs,
    any_value(g.noticed_at is not null and coalesce(n.last_seen_at <= g.noticed_at, true)) as is_gone,
    s.document_id
from seen s
left join named n using (document_id)
left join gone g using (document_id)
left join every_adapters a on a.adapter_id = s.adapter_id
group by s.document_id, s.adapter_id, n.file_name, n.title
order by n.file_name, s.document_id, s.adapter_id
