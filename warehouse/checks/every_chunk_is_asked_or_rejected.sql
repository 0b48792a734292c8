-- Every chunk either gave questions or stands in rejected with the reason, never both and never neither; once a run has asked at all.
with fates as (
    select
        c.run_id, c.chunk_id, c.document_id, c.kind,
        exists (select 1 from qa_pairs p where p.run_id = c.run_id and p.chunk_id = c.chunk_id) as is_asked,
        exists (select 1 from rejected r where r.run_id = c.run_id and r.item_id = c.chunk_id) as is_rejected
    from chunks c
    where c.run_id in (select run_id from qa_pairs union select run_id from rejected where stage = 'generate')
)
select *
from fates
where is_asked = is_rejected
