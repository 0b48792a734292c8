-- Of each document's chunks that a model was asked about, every question asked for is a pair or a row `unfilled_...` with the reason.
with asking as (
    select run_id, (settings ->> '$.generate.llm.questions_per_chunk')::bigint as n_per_chunk
    from runs
    where settings ->> '$.generate.method' = 'llm'
),
asked as (
    select c.run_id, c.document_id, count(*) * any_value(a.n_per_chunk) as n_asked
    from chunks c
    join asking a using (run_id)
    -- reasons that keep a chunk from being asked about at all
    anti join (from rejected where stage = 'generate' and (reason = 'too_short' or starts_with(reason, 'kind_'))) r
        on r.run_id = c.run_id and r.item_id = c.chunk_id
    join (select distinct run_id, document_id from llm_calls where stage = 'generate') l
        on l.run_id = c.run_id and l.document_id = c.document_id
    group by all
),
had as (
    select run_id, document_id, count(*) as n_had
    from qa_pairs
    where wording = 0 and parent_id is null and generator <> 'person'
    group by all
),
unfilled as (
    select run_id, document_id, count(*) as n_unfilled
    from rejected
    where stage = 'generate' and starts_with(reason, 'unfilled_')
    group by all
)
select run_id, document_id, n_asked, coalesce(n_had, 0) as n_had, coalesce(n_unfilled, 0) as n_unfilled
from asked
left join had using (run_id, document_id)
left join unfilled using (run_id, document_id)
where n_asked <> coalesce(n_had, 0) + coalesce(n_unfilled, 0)
