-- Every id that a row names is a row of the same run.
with named as (
    select run_id, 'documents' as table_name, 'duplicate_of' as column_name, duplicate_of as id, 'document_id' as kind from documents
    union all
    select run_id, 'pages' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from pages
    union all
    select run_id, 'page_lines' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from page_lines
    union all
    select run_id, 'sections' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from sections
    union all
    select run_id, 'chunks' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from chunks
    union all
    select run_id, 'chunk_pages' as table_name, 'chunk_id' as column_name, chunk_id as id, 'chunk_id' as kind from chunk_pages
    union all
    select run_id, 'chunk_pages' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from chunk_pages
    union all
    select run_id, 'chunk_vectors' as table_name, 'chunk_id' as column_name, chunk_id as id, 'chunk_id' as kind from chunk_vectors
    union all
    select run_id, 'chunk_vectors' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from chunk_vectors
    union all
    select run_id, 'qa_pairs' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from qa_pairs
    union all
    select run_id, 'qa_pairs' as table_name, 'chunk_id' as column_name, chunk_id as id, 'chunk_id' as kind from qa_pairs
    union all
    select run_id, 'qa_pairs' as table_name, 'parent_id' as column_name, parent_id as id, 'pair_id' as kind from qa_pairs
    union all
    select run_id, 'evidence' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from evidence
    union all
    select run_id, 'evidence' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from evidence
    union all
    select run_id, 'kept_pairs' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from kept_pairs
    union all
    select run_id, 'kept_pairs' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from kept_pairs
    union all
    select run_id, 'pair_scores' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from pair_scores
    union all
    select run_id, 'pair_scores' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from pair_scores
    union all
    select run_id, 'choice_scores' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from choice_scores
    union all
    select run_id, 'choice_scores' as table_name, 'option_pair_ids' as column_name, unnest(option_pair_ids) as id, 'pair_id' as kind
    from choice_scores
    union all
    select run_id, 'choice_scores' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from choice_scores
    union all
    select run_id, 'llm_calls' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from llm_calls
    where document_id <> ''
    union all
    select run_id, 'rejected' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from rejected
    union all
    select run_id, 'splits' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from splits
    union all
    select run_id, 'splits' as table_name, 'document_id' as column_name, document_id as id, 'document_id' as kind from splits
    union all
    select run_id, 'splits' as table_name, 'fact_id' as column_name, fact_id as id, 'fact_id' as kind from splits
    union all
    select run_id, 'training_runs' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from training_runs
    union all
    select run_id, 'training_steps' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from training_steps
    union all
    select run_id, 'training_examples' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from training_examples
    union all
    select run_id, 'training_examples' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from training_examples
    where not starts_with(pair_id, 'replay-')
    union all
    select run_id, 'adapters' as table_name, 'parent_adapter_id' as column_name, parent_adapter_id as id, 'adapter_id' as kind from adapters
    union all
    select run_id, 'preference_pairs' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from preference_pairs
    union all
    select run_id, 'preference_questions' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from preference_questions
    union all
    select run_id, 'preference_examples' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from preference_examples
    union all
    select run_id, 'preference_examples', 'preference_id', preference_id, 'preference_id' from preference_examples
    union all
    select run_id, 'control_likelihoods' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from control_likelihoods
    union all
    select run_id, 'forgetting' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from forgetting
    union all
    select run_id, 'placebo_answers' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from placebo_answers
    union all
    select run_id, 'placebo_answers' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from placebo_answers
    union all
    select run_id, 'placebo_answers' as table_name, 'donor_pair_id' as column_name, donor_pair_id as id, 'pair_id' as kind from placebo_answers
    union all
    select run_id, 'retrievals' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from retrievals
    union all
    select run_id, 'retrievals' as table_name, 'chunk_id' as column_name, chunk_id as id, 'chunk_id' as kind from retrievals
    union all
    select run_id, 'answers' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from answers
    union all
    select run_id, 'answers' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from answers
    union all
    select run_id, 'scores' as table_name, 'answer_id' as column_name, answer_id as id, 'answer_id' as kind from scores
    union all
    select run_id, 'scores' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from scores
    union all
    select run_id, 'probes' as table_name, 'pair_id' as column_name, pair_id as id, 'pair_id' as kind from probes
    union all
    select run_id, 'probes' as table_name, 'adapter_id' as column_name, adapter_id as id, 'adapter_id' as kind from probes
    union all
    select v.run_id, 'verdicts', 'pair_id', v.pair_id, 'pair_id' from verdicts v
    anti join imported_judgements i on i.run_id = v.run_id and i.pair_id = v.pair_id
    union all
    select run_id, 'knowledge_slices', 'pair_id', pair_id, 'pair_id' from knowledge_slices
    union all
    select run_id, 'rejected', 'item_id', item_id, 'item_id' from rejected
    -- what the generator itself takes back never became a pair: its question stands in the row's detail
    where stage <> 'generate' or reason in ('no_pattern', 'no_pair_left', 'too_short') or starts_with(reason, 'kind_')
),
known as (
    select distinct run_id, 'document_id' as kind, document_id as id from documents
    union all
    select distinct run_id, 'chunk_id' as kind, chunk_id as id from chunks
    union all
    select distinct run_id, 'pair_id' as kind, pair_id as id from qa_pairs
    union all
    select distinct run_id, 'fact_id' as kind, fact_id as id from qa_pairs
    union all
    select distinct run_id, 'adapter_id' as kind, adapter_id as id from adapters
    union all
    select distinct run_id, 'preference_id' as kind, preference_id as id from preference_pairs
    union all
    select distinct run_id, 'answer_id' as kind, answer_id as id from answers
    union all
    select distinct run_id, 'item_id', chunk_id from chunks
    union all
    select distinct run_id, 'item_id', pair_id from qa_pairs
)
select distinct n.run_id, n.table_name, n.column_name, n.id as missing_id
from named n
anti join known k on k.run_id = n.run_id and k.kind = n.kind and k.id = n.id
where n.run_id is not null and n.id is not null
order by all
