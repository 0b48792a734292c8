-- No test question is asked in trained words: not as asked, nor within its document without the title (case, punctuation, spacing aside).
with worded as (
    select s.run_id, s.pair_id, s.document_id, s.split, w.question_words, w.bare_question_words
    from splits s
    join stg_pair_words w using (run_id, pair_id)
)
select tested.run_id, tested.split, tested.pair_id, trained.pair_id as train_pair_id, tested.question_words as words
from worded tested
join worded trained on tested.run_id = trained.run_id and tested.question_words = trained.question_words
where tested.split like 'test%' and trained.split in ('train', 'validation')
union
select tested.run_id, tested.split, tested.pair_id, trained.pair_id, tested.bare_question_words
from worded tested
join worded trained using (run_id, document_id, bare_question_words)
where tested.split like 'test%' and trained.split in ('train', 'validation')
