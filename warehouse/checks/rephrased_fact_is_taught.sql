-- Every question of test_rephrased asks for a fact that train teaches in other words.
select tested.run_id, tested.pair_id, tested.fact_id
from splits tested
where tested.split = 'test_rephrased'
and not exists (
    from splits taught
    where taught.run_id = tested.run_id and taught.fact_id = tested.fact_id and taught.split = 'train'
)
