-- No evidence of test_unseen_fact overlaps the evidence of a trained pair.
with spans as (
    select s.run_id, s.pair_id, s.split, e.document_id, e.page, e.char_from, e.char_from + e.n_chars as char_to
    from splits s
    join evidence e using (run_id, pair_id)
)
select
    tested.run_id, tested.pair_id, trained.pair_id as train_pair_id, tested.document_id, tested.page,
    greatest(tested.char_from, trained.char_from) as char_from,
    least(tested.char_to, trained.char_to) as char_to
from spans tested
join spans trained
    on tested.run_id = trained.run_id
    and tested.document_id = trained.document_id
    and tested.page = trained.page
    and tested.char_from < trained.char_to
    and trained.char_from < tested.char_to
where tested.split = 'test_unseen_fact' and trained.split in ('train', 'validation')
