-- No set holds a pair of a document that a model has yet to be asked about again: a data set with holes is not split or trained on.
select s.run_id, s.document_id, count(distinct s.pair_id) as n_pairs, count(distinct c.llm_call_id) as n_open_calls
from splits s
join llm_calls c on c.run_id = s.run_id and c.document_id = s.document_id
where c.status = 'retryable' and c.stage in ('generate', 'curate')
group by s.run_id, s.document_id
order by all
