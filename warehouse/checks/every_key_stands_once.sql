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
    select run_id, 'control_likelihoods' as table_name, control_likelihood_id as id from control_likelihoods
    union all
    select run_id, 'forgetting' as table_name, forgetting_id as id from forgetting
    union all
    select run_id, 'preference_pairs' as table_name, preference_id as id from preference_pairs
    union all
    select run_id, 'preference_questions' as table_name, pair_id as id from preference_questions
    union all
    select run_id, 'preference_examples' as table_name, preference_example_id as id from preference_examples
    union all
    select run_id, 'placebo_answers' as table_name, placebo_answer_id as id from placebo_answers
    union all
    select run_id, 'retrievals' as table_name, retrieval_id as id from retrievals
    union all
    select run_id, 'answers' as table_name, answer_id as id from answers
    union all
    select run_id, 'scores' as table_name, answer_id as id from scores
    union all
    select run_id, 'probes' as table_name, probe_id as id from probes
    union all
    select run_id, 'verdicts' as table_name, verdict_id as id from verdicts
    union all
    select run_id, 'control_verdicts' as table_name, control_verdict_id as id from control_verdicts
    union all
    select run_id, 'control_rates' as table_name, control_rate_id as id from control_rates
    union all
    select run_id, 'estimates' as table_name, estimate_id as id from estimates
    union all
    select run_id, 'arm_rates' as table_name, arm_rate_id as id from arm_rates
    union all
    select run_id, 'flip_rates' as table_name, flip_rate_id as id from flip_rates
    union all
    select run_id, 'length_controls' as table_name, length_control_id as id from length_controls
    union all
    select run_id, 'judge_agreements' as table_name, judge_agreement_id as id from judge_agreements
    union all
    select run_id, 'calibrations' as table_name, calibration_id as id from calibrations
    union all
    select run_id, 'arm_strengths' as table_name, arm_strength_id as id from arm_strengths
    union all
    select run_id, 'format_rates' as table_name, format_rate_id as id from format_rates
    union all
    select run_id, 'format_spreads' as table_name, format_spread_id as id from format_spreads
    union all
    select run_id, 'format_gains' as table_name, format_gain_id as id from format_gains
    union all
    select run_id, 'elicitations' as table_name, elicitation_id as id from elicitations
    union all
    select run_id, 'knowledge_slices' as table_name, pair_id as id from knowledge_slices
    union all
    select run_id, 'slice_rates' as table_name, slice_rate_id as id from slice_rates
    union all
    select run_id, 'run_comparisons' as table_name, run_comparison_id as id from run_comparisons
    union all
    select run_id, 'gates' as table_name, gate_id as id from gates
    union all
    select run_id, 'imported_judgements' as table_name, pair_id as id from imported_judgements
)
select run_id, table_name, id, count(*) as n
from keys
where run_id is not null
group by all
having count(*) > 1
order by all
