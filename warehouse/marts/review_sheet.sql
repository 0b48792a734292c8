-- One row per run and pair, in reading order: what a reviewer needs to decide on it, and what was decided so far.
with quoted as (
    select run_id, pair_id, min(page) as page, min_by(char_from, page) as char_from, string_agg(quote, ' ... ' order by rank) as quote
    from evidence
    group by all
),
dropped as (
    select run_id, item_id as pair_id, min_by(stage, stage) as stage, min_by(reason, stage) as reason, min_by(detail, stage) as detail
    from rejected
    group by all
),
decided as (
    select
        pair_id,
        max_by(decision || ' by ' || reviewer || ', ' || left(reviewed_at, 10) || case note when '' then '' else ': ' || note end, reviewed_at)
            as review
    from reviews
    where review_id not in (select replaces from reviews where replaces is not null)
    group by pair_id
)
select
    p.run_id,
    d.file_name,
    d.title,
    e.page,
    e.quote,
    p.bare_question as question,
    p.answer,
    p.answer_key,
    s.faithful,
    s.standalone,
    s.clear,
    s.useful,
    s.reasons,
    case when x.pair_id is not null then x.stage || ': ' || x.reason when k.pair_id is not null then 'kept' else 'pending' end as status,
    x.detail as status_detail,
    array_to_string(k.flags, ', ') as flags,
    r.review,
    p.generator,
    p.parent_id,
    p.fact_id,
    p.pair_id
from qa_pairs p
left join documents d using (run_id, document_id)
left join quoted e on e.run_id = p.run_id and e.pair_id = p.pair_id
left join pair_scores s on s.run_id = p.run_id and s.pair_id = p.pair_id
left join kept_pairs k on k.run_id = p.run_id and k.pair_id = p.pair_id
left join dropped x on x.run_id = p.run_id and x.pair_id = p.pair_id
left join decided r on r.pair_id = p.pair_id
order by p.run_id, d.file_name, e.page, e.char_from, p.fact_id, p.wording, p.pair_id
