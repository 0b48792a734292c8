-- No pair of test_unseen_fact descends, by refinement or review, from a pair that a trained one descends from, or from a trained one.
with recursive descent as (
    select run_id, pair_id, pair_id as ancestor_id
    from qa_pairs
    union
    select d.run_id, d.pair_id, q.parent_id
    from descent d
    join qa_pairs q on q.run_id = d.run_id and q.pair_id = d.ancestor_id
    where q.parent_id is not null
)
select distinct tested.run_id, tested.pair_id, trained.pair_id as train_pair_id, a.ancestor_id
from splits tested
join descent a on a.run_id = tested.run_id and a.pair_id = tested.pair_id
join descent b on b.run_id = a.run_id and b.ancestor_id = a.ancestor_id
join splits trained on trained.run_id = b.run_id and trained.pair_id = b.pair_id
where tested.split = 'test_unseen_fact' and trained.split in ('train', 'validation')
