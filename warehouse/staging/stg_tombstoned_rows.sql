-- One row per tombstone and thing that its last run held of the document: itself, its chunks, pairs, and members of sets. Always shows every run.
with held as (
    select distinct t.tombstone_id, t.document_id, u.unit_id
    from tombstones t
    join run_units u on u.run_id = t.last_run_id
)
select h.tombstone_id, h.document_id, 'document' as kind, d.document_id as item_id, null as split
from held h
join every_documents d using (unit_id, document_id)
union all
select h.tombstone_id, h.document_id, 'chunk', c.chunk_id, null
from held h
join every_chunks c using (unit_id, document_id)
union all
select h.tombstone_id, h.document_id, 'pair', p.pair_id, null
from held h
join every_qa_pairs p using (unit_id, document_id)
union all
select h.tombstone_id, h.document_id, 'set_member', s.pair_id, s.split
from held h
join every_splits s using (unit_id, document_id)
