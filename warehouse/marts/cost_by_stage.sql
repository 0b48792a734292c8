-- One row per run, stage, model and prompt: calls made, what became of them, tokens and money. Answers from the ledger were paid by another unit.
select
    run_id,
    stage,
    model,
    prompt,
    count(*) filter (not is_from_ledger and n_attempts > 0) as n_calls,
    count(*) filter (is_from_ledger) as n_from_ledger,
    count(*) filter (status = 'failed') as n_failed,
    count(*) filter (status = 'retryable') as n_retryable,
    coalesce(sum(n_attempts) filter (not is_from_ledger), 0)::bigint as n_attempts,
    coalesce(sum(n_prompt_tokens) filter (not is_from_ledger), 0)::bigint as n_prompt_tokens,
    coalesce(sum(n_reply_tokens) filter (not is_from_ledger), 0)::bigint as n_reply_tokens,
    quantile_cont(call_seconds, 0.5) filter (not is_from_ledger and n_attempts > 0) as median_call_seconds,
    case when count(*) filter (cost_usd is null) = 0 then sum(cost_usd) end as cost_usd
from llm_calls
group by run_id, stage, model, prompt
order by run_id, stage, model, prompt
