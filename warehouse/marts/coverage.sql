-- One row per run, step, part and fate: what became of everything, counted so that each step adds up to what went into it.
-- 'unaccounted' rows are what no stage speaks for; there should be none.
with asked as (
    select run_id, chunk_id, count(*) as n_pairs
    from qa_pairs
    group by all
),
reasons as (
    select run_id, item_id, min_by(reason, stage) as reason
    from rejected
    group by all
),
arms as (
    select distinct run_id, arm from answers
    union
    select distinct run_id, unnest(string_split(contrast, ':')) from verdicts
),
judging as (
    select distinct run_id, judge, contrast from verdicts
),
tests as (
    select run_id, pair_id from splits where starts_with(split, 'test_')
),
not_asked as (
    select distinct run_id, judge, contrast, pair_id from verdicts where verdict = 'not_asked'
),
to_judge as (
    select run_id, pair_id from tests
    union all
    select run_id, pair_id from imported_judgements
),
fates as (
    select run_id, 1 as rank, 'documents' as step, '' as part, status as fate, count(*) as n
    from documents
    group by all
    union all
    select run_id, 2, 'pages', '', 'read', sum(n_pages_read)
    from documents
    group by all
    union all
    select run_id, 2, 'pages', '', 'not_read', sum(greatest(n_pages - n_pages_read, 0))
    from documents
    group by all
    union all
    select c.run_id, 3, 'chunks', c.kind, case when a.n_pairs > 0 then 'asked' else coalesce(r.reason, 'unaccounted') end, count(*)
    from chunks c
    left join asked a using (run_id, chunk_id)
    left join reasons r on r.run_id = c.run_id and r.item_id = c.chunk_id
    group by all
    union all
    select p.run_id, 4, 'pairs', '', case when s.pair_id is not null then 'kept' else coalesce(r.reason, 'unaccounted') end, count(*)
    from qa_pairs p
    left join splits s using (run_id, pair_id)
    left join reasons r on r.run_id = p.run_id and r.item_id = p.pair_id
    group by all
    union all
    select run_id, 5, 'splits', '', split, count(*)
    from splits
    group by all
    union all
    select
        t.run_id, 6, 'answers', arms.arm,
        case when a.answer_id is not null then 'answered' else coalesce(r.reason, 'unaccounted') end,
        count(*)
    from tests t
    join arms using (run_id)
    left join answers a on a.run_id = t.run_id and a.pair_id = t.pair_id and a.arm = arms.arm
    left join rejected r on r.run_id = t.run_id and r.stage = 'answer' and r.item_id = t.pair_id
    group by all
    union all
    select
        t.run_id, 7, 'verdicts', j.judge || ' ' || j.contrast,
        case
            when o.pair_id is null then 'unaccounted'
            when n.pair_id is not null then 'not asked'
            else coalesce(o.outcome, 'unscored')
        end,
        count(*)
    from to_judge t
    join judging j using (run_id)
    left join stg_verdicts o using (run_id, judge, contrast, pair_id)
    left join not_asked n on n.run_id = t.run_id and n.judge = j.judge and n.contrast = j.contrast and n.pair_id = t.pair_id
    group by all
)
select run_id, step, part, fate, n::bigint as n
from fates
where n > 0 and run_id is not null
order by run_id, rank, part, n desc, fate
