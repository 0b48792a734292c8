-- Every evidence quote stands verbatim in its page's text at its offsets, counted in code points.
select e.run_id, e.evidence_id, e.pair_id, e.document_id, e.page, e.quote, substr(p.text, e.char_from + 1, e.n_chars) as found
from evidence e
left join pages p using (run_id, document_id, page)
where substr(p.text, e.char_from + 1, e.n_chars) is distinct from e.quote or e.n_chars < 1
