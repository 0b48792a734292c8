-- Every adapter moves the model's outputs: without that, comparing tuned with base compares base with itself.
select run_id, adapter_id, max_logit_change, weight_norm
from adapters
where not is_live
