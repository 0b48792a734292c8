-- A preference pair that is made from a question of ours is made from one of the train set.
select p.run_id, p.preference_id, p.pair_id, s.split
from preference_pairs p
left join splits s on s.run_id = p.run_id and s.pair_id = p.pair_id
where p.run_id is not null and p.pair_id is not null and s.split is distinct from 'train'
