-- A document is ok with every page and character of it landed, or its row says why not.
with landed as (
    select run_id, document_id, count(*) as n_pages, sum(length(text)) as n_chars
    from pages
    group by all
)
select
    d.run_id, d.document_id, d.file_name, d.status, d.reason,
    d.n_pages_read, coalesce(p.n_pages, 0) as n_pages_landed,
    d.n_chars, coalesce(p.n_chars, 0) as n_chars_landed
from documents d
left join landed p using (run_id, document_id)
where
    (d.status <> 'ok' and coalesce(d.reason, '') = '')
    or (d.status = 'ok' and (d.n_pages_read <> d.n_pages or d.n_pages = 0))
    or (d.status in ('ok', 'partial') and (d.n_pages_read <> coalesce(p.n_pages, 0) or d.n_chars <> coalesce(p.n_chars, 0)))
