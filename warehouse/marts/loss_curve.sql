-- One row per run, adapter and optimizer step: loss, its perplexity, and what had been spent by then.
select
    run_id,
    adapter_id,
    step,
    loss,
    exp(loss) as perplexity,
    learning_rate,
    gradient_norm,
    sum(n_tokens) over so_far as n_tokens_so_far,
    sum(step_seconds) over so_far as seconds_so_far
from training_steps
window so_far as (partition by run_id, adapter_id order by step)
order by run_id, adapter_id, step
