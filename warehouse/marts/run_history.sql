-- One row per run, newest first: when, how it ended, and how many rows it is made of. Always shows every run.
with counted as (
    select
        u.run_id,
        coalesce(sum(p.n_rows) filter (p.table_name = 'documents'), 0)::bigint as n_documents,
        coalesce(sum(p.n_rows) filter (p.table_name = 'chunks'), 0)::bigint as n_chunks,
        coalesce(sum(p.n_rows) filter (p.table_name = 'qa_pairs'), 0)::bigint as n_pairs,
        coalesce(sum(p.n_rows) filter (p.table_name = 'splits'), 0)::bigint as n_kept,
        coalesce(sum(p.n_rows) filter (p.table_name = 'answers'), 0)::bigint as n_answers,
        coalesce(sum(p.n_rows) filter (p.table_name = 'verdicts'), 0)::bigint as n_verdicts
    from (select distinct run_id, unit_id from run_units) u
    left join commit_parts p using (unit_id)
    group by u.run_id
)
select
    r.run_id,
    r.started_at,
    f.finished_at,
    coalesce(f.status, 'unfinished') as status,
    f.n_units,
    f.n_units_done,
    f.n_pending,
    f.n_warnings,
    coalesce(c.n_documents, 0) as n_documents,
    coalesce(c.n_chunks, 0) as n_chunks,
    coalesce(c.n_pairs, 0) as n_pairs,
    coalesce(c.n_kept, 0) as n_kept,
    coalesce(c.n_answers, 0) as n_answers,
    coalesce(c.n_verdicts, 0) as n_verdicts,
    f.message,
    r.git_commit,
    r.is_dirty
from runs r
left join run_results f using (run_id)
left join counted c using (run_id)
order by r.started_at desc, r.run_id desc
