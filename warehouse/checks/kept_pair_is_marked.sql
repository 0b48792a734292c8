-- Once a model marks pairs, every kept pair has its marks, or a person decided on it or wrote it.
select k.run_id, k.pair_id, k.document_id, k.flags
from kept_pairs k
anti join pair_scores s on s.run_id = k.run_id and s.pair_id = k.pair_id
where k.run_id in (select run_id from pair_scores)
and not list_has_any(k.flags, ['kept_by_reviewer', 'changed_by_reviewer'])
