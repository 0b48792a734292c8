-- No fact or lineage of test_unseen_fact is trained.
select tested.run_id, tested.pair_id, trained.pair_id as train_pair_id, tested.fact_id, tested.lineage_id
from splits tested
join splits trained
    on tested.run_id = trained.run_id
    and (tested.fact_id = trained.fact_id or tested.lineage_id = trained.lineage_id)
where tested.split = 'test_unseen_fact' and trained.split in ('train', 'validation')
