-- The counts of every flip rate are those of the view that shows the rows.
with shown as (
    select
        run_id, contrast, split,
        count(*) filter (flip = 'lost') as n_negative,
        count(*) filter (flip = 'gained') as n_positive
    from flips
    group by all
)
select
    r.run_id, r.contrast, r.split,
    r.n_negative, coalesce(s.n_negative, 0) as n_negative_seen,
    r.n_positive, coalesce(s.n_positive, 0) as n_positive_seen
from flip_rates r
left join shown s using (run_id, contrast, split)
where r.run_id is not null and (r.n_negative <> coalesce(s.n_negative, 0) or r.n_positive <> coalesce(s.n_positive, 0))
