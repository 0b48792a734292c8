-- One row per run, stage and reason: how many things were dropped for it, in how many documents, and one of them.
select
    run_id,
    stage,
    reason,
    count(*) as n,
    count(distinct document_id) as n_documents,
    min_by(detail, item_id) as example_detail,
    min(item_id) as example_item_id
from rejected
group by run_id, stage, reason
order by run_id, stage, n desc, reason
