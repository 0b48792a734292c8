-- No 13 words in a row of a test question (title left out) or its answer stand in a multiple-choice question or either of its options.
-- Pairs made from the train set keep the rules of that: each test set's own check reads them.
with preferred as (
    select run_id, preference_id, unnest([question, chosen, rejected]) as said
    from preference_pairs
    where pair_id is null
),
plain as (
    select run_id, preference_id, translate(lower(nfc_normalize(said)), '–—−’‘：，．／', '---'''':,./') as said
    from preferred
),
tokens as (
    select run_id, preference_id as id, false as is_tested, regexp_extract_all(said, '[\p{L}\p{N}]+(?:[''.,/:-][\p{L}\p{N}]+)*') as words
    from plain
    union all
    -- a refusal's own words tell nothing of what is asked
    select s.run_id, s.pair_id, true, unnest([w.bare_question_words, case when q.answer_kind = 'refusal' then [] else w.answer_words end])
    from splits s
    join stg_pair_words w using (run_id, pair_id)
    join qa_pairs q using (run_id, pair_id)
    where s.split like 'test%'
),
grams as (
    select distinct run_id, id, is_tested, list_slice(words, first, first + 12) as gram
    from tokens, unnest(range(1, len(words) - 11)) as starts (first)
)
select tested.run_id, preferred.id as preference_id, tested.id as test_pair_id, array_to_string(min(tested.gram), ' ') as gram
from grams tested
join grams preferred using (run_id, gram)
where tested.is_tested and not preferred.is_tested
group by all
