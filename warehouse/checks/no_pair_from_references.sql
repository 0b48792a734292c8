-- Every kept pair was made from a body or table chunk: none from references, front matter or a caption.
select k.run_id, k.pair_id, q.chunk_id, c.kind
from kept_pairs k
join qa_pairs q using (run_id, pair_id)
left join chunks c using (run_id, chunk_id)
where c.kind is null or c.kind not in ('body', 'table')
