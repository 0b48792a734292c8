-- One row per run: what its pairs cost in calls, tokens and money, over all that were made and over those that went into a set.
with paid as (
    select
        run_id,
        count(*) filter (n_attempts > 0) as n_calls,
        sum(n_prompt_tokens + n_reply_tokens)::bigint as n_tokens,
        case when count(*) filter (cost_usd is null) = 0 then sum(cost_usd) end as cost_usd
    from llm_calls
    where stage in ('generate', 'curate') and not is_from_ledger
    group by run_id
),
made as (
    select run_id, count(*) as n_pairs from qa_pairs group by run_id
),
kept as (
    select run_id, count(*) as n_kept from splits group by run_id
)
select
    m.run_id,
    m.n_pairs,
    coalesce(k.n_kept, 0) as n_kept,
    coalesce(p.n_calls, 0) as n_calls,
    coalesce(p.n_tokens, 0) as n_tokens,
    case when p.run_id is null then 0 else p.cost_usd end as cost_usd,
    coalesce(p.n_calls, 0) / nullif(k.n_kept, 0) as calls_per_kept_pair,
    coalesce(p.n_tokens, 0) / nullif(k.n_kept, 0) as tokens_per_kept_pair,
    case when p.run_id is null then 0 else p.cost_usd end / m.n_pairs as usd_per_pair,
    case when p.run_id is null then 0 else p.cost_usd end / nullif(k.n_kept, 0) as usd_per_kept_pair
from made m
left join kept k using (run_id)
left join paid p using (run_id)
order by m.run_id
