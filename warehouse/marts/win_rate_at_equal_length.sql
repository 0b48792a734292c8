-- One row per run, judge, contrast and test set: the win rate as it is, and if both answers were equally long.
-- Warnings: not identifiable, separated (ridge), extrapolated (few pairs near equal length), moved (by more than 10 points).
select
    contrast,
    split,
    n,
    round(rate, 3) as rate,
    round(rate_at_equal_length, 3) as rate_at_equal_length,
    round(low, 3) as low,
    round(high, 3) as high,
    round(beta, 3) as beta,
    round(beta_low, 3) as beta_low,
    round(beta_high, 3) as beta_high,
    round(share_longer, 3) as share_longer,
    round(share_near, 3) as share_near,
    round(gap_in_sd, 3) as gap_in_sd,
    array_to_string(
        list_filter(
            [
                case when not is_identifiable then 'not identifiable' end,
                case when is_separated then 'separated' end,
                case when is_extrapolated then 'extrapolated' end,
                case when is_moved then 'moved' end
            ],
            lambda warning: warning is not null
        ),
        ', '
    ) as warnings,
    judge,
    run_id
from length_controls
order by run_id, judge, contrast, list_position(['test_rephrased', 'test_unseen_fact', 'test_unseen_document'], split)
