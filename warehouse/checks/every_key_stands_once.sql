-- A key stands once in its table within a run, though several units may hold that table.
with keys as (
    select run_id, 'documents' as table_name, document_id as id from documents
    union all
    select run_id, 'pages' as table_name, page_id as id from pages
    union all
    select run_id, 'page_lines' as table_name, line_id as id from page_lines
    union all
    select run_id, 'sections' as table_name, section_id as id from sections
    union all
    select run_id, 'chunks' as table_name, chunk_id as id from chunks
    union all
    select run_id, 'chunk_pages' as table_name, slice_id as id from chunk_pages
    union all
    select run_id, 'chunk_vectors' as table_name, vector_id as id from chunk_vectors
    union all
    select run_id, 'qa_pairs' as table_name, pair_id as id from qa_pairs
    union all
    select run_id, 'evidence' as table_name, evidence_id as id from evidence
    union all
    select run_id, 'kept_pairs' as table_name, pair_id as id from kept_pairs
    union all
    select run_id, 'rejected' as table_name, rejection_id as id from rejected
    union all
    select run_id, 'splits' as table_name, pair_id as id from splits
    union all
    select run_id, 'adapters' as table_name, adapter_id as id from adapters
    union all
    select run_id, 'training_runs' as table_name, adapter_id as id from training_runs
    union all
    select run_id, 'training_steps' as table_name, step_id as id from training_steps
    union all
    select run_id, 'training_examples' as table_name, example_id as id from training_examples
    union all
    select run_id, 'placebo_answers' as table_name, placebo_answer_id as id from placebo_answers
    union all
    select run_id, 'retrievals' as table_name, retrieval_id as id from retrievals
    union all
    select run_id, 'answers' as table_name, answer_id as id from answers
    union all
    select run_id, 'scores' as table_name, answer_id as id from scores
    union all
    select run_id, 'verdicts' as table_name, verdict_id as id from verdicts
    union all
    select run_id, 'estimates' as table_name, estimate_id as id from estimates
    union all
    select run_id, 'arm_rates' as table_name, arm_rate_id as id from arm_rates
)
select run_id, table_name, id, count(*) as n
from keys
where run_id is not null
group by all
having count(*) > 1
order by all
