-- One row per run, stage and model: what its calls were expected to take before it began, and what those took that were made since.
with expected as (
    select e.*
    from call_estimates e
    where e.run_id in (select run_id from documents)
),
made as (
    select
        c.run_id, c.stage, c.model,
        count(*) filter (c.n_attempts > 0) as n_calls,
        sum(c.n_prompt_tokens)::bigint as n_prompt_tokens,
        sum(c.n_reply_tokens)::bigint as n_reply_tokens,
        case when count(*) filter (c.cost_usd is null) = 0 then sum(c.cost_usd) end as cost_usd
    from llm_calls c
    join runs r using (run_id)
    where not c.is_from_ledger and c.asked_at >= r.started_at
    group by c.run_id, c.stage, c.model
)
select
    run_id,
    stage,
    model,
    e.n_calls as n_calls_expected,
    coalesce(m.n_calls, 0) as n_calls,
    e.n_prompt_tokens as n_prompt_tokens_expected,
    coalesce(m.n_prompt_tokens, 0) as n_prompt_tokens,
    e.n_reply_tokens as n_reply_tokens_expected,
    coalesce(m.n_reply_tokens, 0) as n_reply_tokens,
    e.cost_usd as expected_usd,
    case when m.run_id is null then 0 else m.cost_usd end as cost_usd,
    abs(e.n_calls - coalesce(m.n_calls, 0)) / nullif(m.n_calls, 0) as calls_error,
    abs(e.cost_usd - m.cost_usd) / nullif(m.cost_usd, 0) as cost_error
from expected e
full join made m using (run_id, stage, model)
order by run_id, stage, model
