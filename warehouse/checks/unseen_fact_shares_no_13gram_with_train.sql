-- No 13 words in a row of a question (title left out) or answer of test_unseen_fact stand in a trained question or answer.
with tokens as (
    select
        s.run_id, s.pair_id, s.split,
        -- a refusal's own words tell nothing of what is asked
        unnest([w.bare_question_words, case when q.answer_kind = 'refusal' then [] else w.answer_words end]) as words
    from splits s
    join stg_pair_words w using (run_id, pair_id)
    join qa_pairs q using (run_id, pair_id)
    where s.split in ('test_unseen_fact', 'train', 'validation')
),
grams as (
    select distinct run_id, pair_id, split, list_slice(words, first, first + 12) as gram
    from tokens, unnest(range(1, len(words) - 11)) as starts (first)
)
select tested.run_id, tested.pair_id, trained.pair_id as train_pair_id, array_to_string(min(tested.gram), ' ') as gram
from grams tested
join grams trained using (run_id, gram)
where tested.split = 'test_unseen_fact' and trained.split in ('train', 'validation')
group by all
