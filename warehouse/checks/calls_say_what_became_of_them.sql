-- A call that came to nothing says why, one that did says it with a reply, and an answer from the ledger costs nothing.
select run_id, llm_call_id, status, error, cost_usd, is_from_ledger
from llm_calls
where
    (status = 'ok') <> (error is null)
    or (status = 'ok' and reply = '')
    or (is_from_ledger and cost_usd is distinct from 0)
    or cost_usd < 0
    or n_prompt_tokens < 0
    or n_reply_tokens < 0
order by all
