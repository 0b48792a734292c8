-- Every document with text has chunks, and no other document has any; once a run has chunked at all.
with texts as (
    select run_id, document_id, bool_or(regexp_matches(text, '\S')) as has_text
    from pages
    group by all
)
select d.run_id, d.document_id, d.file_name, d.status, coalesce(t.has_text, false) as has_text, count(c.chunk_id) as n_chunks
from documents d
left join texts t using (run_id, document_id)
left join chunks c using (run_id, document_id)
where d.run_id in (select run_id from chunks)
group by all
having (d.status in ('ok', 'partial') and coalesce(t.has_text, false)) <> (count(c.chunk_id) > 0)
