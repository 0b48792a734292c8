-- No evidence quote of test_unseen_document is the quote of a trained pair, and no 13 words in a row of question or answer are trained.
with tokens as (
    select
        s.run_id, s.pair_id, s.split,
        -- a refusal's own words tell nothing of what is asked
        unnest([w.bare_question_words, case when q.answer_kind = 'refusal' then [] else w.answer_words end]) as words
    from splits s
    join stg_pair_words w using (run_id, pair_id)
    join qa_pairs q using (run_id, pair_id)
    where s.split in ('test_unseen_document', 'train', 'validation')
),
shareable as (
    select distinct run_id, pair_id, split, '13gram' as kind, array_to_string(list_slice(words, first, first + 12), ' ') as shared
    from tokens, unnest(range(1, len(words) - 11)) as starts (first)
    union
    select
        s.run_id, s.pair_id, s.split, 'quote',
        array_to_string(
            regexp_extract_all(
                translate(lower(nfc_normalize(e.quote)), '–—−’‘：，．／', '---'''':,./'), '[\p{L}\p{N}]+(?:[''.,/:-][\p{L}\p{N}]+)*'
            ),
            ' '
        )
    from splits s
    join evidence e using (run_id, pair_id)
)
select tested.run_id, tested.pair_id, trained.pair_id as train_pair_id, tested.kind, min(tested.shared) as shared
from shareable tested
join shareable trained using (run_id, kind, shared)
where tested.split = 'test_unseen_document' and trained.split in ('train', 'validation') and tested.shared <> ''
group by all
