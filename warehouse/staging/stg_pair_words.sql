-- One row per run and QA pair: question, bare question, answer as lists of lower-case words, as tasks/text.py words does.
-- Typographic dashes, apostrophes and full-width marks are made plain first, since they join words: 3–5 is one word, and so is K-2.
with plain as (
    select
        run_id, pair_id, document_id,
        translate(lower(nfc_normalize(question)), '–—−’‘：，．／', '---'''':,./') as question,
        translate(lower(nfc_normalize(bare_question)), '–—−’‘：，．／', '---'''':,./') as bare_question,
        translate(lower(nfc_normalize(answer)), '–—−’‘：，．／', '---'''':,./') as answer
    from qa_pairs
)
select
    run_id, pair_id, document_id,
    regexp_extract_all(question, '[\p{L}\p{N}]+(?:[''.,/:-][\p{L}\p{N}]+)*') as question_words,
    regexp_extract_all(bare_question, '[\p{L}\p{N}]+(?:[''.,/:-][\p{L}\p{N}]+)*') as bare_question_words,
    regexp_extract_all(answer, '[\p{L}\p{N}]+(?:[''.,/:-][\p{L}\p{N}]+)*') as answer_words
from plain
