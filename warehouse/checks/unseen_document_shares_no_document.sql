-- No document of test_unseen_document has a pair in any other set.
select tested.run_id, tested.pair_id, other.pair_id as other_pair_id, other.split, tested.document_id
from splits tested
join splits other using (run_id, document_id)
where tested.split = 'test_unseen_document' and other.split <> 'test_unseen_document'
