-- Every document with text has chunks, and no other document has any; once a run has chunked at all.
select d.run_id, d.document_id, d.file_name, d.status, d.n_chars, count(c.chunk_id) as n_chunks
from documents d
left join chunks c using (run_id, document_id)
where d.run_id in (select run_id from chunks)
group by all
having (d.status in ('ok', 'partial') and d.n_chars > 0) <> (count(c.chunk_id) > 0)
